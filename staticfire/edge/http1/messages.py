"""HTTP messages as the edge's parts see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Protocol

END_OF_HEAD = b"\r\n\r\n"
# Statuses whose responses have no body, whatever they say of its length.
BODILESS = (204, 304)

HeaderList = list[tuple[str, str]]
# Who speaks on a connection after a 101; None: the connection is gone, or about to go.
Takeover = Callable[[asyncio.Transport | None], asyncio.Protocol | None]


class BodyTooLarge(Exception):
    """The body is longer than the reader allows."""


class BrokenBody(Exception):
    """The body will never be whole: its sender went away or broke the protocol. `status` is the answer to that."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class DropConnection(Exception):
    """Raised by a handler: close the client's connection without an answer."""


class ResetConnection(DropConnection):
    """The same with a TCP reset, as a peer that crashed or a firewall leaves it."""


class ConnectError(OSError):
    """Nobody answers at that address; nothing was sent."""


class ConnectionBroken(OSError):
    """The connection ended or the peer broke the protocol; the request may have been carried out."""


class Headers:
    """An ordered multi-map of lower-case names to values (latin-1 text, as on the wire).

    Those of a received message may stay `lines`, as they came, until somebody asks for one: what only passes through
    is never taken apart. Each of `lines` begins with CRLF, and the parser has accepted it. `names` are a request's,
    spelled as its client spelled them.
    """

    __slots__ = ("_first", "_items", "lines", "names")

    def __init__(
        self, items: Iterable[tuple[str, str]] = (), *, lines: bytes = b"", names: Sequence[bytes] = ()
    ) -> None:
        self.lines = lines
        self.names = names
        self._items: list[tuple[str, str]] | None = None if lines else list(items)
        self._first = dict(reversed(self._items)) if self._items else {}

    def items(self) -> list[tuple[str, str]]:
        if self._items is None:
            self._items = []
            for line in self.lines.decode("latin-1").split("\r\n")[1:]:
                name, _, value = line.partition(":")
                self._items.append((name.lower(), value.strip(" \t")))
            self._first = dict(reversed(self._items))
        return self._items

    def get(self, name: str, default: str = "") -> str:
        if self._items is None:
            self.items()
        return self._first.get(name, default)

    def getall(self, name: str) -> list[str]:
        items = self.items()
        if len(items) == len(self._first):  # none is repeated
            return [self._first[name]] if name in self._first else []
        return [value for key, value in items if key == name]

    def replace(self, name: str, value: str) -> None:
        """Another value in the place of the first one of that name."""
        items = self.items()
        items[items.index((name, self._first[name]))] = (name, value)
        self._first[name] = value

    def __contains__(self, name: object) -> bool:
        if self._items is None:
            self.items()
        return name in self._first

    def any_of(self, names: frozenset[str]) -> bool:
        if self._items is None:
            self.items()
        return not names.isdisjoint(self._first)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items())

    def __len__(self) -> int:
        return len(self.items())


class BodySource(Protocol):
    """Where a message's body comes from: a connection, or bytes in hand."""

    async def read(self, limit: int | None) -> bytes: ...

    def stream(self) -> AsyncIterator[bytes]: ...


class Request:
    """One request. `path` and `query` are as sent: percent-encoded, apart from the `?` between them.

    `raw` is the whole of it as it came, where no other came with it (see raw.py).
    """

    __slots__ = ("_body", "_gone", "_source", "headers", "http_version", "method", "path", "peer", "query", "raw")

    def __init__(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Headers | None = None,
        body: BodySource | bytes = b"",
        *,
        peer: str = "127.0.0.1",
        http_version: str = "1.1",
        gone: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers if headers is not None else Headers()
        self.peer = peer
        self.http_version = http_version
        # Where the body comes from, until it is here.
        self._source = None if isinstance(body, bytes) else body
        self._body = body if isinstance(body, bytes) else b""
        self._gone = gone
        self.raw = b""

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    async def body(self, limit: int | None = None) -> bytes:
        """The whole body; a second call gives the same bytes."""
        if self._source is not None:
            self._body = await self._source.read(limit)
            self._source = None
        elif limit is not None and len(self._body) > limit:
            raise BodyTooLarge
        return self._body

    async def gone(self) -> None:
        """Wait until the client has closed its side; it may have done so and still wait for the response."""
        if self._gone is None:
            raise RuntimeError("this request did not come over a connection")
        await self._gone()

    async def stream(self) -> AsyncIterator[bytes]:
        """The body in pieces, for whoever passes it on."""
        if self._source is not None:
            async for piece in self._source.stream():
                yield piece
        elif self._body:
            yield self._body


class Response:
    """One response. The server adds `content-length` or chunking, `date` and `connection` by itself.

    `raw` is the whole of somebody else's response, which goes on without being taken apart (see raw.py). With a
    `takeover` it is the end of HTTP on its connection: another protocol goes on.
    """

    __slots__ = ("body", "headers", "raw", "status", "takeover")

    def __init__(
        self,
        status: int = 200,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        raw: bytes = b"",
        takeover: Takeover | None = None,
    ) -> None:
        self.status = status
        self.headers = list(headers)
        self.body = body
        self.raw = raw
        self.takeover = takeover


Handler = Callable[[Request], Awaitable[Response]]
