"""A message's body as it arrives: fed by the parser's side, read by whoever wants it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from .flow import Flow
from .messages import BodyTooLarge


@dataclass(slots=True, eq=False)
class IncomingBody:
    """What was received and not yet taken is `waiting` bytes; the connection pauses reading when they are too many.

    `left` is how much of a declared length is still to come; `expects` says that the sender holds the body back until
    it is asked for.
    """

    flow: Flow
    left: int | None
    expects: bool = False
    waiting: int = 0
    complete: bool = False
    unwanted: bool = False
    error: Exception | None = None
    _pieces: deque[bytes] = field(default_factory=deque)
    _waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> None:
        if self.left is not None:
            self.left -= len(data)
        if self.unwanted:
            return
        self.waiting += len(data)
        self._pieces.append(data)
        self._wake()

    def finish(self) -> None:
        self.complete = True
        self._wake()

    def fail(self, error: Exception) -> None:
        if not self.complete and self.error is None:
            self.error = error
            self._wake()

    def discard(self) -> None:
        """Nobody reads on: what is here and what still comes goes away."""
        self.unwanted = True
        self.waiting = 0
        self._pieces.clear()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _next(self) -> bytes:
        """The next piece; empty at the end."""
        while not self._pieces:
            if self.error is not None:
                raise self.error
            if self.complete:
                return b""
            if self.expects:
                self.expects = False
                self.flow.go_ahead()
            self._waiter = self.flow.loop.create_future()
            await self._waiter
        piece = self._pieces.popleft()
        self.waiting -= len(piece)
        self.flow.balance()
        return piece

    async def read(self, limit: int | None) -> bytes:
        if limit is not None and self.left is not None and self.waiting + self.left > limit:
            raise BodyTooLarge
        if self.complete and (limit is None or self.waiting <= limit):
            data = b"".join(self._pieces)
            self._pieces.clear()
            self.waiting = 0
            self.flow.balance()
            return data
        pieces = []
        size = 0
        while piece := await self._next():
            size += len(piece)
            if limit is not None and size > limit:
                raise BodyTooLarge
            pieces.append(piece)
        return b"".join(pieces)

    async def stream(self) -> AsyncIterator[bytes]:
        while piece := await self._next():
            yield piece
