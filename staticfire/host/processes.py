"""Processes of this machine: records of those that staticfire started, and what the kernel tells of them.

A record holds the pid and the time at which the kernel started that process. A pid alone proves nothing: after a crash
or a reboot it may belong to a stranger. A record therefore is in one of two states: `alive`, when a process with that
pid and that start time exists, or stale, when it can be dropped without touching anything.

What Linux alone tells (`/proc`, `prctl`) is asked here, and each function says what it does elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staticfire.errors import StaticfireError

from .files import open_log, read_json, write_json
from .interrupts import held
from .waiting import wait_until

PR_SET_PDEATHSIG = 1


def start_time(pid: int) -> str | None:
    """When the kernel started `pid`, in its own words (elsewhere in those of `ps`); None when it does not run."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, *rest = stat.rpartition(")")[2].split()
        return None if state in "ZX" else rest[18]
    listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.strip() or None


@dataclass(frozen=True)
class ProcessRecord:
    """A process that staticfire started, as recorded in a file."""

    pid: int
    started: str
    path: Path

    @classmethod
    def record(cls, path: Path, pid: int) -> ProcessRecord:
        started = start_time(pid)
        if started is None:
            raise StaticfireError(f"The process {pid} ended as soon as it had started.")
        write_json(path, {"pid": pid, "started": started})
        return cls(pid, started, path)

    @classmethod
    def read(cls, path: Path) -> ProcessRecord | None:
        """The recorded process if it is alive; a stale record is dropped."""
        record = read_json(path, pid=int, started=str)
        if record is None:
            return None
        process = cls(record["pid"], record["started"], path)
        if process.alive:
            return process
        path.unlink(missing_ok=True)
        return None

    @property
    def alive(self) -> bool:
        return start_time(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, *signals: tuple[signal.Signals, float]) -> None:
        """Send each signal in turn until the process is gone, waiting the seconds given with it."""
        for number, patience in signals:
            self.send(number)
            if wait_until(lambda: not self.alive, patience):
                self.path.unlink(missing_ok=True)
                return
        raise StaticfireError(
            f"The process {self.pid} does not end.",
            checked=[f"signals sent: {', '.join(number.name for number, _ in signals)}"],
            remedy=f"Look at it with `ps -p {self.pid} -o pid,stat,wchan,args`.",
        )


class DetachedProcess:
    """A child that outlives us: it writes to a log, and is found again by its record."""

    def __init__(self, command: Sequence[str], log: Path, record: Path, **options: Any) -> None:
        self.log = log
        with open_log(log) as output, held():
            self._begin = output.tell()
            self.child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
            with contextlib.suppress(StaticfireError):  # it ended at once: `said` tells why
                ProcessRecord.record(record, self.child.pid)

    @property
    def ended(self) -> int | None:
        """Its exit status; None while it runs."""
        return self.child.poll()

    @property
    def said(self) -> str:
        """The end of what it wrote, without that of earlier starts."""
        return self.log.read_bytes()[self._begin :].decode(errors="replace").strip()[-3000:]


def process_of(arguments: Sequence[str]) -> int | None:
    """The process whose command ends with these arguments; elsewhere None."""
    end = b"".join(os.fsencode(argument) + b"\0" for argument in arguments)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cmdline").read_bytes().endswith(b"\0" + end):
                return int(process.name)
    return None


def processes_in(directory: Path) -> list[int] | None:
    """The processes whose working directory that is; elsewhere None."""
    if sys.platform != "linux":
        return None
    place, pids = str(directory.resolve()), []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(process / "cwd") == place:
                pids.append(int(process.name))
    return pids


def end_with_parent() -> Callable[[], None] | None:
    """For a child's `preexec_fn`: the child ends when somebody kills this process; elsewhere it does not."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
