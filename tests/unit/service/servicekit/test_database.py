"""What answers at the database's address and is no Postgres, or no longer one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from servicekit.database import Database
from servicekit.errors import Unavailable

NO_MESSAGE = b"\x00\x00\x00\x00\x08abcd"


@pytest.fixture
def garbage() -> Iterator[int]:
    """The port of a server that takes a client's first two messages and answers bytes of no protocol."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"N")
                connection.recv(1024)
                connection.sendall(NO_MESSAGE)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_bytes_that_are_no_message_are_a_lost_connection(garbage: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.setenv("DATABASE_TLS", "prefer")
    database = Database("arn")
    database._secret = {"username": "u", "password": "p", "host": "127.0.0.1", "port": garbage, "dbname": "d"}
    with pytest.raises(Unavailable, match="cannot be reached"):
        database.run("select 1")
