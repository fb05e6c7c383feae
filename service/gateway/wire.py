"""One HTTP exchange with an upstream's host, over a connection that is kept for the next one.

A kept connection is used again only while it is fresh and the upstream has not closed it: a frozen environment wakes up
to connections that are long dead, and what was sent into one may or may not have arrived. An exchange that fails says
whether the upstream may have acted on it. Redirects are the client's to follow.
"""

import http.client
import io
import select
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CONNECT_SECONDS = 2.0
FRESH_SECONDS = 5.0
LARGEST_ANSWER = 4 * 1024 * 1024
PIECE = 64 * 1024


class Failed(Exception):
    """No answer. `may_have_acted`: the request was sent, in part at least."""

    def __init__(self, problem: str, *, may_have_acted: bool, timed_out: bool = False) -> None:
        super().__init__(problem)
        self.may_have_acted = may_have_acted
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class Reply:
    """Header names are lower-case."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Wire:
    """For one thread. `url` names the host; a target is what stands in the request line."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port)
        self._used_at = 0.0

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
        deadline = time.monotonic() + seconds
        connection = self._connection
        is_sent = False
        try:
            if not self._is_fresh():
                connection.close()
                connection.timeout = min(CONNECT_SECONDS, seconds)
                connection.connect()
            connection.sock.settimeout(_left(deadline))
            is_sent = True
            _send(connection, method, target, headers, body)
            connection.response_class = _response_until(deadline)
            response = connection.getresponse()
            reply = Reply(response.status, _headers_of(response), _body_of(response))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Failed(
                f"{type(error).__name__}: {error}", may_have_acted=is_sent, timed_out=isinstance(error, TimeoutError)
            ) from error
        self._used_at = time.monotonic()
        return reply

    def close(self) -> None:
        self._connection.close()

    def _is_fresh(self) -> bool:
        """What can be read of an idle connection is its end."""
        sock = self._connection.sock
        if sock is None or time.monotonic() - self._used_at > FRESH_SECONDS:
            return False
        return not select.select([sock], [], [], 0)[0]


def _response_until(deadline: float) -> Any:
    """What makes a connection's responses of its socket."""

    def make(sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
        until: Any = _Until(sock, deadline)
        return http.client.HTTPResponse(until, **options)

    return make


class _Until(io.RawIOBase):
    """A socket's incoming bytes until a deadline: for all of them together, where a socket's own timeout is for each.

    It stands for the socket too, of which a response takes the file alone.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._file = sock.makefile("rb", buffering=0)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._deadline))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class TooLarge(OSError):
    """The upstream answers more than a function can hand on."""


def _send(
    connection: http.client.HTTPConnection, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> None:
    connection.putrequest(method, target, skip_host="host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1", "replace"))
    if body or method in ("POST", "PUT", "PATCH"):
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body or None)


def _headers_of(response: http.client.HTTPResponse) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in response.getheaders()]


def _body_of(response: http.client.HTTPResponse) -> bytes:
    pieces = []
    size = 0
    while piece := response.read1(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise TooLarge(f"the answer is larger than {LARGEST_ANSWER} bytes")
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    response.close()  # else older Pythons keep it for unread, and the connection is of no use
    return b"".join(pieces)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time for this exchange is up")
    return left
