"""A peer's bytes become one response at a time: httptools parses, the head stays lines until it is read."""

from __future__ import annotations

import re
from typing import Any

import httptools

from .flow import Flow
from .incoming import IncomingBody
from .messages import END_OF_HEAD, ConnectionBroken, Headers

MAX_HEAD = 256 * 1024
SMALL = 64 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CODING = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)


class ResponseParser:
    """`body` is there once the head is. Methods named on_ are httptools'."""

    def __init__(self, flow: Flow) -> None:
        self.status = 0
        self.headers = Headers()
        self.body: IncomingBody | None = None
        # The whole response as it came, if it is small.
        self.whole = b""
        self.keep_alive = False
        # The head is there; so is the body, when it is small.
        self.ready = False
        self._flow = flow
        self._parser: Any = httptools.HttpResponseParser(self)
        self._head_only = False
        self._received = b""
        self._small = False
        self._length = 0
        self._until_eof = False
        self._unproductive = 0

    def expect(self, head_only: bool) -> None:
        """A request goes out: what comes next is its response."""
        self.body = None
        self.ready = False
        self.whole = self._received = b""
        self._unproductive = 0
        self._head_only = head_only

    def close(self) -> None:
        """Let go of httptools' parser, which holds this object's methods."""
        self._parser = None

    def feed(self, data: bytes) -> None:
        """Take what came; ConnectionBroken when that is not the response that is expected."""
        self._unproductive += len(data)
        if self.body is None or self._small:
            self._received += data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise ConnectionBroken(f"the peer's answer is not valid HTTP: {error}") from error
        if self._unproductive > MAX_HEAD:
            raise ConnectionBroken(f"the peer's headers are longer than {MAX_HEAD} bytes")

    def end(self) -> None:
        """The peer has closed its side."""
        if self._until_eof:
            self.on_message_complete()

    def on_message_begin(self) -> None:
        if self.body is not None:
            raise ConnectionBroken("a second answer came after the first")

    def on_headers_complete(self) -> None:
        self._unproductive = 0
        received = self._received.lstrip(b"\r\n")
        end = received.index(END_OF_HEAD)
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self._received = received[end + len(END_OF_HEAD) :]
            return  # 100 Continue and the like: the response comes after it
        lines = received[received.index(b"\r\n") : end]
        declared = _LENGTH.search(lines)
        length = int(declared[1]) if declared else None
        self._until_eof = length is None and _CODING.search(lines) is None
        self._small = length is not None and length <= SMALL
        self._length = end + len(END_OF_HEAD) + (length or 0)
        self._received = received if self._small else b""
        self.ready = not self._small
        self.keep_alive = self._parser.should_keep_alive()
        self.headers = Headers(lines=lines)
        self.body = IncomingBody(self._flow, length)
        if self._head_only:
            # The parser would wait for the body that the head describes.
            self._parser = httptools.HttpResponseParser(self)
            self.on_message_complete()

    def on_body(self, data: bytes) -> None:
        self._unproductive = 0
        if self.body is not None:
            if self.body.complete:
                raise ConnectionBroken("a body came after an answer that has none")
            self.body.feed(data)

    def on_message_complete(self) -> None:
        if self.body is not None and not self.body.complete:
            self.body.finish()
            self.ready = True
            if len(self._received) == self._length:
                self.whole = self._received
