"""The edge's process looks after the logs of what runs as long as it does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from staticfire.edge import process
from staticfire.host.waiting import wait_until


async def test_the_logs_of_what_runs_are_kept_short_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOGS_SECONDS", 0.01)
    monkeypatch.setattr("staticfire.host.files.LONG_LOG", 10)
    logs = [tmp_path / name for name in process.RUNNING_LOGS]
    keeping = asyncio.create_task(process._keep_logs_short(tmp_path))
    for turn in (b"first", b"second"):
        for log in logs:
            log.write_bytes(turn * 10)
        await asyncio.to_thread(wait_until, lambda: not any(log.stat().st_size for log in logs), 60)
    keeping.cancel()
    assert {log.with_name(f"{log.name}.1").read_bytes() for log in logs} == {b"second" * 10}
    assert {log.with_name(f"{log.name}.2").read_bytes() for log in logs} == {b"first" * 10}
