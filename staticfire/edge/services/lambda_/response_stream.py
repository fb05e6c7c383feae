"""A function's response on its way to whoever invoked it, piece by piece as the runtime sends it.

runtime -> begin -> feed ... -> end
                      |
caller  <- the pieces |          what the caller does not take fast enough holds up the runtime
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

AHEAD = 256 * 1024


class PausableInput(Protocol):
    """The connection that the pieces come from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class ResponseStream:
    """`began` is set once a streamed response has begun, or nothing more will come."""

    def __init__(self) -> None:
        self.content_type = ""
        self.streamed = False
        self.began = asyncio.Event()
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._news = asyncio.Event()
        self._ended = False
        self._flow: PausableInput | None = None
        self._held = False
        self._abandoned = False

    # -- the runtime's side

    def begin(self, content_type: str, flow: PausableInput) -> None:
        self.content_type, self._flow = content_type, flow
        self.streamed = True
        self.began.set()

    def feed(self, piece: bytes) -> None:
        if self._abandoned:
            return
        self._pieces.append(piece)
        self._waiting += len(piece)
        self._news.set()
        if self._waiting > AHEAD and not self._held and self._flow is not None:
            self._held = True
            self._flow.pause_reading()

    def end(self) -> None:
        self._ended = True
        self._go_on()
        self.began.set()
        self._news.set()

    # -- the caller's side

    async def pieces(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._waiting -= len(piece)
                if self._waiting <= AHEAD:
                    self._go_on()
                yield piece
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()

    def abandon(self) -> None:
        """The caller has gone: the function runs on, as on AWS, and nobody reads what it says."""
        self._abandoned = True
        self._pieces.clear()
        self._go_on()

    def _go_on(self) -> None:
        if self._held and self._flow is not None:
            self._held = False
            self._flow.resume_reading()
