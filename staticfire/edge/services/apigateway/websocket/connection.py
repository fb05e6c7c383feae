"""A client's connection from its `$connect` to its `$disconnect`: each message is an occasion of its own.

As on AWS messages are handled side by side, and nothing promises their order. So many at once, and no more: until one
of them is done, nothing more is read from the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from .model import WebSocketStage
from .occasion import Client
from .socket import SocketLimits, WebSocket

TOGETHER = 16


class ConnectionOwner(Protocol):
    """Who keeps the connections, and handles what happens on them."""

    def joined(self, connection: Connection) -> None: ...

    def left(self, connection: Connection, code: int, reason: str) -> None: ...

    async def message(self, connection: Connection, text: str) -> None: ...

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...


class Connection:
    def __init__(self, owner: ConnectionOwner, client: Client, stage: WebSocketStage, limits: SocketLimits) -> None:
        self.client = client
        self.scope = stage.scope
        self.api_id = stage.api_id
        self.stage_name = stage.name
        self.socket = WebSocket(self, limits)
        self._owner = owner
        self._under_way = 0

    def of(self, stage: WebSocketStage) -> bool:
        return (self.api_id, self.stage_name) == (stage.api_id, stage.name)

    # What the WebSocket calls.

    def opened(self) -> None:
        self._owner.joined(self)

    def received(self, text: str) -> bool:
        self._under_way += 1
        task = self._owner.start(self._owner.message(self, text))
        task.add_done_callback(self._done)
        return self._under_way < TOGETHER

    def ended(self, code: int, reason: str) -> None:
        self._owner.left(self, code, reason)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way -= 1
        if self._under_way == TOGETHER - 1:
            self.socket.go_on()
