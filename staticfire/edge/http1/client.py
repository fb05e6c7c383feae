"""A pooled HTTP/1.1 client.

    new -> in use -> idle (its response was read whole) -> in use ...
                  \\-> closed (anything else)

A connection goes back to the pool only when its response is read to the end and both sides keep it. One that the peer
closed meanwhile, or may be about to close, is not used again. A request that may have been sent is never sent twice.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable
from functools import lru_cache
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import httptools

from .errors import ConnectError, ConnectionBroken
from .head import to_bytes
from .incoming import IncomingBody
from .messages import BODILESS, END_OF_HEAD, Headers
from .streams import closing

MAX_HEAD = 256 * 1024
BUFFER = 256 * 1024
SMALL = 64 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CODING = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_HOP_BY_HOP = re.compile(rb"\r\n(?:connection|keep-alive|proxy-connection|trailer|upgrade):", re.IGNORECASE)
_FRAMING = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"))


class ClientResponse:
    """A response whose head is here, and its body if it is small. Read it whole, stream it to the end, or close it."""

    __slots__ = ("_body", "_connection", "headers", "raw", "status")

    def __init__(self, connection: _Connection, status: int, headers: Headers, body: IncomingBody) -> None:
        self._connection = connection
        self._body = body
        self.status = status
        self.headers = headers
        # The whole response as it came, if it is small and nothing in it belongs to its connection.
        self.raw = b""

    async def read(self, limit: int | None = None) -> bytes:
        try:
            return await self._body.read(limit)
        finally:
            self.close()

    def stream(self) -> AsyncIterator[bytes]:
        return closing(self._body.stream(), self.close)

    @property
    def arrived(self) -> bool:
        """The body is here whole: reading it waits for nothing."""
        return self._body.complete

    def close(self) -> None:
        """Give the connection back, or end it when the body has not arrived whole."""
        self._connection.release(self._body)

    def __del__(self) -> None:
        # Nobody read it: a stream that was never begun does not end by itself either.
        self.close()


class _Address(NamedTuple):
    host: str
    port: int
    tls: bool
    authority: str


@lru_cache(maxsize=256)
def _address(base_url: str) -> _Address:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{base_url!r} is no http:// or https:// address")
    tls = parts.scheme == "https"
    authority = parts.netloc.rpartition("@")[2]
    return _Address(parts.hostname, parts.port or (443 if tls else 80), tls, authority)


class _Connection(asyncio.Protocol):
    """One connection to a peer: one request at a time."""

    def __init__(self, pool: _Pool) -> None:
        self.loop = pool.loop
        self.idle_since = 0.0
        self.closed = False
        self._pool = pool
        self._transport = cast(asyncio.Transport, None)
        self._parser: Any = httptools.HttpResponseParser(self)
        self._received = b""
        self._whole = 0
        self._unparsed = 0
        self._head_only = False
        self._keep_alive = False
        self._until_eof = False
        self._reading = True
        self._body: IncomingBody | None = None
        self._head: ClientResponse | None = None
        self._response: asyncio.Future[None] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._drained: asyncio.Future[None] | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._response is None:
            self.fail(ConnectionBroken("the peer sent what nobody asked for"))
            return
        self._unparsed += len(data)
        if self._body is None or self._whole:
            self._received += data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail(ConnectionBroken(f"the peer's answer is not valid HTTP: {error}"))
            return
        if self._unparsed > MAX_HEAD:
            self.fail(ConnectionBroken(f"the peer's headers are longer than {MAX_HEAD} bytes"))

    def eof_received(self) -> None:
        if self._until_eof:
            self.on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.fail(ConnectionBroken(f"the connection failed: {exc}" if exc else "the peer closed the connection"))
        self._parser = None  # it holds this object's methods: a cycle
        self._pool.forget(self)

    def pause_writing(self) -> None:
        self._drained = self.loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # What the parser calls.

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        received = self._received.lstrip(b"\r\n")
        end = received.index(END_OF_HEAD)
        status = self._parser.get_status_code()
        if status < 200 or self._response is None or self._body is not None:
            self._received = received[end:]
            return  # 100 Continue and the like: the response comes after it
        lines = received[received.index(b"\r\n") : end]
        declared = _LENGTH.search(lines)
        length = int(declared[1]) if declared else None
        self._keep_alive = self._parser.should_keep_alive()
        self._until_eof = length is None and _CODING.search(lines) is None
        self._body = IncomingBody(self, length)
        self._head = ClientResponse(self, status, Headers(lines=lines), self._body)
        may_pass = received.startswith(b"HTTP/1.1 ") and self._keep_alive and _HOP_BY_HOP.search(lines) is None
        if may_pass and length is not None and length <= SMALL and status not in BODILESS:
            self._received, self._whole = received, end + len(END_OF_HEAD) + length
        else:
            self._received = b""
        if self._head_only:
            # The parser would wait for the body that the head describes.
            self._parser = httptools.HttpResponseParser(self)
            self.on_message_complete()
        elif length is None or length > SMALL:
            self._respond()

    def on_body(self, data: bytes) -> None:
        self._unparsed = 0
        if self._body is not None:
            self._body.feed(data)
            self.balance()

    def on_message_complete(self) -> None:
        if self._body is not None:
            self._body.finish()
            if self._head is not None and len(self._received) == self._whole:
                self._head.raw = self._received
            self._respond()

    def _respond(self) -> None:
        """The head is there; so is the body, when it is small."""
        if self._head is not None and self._response is not None and not self._response.done():
            self._response.set_result(None)

    # What a body calls.

    def go_ahead(self) -> None:
        raise RuntimeError("a response never waits to be asked for")

    def balance(self) -> None:
        wanted = self._body is None or self._body.waiting < BUFFER
        if wanted != self._reading and not self._transport.is_closing():
            self._reading = wanted
            if wanted:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    # What the client calls.

    async def exchange(
        self, method: str, head: bytes, body: bytes | AsyncIterator[bytes], chunked: bool
    ) -> ClientResponse:
        """Send a request; its response, as soon as its head is here."""
        self._body = self._head = None
        self._received, self._whole = b"", 0
        self._unparsed = 0
        self._head_only = method == "HEAD"
        self._response = self.loop.create_future()
        try:
            if isinstance(body, bytes):
                self._transport.write(head + body)
            else:
                self._transport.write(head)
                self._sender = self.loop.create_task(self._send(body, chunked))
                self._sender.add_done_callback(self._sent)
            await self._response
        except BaseException:
            self.abort()
            raise
        return self._taken()

    def _taken(self) -> ClientResponse:
        response, self._head = self._head, None
        if response is None:
            raise RuntimeError("a response without a head")
        return response

    async def _send(self, body: AsyncIterator[bytes], chunked: bool) -> None:
        async for piece in body:
            if self.closed:
                return
            if piece:
                self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if self._drained is not None:
                await self._drained
        if chunked:
            self._transport.write(b"0\r\n\r\n")

    def _sent(self, sender: asyncio.Task[None]) -> None:
        """A request whose body breaks off at its source breaks off here, and for the source's reason."""
        error = None if sender.cancelled() else sender.exception()
        if isinstance(error, Exception):
            self.fail(error)

    def release(self, body: IncomingBody) -> None:
        if body is not self._body:
            return  # released before
        self._body = self._response = None
        sent = self._sender is None or self._sender.done()
        if body.complete and sent and self._keep_alive and not self._until_eof and not self.closed:
            self._sender = None
            self.balance()
            self._pool.put_back(self)
        else:
            self.abort()

    def fail(self, error: Exception) -> None:
        """Whoever waits for this connection learns why it ended."""
        if self._response is not None and not self._response.done():
            self._response.set_exception(error)
        if self._body is not None:
            self._body.fail(error)
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self.abort()

    def abort(self) -> None:
        self.closed = True
        if self._sender is not None and not self._sender.done():
            self._sender.cancel()
        self._transport.abort()


class _Pool:
    """The connections to one address; the one that was used last is used first."""

    def __init__(self, address: _Address, max_idle: int, idle_seconds: float, context: ssl.SSLContext | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.idle: deque[_Connection] = deque()
        self._address = address
        self._max_idle = max_idle
        self._idle_seconds = idle_seconds
        self._context = context

    async def get(self) -> _Connection:
        now = self.loop.time()
        while self.idle:
            connection = self.idle.pop()
            if not connection.closed and now - connection.idle_since < self._idle_seconds:
                return connection
            connection.abort()
        host, port = self._address.host, self._address.port
        try:
            _, connection = await self.loop.create_connection(
                lambda: _Connection(self),
                host,
                port,
                ssl=self._context,
                server_hostname=host if self._context else None,
            )
        except OSError as error:
            raise ConnectError(f"cannot connect to {self._address.authority}: {error}") from error
        return connection

    def put_back(self, connection: _Connection) -> None:
        if len(self.idle) < self._max_idle:
            connection.idle_since = self.loop.time()
            self.idle.append(connection)
        else:
            connection.abort()

    def forget(self, connection: _Connection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)


class Client:
    """`idle_seconds` is below what servers commonly allow (5 s): reusing a connection never races with its closing."""

    def __init__(self, *, max_idle_per_host: int = 64, idle_seconds: float = 3.0) -> None:
        self._max_idle = max_idle_per_host
        self._idle_seconds = idle_seconds
        self._pools: dict[str, _Pool] = {}

    async def request(
        self,
        method: str,
        base_url: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        within: float | None = None,
    ) -> ClientResponse:
        """Send one request to `target` (path and query) at `base_url`.

        The client frames the body and adds Host when it is missing; other headers go out as given. `within` is how many
        seconds the response's head may take to arrive (TimeoutError).
        """
        pool = self._pools.get(base_url) or self._pool(base_url)
        lines = [f"{method} {target} HTTP/1.1\r\n"]
        named, declared = False, ""
        for name, value in headers:
            lower = name.lower()
            if lower == "host":
                named = True
            elif lower in _FRAMING:
                if lower == "content-length":
                    declared = value
                continue
            lines.append(f"{name}: {value}\r\n")
        if not named:
            lines.insert(1, f"host: {_address(base_url).authority}\r\n")
        chunked = False
        if isinstance(body, bytes):
            if body or declared or method in ("POST", "PUT", "PATCH"):
                lines.append(f"content-length: {len(body)}\r\n")
        elif declared:
            lines.append(f"content-length: {declared}\r\n")
        else:
            chunked = True
            lines.append("transfer-encoding: chunked\r\n")
        head = to_bytes(lines)
        response = self._exchange(pool, method, head, body, chunked)
        return await (response if within is None else asyncio.wait_for(response, within))

    async def _exchange(
        self, pool: _Pool, method: str, head: bytes, body: bytes | AsyncIterator[bytes], chunked: bool
    ) -> ClientResponse:
        return await (await pool.get()).exchange(method, head, body, chunked)

    async def pass_on(self, method: str, base_url: str, raw: bytes) -> ClientResponse:
        """Send a whole request that is bytes already; nothing in it may belong to another connection."""
        pool = self._pools.get(base_url) or self._pool(base_url)
        return await self._exchange(pool, method, raw, b"", False)

    def _pool(self, base_url: str) -> _Pool:
        address = _address(base_url)
        context = ssl.create_default_context() if address.tls else None
        pool = self._pools[base_url] = _Pool(address, self._max_idle, self._idle_seconds, context)
        return pool

    def close(self) -> None:
        """End the idle connections; those in use end with their responses."""
        for pool in self._pools.values():
            for connection in tuple(pool.idle):
                connection.abort()
        self._pools.clear()
