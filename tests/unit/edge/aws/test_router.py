"""The router: bytes and headers pass as they are, parts of the edge come first, a dead emulator is said to be dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from staticfire.edge.aws.access_keys import AccessKeys
from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.faults import Faults
from staticfire.edge.aws.router import Router
from staticfire.edge.emulators.pair import PairedEmulator
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.http1.server import Server
from tests.unit.edge.kit import Upstream, exchange, serving, signed


class Part:
    """A part of the edge that answers what it is told to, and remembers what passed."""

    def __init__(self, answer: Response | AwsError | None = None) -> None:
        self._answer = answer
        self.passes: list[tuple[str | None, int]] = []

    async def answer(self, call: Call) -> Response | None:
        if isinstance(self._answer, AwsError):
            raise self._answer
        return self._answer

    async def passed(self, call: Call, status: int) -> None:
        self.passes.append((call.operation, status))


@asynccontextmanager
async def edge(upstream: Upstream, **services: Part) -> AsyncIterator[tuple[Server, str]]:
    async with serving(upstream.handle) as behind:
        emulator = Emulator(f"http://127.0.0.1:{behind.port}", Client(), name="MiniStack", log="ministack.log")
        router = Router(emulator, services=services, faults=Faults(), access_keys=AccessKeys("s"))
        async with serving(router.handle) as server:
            yield server, f"http://127.0.0.1:{server.port}"


async def test_target_headers_and_body_pass_as_they_are() -> None:
    upstream = Upstream()
    upstream.answer = Response(207, [("X-Amz-One", "1"), ("Set-Cookie", "a"), ("Set-Cookie", "b")], b"\0\xffbody")
    headers = [
        signed("s3"),
        ("host", "bucket.s3.localhost:4566"),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("x-double", "1"),
        ("x-double", "2"),
        ("expect", "100-continue"),
    ]
    async with edge(upstream) as (_, url):
        response = await Client().request("PUT", url, "/a%2Fb//c?x-id=Put&y=%20", headers, b"\xff\0")
        body = await response.read()
    seen = upstream.requests[0]
    assert (seen.method, seen.target, upstream.bodies) == ("PUT", "/a%2Fb//c?x-id=Put&y=%20", [b"\xff\0"])
    assert seen.headers.get("host") == "bucket.s3.localhost:4566"
    assert seen.headers.getall("x-double") == ["1", "2"]
    assert seen.headers.get("expect") == "100-continue"
    assert (response.status, body) == (207, b"\0\xffbody")
    assert response.headers.getall("set-cookie") == ["a", "b"]
    assert response.headers.get("x-amz-one") == "1"


async def test_headers_of_one_connection_do_not_go_on() -> None:
    upstream = Upstream()
    async with edge(upstream) as (server, _):
        head = b"GET /b HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-End: 2\r\n\r\n"
        await exchange(server, head)
    seen = upstream.requests[0].headers
    assert seen.get("x-end") == "2"
    assert not {"x-hop", "te", "connection"} & {name for name, _ in seen}


async def test_an_unsigned_call_stays_unsigned() -> None:
    upstream = Upstream()
    async with edge(upstream) as (_, url):
        await (await Client().request("GET", url, "/bucket/public")).read()
    assert "authorization" not in upstream.requests[0].headers


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_large_bodies_stream_through_both_ways(framing: str) -> None:
    class Mirror(Upstream):
        async def handle(self, request: Request) -> Response:
            return Response(200, [], request.stream())

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(300):
            yield bytes([number % 256]) * 10_000

    sent = b"".join([piece async for piece in pieces()])
    headers = [signed("s3"), *([("content-length", str(len(sent)))] if framing == "length" else [])]
    async with edge(Mirror()) as (_, url):
        response = await Client().request("PUT", url, "/b/k", headers, pieces())
        assert await response.read() == sent


async def test_the_answer_to_head_keeps_its_length() -> None:
    upstream = Upstream()
    upstream.answer = Response(200, [("content-length", "12345"), ("etag", '"x"')])
    async with edge(upstream) as (server, _):
        answer = await exchange(server, b"HEAD /b/k HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"content-length: 12345\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_a_part_that_answers_keeps_the_emulator_out() -> None:
    upstream, part = Upstream(), Part(Response(202, [], b"mine"))
    async with edge(upstream, dynamodb=part) as (_, url):
        response = await Client().request("POST", url, "/", [signed("dynamodb")], b"{}")
        assert (response.status, await response.read()) == (202, b"mine")
    assert not upstream.requests
    assert not part.passes


async def test_a_part_learns_what_went_through_and_nothing_of_what_failed() -> None:
    upstream, part = Upstream(), Part()
    target = [signed("dynamodb"), ("x-amz-target", "DynamoDB_20120810.PutItem")]
    async with edge(upstream, dynamodb=part) as (_, url):
        await (await Client().request("POST", url, "/", target, b"{}")).read()
        upstream.answer = Response(400, [], b"{}")
        await (await Client().request("POST", url, "/", target, b"{}")).read()
    assert part.passes == [("PutItem", 200)]


async def test_a_parts_error_is_in_the_callers_protocol() -> None:
    part = Part(AwsError(404, "ResourceNotFoundException", "no such table"))
    async with edge(Upstream(), dynamodb=part) as (_, url):
        target = [signed("dynamodb"), ("x-amz-target", "DynamoDB_20120810.PutItem")]
        response = await Client().request("POST", url, "/", target, b"{}")
        assert response.status == 404
        assert await response.read() == b'{"__type": "ResourceNotFoundException", "message": "no such table"}'


async def test_a_filler_answers_what_the_emulator_lacks() -> None:
    upstream, filler = Upstream(), Upstream()
    async with serving(upstream.handle) as one, serving(filler.handle) as two:
        emulator, beside = (Emulator(f"http://127.0.0.1:{behind.port}", Client()) for behind in (one, two))
        router = Router(PairedEmulator(emulator, beside), services={}, faults=Faults(), access_keys=AccessKeys("s"))
        async with serving(router.handle) as server:
            for service in ("budgets", "sqs"):
                url = f"http://127.0.0.1:{server.port}"
                await (await Client().request("POST", url, "/", [signed(service)], b"{}")).read()
    assert (len(upstream.requests), len(filler.requests)) == (1, 1)


async def test_an_emulator_that_is_down_is_named_with_its_log_and_the_remedy() -> None:
    async with edge(Upstream()) as (_, url):
        pass
    router = Router(
        Emulator(url, Client(), name="MiniStack", log="/logs/ministack.log"),
        services={},
        faults=Faults(),
        access_keys=AccessKeys("s"),
    )
    async with serving(router.handle) as server:
        response = await Client().request("POST", f"http://127.0.0.1:{server.port}", "/", [signed("lambda")], b"{}")
        body = (await response.read()).decode()
    assert (response.status, response.headers.get("x-amzn-errortype")) == (503, "ServiceUnavailable")
    for words in ("MiniStack", "/logs/ministack.log", "staticfire up"):
        assert words in body


async def test_the_emulators_own_errors_carry_their_code_and_message() -> None:
    upstream = Upstream()
    async with serving(upstream.handle) as server:
        emulator = Emulator(f"http://127.0.0.1:{server.port}", Client())
        for answer, code in (
            (Response(404, [("x-amzn-errortype", "NotFound:http://x")], b'{"Message": "gone"}'), "NotFound"),
            (Response(400, [], b'{"__type": "com.amazonaws#Bad", "message": "gone"}'), "Bad"),
            (Response(400, [], b"<R><Error><Code>Bad</Code><Message>gone</Message></Error></R>"), "Bad"),
            (Response(502, [], b"<html><br>a proxy: gone</html>"), "InternalFailure"),
        ):
            upstream.answer = answer
            with pytest.raises(AwsError, match="gone") as raised:
                await emulator.rest(Scope(), "lambda", "GET", "/")
            assert (raised.value.status, raised.value.code) == (answer.status, code)


async def test_the_emulator_is_asked_as_the_account_and_in_the_region_of_the_scope() -> None:
    upstream = Upstream()
    async with serving(upstream.handle) as server:
        emulator = Emulator(f"http://127.0.0.1:{server.port}", Client())
        await emulator.json(Scope("100000000007", "ap-south-1"), "logs", "Logs_20140328.PutLogEvents", {"a": 1})
    seen = upstream.requests[0]
    assert "Credential=100000000007/" in seen.headers.get("authorization")
    assert "/ap-south-1/logs/aws4_request" in seen.headers.get("authorization")
    assert seen.headers.get("x-amz-target") == "Logs_20140328.PutLogEvents"


async def test_calls_are_counted_by_account_service_and_operation() -> None:
    async with serving(Upstream().handle) as behind:
        emulator = Emulator(f"http://127.0.0.1:{behind.port}", Client(), name="MiniStack", log="ministack.log")
        router = Router(emulator, services={}, faults=Faults(), access_keys=AccessKeys("s"))
        async with serving(router.handle) as server:
            url = f"http://127.0.0.1:{server.port}"
            for service, target in (
                ("dynamodb", "DynamoDB_20120810.PutItem"),
                ("s3", ""),
                ("dynamodb", "DynamoDB_20120810.PutItem"),
            ):
                headers = [signed(service), *([("x-amz-target", target)] if target else [])]
                await (await Client().request("POST", url, "/", headers, b"{}")).read()
    counted = {(call["service"], call["operation"]): call["count"] for call in router.calls()}
    assert counted == {("dynamodb", "PutItem"): 2, ("s3", None): 1}


ANSWER = b"HTTP/1.1 200 OK\r\nX-Odd-Case: 1\r\nDate: Sat, 21 Nov 2026 05:00:00 GMT\r\nContent-Length: 4\r\n\r\ndone"


@asynccontextmanager
async def beside(*answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """The edge's port before an emulator that answers every piece of bytes with these, and the pieces that it got."""
    got: list[bytes] = []

    async def emulate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            got.append(piece)
            for part in answer:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()

    emulating = await asyncio.start_server(emulate, "127.0.0.1", 0)
    client = Client()
    emulator = Emulator(f"http://127.0.0.1:{emulating.sockets[0].getsockname()[1]}", client)
    async with serving(Router(emulator, services={}, faults=Faults(), access_keys=AccessKeys("s")).handle) as server:
        yield server.port, got
    client.close()
    emulating.close()


async def asked(port: int, *pieces: bytes, until: bytes = b"done") -> bytes:
    """What comes back for these bytes, up to the end that is waited for."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    answer = await reader.readuntil(until)
    writer.close()
    return answer


def call(*headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST /a?b HTTP/{version}", "Host: x", *headers, "Content-Length: 2"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n{}"


@pytest.mark.parametrize("parts", [(ANSWER,), ANSWER.partition(b"done")[:2], (ANSWER[:5], ANSWER[5:-2], ANSWER[-2:])])
async def test_a_call_and_its_answer_are_the_same_bytes_on_both_sides(parts: tuple[bytes, ...]) -> None:
    async with beside(*parts) as (port, got):
        assert await asked(port, call("X-Amz-Target: A.B", "x-Twice: 1", "x-Twice: 2")) == ANSWER
    assert got == [call("X-Amz-Target: A.B", "x-Twice: 1", "x-Twice: 2")]


@pytest.mark.parametrize(
    "header",
    ["Connection: close", "Connection: x-hop", "Keep-Alive: timeout=5", "TE: trailers", "Proxy-Authorization: x"],
)
async def test_a_call_with_a_header_of_its_connection_goes_on_without_it(header: str) -> None:
    async with beside(ANSWER) as (port, got):
        assert (await asked(port, call(header, "x-hop: 1"))).endswith(b"\r\n\r\ndone")
    sent = got[0].lower()
    assert header.lower().encode() not in sent
    assert (b"x-hop" in sent) == (header != "Connection: x-hop")


@pytest.mark.parametrize(("before", "after"), [(b"", b"\r\n"), (b"", b"\r\n\r\n"), (b"\r\n", b""), (b"\r\n\r\n", b"")])
async def test_empty_lines_around_a_call_are_not_handed_to_the_emulator(before: bytes, after: bytes) -> None:
    async with beside(ANSWER) as (port, got):
        assert await asked(port, before + call() + after) == ANSWER
    assert len(got) == 1
    assert got[0].startswith(b"POST /a?b HTTP/1.1\r\n")
    assert got[0].endswith(b"\r\n\r\n{}")


async def test_a_client_of_http_1_0_and_one_that_closes_get_an_answer_of_their_own() -> None:
    async with beside(ANSWER) as (port, got):
        for request in (call(version="1.0"), call("Connection: close")):
            answer = await asked(port, request)
            assert b"\r\nx-odd-case: 1\r\n" in answer
            assert b"\r\nconnection: close\r\n" in answer
            assert answer.count(b"ength: 4") == answer.lower().count(b"content-length") == 1
    assert all(piece.startswith(b"POST /a?b HTTP/1.1\r\n") for piece in got)


async def test_the_authority_of_an_absolute_target_is_the_host() -> None:
    request = call().replace(b"POST /a?b", b"POST http://real.example/a?b")
    async with beside(ANSWER) as (port, got):
        assert (await asked(port, request)).endswith(b"done")
    assert got[0].startswith(b"POST /a?b HTTP/1.1\r\n")
    assert b"host: real.example\r\n" in got[0]


async def test_calls_in_one_piece_and_in_many_are_answered_each() -> None:
    async with beside(ANSWER) as (port, got):
        await asked(port, call() + call("x-second: 1"), until=b"done" + ANSWER)
        await asked(port, *(bytes([byte]) for byte in call()))
    assert [piece.lower().count(b"post /a?b") for piece in got] == [1, 1, 1]
    assert b"x-second: 1\r\n" in got[1]


@pytest.mark.parametrize("header", [b"Connection: close", b"Connection: keep-alive", b"Keep-Alive: timeout=5"])
async def test_what_an_answer_says_of_its_connection_does_not_go_on(header: bytes) -> None:
    async with beside(ANSWER.replace(b"Date", header + b"\r\nDate")) as (port, _):
        answer = await asked(port, call(), call(), until=b"done")
    assert header.partition(b":")[0].lower() not in answer.lower()
    assert b"\r\nx-odd-case: 1\r\n" in answer
