"""An HTTP/1.1 server on httptools and asyncio: a listening socket, its connections, one sweep over all time limits."""

from __future__ import annotations

import asyncio
import logging

from .connection import Connection
from .limits import Limits
from .messages import Handler

__all__ = ["Limits", "Server", "serve"]

log = logging.getLogger(__name__)

DEFAULT_LIMITS = Limits()


class Server:
    def __init__(self, handler: Handler, limits: Limits) -> None:
        self.handler = handler
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.port = 0
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    async def listen(self, host: str, port: int) -> None:
        self._listener = await self.loop.create_server(lambda: Connection(self), host, port, backlog=1024)
        self.port = self._listener.sockets[0].getsockname()[1]
        self._sweep()

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in tuple(self.connections):
            connection.sweep(now)
        self._sweeper = self.loop.call_later(self.limits.sweep_seconds, self._sweep)

    def forget(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def close(self, grace: float = 5.0) -> None:
        """Take no new connection, let the answers under way finish for `grace` seconds, then end."""
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self.connections):
            connection.retire()
        if not await self._emptied(grace):
            log.warning("%d connections were still busy after %g s: ended", len(self.connections), grace)
            for connection in tuple(self.connections):
                connection.kill()
            await self._emptied(grace)
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _emptied(self, seconds: float) -> bool:
        self._empty.clear()
        if self.connections:
            emptied = asyncio.ensure_future(self._empty.wait())
            await asyncio.wait((emptied,), timeout=seconds)
            emptied.cancel()
        return not self.connections


async def serve(handler: Handler, host: str, port: int = 0, *, limits: Limits = DEFAULT_LIMITS) -> Server:
    """Listen on `host`; port 0 takes a free one."""
    server = Server(handler, limits)
    await server.listen(host, port)
    return server
