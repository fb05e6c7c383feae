"""Exchanges with upstreams over real sockets: kept connections, time, sizes, and whether an upstream may have acted."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pytest
from gateway.configuration import Upstream
from gateway.keys import KeySet
from gateway.upstreams import Call, Function, answered_headers, forwarded_headers
from gateway.wire import LARGEST_ANSWER, Failed, Reply, Wire
from servicekit.errors import Unavailable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each connection's requests by the script: bytes, or what a function of the connection does."""

    def __init__(self) -> None:
        self.script: list[bytes | Callable[[socket.socket], object]] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):  # a client that left
            while request := whole_request(stream):
                self.requests.append(request)
                step = self.script.pop(0)
                if not isinstance(step, bytes):
                    step(connection)
                    return
                connection.sendall(step)

    def close(self) -> None:
        self._listener.close()


def whole_request(stream: BinaryIO) -> bytes:
    """One with a Content-Length; empty when no more come."""
    head = b""
    while line := stream.readline():
        head += line
        if line == b"\r\n":
            break
    lengths = re.findall(rb"content-length: (\d+)", head)
    return head + stream.read(int(lengths[0]) if lengths else 0)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def wire(server: Server) -> Wire:
    return Wire(server.url)


def post(wire: Wire, seconds: float = 10) -> Reply:
    return wire.exchange("POST", "/x", {"x-a": "1"}, b"{}", seconds)


def failure(wire: Wire, seconds: float = 10) -> Failed:
    with pytest.raises(Failed) as failed:
        post(wire, seconds)
    return failed.value


def test_a_connection_is_kept_for_the_next_exchange(server: Server, wire: Wire) -> None:
    server.script = [OK, OK]

    assert [post(wire).body, post(wire).body] == [b"ok", b"ok"]
    assert server.connections == 1
    assert server.requests[0].startswith(b"POST /x HTTP/1.1\r\n")


def test_a_connection_that_the_upstream_closed_is_not_used_again(server: Server, wire: Wire) -> None:
    gone = threading.Event()

    def answer_and_close(connection: socket.socket) -> None:
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)
        gone.set()

    server.script = [answer_and_close, OK]
    post(wire)
    assert gone.wait(10)

    assert post(wire).body == b"ok"
    assert server.connections == 2


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    server: Server, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script = [OK, OK]
    post(wire)
    monkeypatch.setattr("gateway.wire.FRESH_SECONDS", -1)

    assert post(wire).body == b"ok"
    assert server.connections == 2


def test_where_nobody_listens_nothing_was_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    failed = failure(Wire(url))

    assert (failed.may_have_acted, failed.timed_out) == (False, False)


def test_an_upstream_that_says_nothing_may_have_acted(server: Server, wire: Wire) -> None:
    server.script = [lambda connection: connection.recv(1)]

    failed = failure(wire, 0.2)

    assert (failed.may_have_acted, failed.timed_out) == (True, True)


def trickle(connection: socket.socket, begin: bytes) -> None:
    """A byte every now and then, until the client leaves, or half a minute is over."""
    connection.sendall(begin)
    stopped = threading.Event()
    for _ in range(1500):
        connection.sendall(b"1")
        if stopped.wait(0.02):
            return


TRICKLES = [
    pytest.param(b"", id="its status line"),
    pytest.param(b"HTTP/1.1 200 OK\r\nx-a: ", id="its head"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", id="a chunk's size"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", id="its body"),
    pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="a body without an end"),
]


@pytest.mark.parametrize("begin", TRICKLES)
def test_an_answer_that_trickles_is_cut_off_when_its_time_is_up(server: Server, wire: Wire, begin: bytes) -> None:
    server.script = [lambda connection: trickle(connection, begin)]

    assert failure(wire, 0.3).timed_out


@pytest.mark.parametrize("begin", TRICKLES)
def test_keys_that_trickle_are_cut_off_when_their_time_is_up(
    server: Server, begin: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each byte comes well within the time, the last one never does."""
    monkeypatch.setattr("gateway.keys.FETCH_SECONDS", 0.3)
    server.script = [lambda connection: trickle(connection, begin)]

    with pytest.raises(Unavailable):
        KeySet(f"{server.url}/keys").find("one")
    assert "TimeoutError" in str(vars(caplog.records[-1]))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", id="half a chunk"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", id="a chunk without a size"),
    ],
)
def test_half_an_answer_is_none(server: Server, wire: Wire, answer: bytes) -> None:
    server.script = [lambda connection: connection.sendall(answer), OK]

    assert failure(wire).may_have_acted
    assert post(wire).body == b"ok"


def test_an_answer_may_be_as_large_as_a_function_can_hand_on_and_no_larger(server: Server, wire: Wire) -> None:
    def answer(size: int) -> bytes:
        return f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size

    server.script = [answer(LARGEST_ANSWER), lambda connection: connection.sendall(answer(LARGEST_ANSWER + 1))]

    size = len(post(wire).body)
    assert size == LARGEST_ANSWER
    assert "larger" in str(failure(wire))


def event(**headers: str) -> dict[str, Any]:
    return {
        "version": "2.0",
        "headers": {"host": "api.example", **headers},
        "cookies": ["a=1", "__Host-session=s_x"],
        "rawQueryString": "q=1",
        "isBase64Encoded": False,
        "requestContext": {
            "requestId": "id-1",
            "domainName": "api.example",
            "stage": "v1",
            "routeKey": "ANY /{proxy+}",
            "http": {"method": "POST", "path": "/v1/things/7", "sourceIp": "192.0.2.1"},
        },
    }


def call() -> Call:
    headers = forwarded_headers(event(**{"x-a": "1"}), "ann", is_ours={"__Host-session": True})
    return Call(event(), "POST", "POST /things/{id}", "/things/7 %", {"id": "7 %"}, headers, b"{}")


@pytest.fixture
def function(server: Server, monkeypatch: pytest.MonkeyPatch) -> Function:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    return Function("things-api")


def lambda_answer(status: int, content: Any, *headers: str) -> bytes:
    body = json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_function_is_invoked_by_a_signed_call_with_an_event_of_its_own(server: Server, function: Function) -> None:
    answer = {"statusCode": 201, "headers": {"X-A": "b"}, "cookies": ["c=1"], "body": "aMOp", "isBase64Encoded": True}
    server.script = [lambda_answer(200, answer)]

    reply = function(call(), 10)

    assert (reply.status, reply.body) == (201, "hé".encode())
    assert list(reply.headers) == [("x-a", "b"), ("set-cookie", "c=1")]
    head, _, payload = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /2015-03-31/functions/things-api/invocations HTTP/1.1")
    assert b"authorization: AWS4-HMAC-SHA256" in head
    sent = json.loads(payload)
    assert sent["routeKey"] == sent["requestContext"]["routeKey"] == "POST /things/{id}"
    assert sent["rawPath"] == sent["requestContext"]["http"]["path"] == "/v1/things/7 %25"
    assert sent["pathParameters"] == {"id": "7 %"}
    assert sent["cookies"] == ["a=1"]
    assert sent["headers"]["x-authenticated-user"] == "ann"


@pytest.mark.parametrize(
    ("status", "may_have_acted"), [(404, False), (403, False), (429, False), (500, True), (503, True)]
)
def test_an_invocation_that_is_refused_has_done_nothing(
    server: Server, function: Function, status: int, may_have_acted: bool
) -> None:
    server.script = [lambda_answer(status, {"Message": "no"})]

    with pytest.raises(Failed) as failed:
        function(call(), 10)

    assert failed.value.may_have_acted is may_have_acted


def test_a_function_that_raised_is_an_error_and_its_message_stays_inside(server: Server, function: Function) -> None:
    server.script = [lambda_answer(200, {"errorMessage": "secret"}, "X-Amz-Function-Error: Unhandled")]

    reply = function(call(), 10)

    assert (reply.status, reply.body) == (500, b'{"message":"Internal Server Error"}')


@pytest.mark.parametrize("content", ["text", 7, [1], {"a": 1}, None])
def test_what_is_no_response_is_the_body_of_one(server: Server, function: Function, content: Any) -> None:
    server.script = [lambda_answer(200, content)]

    reply = function(call(), 10)

    assert (reply.status, json.loads(reply.body)) == (200, content)


@pytest.mark.parametrize(
    "content",
    [{"statusCode": "x"}, {"statusCode": 200, "headers": 7}, {"statusCode": 200, "body": 7}, {"statusCode": None}],
)
def test_a_broken_response_is_a_failure(server: Server, function: Function, content: Any) -> None:
    server.script = [lambda_answer(200, content)]

    with pytest.raises(Failed, match="answer"):
        function(call(), 10)


def test_what_connection_names_is_dropped_on_both_ways() -> None:
    received = event(connection="X-Secret, close", **{"x-secret": "1", "x-kept": "2"})
    headers = forwarded_headers(received, None, is_ours={})
    answered, _ = answered_headers(Reply(200, [("connection", "x-secret"), ("x-secret", "1"), ("x-kept", "2")], b""))

    assert "x-secret" not in headers
    assert headers["x-kept"] == "2"
    assert answered == {"x-kept": "2"}


def test_headers_that_come_twice_are_joined_and_cookies_are_not() -> None:
    pairs = [("vary", "a"), ("set-cookie", "a=1"), ("vary", "b"), ("set-cookie", "b=2")]

    assert answered_headers(Reply(200, pairs, b"")) == ({"vary": "a, b"}, ["a=1", "b=2"])


def test_a_user_of_any_script_fits_into_a_header() -> None:
    assert forwarded_headers(event(), "Ænne/ø", is_ours={})["x-authenticated-user"] == "%C3%86nne/%C3%B8"


@pytest.mark.parametrize("name", ["x-authenticated-user", "x_authenticated_user", "x-authenticated_user"])
def test_no_spelling_of_a_header_pretends_to_be_authenticated(name: str) -> None:
    assert "root" not in forwarded_headers(event(**{name: "root"}), None, is_ours={}).values()


def test_each_upstream_is_of_one_kind(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.upstreams import exchange_of

    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    server.script = [OK, lambda_answer(200, {"statusCode": 204})]

    of_a_server = exchange_of(Upstream(url=f"{server.url}/base"))
    of_a_function = exchange_of(Upstream(function="f"))

    assert of_a_server(call(), 10).body == b"ok"
    assert server.requests[0].startswith(b"POST /base/things/7%20%25?q=1 HTTP/1.1\r\n")
    assert of_a_function(call(), 10).status == 204
