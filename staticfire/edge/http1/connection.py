"""One client's connection to the server.

Its bytes go through one parser. Each complete head makes an exchange; exchanges are answered one at a time in the
order in which they came, so pipelined requests wait in a short queue while reading pauses.

    idle -> head -> body -> (answering) -> idle ...       keep-alive
                 \\-> refused -> lingering -> closed       malformed, too large, too slow

A handler runs as soon as the head is there and takes the body when it wants it. Bytes flow only as fast as both
sides take them: reading pauses while the handler lags, the response's iterator pauses while the client lags. A client
that goes away does not cancel its handler (a Lambda function runs on as it does on AWS); `Request.gone()` tells.

A connection only notes until when its client must have done the next step; the server's sweep enforces it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import httptools

from .head import BadHead, declared_length, encode_head
from .incoming import IncomingBody
from .messages import (
    BODILESS,
    END_OF_HEAD,
    BodyTooLarge,
    BrokenBody,
    DropConnection,
    Handler,
    Headers,
    Request,
    ResetConnection,
    Response,
)
from .streams import ended

log = logging.getLogger(__name__)

NEVER = math.inf
INTERNAL_ERROR = b'{"message":"Internal Server Error"}'


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may send, and how long it may take."""

    target: int = 16 * 1024
    head: int = 64 * 1024
    headers: int = 200
    buffer: int = 256 * 1024
    unread: int = 64 * 1024
    head_seconds: float = 20.0
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    write_seconds: float = 60.0
    linger_seconds: float = 5.0
    sweep_seconds: float = 1.0


class Owner(Protocol):
    """The server, as its connections see it."""

    handler: Handler
    limits: Limits
    loop: asyncio.AbstractEventLoop
    connections: set[Connection]

    def forget(self, connection: Connection) -> None: ...


class _Refusal(Exception):
    """The client's bytes are no request that can be answered."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class _Exchange:
    """A request and what its response must know of it."""

    __slots__ = ("body", "keep_alive", "request")

    def __init__(self, request: Request, body: IncomingBody | None, keep_alive: bool) -> None:
        self.request = request
        self.body = body
        self.keep_alive = keep_alive

    @property
    def unfinished(self) -> bool:
        return self.body is not None and not self.body.complete

    def is_all_of(self, data: bytes) -> bool:
        """Nothing stands before or after it: the parser skips empty lines, and another server may not."""
        length = 0 if self.body is None else self.body.waiting
        return data.find(END_OF_HEAD) + len(END_OF_HEAD) + length == len(data)

    def worth_reading(self, limit: int) -> bool:
        """Little enough of the body is to come that reading it only to keep the connection pays."""
        body = self.body
        if body is None or body.complete:
            return True
        return not body.expects and body.error is None and body.left is not None and body.left <= limit


class Connection(asyncio.Protocol):
    def __init__(self, server: Owner) -> None:
        self._server = server
        self._limits = server.limits
        self.loop = server.loop
        self._transport = cast(asyncio.Transport, None)
        self._parser: Any = httptools.HttpRequestParser(self)
        self._peer = ""
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._head_size = 0
        self._unproductive = 0
        self._between = True
        self._body: IncomingBody | None = None
        self._queue: deque[_Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._refusal: _Refusal | None = None
        self._gone: asyncio.Event | None = None
        self._drained: asyncio.Future[None] | None = None
        self._unsent = 0
        self._reading = True
        self._closing = False
        self._lingering = False
        self._lost = False
        self._deadline = NEVER
        self._write_deadline = NEVER

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else ""
        self._server.connections.add(self)
        self._deadline = self.loop.time() + self._limits.idle_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._parser = None  # it holds this object's methods: a cycle
        self._queue.clear()
        self._leave()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._task is None:
            self._server.forget(self)

    def eof_received(self) -> bool:
        """A client may close its half and still wait for the answer."""
        if self._task is None or self._lingering:
            return False
        self._leave()
        return True

    def _leave(self) -> None:
        self._closing = True
        if self._body is not None:
            self._body.fail(BrokenBody("The client closed the connection in the middle of its request."))
        if self._gone is not None:
            self._gone.set()

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self._lingering:
            return
        self._unproductive += len(data)
        alone = self._between
        try:
            self._feed(data)
            # Half a head, chunk extensions, trailers: bytes that bring nothing forward.
            if self._unproductive > self._limits.head:
                if self._body is None:
                    raise _Refusal(431, f"The headers are longer than {self._limits.head} bytes.")
                raise _Refusal(400, "The chunked body is nearly all framing.")
        except _Refusal as refusal:
            self._refuse(refusal)
        if self._task is None and self._queue:
            if alone and self._between and len(self._queue) == 1 and self._queue[0].is_all_of(data):
                self._queue[0].request.raw = data
            self._start()
        self.balance()

    def _start(self) -> None:
        """Answer the next request, unless its body is so small that waiting for all of it is cheaper."""
        exchange = self._queue[0]
        body = exchange.body
        if body is None or body.complete or body.expects or body.left is None or body.left > self._limits.unread:
            self._queue.popleft()
            self._task = self.loop.create_task(self._serve(exchange))

    def pause_writing(self) -> None:
        self._drained = self.loop.create_future()
        self._unsent = self._transport.get_write_buffer_size()
        self._write_deadline = self.loop.time() + self._limits.write_seconds

    def resume_writing(self) -> None:
        self._write_deadline = NEVER
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # What the parser calls.

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # No other protocol is spoken here; HTTP lets a server go on in HTTP/1.1 (Java's client offers h2c).
            self._feed(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, _Refusal):
                raise error.__context__ from None
            raise
        except httptools.HttpParserError as error:
            raise _Refusal(400, f"This is no valid HTTP/1.1 request: {error}.") from error

    def on_message_begin(self) -> None:
        self._between = False
        self._target = b""
        self._headers = []
        self._head_size = 0
        self._deadline = self.loop.time() + self._limits.head_seconds

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > self._limits.target:
            raise _Refusal(414, f"The request's target is longer than {self._limits.target} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._body is not None:
            return  # a trailer: nobody here asked for one
        self._head_size += len(name) + len(value)
        if self._head_size > self._limits.head:
            raise _Refusal(431, f"The headers are longer than {self._limits.head} bytes.")
        if len(self._headers) == self._limits.headers:
            raise _Refusal(431, f"There are more than {self._limits.headers} headers.")
        self._headers.append((name.lower().decode("latin-1"), value.decode("latin-1").rstrip(" \t")))

    def on_headers_complete(self) -> None:
        self._unproductive = 0
        parser = self._parser
        headers = Headers(self._headers)
        method = parser.get_method().decode("ascii")
        version = parser.get_http_version()
        target = self._target.decode("latin-1")
        if version not in ("1.1", "1.0"):
            raise _Refusal(505, "Only HTTP/1.1 and HTTP/1.0 are served here.")
        if method == "CONNECT":
            raise _Refusal(501, "This is no proxy: CONNECT is not served.")
        if not target.startswith("/"):
            target, headers = _origin_form(method, target, headers)
        if "host" not in headers:
            if version == "1.1":
                raise _Refusal(400, "The request has no Host header.")
        elif len(headers.getall("host")) > 1:
            raise _Refusal(400, "The request has more than one Host header.")
        body = self._expected_body(version, headers)
        path, _, query = target.partition("?")
        request = Request(method, path, query, headers, body or b"", peer=self._peer, http_version=version, sender=self)
        self._body = body
        self._queue.append(_Exchange(request, body, parser.should_keep_alive()))

    def _expected_body(self, version: str, headers: Headers) -> IncomingBody | None:
        length = headers.get("content-length")
        coding = headers.get("transfer-encoding")
        if not coding and not length:
            return None
        if coding and (coding.lower() != "chunked" or version == "1.0"):
            raise _Refusal(501, f"Transfer-Encoding {coding!r} is not served; 'chunked' in HTTP/1.1 is.")
        if not coding and int(length) == 0:
            return None
        if self._parser.should_upgrade():
            raise _Refusal(501, "A request that asks for another protocol cannot carry a body here.")
        self._deadline = self.loop.time() + self._limits.body_seconds
        expects = version == "1.1" and headers.get("expect").lower() == "100-continue"
        return IncomingBody(self, None if coding else int(length), expects)

    def on_body(self, data: bytes) -> None:
        self._unproductive = 0
        self._deadline = self.loop.time() + self._limits.body_seconds
        if self._body is not None:
            self._body.feed(data)

    def on_message_complete(self) -> None:
        self._between = True
        self._unproductive = 0
        self._deadline = NEVER
        body, self._body = self._body, None
        if body is not None:
            body.finish()
            if body.unwanted:
                self._deadline = self.loop.time() + self._limits.idle_seconds

    # What a body and a request call.

    def go_ahead(self) -> None:
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def balance(self) -> None:
        """Read while there is room: no whole request waits and the handler keeps up with the body."""
        body = self._body
        wanted = not self._queue if body is None else body.waiting < self._limits.buffer
        if wanted == self._reading or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
            if self._body is not None:
                self._deadline = self.loop.time() + self._limits.body_seconds
        else:
            self._transport.pause_reading()
            self._deadline = NEVER

    async def gone(self) -> None:
        if self._gone is None:
            self._gone = asyncio.Event()
            if self._closing:
                self._gone.set()
        await self._gone.wait()

    # Answering.

    async def _serve(self, exchange: _Exchange) -> None:
        request = exchange.request
        try:
            response = await self._answer(request)
            body = response.body
            try:
                if isinstance(body, bytes):
                    self._send(exchange, response, body)
                else:
                    await ended(body, self._send_stream(exchange, response, body))
            except BadHead as error:
                log.error("the response to %s %s cannot be sent: %s", request.method, request.path, error)
                self._send(exchange, _internal_error(), INTERNAL_ERROR)
            if self._drained is not None:
                await self._drained
        except DropConnection as drop:
            if isinstance(drop, ResetConnection) and not self._lost:
                # A socket that lingers for no time is closed by a reset.
                linger = struct.pack("ii", 1, 0)
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()
        except Exception:
            log.exception("the response to %s %s broke off", request.method, request.path)
            self._transport.abort()
        finally:
            self._task = None
            self._after(exchange)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._server.handler(request)
        except DropConnection:
            raise
        except BodyTooLarge:
            return _text(413, "The body is too large.")
        except BrokenBody as broken:
            return _text(self._refusal.status if self._refusal is not None else 400, str(broken))
        except Exception:
            log.exception("%s %s: the handler failed", request.method, request.path)
            return _internal_error()

    def _has_body(self, exchange: _Exchange, response: Response) -> bool:
        """Whether one follows the head; whether the connection stays is decided here too."""
        if self._closing or not exchange.worth_reading(self._limits.unread):
            exchange.keep_alive = False
        return exchange.request.method != "HEAD" and response.status not in BODILESS

    def _send(self, exchange: _Exchange, response: Response, body: bytes) -> None:
        bodiless = not self._has_body(exchange, response)
        if self._lost:
            return
        if response.raw:
            if exchange.keep_alive and exchange.request.http_version == "1.1" and not bodiless:
                self._transport.write(response.raw)
                return
            response, body = response.unpacked()
        if bodiless:
            framing = ("", "") if response.status == 204 else declared_length(response, len(body))
            self._transport.write(encode_head(response, framing, _connection_header(exchange)))
        else:
            framing = ("content-length", str(len(body)))
            self._transport.write(encode_head(response, framing, _connection_header(exchange)) + body)

    async def _send_stream(self, exchange: _Exchange, response: Response, body: AsyncIterator[bytes]) -> None:
        bodiless = not self._has_body(exchange, response)
        framing = declared_length(response)
        length = int(framing[1]) if framing[1] else None
        chunked = length is None and not bodiless and exchange.request.http_version == "1.1"
        if chunked:
            framing = ("transfer-encoding", "chunked")
        elif length is None and not bodiless:
            exchange.keep_alive = False
        head = encode_head(response, framing, _connection_header(exchange))
        if self._lost:
            return
        self._transport.write(head)
        if bodiless:
            return
        sent = 0
        async for piece in body:
            if self._lost:
                return
            if not piece:
                continue
            sent += len(piece)
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if self._drained is not None:
                await self._drained
        if length is not None and sent != length:
            raise RuntimeError(f"the response declared {length} bytes and had {sent}")
        if chunked and not self._lost:
            self._transport.write(b"0\r\n\r\n")

    def _after(self, exchange: _Exchange) -> None:
        """A response is out: what is next on this connection?"""
        if self._lost:
            self._server.forget(self)
        elif self._transport.is_closing():
            return
        elif not exchange.keep_alive or self._closing:
            if exchange.unfinished:
                self._linger()
            else:
                self._close()
        elif self._queue:
            self._start()
            self.balance()
        elif self._refusal is not None:
            self._say_no(self._refusal)
        else:
            if exchange.unfinished and exchange.body is not None:
                exchange.body.discard()
            if self._deadline == NEVER:
                self._deadline = self.loop.time() + self._limits.idle_seconds
            self.balance()

    # Ending.

    def _refuse(self, refusal: _Refusal) -> None:
        self._refusal = refusal
        self._deadline = NEVER
        body, self._body = self._body, None
        if body is not None:
            body.fail(BrokenBody(refusal.why))
            if self._queue and self._queue[-1].body is body:
                self._queue.pop()  # no handler has seen it: none ever does
        if self._task is None and not self._queue:
            self._say_no(refusal)

    def _say_no(self, refusal: _Refusal) -> None:
        log.info("refused a request of %s: %d, %s", self._peer, refusal.status, refusal.why)
        body = f"{refusal.why}\n".encode()
        response = Response(refusal.status, [("content-type", "text/plain; charset=utf-8")])
        self._transport.write(encode_head(response, ("content-length", str(len(body))), "close") + body)
        self._linger()

    def _linger(self) -> None:
        """Close so that the client gets to read the answer: a reset for its unread bytes would destroy it."""
        self._closing = self._lingering = True
        self._deadline = self.loop.time() + self._limits.linger_seconds
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def _close(self) -> None:
        self._closing = True
        self._deadline = self.loop.time() + self._limits.write_seconds
        self._transport.close()

    # What the server calls.

    def sweep(self, now: float) -> None:
        """Enforce the time limits."""
        if now > self._write_deadline:
            unsent = self._transport.get_write_buffer_size()
            if unsent >= self._unsent:
                log.info(
                    "closed the connection of %s: it took no data for %g s", self._peer, self._limits.write_seconds
                )
                self._transport.abort()
            self._unsent = unsent
            self._write_deadline = now + self._limits.write_seconds
        elif now > self._deadline:
            if self._transport.is_closing() or self._lingering:
                self._transport.abort()
            elif self._body is not None or self._unproductive:
                self._refuse(_Refusal(408, "The request took too long to arrive."))
            elif self._task is None:
                self._close()

    def retire(self) -> None:
        """Close now when idle, else when the present answer is out."""
        self._closing = True
        if self._task is None and not self._lingering:
            self._close()

    def kill(self) -> None:
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()


def _text(status: int, message: str) -> Response:
    return Response(status, [("content-type", "text/plain; charset=utf-8")], f"{message}\n".encode())


def _internal_error() -> Response:
    return Response(500, [("content-type", "application/json")], INTERNAL_ERROR)


def _connection_header(exchange: _Exchange) -> str:
    if not exchange.keep_alive:
        return "close"
    return "keep-alive" if exchange.request.http_version == "1.0" else ""


def _origin_form(method: str, target: str, headers: Headers) -> tuple[str, Headers]:
    """The path of a target in absolute form; its authority is the Host, whatever the header says (RFC 9112, 3.2.2)."""
    if target == "*" and method == "OPTIONS":
        return target, headers
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise _Refusal(400, "The request's target is no path.")
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    path = rest[end:] if rest[end:].startswith("/") else f"/{rest[end:]}"
    return path, Headers([(name, rest[:end] if name == "host" else value) for name, value in headers])
