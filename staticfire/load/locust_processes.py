"""Locust as processes of its own: one that leads, and workers beside it where there is to be more than one.

    running --profile is over--> ended       the leader ends by itself, its workers with it
            --stop(), Ctrl-C---> ended       users finish what they have begun, for a while
            --one was killed---> failed      the others are ended too: a part of the load is not a measurement

All of them end with this process, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from staticfire.host.ports import free_port
from staticfire.host.processes import end_with_parent
from staticfire.host.waiting import wait_until

from . import journal, record
from .profiles import LoadOptions
from .record import Following, Record
from .thresholds import LoadLimits

STOP_SECONDS = 10.0
TAIL = 2000
# For workers on other machines to join.
JOIN_SECONDS = 300
JOURNAL = "journal"


@dataclass(frozen=True)
class Plan:
    """What is to be run against which URL, and by how many processes."""

    file: Path
    host: str
    profile: str
    options: LoadOptions
    limits: LoadLimits = field(default_factory=LoadLimits)
    workers: int = 1
    # HOST:PORT at which workers on other machines join; empty: they are processes of this one.
    listen: str = ""

    def flags(self) -> list[str]:
        flags = {
            "--host": self.host,
            "--profile": self.profile,
            "--rate": self.options.rate,
            "--users": self.options.users,
            "--run-time": self.options.seconds,
            "--warm-up": f"{self.options.warm_up}s",
            "--model": self.options.model,
            "--max-p95": None if self.limits.p95_ms is None else f"{self.limits.p95_ms}ms",
            "--max-errors": self.limits.errors,
            "--min-rate": self.limits.rate,
        }
        return [f"{name}={value}" for name, value in flags.items() if value is not None]


class LocustRun:
    """The processes of one run, and what they write into `directory`."""

    def __init__(self, plan: Plan, directory: Path, project: Path) -> None:
        self.directory = directory
        self.log = directory / "locust.log"
        self._record = directory / "record.jsonl"
        self._following = Following(self._record)
        self._project = project
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        lead = ["--headless", "--only-summary", f"--csv={directory / 'locust'}", "--csv-full-history", *plan.flags()]
        if plan.listen:
            host, _, at = plan.listen.rpartition(":")
            lead += ["--master", f"--master-bind-host={host}", f"--master-bind-port={at}"]
            lead += [f"--expect-workers={plan.workers}", f"--expect-workers-max-wait={JOIN_SECONDS}"]
            self._start("Locust's master", plan.file, lead)
            return
        if plan.workers == 1:
            self._start("Locust", plan.file, lead)
            return
        port = free_port()
        lead += ["--master", "--master-bind-host=127.0.0.1", f"--master-bind-port={port}"]
        self._start("Locust's master", plan.file, [*lead, f"--expect-workers={plan.workers}"])
        for number in range(1, plan.workers + 1):
            worker = ["--worker", "--master-host=127.0.0.1", f"--master-port={port}"]
            self._start(f"Locust's worker {number}", plan.file, worker)

    def _start(self, name: str, file: Path, flags: Sequence[str]) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")}
        with self.log.open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "locust", f"--locustfile={file}", *flags],
                cwd=self._project,
                env=kept | {journal.VARIABLE: str(self.journal), record.VARIABLE: str(self._record)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is this process's to handle
                preexec_fn=end_with_parent(),
            )

    @property
    def journal(self) -> Path:
        return self.directory / JOURNAL

    @property
    def record(self) -> Record:
        return Record.read(self._record)

    @property
    def newest(self) -> Record:
        """The phases so far, and the last seconds of what is in the record."""
        return self._following.look()

    @property
    def running(self) -> bool:
        """Whether the run goes on; one that lost a process does not."""
        return self._leader.poll() is None and self.problem is None

    @property
    def problem(self) -> str | None:
        """Which process ended before the run was over, if any did."""
        ended = {name: process for name, process in self._processes.items() if process.poll() is not None}
        if not ended or self.record.ended:
            return None
        name, process = ended.popitem()
        return f"{name} (pid {process.pid}) {_end(process.returncode)} before the run was over"

    @property
    def said(self) -> str:
        """The end of what the processes wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-TAIL:].strip()

    def stop(self, patience: float) -> None:
        """End the run. Whoever does not end in time is killed; what was measured is in the record all the same."""
        for process in self._alive[:1]:  # the leader, who tells its workers; a worker, if the leader is lost
            process.send_signal(signal.SIGTERM)
        wait_until(lambda: not self._alive, patience, 0.05)
        for process in self._alive:
            process.kill()
        for process in self._processes.values():
            process.wait()

    @property
    def _leader(self) -> subprocess.Popen[bytes]:
        return next(iter(self._processes.values()))

    @property
    def _alive(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in self._processes.values() if process.poll() is None]


def _end(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


@contextlib.contextmanager
def locust_run(plan: Plan, directory: Path, project: Path) -> Iterator[LocustRun]:
    """A run of Locust; no process of it is left after the block."""
    directory.mkdir(parents=True, exist_ok=True)
    run = LocustRun(plan, directory, project)
    try:
        yield run
        run.stop(STOP_SECONDS)
    except BaseException:
        run.stop(0)
        raise
