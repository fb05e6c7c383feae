"""What answers at the database's address and is no Postgres, or no longer one."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from pg8000.exceptions import DatabaseError
from servicekit.database import Database
from servicekit.errors import Unavailable

NO_MESSAGE = b"\x00\x00\x00\x00\x08abcd"


Serve = Callable[[bytes], Database]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """A database behind which a server takes a client's first two messages, and answers these bytes."""
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.setenv("DATABASE_TLS", "prefer")
    with contextlib.ExitStack() as ending:

        def serve(answer: bytes) -> Database:
            listener = ending.enter_context(socket.create_server(("127.0.0.1", 0)))

            def answer_one() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1024)
                    connection.sendall(b"N")
                    connection.recv(1024)
                    connection.sendall(answer)

            thread = threading.Thread(target=answer_one)
            thread.start()
            ending.callback(thread.join)
            database, port = Database("arn"), listener.getsockname()[1]
            database._secret = {"username": "u", "password": "p", "host": "127.0.0.1", "port": port, "dbname": "d"}
            return database

        yield serve


def test_bytes_that_are_no_message_are_a_lost_connection(serve: Serve) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        serve(NO_MESSAGE).run("select 1")


def refusal(code: str) -> bytes:
    """An ErrorResponse of Postgres's protocol."""
    fields = b"".join(field + b"\0" for field in (b"SFATAL", b"C" + code.encode(), b"Mno")) + b"\0"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("53100", "no room: its disk or its memory is full"),
        ("53200", "no room: its disk or its memory is full"),
        ("53300", "too many connections"),
        ("58030", "disk does not read or write"),
        ("57P03", "is starting"),
    ],
)
def test_what_the_server_refuses_for_now_is_unavailable(serve: Serve, code: str, why: str) -> None:
    with pytest.raises(Unavailable, match=why):
        serve(refusal(code)).run("select 1")


def test_what_it_refuses_for_ever_is_a_bug(serve: Serve) -> None:
    with pytest.raises(DatabaseError):
        serve(refusal("42601")).run("select 1")
