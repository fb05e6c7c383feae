"""What a client may send and how long it may take, and until when it must have done its next step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are bytes."""

    target: int = 16 * 1024
    head: int = 64 * 1024
    headers: int = 200
    buffer: int = 256 * 1024
    unread: int = 64 * 1024
    head_seconds: float = 20.0
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    write_seconds: float = 60.0
    linger_seconds: float = 5.0
    sweep_seconds: float = 1.0


class Deadlines:
    """One connection's two: `step`, for what its client does next, and `write`, for taking what was written to it.

    Either is NEVER while it is not the client's turn. Nothing here waits: whoever sweeps looks which have passed.
    """

    __slots__ = ("_now", "_unsent", "_write_seconds", "step", "write")

    def __init__(self, write_seconds: float, now: Callable[[], float]) -> None:
        self._write_seconds = write_seconds
        self._now = now
        self._unsent = 0
        self.step = NEVER
        self.write = NEVER

    def expect(self, seconds: float) -> None:
        """The client's next step is due within so many."""
        self.step = self._now() + seconds

    def written(self, unsent: int) -> None:
        """So much of it waits to be taken."""
        self._unsent = unsent
        self.write = self._now() + self._write_seconds

    def taken(self) -> None:
        self.write = NEVER

    def stalled(self, unsent: int) -> bool:
        """The time to take it has passed: whether the client took nothing. Else it gets the same time again."""
        before = self._unsent
        self.written(unsent)
        return unsent >= before
