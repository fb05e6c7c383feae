"""The state directory: damaged records are named with what helps, and `down --wipe` leaves nothing of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from staticfire.cli.main import run
from staticfire.host.processes import start_time
from staticfire.settings import Settings

Project = Callable[[str], Settings]
DAMAGES: dict[str, Callable[[Any], bytes | None]] = {
    "truncated": lambda value: json.dumps(value).encode()[:-5],
    "empty": lambda value: b"",
    "null": lambda value: b"null",
    "not text": lambda value: b"\xff\xfe\0",
    "deep": lambda value: b"[" * 100_000,
    "a directory": lambda value: None,
}
for wrong in (True, 7, "x", ["x"], {"x": 1}, None):
    DAMAGES[f"members are {wrong!r}"] = partial(
        lambda wrong, value: json.dumps(dict.fromkeys(value, wrong)).encode(), wrong
    )
RECORDS: dict[str, dict[str, Any]] = {
    "edge.json": {"pid": os.getpid(), "started": start_time(os.getpid()), "endpoint": "http://127.0.0.1:9"},
    "processes/edge.json": {"pid": os.getpid(), "started": start_time(os.getpid())},
    "processes/postgres.json": {"pid": os.getpid(), "started": start_time(os.getpid())},
    "postgres/server.json": {"port": 9, "version": "17", "tls": True, "data": "/nowhere"},
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("record", RECORDS)
def test_a_damaged_record_is_named_and_what_the_error_says_helps(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, record: str, damage: str
) -> None:
    for name in [name for name in os.environ if name.startswith("STATICFIRE_")]:
        monkeypatch.delenv(name)
    root = project("").project
    path = root / ".staticfire" / record
    content = DAMAGES[damage](RECORDS[record])
    if content is None:
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)

    for command, code in (("status", 4), ("down", 0)):
        ended = run(["--project", str(root), command])
        said = capsys.readouterr().err
        if ended != code:
            assert ended == 1
            assert f"{path} is damaged" in said
            assert f"remedy: Delete {path} and try again." in said
            _delete(path)
            assert run(["--project", str(root), command]) == code


def _delete(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_down_wipe_leaves_nothing_of_the_state_and_says_what_it_removed(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project("").project
    state = root / ".staticfire"
    for name in ("edge-config.json", "functions/code/x", "logs/edge.log", "postgres/admin-password", "mail.jsonl"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text("{}")
    for kept in ("build/shop.zip", "reports/one/report.json"):
        (state / kept).parent.mkdir(parents=True)
        (state / kept).write_text("")

    assert run(["--project", str(root), "down", "--wipe"]) == 0

    assert {path.name for path in state.iterdir()} <= {".gitignore", "lock", "build", "reports"}
    said = capsys.readouterr().err
    for name in ("edge-config.json", "functions", "logs", "postgres", "mail.jsonl"):
        assert name in said


def test_down_wipe_forgets_the_traces_that_were_written_down(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project('[staticfire]\ntraces_file = "traces.jsonl"\n').project
    for name in ("traces.jsonl", "traces.jsonl.1", "other.jsonl"):
        (root / name).write_text("{}")
    assert run(["--project", str(root), "down", "--wipe"]) == 0
    assert [path.name for path in root.glob("*.jsonl*")] == ["other.jsonl"]
    assert "traces.jsonl.1" in capsys.readouterr().err
