"""The Lambda Runtime API (2018-06-01), one listener for each execution environment.

Only the environment's own process, or one that it started, may connect: on Linux each new connection is checked
against the files that the process has open, so one function cannot take another's events or answer in its place. Where
the kernel does not tell whose a socket is (macOS), the random port on the loopback address is the only protection.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..http1.messages import BodyTooLarge, Request, Response
from ..http1.server import Limits, Server, serve

VERSION = "/2018-06-01/runtime"
NEXT = f"{VERSION}/invocation/next"
INVOCATION = f"{VERSION}/invocation/"
ERROR_TYPE = "lambda-runtime-function-error-type"

RESPONSE_LIMIT = 6 * 1024 * 1024 + 100
HEADER_LIMIT = 2 * 1024 * 1024
A_DAY = 86_400.0

JSON = [("content-type", "application/json")]
ACCEPTED = Response(202, JSON, b'{"status":"OK"}\n')

# A function may take its full time-out between two requests, and sends its answer when it has it.
LIMITS = Limits(head=HEADER_LIMIT, idle_seconds=A_DAY, head_seconds=A_DAY, body_seconds=A_DAY, write_seconds=A_DAY)


class Runtime(Protocol):
    """The environment, as its Runtime API uses it."""

    async def poll(self) -> Response: ...

    def answered(self, request_id: str, payload: bytes, error_type: str | None) -> bool: ...

    def init_failed(self, payload: bytes, error_type: str) -> None: ...

    def accepts(self, peer_port: int, own_port: int) -> bool: ...


class RuntimeApi:
    """Serves one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._server: Server | None = None

    async def listen(self) -> int:
        self._server = await serve(self.handle, "127.0.0.1", 0, limits=LIMITS, accept=self._accept)
        return self._server.port

    async def close(self) -> None:
        if self._server is not None:
            await self._server.close()

    async def handle(self, request: Request) -> Response:
        path = request.path
        if path == NEXT and request.method == "GET":
            return await self._runtime.poll()
        if request.method == "POST":
            if path.startswith(INVOCATION):
                request_id, _, what = path[len(INVOCATION) :].partition("/")
                if what in ("response", "error"):
                    return await self._answer(request, request_id, what)
            if path == f"{VERSION}/init/error":
                self._runtime.init_failed(await request.body(RESPONSE_LIMIT), _error_type(request))
                return ACCEPTED
        return _problem(404, "UnknownPath", f"The Runtime API has no {request.method} {path}")

    async def _answer(self, request: Request, request_id: str, what: str) -> Response:
        try:
            payload = await request.body(RESPONSE_LIMIT)
        except BodyTooLarge:
            message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            kind = "Function.ResponseSizeTooLarge"
            self._runtime.answered(request_id, _body(kind, message), kind)
            return _problem(413, "RequestEntityTooLarge", message)
        error_type = (_error_type(request) or "Unhandled") if what == "error" else None
        if self._runtime.answered(request_id, payload, error_type):
            return ACCEPTED
        return _problem(400, "InvalidRequestID", "Invalid request ID")

    def _accept(self, transport: asyncio.BaseTransport) -> bool:
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        return self._runtime.accepts(peer[1], own[1])


def _error_type(request: Request) -> str:
    return request.headers.get(ERROR_TYPE)


def _body(kind: str, message: str) -> bytes:
    return f'{{"errorMessage":"{message}","errorType":"{kind}"}}'.encode()


def _problem(status: int, kind: str, message: str) -> Response:
    return Response(status, JSON, _body(kind, message))
