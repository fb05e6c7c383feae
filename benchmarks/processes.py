"""Child processes that end with the benchmark, whatever ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from staticfire.host.processes import end_with_parent
from staticfire.host.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent


class MeasureError(Exception):
    """A sample that is not a measurement, or a contender that does not run. The table says so in its place."""


@contextlib.contextmanager
def child(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own; the group is ended at exit. Its output goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(argument) for argument in command],
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )
    try:
        yield process
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for signal_number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal_number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_for(
    what: str, ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = 60
) -> None:
    """Until `ready`; fails with the end of the process's output when it exits or takes too long."""
    if wait_until(lambda: ready() or process.poll() is not None, seconds, 0.05) and process.poll() is None:
        return
    state = "took too long" if process.poll() is None else f"exited with status {process.returncode}"
    raise MeasureError(f"{what} {state}; the end of {log}:\n{log.read_text(errors='replace')[-2000:]}")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
