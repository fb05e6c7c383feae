"""What a load run keeps when a part of it fails."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from botocore.exceptions import EndpointConnectionError

from staticfire.load import layers, run
from staticfire.progress import Progress
from staticfire.settings import Layers, LoadSettings
from staticfire.stacks.stack import Stack


def test_layers_that_aws_refuses_are_a_failure_of_the_run_and_not_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(layers, "measure", refused)
    described = LoadSettings(tmp_path / "shop.py", layers=Layers("function", "shop", ()))
    troubles = run.Troubles()
    assert run._layers(cast(Stack, None), described, 1, tmp_path, troubles, Progress()) == ()
    [failure] = troubles.failures
    assert failure.startswith("layers: ")
    assert "http://127.0.0.1:1" in failure
