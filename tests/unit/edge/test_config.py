"""What an edge is started with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from staticfire.edge.config import EdgeConfig, EmulatorConfig
from staticfire.errors import UsageError

MINISTACK = {"python": "/env/bin/python"}
LOCALSTACK = {"url": "http://localstack:4566"}


def read(path: Path, **settings: Any) -> EdgeConfig:
    file = path / "edge.json"
    file.write_text(json.dumps({"host": "127.0.0.1", "port": 0, "state_dir": str(path), **settings}))
    return EdgeConfig.read(file)


def test_an_edge_is_on_ministack_or_on_localstack_with_a_filler(tmp_path: Path) -> None:
    assert read(tmp_path, emulator=MINISTACK).emulator == EmulatorConfig(python="/env/bin/python")
    config = read(tmp_path, emulator=LOCALSTACK, filler=MINISTACK)
    assert (config.emulator.url, config.emulator.name) == ("http://localstack:4566", "LocalStack")
    assert config.filler.python == "/env/bin/python"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "'emulator'"),
        ({"emulator": {}}, "either python or url"),
        ({"emulator": {**MINISTACK, **LOCALSTACK}}, "either python or url"),
        ({"emulator": LOCALSTACK}, "has a filler"),
        ({"emulator": LOCALSTACK, "filler": LOCALSTACK}, "has a filler"),
        ({"emulator": MINISTACK, "filler": MINISTACK}, "MiniStack has none"),
        ({"emulator": {"pyhton": "x"}}, "unknown: pyhton"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_said(tmp_path: Path, settings: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read(tmp_path, **settings)
