"""One client's connection to the server.

Its bytes go through one parser. Each complete head makes a cycle of request and response; cycles run one at a time in
the order in which they came, so pipelined requests wait in a short queue while reading pauses.

    idle -> head -> body -> (answering) -> idle ...       keep-alive
                 |              \\-> taken over            another protocol goes on: a WebSocket's
                 \\-> refused -> lingering -> closed       malformed, too large, too slow

A handler runs as soon as the head is there and takes the body when it wants it. Bytes flow only as fast as both
sides take them: reading pauses while the handler lags, the response's iterator pauses while the client lags. A client
that goes away does not cancel its handler (a Lambda function runs on as it does on AWS); `Request.gone()` tells.

A connection only notes until when its client must have done the next step; the server's sweep enforces it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from .cycle import Cycle
from .flow import Flow
from .head import BadHead, encode_head
from .limits import NEVER, Deadlines, Limits
from .messages import BrokenBody, DropConnection, Handler, ResetConnection, Response, Takeover
from .request_parser import Refusal, RequestParser

log = logging.getLogger(__name__)


class ConnectionOwner(Protocol):
    """The server, as its connections see it."""

    handler: Handler
    limits: Limits
    loop: asyncio.AbstractEventLoop
    connections: set[Connection]

    def forget(self, connection: Connection) -> None: ...


class Connection(Flow):
    def __init__(self, server: ConnectionOwner) -> None:
        super().__init__(server.loop)
        self._server = server
        self._limits = server.limits
        self._deadlines = Deadlines(server.limits.write_seconds, server.loop.time)
        self._parser = RequestParser(self, server.limits, self.gone)
        self._queue = self._parser.queue
        self._task: asyncio.Task[None] | None = None
        self._refusal: Refusal | None = None
        self._gone: asyncio.Event | None = None
        self._closing = False
        self._lingering = False
        self._lost = False
        self._taken_over = False

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._parser.peer = peer[0] if peer else ""
        self._server.connections.add(self)
        self._deadlines.expect(self._limits.idle_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost = True
        self._leave()
        self._parser.close()
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
        if self._parser.body is not None:
            self._parser.body.fail(BrokenBody("The client closed the connection in the middle of its request."))
        if self._gone is not None:
            self._gone.set()

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self._lingering:
            return
        alone = self._parser.between
        try:
            self._parser.feed(data)
        except Refusal as refusal:
            self._refuse(refusal)
        else:
            self._await_next(alone)
        if self._task is None and self._queue:
            if alone and self._parser.between and len(self._queue) == 1:
                self._queue[0].request.raw = data
            self._start()
        self.balance()

    def _await_next(self, was_between: bool) -> None:
        """Until when the client must have done its next step, if the next one is the client's."""
        parser, limits = self._parser, self._limits
        if parser.between:
            if self._task is not None or self._queue:
                self._deadlines.step = NEVER
            elif not was_between:
                self._deadlines.expect(limits.idle_seconds)  # what nobody wanted to read is over
        elif parser.body is None:
            if parser.begun:
                self._deadlines.expect(limits.head_seconds)
        elif not parser.unproductive:
            self._deadlines.expect(limits.body_seconds)

    def _start(self) -> None:
        """Answer the next request, unless its body is so small that waiting for all of it is cheaper."""
        body = self._queue[0].body
        if body is None or body.complete or body.expects or body.left is None or body.left > self._limits.unread:
            self._task = self.loop.create_task(self._serve(self._queue.popleft()))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._deadlines.written(self._transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._deadlines.taken()

    # What a body and a request call.

    def go_ahead(self) -> None:
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def balance(self) -> None:
        """Read while there is room: no whole request waits and the handler keeps up with the body."""
        body = self._parser.body
        # The last in the queue is the body's own request.
        room = not self._queue if body is None else len(self._queue) <= 1 and body.waiting < self._limits.buffer
        if room == self._reading or not self.read(room):
            return
        if not room:
            self._deadlines.step = NEVER
        elif body is not None:
            self._deadlines.expect(self._limits.body_seconds)
        elif not self._parser.between:
            self._deadlines.expect(self._limits.head_seconds)

    async def gone(self) -> None:
        if self._gone is None:
            self._gone = asyncio.Event()
            if self._closing:
                self._gone.set()
        await self._gone.wait()

    # Answering.

    async def _serve(self, cycle: Cycle) -> None:
        try:
            response = await cycle.answer(self._server.handler)
            if response.takeover is not None:
                self._hand_over(response, response.takeover)
                return
            if self._closing or not cycle.worth_reading(self._limits.unread):
                cycle.keep_alive = False
            body = response.body
            if not isinstance(body, bytes):
                await self._send(cycle.pieces(response, body))
            elif not self._lost:
                self._transport.write(cycle.whole(response, body))
            if self._drained is not None:
                await self._drained
        except DropConnection as drop:
            if isinstance(drop, ResetConnection) and not self._lost:
                # A socket that lingers for no time is closed by a reset.
                linger = struct.pack("ii", 1, 0)
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()
        except Exception:
            log.exception("the response to %s %s broke off", cycle.request.method, cycle.request.path)
            self._transport.abort()
        finally:
            self._task = None
            self._after(cycle)

    def _hand_over(self, response: Response, takeover: Takeover) -> None:
        """The response is HTTP's last word here. Who sent more before it came speaks no other protocol."""
        if self._lost or self._closing or self._queue or self._parser.midway:
            takeover(None)
            raise DropConnection
        try:
            head = encode_head(response, ("upgrade", "websocket"), "Upgrade")
        except BadHead:
            takeover(None)
            raise
        transport = self._transport
        protocol = takeover(transport)
        if protocol is None:
            raise DropConnection
        self._taken_over = True
        transport.write(head)
        self.read(True)
        transport.set_protocol(protocol)
        self._parser.close()
        self._server.forget(self)
        protocol.connection_made(transport)

    async def _send(self, pieces: AsyncGenerator[bytes, None]) -> None:
        async with aclosing(pieces):
            async for piece in pieces:
                if self._lost:
                    return
                self._transport.write(piece)
                await self.drain()

    def _after(self, cycle: Cycle) -> None:
        """A response is out: what is next on this connection?"""
        if self._taken_over:
            return
        if self._lost:
            self._server.forget(self)
        elif self._transport.is_closing():
            return
        elif not cycle.keep_alive or self._closing:
            if cycle.unfinished:
                self._linger()
            else:
                self._close()
        elif self._queue:
            self._start()
            self.balance()
        elif self._refusal is not None:
            self._say_no(self._refusal)
        else:
            if cycle.unfinished and cycle.body is not None:
                cycle.body.discard()
            if self._deadlines.step == NEVER:
                self._deadlines.expect(self._limits.idle_seconds)
            self.balance()

    # Ending.

    def _refuse(self, refusal: Refusal) -> None:
        self._refusal = refusal
        self._deadlines.step = NEVER
        body, self._parser.body = self._parser.body, None
        if body is not None:
            body.fail(BrokenBody(str(refusal), refusal.status))
            if self._queue and self._queue[-1].body is body:
                self._queue.pop()  # no handler has seen it: none ever does
        if self._task is None and not self._queue:
            self._say_no(refusal)

    def _say_no(self, refusal: Refusal) -> None:
        log.info("refused a request of %s: %d, %s", self._parser.peer, refusal.status, refusal)
        body = f"{refusal}\n".encode()
        response = Response(refusal.status, [("content-type", "text/plain; charset=utf-8")])
        self._transport.write(encode_head(response, ("content-length", str(len(body))), "close") + body)
        self._linger()

    def _linger(self) -> None:
        """Close so that the client gets to read the answer: a reset for its unread bytes would destroy it."""
        self._closing = self._lingering = True
        self._deadlines.expect(self._limits.linger_seconds)
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.read(True)

    def _close(self) -> None:
        self._closing = True
        self._deadlines.expect(self._limits.write_seconds)
        self._transport.close()

    # What the server calls.

    def sweep(self, now: float) -> None:
        """Enforce the time limits."""
        if now > self._deadlines.write and self._deadlines.stalled(self._transport.get_write_buffer_size()):
            seconds = self._limits.write_seconds
            log.info("closed the connection of %s: it took no data for %g s", self._parser.peer, seconds)
            self._transport.abort()
        elif now > self._deadlines.step:
            if self._transport.is_closing() or self._lingering:
                self._transport.abort()
            elif self._parser.midway:
                self._refuse(Refusal(408, "The request took too long to arrive."))
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
