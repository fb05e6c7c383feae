"""Ctrl-C at any instant: exit code 130, and not a word but "interrupted"."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from staticfire.host.leave import INTERRUPTED

# Runs the command, and sends itself SIGINT at the event of that number which Python's audit hooks tell of: an import,
# an opened file, a started process. An instant of that kind is the same one on every machine, however busy.
INTERRUPTING = """
import os, signal, sys
from staticfire.cli.entry import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
at, *sys.argv = int(sys.argv[1]), "staticfire", *sys.argv[2:]
count = 0

def hear(event, arguments):
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(hear)
try:
    main()
finally:
    if at == 0:
        print(f"events: {count}", file=sys.stderr)
"""
INSTANTS = 16


def interrupted(at: int, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", INTERRUPTING, str(at), *command], capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "staticfire.toml").write_text("[stacks.shop]\nroot = 'infra'\n")
    return root


@pytest.fixture(scope="module")
def events(project: Path) -> int:
    """How many instants there are, from the first line of the command to its end."""
    (count,) = re.findall(r"events: (\d+)", interrupted(0, "--project", str(project), "status").stderr)
    return int(count)


@pytest.mark.parametrize("instant", range(INSTANTS))
def test_an_interrupt_at_any_instant_is_130_and_quiet(project: Path, events: int, instant: int) -> None:
    at = 1 + (events - 1) * instant // INSTANTS

    ended = interrupted(at, "--project", str(project), "status")

    assert ended.returncode == INTERRUPTED, ended.stderr
    assert ended.stdout == ""
    assert all(line.startswith("staticfire: ") for line in ended.stderr.splitlines()), ended.stderr
