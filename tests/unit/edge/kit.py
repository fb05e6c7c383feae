"""What the tests of the edge's core share: a server for a block's length, raw bytes to it, a recording upstream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from staticfire.edge.http1.messages import Handler, Headers, Request, Response
from staticfire.edge.http1.server import Limits, Server, serve

DEADLINE = 30.0


@asynccontextmanager
async def serving(handler: Handler, limits: Limits | None = None) -> AsyncIterator[Server]:
    server = await serve(handler, "127.0.0.1", limits=limits or Limits())
    try:
        yield server
    finally:
        await server.close(0.2)


class Wire:
    """A client that writes what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def to_the_end(self) -> bytes:
        return await self._reader.read()

    async def until(self, marker: bytes) -> bytes:
        return await self._reader.readuntil(marker)

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """One response framed by content-length."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return int(status.split()[1]), headers, body

    def half_close(self) -> None:
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def wire(server: Server) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 24)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def exchange(server: Server, data: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    async with wire(server) as client:
        await client.send(data)
        return await client.to_the_end()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = asyncio.get_running_loop().time() + DEADLINE
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it never came to hold"
        await asyncio.sleep(0.005)


async def echo(request: Request) -> Response:
    """Says what it was asked."""
    body = await request.body()
    seen = {"method": request.method, "path": request.path, "query": request.query, "body": body.decode("latin-1")}
    return Response(200, [("content-type", "application/json")], json.dumps(seen).encode())


class Upstream:
    """An emulator's stand-in: records requests, answers with what it was given."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.answer: Response = Response(200, [("content-type", "application/json")], b"{}")

    async def handle(self, request: Request) -> Response:
        body = await request.body()
        self.requests.append(request)
        self.bodies.append(body)
        return self.answer


def signed(service: str, account: str = "100000000001", region: str = "eu-west-1") -> tuple[str, str]:
    credential = f"{account}/20260101/{region}/{service}/aws4_request"
    return ("authorization", f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0")


def request(
    method: str = "GET",
    target: str = "/",
    headers: list[tuple[str, str]] | None = None,
    body: bytes = b"",
    host: str = "127.0.0.1:4566",
) -> Request:
    path, _, query = target.partition("?")
    return Request(method, path, query, Headers([("host", host), *(headers or [])]), body)
