"""A pooled HTTP/1.1 client.

    new -> in use -> idle (its response was read whole) -> in use ...
                  \\-> closed (anything else)

A connection goes back to the pool only when its response is read to the end and both sides keep it. One that the peer
closed meanwhile, or may be about to close, is not used again. A request that may have been sent is never sent twice.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from .flow import Flow
from .head import FRAMING, to_bytes
from .incoming import IncomingBody
from .messages import ConnectError, ConnectionBroken, Headers
from .raw import response_as_it_came
from .response_parser import ResponseParser

BUFFER = 256 * 1024
# Hosts whose connections are kept: functions' URLs and integrations may name any number of them.
MOST_POOLS = 128


@dataclass(slots=True, eq=False)
class ClientResponse:
    """A response whose head is here, and its body if it is small. Read it whole, stream it to the end, or close it."""

    status: int
    headers: Headers
    _whole: bytes
    _body: IncomingBody
    _connection: _Connection
    _raw: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The whole of it as it came, if it is small and may go on like that (see raw.py)."""
        if self._raw is None:
            self._raw = response_as_it_came(self._whole, self.status, self.headers.lines)
        return self._raw

    async def read(self, limit: int | None = None) -> bytes:
        try:
            return await self._body.read(limit)
        finally:
            self.close()

    async def stream(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._body.stream():
                yield piece
        finally:
            self.close()

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


class _Connection(Flow):
    """One connection to a peer: one request at a time."""

    def __init__(self, pool: _Pool) -> None:
        super().__init__(pool.loop)
        self.idle_since = 0.0
        self.closed = False
        self._pool = pool
        self._parser = ResponseParser(self)
        self._response: asyncio.Future[None] | None = None
        self._sender: asyncio.Task[None] | None = None

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        if self._response is None:
            self.fail(ConnectionBroken("the peer sent what nobody asked for"))
            return
        parser = self._parser
        try:
            parser.feed(data)
        except ConnectionBroken as broken:
            # A response that is here stays one, whatever comes after it.
            self._respond()
            self.fail(broken)
            return
        if parser.ready:
            self._respond()
        self.balance()

    def eof_received(self) -> None:
        self._parser.end()
        self._respond()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.fail(ConnectionBroken(f"the connection failed: {exc}" if exc else "the peer closed the connection"))
        self._parser.close()
        self._pool.forget(self)

    def _respond(self) -> None:
        if self._parser.ready and self._response is not None and not self._response.done():
            self._response.set_result(None)

    def balance(self) -> None:
        body = self._parser.body
        room = body is None or body.waiting < BUFFER
        if room != self._reading:
            self.read(room)

    # What the client calls.

    async def exchange(
        self, method: str, head: bytes, body: bytes | AsyncIterator[bytes], chunked: bool
    ) -> ClientResponse:
        """Send a request; its response, as soon as its head is here."""
        self._parser.expect(head_only=method == "HEAD")
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
        parser = self._parser
        if parser.body is None:
            raise RuntimeError("a response without a head")
        return ClientResponse(parser.status, parser.headers, parser.whole, parser.body, self)

    async def _send(self, body: AsyncIterator[bytes], chunked: bool) -> None:
        async for piece in body:
            if self.closed:
                return
            if piece:
                self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await self.drain()
        if chunked:
            self._transport.write(b"0\r\n\r\n")

    def _sent(self, sender: asyncio.Task[None]) -> None:
        """A request whose body breaks off at its source breaks off here, and for the source's reason."""
        error = None if sender.cancelled() else sender.exception()
        if isinstance(error, Exception):
            self.fail(error)

    def release(self, body: IncomingBody) -> None:
        if body is not self._parser.body:
            return  # released before
        self._parser.body = self._response = None
        sent = self._sender is None or self._sender.done()
        if body.complete and sent and self._parser.keep_alive and not self.closed:
            self._sender = None
            self.read(True)
            self._pool.put_back(self)
        else:
            self.abort()

    def fail(self, error: Exception) -> None:
        """Whoever waits for this connection learns why it ended."""
        if self._response is not None and not self._response.done():
            self._response.set_exception(error)
        if self._parser.body is not None:
            self._parser.body.fail(error)
        self.abort()

    def abort(self) -> None:
        self.closed = True
        if self._sender is not None and not self._sender.done():
            self._sender.cancel()
        self._transport.abort()


class _Pool:
    """The connections to one address; the one that was used last is used first."""

    def __init__(
        self,
        address: _Address,
        max_idle: int,
        idle_seconds: float,
        context: ssl.SSLContext | None,
        connected: Callable[[], socket.socket] | None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.idle: deque[_Connection] = deque()
        self.last_taken = 0.0
        self.given_up = False
        self._connected = connected
        self._address = address
        self._max_idle = max_idle
        self._idle_seconds = idle_seconds
        self._context = context

    def take(self) -> _Connection | None:
        """An idle connection that the peer will not close while it is used."""
        now = self.last_taken = self.loop.time()
        while self.idle:
            connection = self.idle.pop()
            if not connection.closed and now - connection.idle_since < self._idle_seconds:
                return connection
            connection.abort()
        return None

    async def connect(self) -> _Connection:
        host, port = self._address.host, self._address.port
        try:
            if self._connected is not None:
                return (await self.loop.create_unix_connection(lambda: _Connection(self), sock=self._connected()))[1]
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
        if len(self.idle) < self._max_idle and not self.given_up:
            connection.idle_since = self.loop.time()
            self.idle.append(connection)
        else:
            connection.abort()

    def forget(self, connection: _Connection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)

    def give_up(self) -> None:
        """Nothing is kept any more; connections in use end with their responses."""
        self.given_up = True
        for connection in tuple(self.idle):
            connection.abort()


class Client:
    """`idle_seconds` is below what servers commonly allow (5 s): reusing a connection never races with its closing.

    `connected` makes a Unix socket to the only peer of this client, whatever the addresses say.
    """

    def __init__(
        self,
        *,
        max_idle_per_host: int = 64,
        idle_seconds: float = 3.0,
        connected: Callable[[], socket.socket] | None = None,
    ) -> None:
        self._connected = connected
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
            elif lower in FRAMING:
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
        response = self._exchange(pool, method, to_bytes(lines), body, chunked)
        return await (response if within is None else asyncio.wait_for(response, within))

    async def pass_on(self, method: str, base_url: str, raw: bytes) -> ClientResponse:
        """Send a whole request that is bytes already; nothing in it may belong to another connection."""
        pool = self._pools.get(base_url) or self._pool(base_url)
        connection = pool.take() or await pool.connect()
        return await connection.exchange(method, raw, b"", False)

    async def _exchange(
        self, pool: _Pool, method: str, head: bytes, body: bytes | AsyncIterator[bytes], chunked: bool
    ) -> ClientResponse:
        connection = pool.take() or await pool.connect()
        return await connection.exchange(method, head, body, chunked)

    def _pool(self, base_url: str) -> _Pool:
        address = _address(base_url)
        context = ssl.create_default_context() if address.tls else None
        if len(self._pools) >= MOST_POOLS:
            self._pools.pop(min(self._pools, key=lambda url: self._pools[url].last_taken)).give_up()
        pool = self._pools[base_url] = _Pool(address, self._max_idle, self._idle_seconds, context, self._connected)
        return pool

    def close(self) -> None:
        """End the idle connections; those in use end with their responses."""
        for pool in self._pools.values():
            pool.give_up()
        self._pools.clear()
