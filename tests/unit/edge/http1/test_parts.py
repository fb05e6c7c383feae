"""What a connection is made of, without a socket: parsers, a cycle's bytes, flow, deadlines, messages as they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from staticfire.edge.http1.cycle import Cycle
from staticfire.edge.http1.flow import Flow
from staticfire.edge.http1.limits import NEVER, Deadlines, Limits
from staticfire.edge.http1.messages import BrokenBody, ConnectionBroken, Headers, Request, Response
from staticfire.edge.http1.raw import request_as_it_came, response_as_it_came, unpacked
from staticfire.edge.http1.request_parser import Refusal, RequestParser
from staticfire.edge.http1.response_parser import ResponseParser

GET = b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"


class Pipe(asyncio.Transport):
    """A transport that notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.notes.append("pause")

    def resume_reading(self) -> None:
        self.notes.append("resume")


class Still(Flow):
    """A flow that bodies need not wait for."""

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self.loop.close()

    def balance(self) -> None:
        pass


async def _nobody() -> None:
    raise AssertionError


def requests(limits: Limits | None = None) -> RequestParser:
    return RequestParser(Still(), limits or Limits(), _nobody)


def test_a_parser_queues_requests_in_their_order_and_says_where_it_is() -> None:
    parser = requests()
    parser.feed(GET + POST[:-3])
    assert [cycle.request.target for cycle in parser.queue] == ["/a?b", "/a"]
    assert (parser.between, parser.midway, parser.queue[1].unfinished) == (False, True, True)
    parser.feed(POST[-3:])
    assert (parser.between, parser.midway, parser.queue[1].unfinished) == (True, False, False)


def test_a_parser_knows_bytes_that_bring_nothing_forward() -> None:
    parser = requests(Limits(head=100))
    parser.feed(POST[:40])
    assert parser.unproductive == 40
    parser.feed(POST[40:])
    assert parser.unproductive == 0
    with pytest.raises(Refusal, match="longer than 100 bytes") as refused:
        parser.feed(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100 + b"\r\n\r\n")
    assert refused.value.status == 431


def test_a_long_head_in_pieces_is_bounded_by_what_it_holds_not_by_what_came_with_it() -> None:
    parser = requests(Limits(head=100))
    parser.feed(b"\r\n" * 20 + GET * 20)
    assert len(parser.queue) == 20


def answers() -> ResponseParser:
    parser = ResponseParser(Still())
    parser.expect(head_only=False)
    return parser


def test_a_small_answer_is_ready_when_it_is_whole_and_a_large_one_with_its_head() -> None:
    small, large = answers(), answers()
    small.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
    assert not small.ready
    small.feed(b"lo")
    assert small.ready
    large.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n")
    assert large.ready


PASSES = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"
STAYS = {
    "another version": PASSES.replace(b"1.1", b"1.0"),
    "the connection's own header": PASSES.replace(b"X:", b"Keep-Alive:"),
    "an end that only the connection tells": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a status without a body": PASSES.replace(b"200", b"304").removesuffix(b"hello"),
    "an empty line before it": b"HTTP/1.1 100 Continue\r\n\r\n\r\n" + PASSES.replace(b"X:", b"TE:"),
}


def test_an_answer_passes_as_it_came_in_however_many_pieces() -> None:
    parser = answers()
    for at in range(len(PASSES)):
        parser.feed(PASSES[at : at + 1])
    assert response_as_it_came(parser.whole, parser.status, parser.headers.lines) == PASSES


@pytest.mark.parametrize("data", STAYS.values(), ids=STAYS.keys())
def test_an_answer_that_belongs_to_its_connection_does_not_pass(data: bytes) -> None:
    parser = answers()
    parser.feed(data)
    assert parser.ready
    assert response_as_it_came(parser.whole, parser.status, parser.headers.lines) == b""


def test_bytes_after_an_answer_break_the_connection_and_not_the_answer() -> None:
    parser = answers()
    with pytest.raises(ConnectionBroken):
        parser.feed(PASSES + b"HTTP/1.1 200")
    assert parser.ready
    assert parser.whole == b""


@pytest.mark.parametrize(
    ("data", "passes"),
    [
        (POST, True),
        (b"\r\n" + POST, False),
        (POST + GET, False),
        (POST + b"\r\n", False),
        (POST.replace(b"Host", b"Connection: x\r\nHost"), False),
        (POST.replace(b"Host", b"Expect: 100-continue\r\nHost"), False),
        (POST.replace(b"/a", b"http://a/a"), False),
        (POST.replace(b"/a ", b"/a  "), False),
    ],
)
def test_a_request_passes_as_it_came_when_it_is_alone_and_nothing_in_it_is_its_connections(
    data: bytes, passes: bool
) -> None:
    parser = requests()
    parser.feed(data)
    request = parser.queue[0].request
    request.raw = data
    assert request_as_it_came(request) == (data if passes else None)


def test_a_response_that_cannot_pass_is_taken_apart() -> None:
    response, body = unpacked(Response(200, raw=PASSES))
    assert (response.headers, body) == ([("content-length", "5"), ("x", "y")], b"hello")


def cycle(method: str = "GET", version: str = "1.1") -> Cycle:
    return Cycle(Request(method, "/", headers=Headers(), http_version=version))


def test_a_response_goes_on_as_it_came_only_where_the_connection_stays() -> None:
    response = Response(200, raw=PASSES)
    assert cycle().whole(response, b"") == PASSES
    last = cycle()
    last.keep_alive = False
    for other, body in ((last, b"hello"), (cycle(version="1.0"), b"hello"), (cycle("HEAD"), b"")):
        head, _, sent = other.whole(response, b"").partition(b"\r\n\r\n")
        assert b"\r\ncontent-length: 5\r\n" in head
        assert (b"connection:" in head, sent) == (other.request.method != "HEAD", body)


async def test_a_body_is_closed_even_when_its_head_cannot_be_sent() -> None:
    closed = []

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"x"
        finally:
            closed.append(True)

    for headers, status in (([("x", "a\nb")], b" 500 "), ([], b" 200 ")):
        source = body()
        assert await anext(source) == b"x"
        pieces = cycle().pieces(Response(200, headers, source), source)
        assert status in await anext(pieces)
        await pieces.aclose()
    assert closed == [True, True]


async def test_a_handler_that_finds_its_body_broken_is_answered_with_the_refusals_status() -> None:
    async def handler(request: Request) -> Response:
        raise BrokenBody("too slow", 408)

    assert (await cycle().answer(handler)).status == 408


async def test_whoever_writes_waits_while_the_peer_lags_and_no_longer_than_it_is_there() -> None:
    for end in ("resume_writing", "connection_lost"):
        flow = Still()
        flow.loop = asyncio.get_running_loop()
        await flow.drain()
        flow.pause_writing()
        waiting = asyncio.create_task(flow.drain())
        await asyncio.sleep(0)
        assert not waiting.done()
        flow.resume_writing() if end == "resume_writing" else flow.connection_lost(None)
        await waiting


async def test_reading_pauses_once_and_goes_on_once() -> None:
    flow, pipe = Still(), Pipe()
    flow.connection_made(pipe)
    assert [flow.read(on) for on in (True, False, False, True, True)] == [False, True, False, True, False]
    assert pipe.notes == ["pause", "resume"]


def test_a_client_that_takes_a_little_gets_more_time_and_one_that_takes_nothing_does_not() -> None:
    now = 100.0
    deadlines = Deadlines(10, lambda: now)
    assert deadlines.write == NEVER
    deadlines.written(unsent=1000)
    assert deadlines.write == 110
    now = 111.0
    assert not deadlines.stalled(unsent=900)
    assert deadlines.write == 121
    assert deadlines.stalled(unsent=900)


def test_the_next_step_is_due_from_now_on() -> None:
    now = 100.0
    deadlines = Deadlines(10, lambda: now)
    assert deadlines.step == NEVER
    deadlines.expect(20)
    now = 110.0
    assert deadlines.step == 120
    deadlines.expect(5)
    assert deadlines.step == 115
