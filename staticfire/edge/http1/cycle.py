"""One request and its response: what the handler answers, and the bytes that say so."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from .head import BadHead, declared_length, encode_head
from .incoming import IncomingBody
from .messages import BODILESS, BodyTooLarge, BrokenBody, DropConnection, Handler, Request, Response
from .raw import unpacked

log = logging.getLogger(__name__)

_INTERNAL_ERROR = b'{"message":"Internal Server Error"}'
_TEXT = [("content-type", "text/plain; charset=utf-8")]


@dataclass(slots=True, eq=False)
class Cycle:
    """`keep_alive` says whether the connection stays after the response."""

    request: Request
    body: IncomingBody | None = None
    keep_alive: bool = True

    @property
    def unfinished(self) -> bool:
        """Some of the request is still to come."""
        return self.body is not None and not self.body.complete

    def worth_reading(self, limit: int) -> bool:
        """Little enough of the body is to come that reading it only to keep the connection pays."""
        body = self.body
        if body is None or body.complete:
            return True
        return not body.expects and body.error is None and body.left is not None and body.left <= limit

    async def answer(self, handler: Handler) -> Response:
        """The handler's response, or what its failure comes to."""
        try:
            return await handler(self.request)
        except DropConnection:
            raise
        except BodyTooLarge:
            return Response(413, _TEXT, b"The body is too large.\n")
        except BrokenBody as broken:
            return Response(broken.status, _TEXT, f"{broken}\n".encode())
        except Exception:
            log.exception("%s %s: the handler failed", self.request.method, self.request.path)
            return _internal_error()

    def whole(self, response: Response, body: bytes) -> bytes:
        """The bytes of a response whose body is here."""
        bodiless = self._bodiless(response)
        if response.raw:
            if self.keep_alive and self.request.http_version == "1.1" and not bodiless:
                return response.raw
            response, body = unpacked(response)
        if not bodiless:
            framing = ("content-length", str(len(body)))
        else:
            framing = ("", "") if response.status == 204 else declared_length(response, len(body))
        try:
            head = self._head(response, framing)
        except BadHead as error:
            return self._unsendable(error)
        return head if bodiless else head + body

    async def pieces(self, response: Response, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """The bytes of a response whose body is made on the way. The body is closed with this."""
        try:
            bodiless = self._bodiless(response)
            framing = declared_length(response)
            length = int(framing[1]) if framing[1] else None
            chunked = length is None and not bodiless and self.request.http_version == "1.1"
            if chunked:
                framing = ("transfer-encoding", "chunked")
            elif length is None and not bodiless:
                self.keep_alive = False
            try:
                head = self._head(response, framing)
            except BadHead as error:
                yield self._unsendable(error)
                return
            yield head
            if bodiless:
                return
            sent = 0
            async for piece in body:
                if piece:
                    sent += len(piece)
                    yield b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
            if length is not None and sent != length:
                raise RuntimeError(f"the response declared {length} bytes and had {sent}")
            if chunked:
                yield b"0\r\n\r\n"
        finally:
            if isinstance(body, AsyncGenerator):
                await body.aclose()

    def _bodiless(self, response: Response) -> bool:
        return self.request.method == "HEAD" or response.status in BODILESS

    def _head(self, response: Response, framing: tuple[str, str]) -> bytes:
        connection = "close"
        if self.keep_alive:
            connection = "keep-alive" if self.request.http_version == "1.0" else ""
        return encode_head(response, framing, connection)

    def _unsendable(self, error: BadHead) -> bytes:
        log.error("the response to %s %s cannot be sent: %s", self.request.method, self.request.path, error)
        return self.whole(_internal_error(), _INTERNAL_ERROR)


def _internal_error() -> Response:
    return Response(500, [("content-type", "application/json")], _INTERNAL_ERROR)
