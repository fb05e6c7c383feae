"""The Lambda Runtime API (2018-06-01), one listener for each execution environment.

Every invocation passes here twice, so this is a protocol of its own on httptools, without tasks: a complete request is
handled where it arrives, and the poll for the next invocation is answered by whoever brings one. Its clients are the
official runtime client and what a function may try instead of it: one request at a time on a connection, small heads.

Only the execution environment's own process, or one that it started, may connect: on Linux each new connection is
checked against the files that the process has open, so one function cannot take another's events or answer in its
place. Where the kernel does not tell whose a socket is (macOS), the random port on the loopback address is the only
protection.
"""

from __future__ import annotations

import asyncio
import base64
import random
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, cast

import httptools
import orjson

from .response_stream import ResponseStream

VERSION = "/2018-06-01/runtime"
NEXT = f"{VERSION}/invocation/next"
INIT_ERROR = f"{VERSION}/init/error"
INVOCATION = f"{VERSION}/invocation/"
ERROR_TYPE = b"lambda-runtime-function-error-type"
ERROR_BODY = b"lambda-runtime-function-error-body"  # a trailer: base64
RESPONSE_MODE = b"lambda-runtime-function-response-mode"
CONTENT_TYPE = b"content-type"
NOTED = frozenset((ERROR_TYPE, ERROR_BODY, RESPONSE_MODE, CONTENT_TYPE))
OF_EXTENSIONS = b"lambda-extension-"
EXTENSION_PATHS = ("/2020-01-01/extension/", "/2022-07-01/telemetry", "/2020-08-15/logs")

ATTEMPTS = 20
RESPONSE_LIMIT = 6 * 1024 * 1024 + 100
STREAM_LIMIT = 20 * 1024 * 1024

# Lambda's own port; each execution environment has a loopback address of its own, where the machine has so many.
PORT = 9001

Reply = Callable[[bytes], None]
Address = tuple[str, int]


class RuntimeHandler(Protocol):
    """The execution environment, as its Runtime API uses it."""

    def poll(self, reply: Reply) -> None: ...

    def stream_of(self, request_id: str) -> ResponseStream | None:
        """Who reads the response to this invocation as it comes, if somebody does."""

    def answered(self, request_id: str, payload: bytes, error_type: str | None) -> bool: ...

    def init_failed(self, payload: bytes, error_type: str) -> None: ...

    def extension_called(
        self, method: str, path: str, headers: Mapping[bytes, str], body: bytes, reply: Reply
    ) -> None: ...

    def accepts(self, peer: Address, own: Address) -> bool: ...


class RuntimeApi:
    """Serves the runtime client of one execution environment."""

    def __init__(self, handler: RuntimeHandler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None

    async def listen(self) -> Address:
        loop = asyncio.get_running_loop()
        listener = _listener()
        host, port = listener.getsockname()
        self._server = await loop.create_server(lambda: RuntimeConnection(self._handler), sock=listener)
        return host, port

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


def _listener() -> socket.socket:
    for _ in range(ATTEMPTS if sys.platform == "linux" else 0):
        numbers = (random.randrange(1, 255) for _ in range(3))
        try:
            return socket.create_server(("127.{}.{}.{}".format(*numbers), PORT))
        except OSError:
            continue  # somebody is there already, or a sandbox has one loopback address only
    return socket.create_server(("127.0.0.1", 0))


class RuntimeConnection(asyncio.Protocol):
    """One connection of a runtime client. Methods named on_ are the parser's."""

    _transport: asyncio.Transport

    def __init__(self, handler: RuntimeHandler) -> None:
        self._handler = handler
        self._parser = httptools.HttpRequestParser(self)
        self._path = ""
        self._noted: dict[bytes, str] = {}
        self._streams = False
        self._stream: ResponseStream | None = None
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not self._handler.accepts(peer, own):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._write(problem(400, "BadRequest", f"Not HTTP: {type(error).__name__}"))
            self._transport.close()

    def on_message_begin(self) -> None:
        self._path = ""
        self._noted = {}
        self._streams = False
        self._stream = None
        self._body = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in NOTED or name.startswith(OF_EXTENSIONS):
            self._noted[name] = value.decode("latin-1")
            if name == RESPONSE_MODE:
                self._streams = value.lower() == b"streaming"

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if self._streams and self._size == len(data):
            self._begin_stream()
        if self._stream is not None:
            if self._size <= STREAM_LIMIT:
                self._stream.feed(data)
        elif self._size <= RESPONSE_LIMIT:
            self._body.append(data)

    def _begin_stream(self) -> None:
        """The first piece of a response that the runtime streams; whoever wants it whole gets it whole."""
        request_id, _, what = self._path[len(INVOCATION) :].partition("/")
        if self._path.startswith(INVOCATION) and what == "response":
            self._stream = self._handler.stream_of(request_id)
            if self._stream is not None:
                self._stream.begin(self._noted.get(CONTENT_TYPE, ""), self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stream is not None:
            self._stream.end()

    def on_message_complete(self) -> None:
        method = self._parser.get_method()
        if method == b"GET" and self._path == NEXT:
            self._handler.poll(self._write)
        elif method == b"POST" and self._path == INIT_ERROR:
            self._handler.init_failed(b"".join(self._body), self._noted.get(ERROR_TYPE, ""))
            self._write(ACCEPTED)
        elif method == b"POST" and self._path.startswith(INVOCATION):
            request_id, _, what = self._path[len(INVOCATION) :].partition("/")
            self._write(self._answer(request_id, what))
        elif self._path.startswith(EXTENSION_PATHS):
            body = b"".join(self._body)
            self._handler.extension_called(method.decode(), self._path, self._noted, body, self._write)
        else:
            self._write(problem(404, "UnknownPath", "The Runtime API has no such path"))

    def _answer(self, request_id: str, what: str) -> bytes:
        if what not in ("response", "error"):
            return problem(404, "UnknownPath", "The Runtime API has no such path")
        limit = RESPONSE_LIMIT if self._stream is None else STREAM_LIMIT
        if self._size > limit:
            message = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
            kind = "Function.ResponseSizeTooLarge"
            self._handler.answered(request_id, error_body(message, kind), kind)
            return problem(413, "RequestEntityTooLarge", message)
        error_type, payload = self._noted.get(ERROR_TYPE), b"".join(self._body)
        if what == "error":
            error_type = error_type or "Unhandled"
        elif error_type is not None:  # in the trailers: the response was broken off
            payload = _from_base64(self._noted.get(ERROR_BODY, ""))
        stream, self._stream = self._stream, None
        if self._handler.answered(request_id, payload, error_type):
            return ACCEPTED
        if stream is not None:
            stream.end()
        return problem(400, "InvalidRequestID", "Invalid request ID")

    def _write(self, response: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(response)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return text.encode("latin-1")


def event(
    request_id: str, deadline_ms: int, arn: str, trace_id: str, client_context: str | None, payload: bytes
) -> bytes:
    """The answer to a poll. The values are the edge's own or were checked when they came in."""
    context = f"lambda-runtime-client-context: {client_context}\r\n" if client_context else ""
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(payload)}\r\n"
        f"lambda-runtime-aws-request-id: {request_id}\r\nlambda-runtime-deadline-ms: {deadline_ms}\r\n"
        f"lambda-runtime-invoked-function-arn: {arn}\r\nlambda-runtime-trace-id: {trace_id}\r\n{context}\r\n"
    )
    return head.encode("latin-1", "replace") + payload


def encode(status: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Any other response."""
    head = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"HTTP/1.1 {status}\r\n{head}content-length: {len(body)}\r\n\r\n".encode("latin-1", "replace") + body


def error_body(message: str, kind: str) -> bytes:
    return orjson.dumps({"errorType": kind, "errorMessage": message})


def problem(status: int, kind: str, message: str) -> bytes:
    return encode(f"{status} {kind}", JSON, error_body(message, kind))


JSON = [("content-type", "application/json")]
ACCEPTED = encode("202 Accepted", JSON, b'{"status":"OK"}\n')
