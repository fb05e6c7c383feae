"""HTTP messages as the edge's parts see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Protocol


class BodyTooLarge(Exception):
    """The body is longer than the reader allows."""


class BrokenBody(Exception):
    """The body will never be whole: its sender went away or broke the protocol."""


class DropConnection(Exception):
    """Raised by a handler: close the client's connection without an answer."""


class ResetConnection(DropConnection):
    """The same with a TCP reset, as a peer that crashed or a firewall leaves it."""


class Headers:
    """An ordered multi-map of lower-case names to values (latin-1 text, as on the wire)."""

    __slots__ = ("_first", "_items")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = list(items)
        self._first = dict(reversed(self._items))

    def get(self, name: str, default: str = "") -> str:
        return self._first.get(name, default)

    def getall(self, name: str) -> list[str]:
        return [value for key, value in self._items if key == name]

    def items(self) -> list[tuple[str, str]]:
        return self._items

    def __contains__(self, name: object) -> bool:
        return name in self._first

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class BodySource(Protocol):
    """Where a message's body comes from: a connection, or bytes in hand."""

    async def read(self, limit: int | None) -> bytes: ...

    def stream(self) -> AsyncIterator[bytes]: ...


class Sender(Protocol):
    """Who sent a request and waits for its response."""

    async def gone(self) -> None: ...


class BytesBody:
    """A body that is already here."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes = b"") -> None:
        self._data = data

    async def read(self, limit: int | None) -> bytes:
        if limit is not None and len(self._data) > limit:
            raise BodyTooLarge
        return self._data

    async def stream(self) -> AsyncIterator[bytes]:
        if self._data:
            yield self._data


class Request:
    """One request. `path` and `query` are as sent: percent-encoded, apart from the `?` between them."""

    __slots__ = ("_body", "_cached", "_sender", "headers", "http_version", "method", "path", "peer", "query")

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
        sender: Sender | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers if headers is not None else Headers()
        self.peer = peer
        self.http_version = http_version
        self._body: BodySource = BytesBody(body) if isinstance(body, bytes) else body
        self._cached: bytes | None = None
        self._sender = sender

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    async def body(self, limit: int | None = None) -> bytes:
        """The whole body; a second call gives the same bytes."""
        if self._cached is None:
            self._cached = await self._body.read(limit)
        elif limit is not None and len(self._cached) > limit:
            raise BodyTooLarge
        return self._cached

    async def gone(self) -> None:
        """Wait until the client has closed its side; it may have done so and still wait for the response."""
        if self._sender is None:
            raise RuntimeError("this request came over no connection")
        await self._sender.gone()

    def stream(self) -> AsyncIterator[bytes]:
        """The body in pieces, for whoever passes it on."""
        if self._cached is not None:
            return BytesBody(self._cached).stream()
        return self._body.stream()


class Response:
    """One response. The server adds `content-length` or chunking, `date` and `connection` by itself."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        status: int = 200,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> None:
        self.status = status
        self.headers = list(headers)
        self.body = body


Handler = Callable[[Request], Awaitable[Response]]
