"""Where requests wait while a snapshot is taken: first those from outside, then all, for a few seconds at most.

    open -> draining (functions at work may go on calling) -> shut (nothing goes on) -> open

It opens by itself when whoever shut it does not: a stack is never left shut.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from staticfire.edge.http1.messages import Request

DRAIN_SECONDS = 5.0
LONGEST_SECONDS = 60.0
# Temporary keys are what functions call with (edge/aws/access_keys.py).
TEMPORARY = re.compile(r"Credential=ASIA")


class Gate:
    """`busy`: how many functions run, which may be called by no request."""

    def __init__(self, busy: Callable[[], int]) -> None:
        self.under_way = 0
        self._busy = busy
        self._open = asyncio.Event()
        self._open.set()
        self._drained = True
        self._opening: asyncio.TimerHandle | None = None

    async def enter(self, request: Request) -> None:
        """Go on, or wait until it opens. Who has entered leaves."""
        while not self._open.is_set() and (self._drained or not TEMPORARY.search(request.headers.get("authorization"))):
            await self._open.wait()
        self.under_way += 1

    def leave(self) -> None:
        self.under_way -= 1

    async def shut(self) -> int:
        """Let nothing through any more; how many requests and functions were still under way after some seconds."""
        loop = asyncio.get_running_loop()
        self._drained = False
        self._open.clear()
        self._opening = loop.call_later(LONGEST_SECONDS, self.open)
        end = loop.time() + DRAIN_SECONDS
        while (left := self.under_way + self._busy()) and loop.time() < end:  # noqa: ASYNC110 - two counters
            await asyncio.sleep(0.01)
        self._drained = True
        return left

    def open(self) -> bool:
        """Let all through; whether it was shut until now."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        was_shut = not self._open.is_set()
        self._open.set()
        return was_shut
