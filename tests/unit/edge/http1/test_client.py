"""The HTTP/1.1 client: pooling, streaming, and what it tells of a peer that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from staticfire.edge.http1.client import MOST_POOLS, Client
from staticfire.edge.http1.head import BadHead
from staticfire.edge.http1.messages import ConnectError, ConnectionBroken, DropConnection, Request, Response
from staticfire.edge.http1.server import Server
from tests.unit.edge.kit import echo, eventually, serving

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


async def scripted(answer: bytes, *, close: bool = False) -> tuple[str, list[bytes]]:
    """A peer that answers each request's head with the same bytes; its address and the heads that it got."""
    heads: list[bytes] = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer)
                if close:
                    writer.close()
                    return
        except (asyncio.IncompleteReadError, ConnectionResetError):
            writer.close()

    listener = await asyncio.start_server(peer, "127.0.0.1", 0)
    return f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", heads


async def test_one_connection_serves_requests_in_turn() -> None:
    client = Client()
    async with serving(echo) as server:
        for method in ("GET", "POST", "HEAD", "DELETE", "GET"):
            response = await client.request(method, url(server), "/x?y", [], b"")
            await response.read()
            assert response.status == 200
            assert len(server.connections) == 1


async def test_a_connection_is_not_reused_before_its_response_was_read_whole() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, [], b"x" * 1_000_000)

    client = Client()
    async with serving(handler) as server:
        first = await client.request("GET", url(server), "/")
        second = await client.request("GET", url(server), "/")
        assert len(server.connections) == 2
        first.close()
        await eventually(lambda: len(server.connections) == 1)
        assert len(await second.read()) == 1_000_000


async def test_a_response_that_nobody_reads_ends_its_connection() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, [], b"x" * 1_000_000)

    client = Client()
    async with serving(handler) as server:
        response = await client.request("GET", url(server), "/")
        never_begun = response.stream()
        del response, never_begun
        await eventually(lambda: not server.connections)


async def test_a_request_that_cannot_be_written_leaves_no_connection_behind() -> None:
    client = Client()
    async with serving(echo) as server:
        with pytest.raises(BadHead):
            await client.request("GET", url(server), "/a\r\nb")
        await eventually(lambda: not server.connections)


async def test_a_connection_that_the_peer_closed_is_not_used_again() -> None:
    closed = asyncio.Event()

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    client = Client(idle_seconds=60)
    async with await asyncio.start_server(answer_once, "127.0.0.1", 0) as server:
        for _ in range(2):
            closed.clear()
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            response = await client.request("GET", address, "/")
            assert response.status == 200
            await response.read()
            await closed.wait()
            await eventually(lambda: not any(pool.idle for pool in client._pools.values()))


async def test_a_connection_that_was_idle_too_long_is_not_used_again() -> None:
    client = Client(idle_seconds=0)
    async with serving(echo) as server:
        for _ in range(2):
            await (await client.request("GET", url(server), "/")).read()
        await eventually(lambda: len(server.connections) <= 1)


async def test_bodies_stream_both_ways() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, [], request.stream())

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(2000):
            yield b"%6d" % number * 100

    client = Client()
    async with serving(handler) as server:
        response = await client.request("POST", url(server), "/", [], pieces())
        received = b"".join([piece async for piece in response.stream()])
    assert received == b"".join(b"%6d" % number * 100 for number in range(2000))


async def test_a_streamed_body_goes_out_as_long_as_its_declared_length() -> None:
    async def handler(request: Request) -> Response:
        await request.body()
        return Response(200, [], f"{request.headers.get('content-length')}".encode())

    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"de"

    async with serving(handler) as server:
        response = await Client().request("PUT", url(server), "/", [("Content-Length", "5")], pieces())
        assert await response.read() == b"5"


async def test_a_source_that_breaks_off_ends_the_request_for_its_own_reason() -> None:
    seen: list[Exception] = []

    async def handler(request: Request) -> Response:
        try:
            await request.body()
        except Exception as error:
            seen.append(error)
            raise
        return Response(200)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ValueError("the source broke")

    async with serving(handler) as server:
        with pytest.raises(ValueError, match="the source broke"):
            await Client().request("POST", url(server), "/", [], pieces())
        await eventually(lambda: bool(seen))


async def test_host_is_kept_as_given_and_added_when_missing() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, [], request.headers.get("host").encode())

    client = Client()
    async with serving(handler) as server:
        response = await client.request("GET", url(server), "/", [("Host", "bucket.s3.localhost:4566")])
        assert await response.read() == b"bucket.s3.localhost:4566"
        assert await (await client.request("GET", url(server), "/")).read() == f"127.0.0.1:{server.port}".encode()


async def test_nobody_at_the_address_is_a_connect_error() -> None:
    async with serving(echo) as server:
        address = url(server)
    with pytest.raises(ConnectError, match="cannot connect to"):
        await Client().request("GET", address, "/")


async def test_a_request_whose_answer_is_lost_is_not_sent_again() -> None:
    asked: list[Request] = []

    async def handler(request: Request) -> Response:
        asked.append(request)
        if request.path == "/drop":
            raise DropConnection
        return Response(200)

    client = Client()
    async with serving(handler) as server:
        await (await client.request("GET", url(server), "/")).read()
        with pytest.raises(ConnectionBroken):
            await client.request("POST", url(server), "/drop")
    assert [request.path for request in asked] == ["/", "/drop"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    ],
)
async def test_an_answer_that_breaks_off_is_an_error_and_never_a_short_body(answer: bytes) -> None:
    address, _ = await scripted(answer, close=True)
    with pytest.raises(ConnectionBroken):
        await (await Client().request("GET", address, "/")).read()


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    address, _ = await scripted(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it", close=True)
    assert await (await Client().request("GET", address, "/")).read() == b"all of it"


async def test_interim_answers_are_skipped() -> None:
    address, _ = await scripted(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nhi")
    response = await Client().request("PUT", address, "/", [("Expect", "100-continue")])
    assert (response.status, await response.read()) == (201, b"hi")


@pytest.mark.parametrize(
    "excess",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"evil",
    ],
)
@pytest.mark.parametrize(
    "framed", [b"Content-Length: 2\r\n\r\nhi", b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"]
)
async def test_what_follows_an_answer_is_never_part_of_one(framed: bytes, excess: bytes) -> None:
    address, _ = await scripted(b"HTTP/1.1 200 OK\r\n" + framed + excess)
    client = Client()
    for _ in range(2):
        assert await (await client.request("GET", address, "/")).read() == b"hi"
        assert not any(pool.idle for pool in client._pools.values())


async def test_a_body_behind_the_answer_to_head_is_never_part_of_one() -> None:
    address, _ = await scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    client = Client()
    for _ in range(2):
        assert await (await client.request("HEAD", address, "/")).read() == b""
        assert not any(pool.idle for pool in client._pools.values())


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_keeps_its_connection(status: int) -> None:
    address, heads = await scripted(b"HTTP/1.1 %d Nothing\r\n\r\n" % status)
    client = Client()
    for count in (1, 2):
        assert await (await client.request("GET", address, "/")).read() == b""
        assert len(heads) == count
        assert any(pool.idle for pool in client._pools.values())


async def test_a_head_request_keeps_its_connection() -> None:
    address, heads = await scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    client = Client()
    for _ in range(2):
        response = await client.request("HEAD", address, "/")
        assert (response.headers.get("content-length"), await response.read()) == ("5", b"")
    assert len(heads) == 2


async def test_what_is_no_http_is_a_broken_connection() -> None:
    address, _ = await scripted(b"SSH-2.0-OpenSSH_9.6\r\n")
    with pytest.raises(ConnectionBroken, match="not valid HTTP"):
        await Client().request("GET", address, "/")


async def test_a_head_that_does_not_come_in_time_is_a_timeout_and_ends_the_connection() -> None:
    async def handler(request: Request) -> Response:
        await request.gone()
        return Response(200)

    async with serving(handler) as server:
        with pytest.raises(TimeoutError):
            await Client().request("GET", url(server), "/", within=0.05)
        await eventually(lambda: not server.connections)


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\0"])
async def test_a_header_never_starts_a_second_request(value: str) -> None:
    client = Client()
    async with serving(echo) as server:
        with pytest.raises(BadHead):
            await client.request("GET", url(server), "/", [("x", value)])
        assert (await client.request("GET", url(server), "/")).status == 200


async def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no http:// or https:// address"):
        await Client().request("GET", "ftp://example.com", "/")


async def test_connections_are_kept_to_so_many_hosts_and_those_of_the_longest_unused_one_end() -> None:
    client = Client(idle_seconds=60)
    async with serving(echo) as server:
        addresses = [f"http://{number}@127.0.0.1:{server.port}" for number in range(MOST_POOLS + 2)]
        held = await client.request("GET", addresses[0], "/")
        for address in addresses[1:]:
            await (await client.request("GET", address, "/")).read()
        await eventually(lambda: len(server.connections) == MOST_POOLS + 1)
        await held.read()  # its host was given up meanwhile
        await eventually(lambda: len(server.connections) == MOST_POOLS)
        assert (await client.request("GET", addresses[0], "/")).status == 200
        client.close()
