"""Flow control, for the server's and the client's connections: bytes go only as fast as both sides take them."""

from __future__ import annotations

import asyncio
from typing import cast


class Flow(asyncio.Protocol):
    """Reading pauses while nobody takes what came; whoever writes waits in `drain` while the peer lags."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._transport = cast(asyncio.Transport, None)
        self._reading = True
        self._drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()

    def pause_writing(self) -> None:
        self._drained = self.loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    async def drain(self) -> None:
        """Wait until there is room for more, or nobody left who would take it."""
        if self._drained is not None:
            await self._drained

    def read(self, on: bool) -> bool:
        """Read on, or pause; whether that changes anything."""
        if on == self._reading or self._transport.is_closing():
            return False
        self._reading = on
        if on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()
        return True

    def balance(self) -> None:
        """What arrives was taken or has grown: read on, or pause."""
        raise NotImplementedError

    def go_ahead(self) -> None:
        """Ask the sender for the body that it holds back (Expect: 100-continue)."""
        raise NotImplementedError
