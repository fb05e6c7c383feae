"""A client's bytes become requests, or are refused: httptools parses, this checks what it leaves open."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import httptools

from .cycle import Cycle
from .flow import Flow
from .incoming import IncomingBody
from .limits import Limits
from .messages import Headers, Request


class Refusal(Exception):
    """The client's bytes are not a request that can be answered."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class RequestParser:
    """Each complete head joins the `queue`; its body may still be arriving. Methods named on_ are httptools'."""

    def __init__(self, flow: Flow, limits: Limits, gone: Callable[[], Awaitable[None]]) -> None:
        self.peer = ""
        self.queue: deque[Cycle] = deque()
        # The body that is arriving.
        self.body: IncomingBody | None = None
        # No request has begun that is not complete.
        self.between = True
        # The last feed has begun one.
        self.begun = False
        # Bytes since the last that brought a request forward: half a head, chunk extensions, trailers.
        self.unproductive = 0
        self._flow = flow
        self._limits = limits
        self._gone = gone
        self._parser: Any = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._names: list[bytes] = []
        self._longest = 0

    @property
    def midway(self) -> bool:
        """Some of a request is here, and the rest is not."""
        return not self.between or self.unproductive > 0

    def close(self) -> None:
        """Let go of httptools' parser, which holds this object's methods."""
        self.queue.clear()
        self._parser = None

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self.begun = False
        self.unproductive += len(data)
        self._longest = self.unproductive
        self._parse(data)
        if self.unproductive > self._limits.head:
            if self.body is None:
                raise self._long_head()
            raise Refusal(400, "The chunked body is nearly all framing.")

    def _parse(self, data: bytes | memoryview) -> None:
        while True:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                # No other protocol is spoken here; HTTP lets a server go on in HTTP/1.1 (Java's client offers h2c).
                data = memoryview(data)[offer.args[0] :]
                if self.body is not None:
                    self._parse_body(self.body)
            except httptools.HttpParserCallbackError as error:
                if isinstance(error.__context__, Refusal):
                    raise error.__context__ from None
                raise
            except httptools.HttpParserError as error:
                raise Refusal(400, f"This is not a valid HTTP/1.1 request: {error}.") from error

    def _parse_body(self, body: IncomingBody) -> None:
        """httptools leaves what follows an offer to the other protocol; a head that offers none makes it read on."""
        framing = b"transfer-encoding: chunked" if body.left is None else b"content-length: %d" % body.left
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)

    def on_message_begin(self) -> None:
        self.between = False
        self.begun = True
        self._target = b""
        self._headers = []
        self._names = []

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > self._limits.target:
            raise Refusal(414, f"The request's target is longer than {self._limits.target} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A trailer comes here too: its request has its headers already."""
        self._names.append(name)
        self._headers.append((name.lower().decode("latin-1"), value.decode("latin-1").rstrip(" \t")))

    def on_headers_complete(self) -> None:
        if self.body is not None:
            return  # the head that only makes httptools read its body
        self.unproductive = 0
        parser, fields = self._parser, self._headers
        if (
            self._longest > self._limits.head
            and sum([len(name) + len(value) for name, value in fields]) > self._limits.head
        ):
            raise self._long_head()
        if len(fields) > self._limits.headers:
            raise Refusal(431, f"There are more than {self._limits.headers} headers.")
        method = parser.get_method().decode("ascii")
        version = parser.get_http_version()
        target = self._target.decode("latin-1")
        if version not in ("1.1", "1.0"):
            raise Refusal(505, "Only HTTP/1.1 and HTTP/1.0 are served here.")
        if method == "CONNECT":
            raise Refusal(501, "This is not a proxy: CONNECT is not served.")
        headers = Headers(fields, names=self._names)
        if not target.startswith("/"):
            target, headers = _origin_form(method, target, headers)
        hosts = headers.getall("host")
        if len(hosts) > 1:
            raise Refusal(400, "The request has more than one Host header.")
        if not hosts and version == "1.1":
            raise Refusal(400, "The request has no Host header.")
        body = self.body = self._expected_body(version, headers)
        path, _, query = target.partition("?")
        request = Request(
            method, path, query, headers, body or b"", peer=self.peer, http_version=version, gone=self._gone
        )
        self.queue.append(Cycle(request, body, parser.should_keep_alive()))

    def _expected_body(self, version: str, headers: Headers) -> IncomingBody | None:
        length = headers.get("content-length")
        coding = headers.get("transfer-encoding")
        if not coding and not length:
            return None
        if coding and (coding.lower() != "chunked" or version == "1.0"):
            raise Refusal(501, f"Transfer-Encoding {coding!r} is not served; 'chunked' in HTTP/1.1 is.")
        if not coding and int(length) == 0:
            return None
        expects = version == "1.1" and headers.get("expect").lower() == "100-continue"
        return IncomingBody(self._flow, None if coding else int(length), expects)

    def on_body(self, data: bytes) -> None:
        self.unproductive = 0
        if self.body is not None:
            self.body.feed(data)

    def on_message_complete(self) -> None:
        if self.body is not None and self._parser.should_upgrade():
            return  # its body is still to come
        self.between = True
        self.unproductive = 0
        body, self.body = self.body, None
        if body is not None:
            body.finish()

    def _long_head(self) -> Refusal:
        return Refusal(431, f"The headers are longer than {self._limits.head} bytes.")


def _origin_form(method: str, target: str, headers: Headers) -> tuple[str, Headers]:
    """The path of a target in absolute form; its authority is the Host, whatever the header says (RFC 9112, 3.2.2)."""
    if target == "*" and method == "OPTIONS":
        return target, headers
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise Refusal(400, "The request's target is not a path.")
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    path = rest[end:] if rest[end:].startswith("/") else f"/{rest[end:]}"
    fields = [(name, rest[:end] if name == "host" else value) for name, value in headers]
    return path, Headers(fields, names=headers.names)
