"""The Runtime API's protocol: requests are what they are, however their bytes arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staticfire.edge.services.lambda_.response_stream import ResponseStream
from staticfire.edge.services.lambda_.runtime_api import ACCEPTED, Address, Reply, RuntimeConnection, event

POLL = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nAccept: */*\r\n\r\n"


def answer(body: bytes, request_id: str = "id") -> bytes:
    head = f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\r\nHost: x\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Runtime:
    """Notes what the environment would hear."""

    def __init__(self) -> None:
        self.heard: list[str | bytes] = []
        self.error_types: list[str | None] = []
        self.streams: dict[str, ResponseStream] = {}

    def poll(self, reply: Reply) -> None:
        self.heard.append("poll")

    def answered(self, request_id: str, payload: bytes, error_type: str | None) -> bool:
        self.heard.append(payload)
        self.error_types.append(error_type)
        return True

    def init_failed(self, payload: bytes, error_type: str) -> None:
        self.heard.append(error_type)

    def extension_called(self, method: str, path: str, headers: Mapping[bytes, str], body: bytes, reply: Reply) -> None:
        self.heard.append(f"{method} {path}")

    def stream_of(self, request_id: str) -> ResponseStream | None:
        return self.streams.get(request_id)

    def accepts(self, peer: Address, own: Address) -> bool:
        return True


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.closed = False
        self.paused = False

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def connection(runtime: Runtime, transport: Transport) -> RuntimeConnection:
    made = RuntimeConnection(runtime)
    made.connection_made(transport)
    return made


async def test_polls_and_answers_take_turns(
    connection: RuntimeConnection, runtime: Runtime, transport: Transport
) -> None:
    for number in (b"1", b"2", b"3"):
        connection.data_received(POLL)
        connection.data_received(answer(number))
        await asyncio.sleep(0)
    assert runtime.heard == ["poll", b"1", "poll", b"2", "poll", b"3"]
    assert transport.written == ACCEPTED * 3


async def test_a_body_that_looks_like_a_poll_is_a_body(connection: RuntimeConnection, runtime: Runtime) -> None:
    connection.data_received(POLL)
    head, body = answer(POLL)[: -len(POLL)], POLL
    connection.data_received(head)
    connection.data_received(body)
    assert runtime.heard == ["poll", POLL]


async def test_two_requests_in_one_piece_are_two(connection: RuntimeConnection, runtime: Runtime) -> None:
    for _ in range(2):
        connection.data_received(answer(b"1") + POLL)
    connection.data_received(POLL + POLL)
    assert runtime.heard == [b"1", "poll", b"1", "poll", "poll", "poll"]


async def test_single_bytes_are_the_same_requests(connection: RuntimeConnection, runtime: Runtime) -> None:
    connection.data_received(POLL)
    for byte in POLL + answer(b"12") + POLL:
        connection.data_received(bytes([byte]))
    assert runtime.heard == ["poll", "poll", b"12", "poll"]


async def test_answers_that_differ_in_id_and_length_are_told_apart(
    connection: RuntimeConnection, runtime: Runtime
) -> None:
    for number in range(12):
        connection.data_received(POLL)
        connection.data_received(answer(b"x" * number, f"id-{number}"))
    assert runtime.heard == [heard for number in range(12) for heard in ("poll", b"x" * number)]


@pytest.mark.parametrize("length", [b"3", b"+2", b"0x2", b"", b"two", b"9" * 5000])
async def test_a_length_that_is_not_the_bodys_is_no_answer(
    connection: RuntimeConnection, runtime: Runtime, length: bytes
) -> None:
    connection.data_received(answer(b"ab"))
    connection.data_received(answer(b"cd").replace(b"Content-Length: 2", b"Content-Length: " + length))
    assert runtime.heard == [b"ab"]


@pytest.mark.parametrize(
    ("more", "heard"),
    [(POLL, ["poll"]), (answer(b"ef"), [b"ef"]), (POLL + answer(b"ef"), ["poll", b"ef"])],
    ids=["poll", "answer", "both"],
)
async def test_what_follows_an_answer_at_once_is_a_request_of_its_own(
    connection: RuntimeConnection, runtime: Runtime, more: bytes, heard: list[str | bytes]
) -> None:
    connection.data_received(answer(b"ab"))
    connection.data_received(answer(b"cd") + more)
    assert runtime.heard == [b"ab", b"cd", *heard]


async def test_an_error_after_answers_is_an_error(connection: RuntimeConnection, runtime: Runtime) -> None:
    failure = answer(b"1").replace(b"/response ", b"/error ")
    for data in (answer(b"1"), failure, answer(b"1")):
        connection.data_received(data)
    assert runtime.heard == [b"1", b"1", b"1"]
    assert runtime.error_types == [None, "Unhandled", None]


@pytest.mark.parametrize("path", [b"/error/response ", b"/x/response ", b"/responses ", b"/Response "])
async def test_a_path_that_is_none_is_none_each_time(
    connection: RuntimeConnection, runtime: Runtime, transport: Transport, path: bytes
) -> None:
    for _ in range(3):
        connection.data_received(answer(b"1").replace(b"/response ", path))
    assert runtime.heard == []
    assert transport.written.count(b"404 UnknownPath") == 3


REQUESTS = st.lists(
    st.one_of(st.just(None), st.sampled_from([b"", b"1", POLL, answer(b"1"), b"\r\n\r\n", b"x" * 4000])), max_size=8
)


@given(requests=REQUESTS, cuts=st.lists(st.integers(0, 6000), max_size=6))
def test_however_the_bytes_are_cut_the_requests_are_the_same(requests: list[bytes | None], cuts: list[int]) -> None:
    runtime, transport = Runtime(), Transport()
    connection = RuntimeConnection(runtime)
    connection.connection_made(transport)
    data = b"".join(POLL if body is None else answer(body, f"id-{number}") for number, body in enumerate(requests))
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(places):
        connection.data_received(data[start:end])
    assert runtime.heard == ["poll" if body is None else body for body in requests]


async def test_an_event_comes_with_what_the_runtime_must_know_of_it() -> None:
    head, _, payload = event("id", 17, "arn:f", "Root=1", None, b"{}").partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    assert (status, payload) == ("HTTP/1.1 200 OK", b"{}")
    assert dict(header.split(": ") for header in headers) == {
        "content-type": "application/json",
        "content-length": "2",
        "lambda-runtime-aws-request-id": "id",
        "lambda-runtime-deadline-ms": "17",
        "lambda-runtime-invoked-function-arn": "arn:f",
        "lambda-runtime-trace-id": "Root=1",
    }
    assert b"\r\nlambda-runtime-client-context: {}\r\n" in event("id", 17, "arn:f", "Root=1", "{}", b"")


HEAD = (
    b"POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Lambda-Runtime-Function-Response-Mode: streaming\r\nContent-Type: text/event-stream\r\n"
)
TRAILERS = b"Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"


async def test_a_streamed_response_is_there_piece_by_piece(
    runtime: Runtime, transport: Transport, connection: RuntimeConnection
) -> None:
    stream = runtime.streams["id"] = ResponseStream()
    pieces = stream.pieces()
    connection.data_received(HEAD + b"\r\n5\r\nhello\r\n")
    assert (await anext(pieces), stream.content_type) == (b"hello", "text/event-stream")
    connection.data_received(b"6\r\n world\r\n")
    assert await anext(pieces) == b" world"
    assert runtime.heard == []
    connection.data_received(b"0\r\n\r\n")
    assert (runtime.heard, runtime.error_types) == ([b""], [None])
    assert transport.written == ACCEPTED


async def test_an_error_in_the_trailers_breaks_a_streamed_response_off(
    runtime: Runtime, connection: RuntimeConnection
) -> None:
    runtime.streams["id"] = ResponseStream()
    connection.data_received(HEAD + TRAILERS + b"5\r\nhello\r\n0\r\n")
    connection.data_received(
        b"Lambda-Runtime-Function-Error-Type: Runtime.Broken\r\n"
        b"Lambda-Runtime-Function-Error-Body: eyJhIjogMX0=\r\n\r\n"
    )
    assert (runtime.heard, runtime.error_types) == ([b'{"a": 1}'], ["Runtime.Broken"])


async def test_who_wants_a_streamed_response_whole_gets_it_whole(
    runtime: Runtime, connection: RuntimeConnection
) -> None:
    connection.data_received(HEAD + b"\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    assert runtime.heard == [b"hello world"]


async def test_a_connection_that_breaks_ends_the_stream(runtime: Runtime, connection: RuntimeConnection) -> None:
    stream = runtime.streams["id"] = ResponseStream()
    connection.data_received(HEAD + b"\r\n5\r\nhello\r\n")
    connection.connection_lost(None)
    assert [piece async for piece in stream.pieces()] == [b"hello"]
    assert runtime.heard == []


async def test_a_caller_that_lags_holds_up_the_runtime(
    runtime: Runtime, transport: Transport, connection: RuntimeConnection
) -> None:
    stream = runtime.streams["id"] = ResponseStream()
    large = b"x" * 100_000
    chunk = b"%x\r\n%b\r\n" % (len(large), large)
    connection.data_received(HEAD + b"\r\n" + chunk * 2)
    assert not transport.paused
    connection.data_received(chunk)
    assert transport.paused
    await anext(stream.pieces())
    assert not transport.paused
