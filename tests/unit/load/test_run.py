"""What a load run keeps when a part of it fails."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from botocore.exceptions import EndpointConnectionError

from staticfire.load import breakdown, run
from staticfire.progress import Progress
from staticfire.settings import Breakdown, LoadSettings
from staticfire.stacks.stack import Stack


def test_a_breakdown_that_aws_refuses_is_a_failure_of_the_run_and_not_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(breakdown, "measure", refused)
    described = LoadSettings(tmp_path / "shop.py", breakdown=Breakdown("function", "shop", ()))
    troubles = run.Troubles()
    assert run._breakdown(cast(Stack, None), described, 1, tmp_path, troubles, Progress()) == ()
    [failure] = troubles.failures
    assert failure.startswith("breakdown: ")
    assert "http://127.0.0.1:1" in failure
