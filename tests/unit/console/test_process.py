"""The console's process: it does not outlive the state directory that it belongs to."""

from __future__ import annotations

import shutil
from pathlib import Path

from staticfire.console.process import ConsoleProcess
from staticfire.host.waiting import wait_until
from staticfire.settings import load


def test_it_ends_once_its_state_directory_is_gone(tmp_path: Path) -> None:
    (tmp_path / "main.tf").touch()
    settings = load(tmp_path, {"STATICFIRE_PORT": "0"})
    console = ConsoleProcess(settings)
    try:
        console.start()
        process = console.record()
        assert process is not None
        shutil.rmtree(settings.state_dir)
        assert wait_until(lambda: not process.alive, 60)
    finally:
        console.stop()
