"""How long a caller waits for an answer.

A timer for each would be set and cancelled without ever ringing. The deadlines of callers that wait equally long come
in the order in which the callers came: one timer serves them all, and rings for the first.
"""

from __future__ import annotations

import asyncio
from typing import Any


class CallerDeadlines:
    """Callers that wait `seconds` at most, each for a future; it then gets a TimeoutError."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._waiting: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, done: asyncio.Future[Any]) -> None:
        self._waiting[done] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._ring)

    def end(self, done: asyncio.Future[Any]) -> None:
        self._waiting.pop(done, None)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        for done, until in list(self._waiting.items()):
            if until > now:
                self._timer = self._loop.call_later(until - now, self._ring)
                return
            del self._waiting[done]
            if not done.done():
                done.set_exception(TimeoutError())
