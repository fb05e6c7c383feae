"""The HTTP/1.1 server: what it serves, in which order, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from staticfire.edge.http1.messages import BrokenBody, DropConnection, Request, Response
from staticfire.edge.http1.server import Limits
from tests.unit.edge.kit import echo, eventually, exchange, serving, wire

CLOSE = b"Host: a\r\nConnection: close\r\n"


def seen(answer: bytes) -> dict[str, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    document: dict[str, str] = json.loads(body)
    return document


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_path_and_query_arrive_as_they_were_sent() -> None:
    async with serving(echo) as server:
        answer = seen(await exchange(server, b"GET /a%2Fb//c?x=%20&x=+ HTTP/1.1\r\n" + CLOSE + b"\r\n"))
    assert (answer["path"], answer["query"]) == ("/a%2Fb//c", "x=%20&x=+")


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_request_may_arrive_in_pieces_of_any_size(size: int) -> None:
    data = b"POST /a?b=c HTTP/1.1\r\n" + CLOSE + b"X: y \r\nContent-Length: 5\r\n\r\nhello"
    async with serving(echo) as server, wire(server) as client:
        for at in range(0, len(data), size):
            await client.send(data[at : at + size])
            await asyncio.sleep(0)
        assert seen(await client.to_the_end()) == {"method": "POST", "path": "/a", "query": "b=c", "body": "hello"}


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with serving(echo) as server, wire(server) as client:
        for name in ("one", "two"):
            await client.send(f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            _, _, body = await client.response()
            assert json.loads(body)["path"] == f"/{name}"


async def test_http_1_0_closes_unless_it_asks_to_be_kept() -> None:
    async with serving(echo) as server:
        assert b"connection: close" in await exchange(server, b"GET / HTTP/1.0\r\n\r\n")
        async with wire(server) as client:
            await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            _, headers, _ = await client.response()
            assert headers["connection"] == "keep-alive"


async def test_pipelined_requests_are_answered_one_at_a_time_in_their_order() -> None:
    running = 0

    async def handler(request: Request) -> Response:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        return await echo(request)

    async with serving(handler) as server, wire(server) as client:
        await client.send(
            b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" % n for n in range(50))
        )
        paths = [json.loads((await client.response())[2])["path"] for _ in range(50)]
    assert paths == [f"/{n}" for n in range(50)]


async def test_requests_that_wait_for_their_turn_wait_at_the_client() -> None:
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        await go.wait()
        return Response(200, [], request.path.encode())

    async with serving(handler) as server, wire(server) as client:
        body = b"x" * 50_000
        for number in range(20):
            # Each piece ends in the middle of a body, so that there is always one to read on for.
            head = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (number, len(body))
            await client.send((body[100:] if number else b"") + head + body[:100])
            await asyncio.sleep(0.01)
        connection = next(iter(server.connections))
        await eventually(lambda: not connection._reading)
        assert len(connection._queue) < 10  # as many as one read of the socket may bring
        await client.send(body[100:])
        go.set()
        assert [(await client.response())[2] for _ in range(20)] == [b"/%d" % number for number in range(20)]


async def test_a_chunked_body_arrives_whole_and_without_its_trailers() -> None:
    async with serving(echo) as server:
        body = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
        answer = await exchange(server, b"POST / HTTP/1.1\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert seen(answer)["body"] == "abcde"


async def test_a_held_back_body_is_asked_for_when_the_handler_wants_it() -> None:
    async with serving(echo) as server, wire(server) as client:
        await client.send(b"POST / HTTP/1.1\r\n" + CLOSE + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"hi")
        assert seen(await client.to_the_end())["body"] == "hi"


async def test_a_held_back_body_that_nobody_wants_is_not_asked_for() -> None:
    async def refuse(request: Request) -> Response:
        return Response(403)

    async with serving(refuse) as server, wire(server) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        answer = await client.to_the_end()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"connection: close" in answer


async def test_an_upload_that_is_refused_early_still_reads_its_answer() -> None:
    async def refuse(request: Request) -> Response:
        return Response(413, [], b"too much")

    async with serving(refuse) as server, wire(server) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
        await client.send(b"x" * 1_000_000)
        assert (await client.to_the_end()).endswith(b"too much")


async def test_a_short_body_that_nobody_read_does_not_end_the_connection() -> None:
    async def ignore(request: Request) -> Response:
        return Response(200, [], request.path.encode())

    async with serving(ignore) as server, wire(server) as client:
        await client.send(b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        assert (await client.response())[2] == b"/1"
        await client.send(b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        assert (await client.response())[2] == b"/2"


async def test_a_body_waits_at_the_client_while_the_handler_does_not_read() -> None:
    reads = asyncio.Event()
    limits = Limits(buffer=64 * 1024)

    async def handler(request: Request) -> Response:
        await reads.wait()
        return Response(200, [], str(len(await request.body())).encode())

    async with serving(handler, limits) as server, wire(server) as client:
        size = 64 * 1024 * 1024
        await client.send(b"POST / HTTP/1.1\r\n" + CLOSE + b"Content-Length: %d\r\n\r\n" % size)
        upload = asyncio.create_task(client.send(b"x" * size))
        connection = next(iter(server.connections))
        await eventually(lambda: not connection._reading)
        assert not upload.done()
        reads.set()
        assert (await client.to_the_end()).endswith(str(size).encode())
        await upload


async def test_a_streamed_response_waits_for_a_client_that_does_not_read() -> None:
    made = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(1000):
            made += 1
            yield b"x" * 100_000

    async def handler(request: Request) -> Response:
        return Response(200, [], pieces())

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")
        connection = next(iter(server.connections))
        await eventually(lambda: connection._drained is not None)
        assert made < 1000
        assert (await client.to_the_end()).endswith(b"0\r\n\r\n")
    assert made == 1000


async def test_a_streamed_response_stops_when_the_client_goes_away() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            closed.set()

    async def handler(request: Request) -> Response:
        return Response(200, [], endless())

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.until(b"\r\n\r\n")
        client.abort()
        await closed.wait()


async def test_a_client_that_goes_away_does_not_cancel_its_handler_but_is_seen_to_go() -> None:
    finished = asyncio.Event()

    async def handler(request: Request) -> Response:
        await request.gone()
        await asyncio.sleep(0)
        finished.set()
        return Response(200)

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await eventually(lambda: bool(server.connections))
        client.close()
        await finished.wait()


async def test_a_client_that_closes_its_half_still_gets_its_answer() -> None:
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        await go.wait()
        return await echo(request)

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        client.half_close()
        await eventually(lambda: any(connection._closing for connection in server.connections))
        go.set()
        assert seen(await client.to_the_end())["path"] == "/x"


@pytest.mark.parametrize("code", [200, 204, 304])
async def test_head_and_bodiless_statuses_send_no_body(code: int) -> None:
    async def handler(request: Request) -> Response:
        return Response(code, [], b"body")

    async with serving(handler) as server:
        method = b"HEAD" if code == 200 else b"GET"
        answer = await exchange(server, method + b" / HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert (b"content-length: 4" in answer) == (code != 204)


async def test_a_streamed_body_is_chunked_and_in_http_1_0_ends_with_the_connection() -> None:
    async def two() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b""
        yield b"c"

    async def handler(request: Request) -> Response:
        return Response(200, [], two())

    async with serving(handler) as server:
        chunked = await exchange(server, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")
        plain = await exchange(server, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert chunked.endswith(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert plain.endswith(b"\r\n\r\nabc")
    assert b"chunked" not in plain


async def test_a_streamed_body_that_breaks_off_does_not_look_complete() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("the source broke")

    async def handler(request: Request) -> Response:
        return Response(200, [], broken())

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.until(b"0\r\n\r\n")


async def test_a_handler_that_fails_is_a_500_and_the_connection_goes_on() -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/bad":
            raise ValueError("secret detail")
        return await echo(request)

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"GET /bad HTTP/1.1\r\nHost: a\r\n\r\n")
        code, _, body = await client.response()
        assert (code, json.loads(body)) == (500, {"message": "Internal Server Error"})
        await client.send(b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.response())[0] == 200


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b", "a\nb", "a\rb", "a\0b", "日本"])
async def test_a_header_value_never_splits_a_response(value: str) -> None:
    async def handler(request: Request) -> Response:
        return Response(200, [("x-value", value)])

    async with serving(handler) as server:
        answer = await exchange(server, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert status(answer) == 500
    assert b"x-value" not in answer


async def test_a_handler_can_drop_the_connection() -> None:
    async def handler(request: Request) -> Response:
        raise DropConnection

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await client.to_the_end() == b""


async def test_a_body_over_the_handlers_limit_is_413() -> None:
    async def handler(request: Request) -> Response:
        await request.body(10)
        return Response(200)

    async with serving(handler) as server:
        for framing in (b"Content-Length: 11\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nb\r\n"):
            answer = await exchange(server, b"POST / HTTP/1.1\r\n" + CLOSE + framing + b"x" * 11 + b"\r\n")
            assert status(answer) == 413


MALFORMED = {
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "two different lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na",
    "a signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    "chunks and length": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "a bare CR": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\na",
    "no header name": b"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a chunk size that is none": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a hexadecimal prefix": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "a chunk without its end": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target without a path": b"GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "garbage": b"\r\n\r\n\r\n\x00\x01\x02\x03\r\n\r\n",
}
REFUSED = {
    "HTTP/1.0 with chunks": (501, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a coding before the chunks": (
        501,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    "CONNECT": (501, b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "HTTP/2.0": (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "a long target": (414, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a long target without an end": (414, b"GET /" + b"a" * 20_000),
    "a long header": (431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"),
    "a long header without an end": (431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 300_000),
    "many headers": (431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 201 + b"\r\n"),
    "endless chunk extensions": (
        400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 300_000,
    ),
    "endless trailers": (
        400,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 300_000,
    ),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_requests_are_400_reach_no_handler_and_close(data: bytes) -> None:
    asked: list[Request] = []

    async def handler(request: Request) -> Response:
        asked.append(request)
        return Response(200)

    async with serving(handler) as server:
        assert status(await exchange(server, data)) in (400, 501)
        assert not asked
        assert status(await exchange(server, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")) == 200


@pytest.mark.parametrize(("code", "data"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_too_much_or_not_served_is_refused_with_its_own_status(code: int, data: bytes) -> None:
    async with serving(echo) as server:
        assert status(await exchange(server, data)) == code


async def test_a_bad_request_behind_a_good_one_is_refused_after_the_good_ones_answer() -> None:
    async with serving(echo) as server:
        answer = await exchange(server, b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nBad Header\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert answer.count(b"HTTP/1.1 400 ") == 1
    assert answer.index(b" 200 ") < answer.index(b" 400 ")


async def test_a_body_that_turns_bad_fails_the_handler_that_reads_it() -> None:
    broken: list[Exception] = []

    async def handler(request: Request) -> Response:
        try:
            await request.body()
        except BrokenBody as error:
            broken.append(error)
            raise
        return Response(200)

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await eventually(lambda: any(connection._task for connection in server.connections))
        await client.send(b"nonsense\r\n")
        assert status(await client.to_the_end()) == 400
    assert broken


async def test_a_client_that_leaves_in_the_middle_of_its_body_fails_the_handler() -> None:
    failed = asyncio.Event()

    async def handler(request: Request) -> Response:
        try:
            await request.body()
        except BrokenBody:
            failed.set()
            raise
        return Response(200)

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhalf")
        await eventually(lambda: any(connection._task for connection in server.connections))
        client.close()
        await failed.wait()


async def test_an_offer_of_another_protocol_is_answered_in_http_1_1() -> None:
    offer = b"GET /%d HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
    async with serving(echo) as server, wire(server) as client:
        await client.send(offer % 1 + offer % 2)
        assert json.loads((await client.response())[2])["path"] == "/1"
        assert json.loads((await client.response())[2])["path"] == "/2"


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


@pytest.mark.parametrize(
    "framed", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("size", [1, 1000])
async def test_a_post_that_offers_another_protocol_arrives_with_its_body(framed: bytes, size: int) -> None:
    data = b"POST /1 HTTP/1.1\r\nHost: a\r\n" + OFFER + framed + b"POST /2 HTTP/1.1\r\nHost: a\r\n" + framed
    async with serving(echo) as server, wire(server) as client:
        for at in range(0, len(data), size):
            await client.send(data[at : at + size])
            await asyncio.sleep(0)
        answers = [json.loads((await client.response())[2]) for _ in range(2)]
    assert [(answer["path"], answer["body"]) for answer in answers] == [("/1", "hello"), ("/2", "hello")]


async def test_a_body_behind_an_offer_is_bounded_like_any_other() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\n" + OFFER
    async with serving(echo) as server:
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
        assert status(await exchange(server, chunked + b"1;" + b"x" * 300_000)) == 400
        assert status(await exchange(server, chunked + b"zz\r\n")) == 400
        answer = await exchange(server, head + b"Content-Length: 2\r\n\r\nhiGET /smuggled HTTP/1.1\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert b" 400 " in answer


async def test_any_number_of_offers_may_come_at_once() -> None:
    offer = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    async with serving(echo) as server, wire(server) as client:
        await client.send(offer * 3000)
        for _ in range(3000):
            assert (await client.response())[0] == 200


async def test_an_absolute_target_names_the_host() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, [], f"{request.headers.getall('host')} {request.target}".encode())

    async with serving(handler) as server:
        answer = await exchange(server, b"GET http://b:1?x=/y HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert answer.endswith(b"['b:1'] /?x=/y")


SLOW = Limits(head_seconds=0.05, body_seconds=0.05, idle_seconds=0.05, write_seconds=0.05, sweep_seconds=0.01)


@pytest.mark.parametrize("begun", [b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhi"])
async def test_a_sender_that_is_too_slow_is_told_and_closed(begun: bytes) -> None:
    async with serving(echo, SLOW) as server:
        assert status(await exchange(server, begun)) == 408
        await eventually(lambda: not server.connections)


async def test_half_a_head_behind_whole_requests_is_bounded_in_time() -> None:
    limits = Limits(head_seconds=0.05, sweep_seconds=0.01)
    async with serving(echo, limits) as server, wire(server) as client:
        await client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HT")
        answer = await client.to_the_end()
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert b"HTTP/1.1 408 " in answer


async def test_empty_lines_do_not_keep_a_connection() -> None:
    limits = Limits(idle_seconds=0.2, sweep_seconds=0.01)
    async with serving(echo, limits) as server, wire(server) as client:

        async def dribble() -> None:
            while True:
                await client.send(b"\r\n")
                await asyncio.sleep(0.02)

        dribbling = asyncio.create_task(dribble())
        assert status(await client.to_the_end()) == 408
        dribbling.cancel()


async def test_an_idle_connection_is_closed_without_a_word() -> None:
    async with serving(echo, SLOW) as server:
        assert await exchange(server, b"") == b""
        async with wire(server) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.response()
            assert await client.to_the_end() == b""


async def test_a_client_that_takes_no_data_is_closed() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, [], b"x" * 50_000_000)

    async with serving(handler, SLOW) as server, wire(server) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await eventually(lambda: bool(server.connections))
        await eventually(lambda: not server.connections)


async def test_idle_connections_leave_room_for_a_request() -> None:
    async with serving(echo) as server:
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(300)]
        try:
            assert seen(await exchange(server, b"GET /x HTTP/1.1\r\n" + CLOSE + b"\r\n"))["path"] == "/x"
        finally:
            for _, writer in idle:
                writer.close()


async def test_closing_finishes_the_answers_under_way_and_takes_no_new_ones() -> None:
    go = asyncio.Event()

    async def handler(request: Request) -> Response:
        await go.wait()
        return Response(200, [], b"done")

    async with serving(handler) as server, wire(server) as client, wire(server) as idle:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await eventually(lambda: any(connection._task for connection in server.connections))
        closing = asyncio.create_task(server.close(20))
        assert await idle.to_the_end() == b""
        go.set()
        answer = await client.to_the_end()
        await closing
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
    assert answer.endswith(b"done")
    assert b"connection: close" in answer


async def test_closing_ends_what_does_not_finish_in_time() -> None:
    async def handler(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(handler) as server, wire(server) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await eventually(lambda: any(connection._task for connection in server.connections))
        await server.close(0)
        assert not server.connections
