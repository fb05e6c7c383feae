"""Whether what runs in an execution environment waits for anything but its next invocation.

A process that waits gives up the processor by itself, and the kernel counts how often. One that only computes does so
twice an invocation: until its answer was taken, and until the next event comes. A question to a database is once more,
and so is a sleep, however short. Unlike a time, the count is the same on a slow machine and on a busy one.
"""

from __future__ import annotations

from collections.abc import Iterable

ENOUGH = 20  # invocations
COMPUTES = 2.5  # switches an invocation, at the most
_NAME = b"voluntary_ctxt_switches:"


class Switches:
    """Of one execution environment: count in `invocations`, `look` now and then, read `each`."""

    def __init__(self) -> None:
        self.invocations = 0
        self.each: float | None = None  # None: not known yet, or this system does not count
        self._before: int | None = None

    def look(self, pids: Iterable[int]) -> None:
        if self._before is not None and self.invocations < ENOUGH:
            return
        counts = [_voluntary(pid) for pid in pids]
        total = None if not counts or None in counts else sum(filter(None, counts))
        if total is not None and self._before is not None:
            self.each = (total - self._before) / self.invocations
        self._before, self.invocations = total, 0


def _voluntary(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            _, name, rest = file.read().partition(_NAME)
    except OSError:
        return None
    return int(rest.split(None, 1)[0]) if name else None
