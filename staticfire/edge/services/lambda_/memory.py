"""A function's memory limit: what its processes use is watched, and over the limit they are killed.

launch.py sets a ceiling in the process besides, far above the limit: it stops what grows faster than anybody looks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

PAGE = os.sysconf("SC_PAGE_SIZE")

LONG = 0.05
LOOK_SECONDS = 1.0


class MemoryWatch:
    """The memory of one execution environment: its peak, and whether it is over the limit."""

    def __init__(self, limit_mb: int) -> None:
        self._limit = limit_mb * 1024 * 1024
        self._looked = time.monotonic()
        self.peak_bytes = 0

    def is_due(self, began: float, now: float) -> bool:
        """Short invocations share a look a second, one that takes its time gets one whenever this is called."""
        return now - began >= LONG or now - self._looked >= LOOK_SECONDS

    def look(self, pids: Iterable[int]) -> bool:
        """Note the memory that these processes use; whether it is too much."""
        self._looked = time.monotonic()
        used = sum(_resident(pid) for pid in pids)
        self.peak_bytes = max(self.peak_bytes, used)
        return used > self._limit


def _resident(pid: int) -> int:
    """A process's memory in bytes; of one that has ended, 0."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
