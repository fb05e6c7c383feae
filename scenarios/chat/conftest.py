"""The chat stack, and what its scenarios have in common: rooms nobody else has, and clients in them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from staticfire.testing.kit import AwsClients, StackUnderTest

Join = Callable[..., "Member"]


class Member:
    """A client in a room."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, message: dict[str, Any]) -> None:
        self.connection.send(json.dumps(message))

    def next(self) -> Any:
        """The next message to this client."""
        return json.loads(self.connection.recv(timeout=60))

    def leave(self) -> None:
        self.connection.close()


@pytest.fixture(scope="session")
def staticfire_stack_name() -> str:
    return "chat"


@pytest.fixture
def room() -> str:
    return f"room-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def address(staticfire_stack: StackUnderTest, aws: AwsClients) -> str:
    """Where clients connect to."""
    outputs = staticfire_stack.outputs
    endpoint = str(aws("sts").meta.endpoint_url).replace("http", "ws", 1)
    return f"{endpoint}/_aws/execute-api/{outputs['sockets_api_id']}/{outputs['stage']}"


@pytest.fixture
def join(address: str, room: str) -> Iterator[Join]:
    """Connects a user to the room."""
    with ExitStack() as clients:

        def joined(user: str) -> Member:
            client = connect(f"{address}?room={room}&user={user}", open_timeout=60)
            return Member(clients.enter_context(client))

        yield joined
