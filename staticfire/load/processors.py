"""Where the processors' time goes during a load run: cores in use by the machine, and by each part of the stack."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping

import psutil

from staticfire.host.processes import ProcessRecord
from staticfire.layout import Layout

MACHINE, EDGE, EMULATOR, POSTGRES, FUNCTIONS, GENERATOR = (
    *("machine", "edge", "emulator", "postgres", "functions", "generator"),
)
EMULATOR_SAYS = "ministack_main"
PARTS = {"edge": EDGE, "postgres": POSTGRES}


class Processors:
    """Of a stack in containers, only the machine and the generator are told."""

    def __init__(self, layout: Layout) -> None:
        self._roots = {part: ProcessRecord.read(layout.process(name)) for name, part in PARTS.items()}
        self._seen: dict[tuple[int, float], float] = {}
        self._machine = _busy()
        self._at = time.monotonic()
        self._look()

    def cores(self) -> Mapping[str, float]:
        """In use since the last time, on the average."""
        now, busy = time.monotonic(), _busy()
        seconds, machine = now - self._at, busy - self._machine
        self._at, self._machine = now, busy
        spent = self._look()
        shares = {MACHINE: machine, **spent}
        return {part: round(max(value, 0.0) / seconds, 3) for part, value in shares.items()} if seconds > 0 else {}

    def _look(self) -> dict[str, float]:
        """Seconds that each part used since the last look; of a process that has ended meanwhile, nothing."""
        spent: dict[str, float] = {}
        seen: dict[tuple[int, float], float] = {}
        for part, process in self._processes():
            with contextlib.suppress(psutil.Error):  # it has just ended
                times, key = process.cpu_times(), (process.pid, process.create_time())
                used = times.user + times.system
                spent[part] = spent.get(part, 0.0) + used - self._seen.get(key, 0.0)
                seen[key] = used
        self._seen = seen
        return spent

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        for part, record in self._roots.items():
            if record is None or not record.alive:
                continue
            with contextlib.suppress(psutil.Error):
                root = psutil.Process(record.pid)
                yield part, root
                for child in root.children(recursive=True):
                    yield _part_of(part, child), child
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(os.getpid()).children(recursive=True):
                yield GENERATOR, child


def _part_of(part: str, child: psutil.Process) -> str:
    """What belongs to the edge's children: its emulator, or the functions."""
    if part != EDGE:
        return part
    with contextlib.suppress(psutil.Error):
        return EMULATOR if any(EMULATOR_SAYS in argument for argument in child.cmdline()) else FUNCTIONS
    return FUNCTIONS


def _busy() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
