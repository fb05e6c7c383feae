"""The kit's own parts, against a plain HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from staticfire.edge_client import EdgeClient
from staticfire.testing.kit import AccountFaults, AccountLogs, ApiClient, wait_until


class EchoServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.seen: list[tuple[str, str, bytes]] = []


class Echo(BaseHTTPRequestHandler):
    """Answers what it was sent, and from which port; `/status/N` sets the status."""

    protocol_version = "HTTP/1.1"
    server: EchoServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status = int(self.path.rpartition("/")[2]) if "/status/" in self.path else 200
        self.server.seen.append((self.command, self.path, body))
        answer = {
            "body": body.decode(),
            "type": self.headers["content-type"],
            "from": self.client_address[1],
            "id": f"fault-{len(self.server.seen)}",
            "faults": [{"id": "fault-1", "hits": 3}, {"id": "another's", "hits": 9}],
        }
        content = b"no json" if self.path == "/text" else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("X-Twice", "a")
        self.send_header("X-Twice", "b")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with EchoServer() as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


@pytest.fixture
def url(server: EchoServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("status", [200, 404, 429, 500, 503])
def test_every_status_is_an_answer(url: str, status: int) -> None:
    assert ApiClient(url).get(f"/status/{status}").status == status


def test_connections_are_kept(url: str) -> None:
    api = ApiClient(url)

    assert len({api.post("/", json={"n": n}).json()["from"] for n in range(5)}) == 1


def test_threads_may_share_it(url: str) -> None:
    api = ApiClient(url)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: api.post("/", body=str(n)).json()["body"], range(100)))

    assert answers == [str(n) for n in range(100)]


def test_json_is_sent_with_its_content_type_and_a_body_as_it_is(url: str) -> None:
    assert ApiClient(url).post("/", json={"a": 1}).json()["type"] == "application/json"
    assert ApiClient(url).post("/", body='{"a": 1}', headers={"Content-Type": "text/x"}).json()["type"] == "text/x"


def test_header_names_are_lower_case_and_repeated_ones_joined(url: str) -> None:
    assert ApiClient(url).get("/").headers["x-twice"] == "a, b"


def test_an_answer_that_is_no_json_says_what_it_is(url: str) -> None:
    with pytest.raises(AssertionError, match=r"HTTP 200.*no json"):
        _ = ApiClient(url).get("/text").json()


def test_a_fault_lasts_as_long_as_its_block_even_when_that_fails(server: EchoServer, url: str) -> None:
    faults = AccountFaults(EdgeClient(url), "100000000003")

    with pytest.raises(ZeroDivisionError), faults("dynamodb", "UpdateItem", "PutItem", kind="hang"):
        raise ZeroDivisionError

    added = [json.loads(body) for method, _, body in server.seen if method == "POST"]
    assert [(fault["operation"], fault["account"]) for fault in added] == [
        ("UpdateItem", "100000000003"),
        ("PutItem", "100000000003"),
    ]
    assert [path for method, path, _ in server.seen if method == "DELETE"] == [
        "/_staticfire/faults/fault-2",
        "/_staticfire/faults/fault-1",
    ]


def test_a_fault_tells_how_often_it_struck(url: str) -> None:
    faults = AccountFaults(EdgeClient(url), "100000000003")

    with faults("dynamodb", kind="drop") as struck:
        assert struck() == 3


def test_waiting_gives_what_came_true() -> None:
    seen = iter([0, 0, 7])

    assert wait_until(lambda: next(seen), "a number") == 7


def test_waiting_in_vain_says_for_what_and_what_was_seen_last() -> None:
    with pytest.raises(AssertionError, match=r"in vain for a number; last seen: \[\]"):
        wait_until(list, "a number", patience=0.05)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_each_usual_method_is_sent(server: EchoServer, url: str, method: str) -> None:
    assert getattr(ApiClient(url), method)("/orders", json={"count": 1}).status == 200
    assert server.seen == [(method.upper(), "/orders", b'{"count": 1}')]


class LaterLogs:
    """Clients of Lambda and CloudWatch Logs: at the first look there is not a group, then a line more at each."""

    class Missing(Exception):
        pass

    class exceptions:
        ResourceNotFoundException: type[Exception]

    def __init__(self) -> None:
        self.exceptions.ResourceNotFoundException = self.Missing
        self.looks = 0

    def __call__(self, service: str) -> LaterLogs:
        return self

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, str]:
        return {}

    def get_paginator(self, operation: str) -> LaterLogs:
        return self

    def paginate(self, **where: str) -> Iterator[dict[str, list[dict[str, str]]]]:
        self.looks += 1
        if self.looks == 1:
            raise self.Missing
        yield {"events": [{"message": f"line {number}\n"} for number in range(2, self.looks + 1)]}


def test_logs_wait_for_as_many_lines_as_are_asked_for() -> None:
    assert AccountLogs(LaterLogs())("shop") == ["line 2"]
    assert AccountLogs(LaterLogs())("shop", at_least=2) == ["line 2", "line 3"]
    assert AccountLogs(LaterLogs())("shop", at_least=0) == []


def test_lines_that_never_come_are_named() -> None:
    with pytest.raises(AssertionError, match=r"in vain for 99 lines of shop that match 'ERROR'"):
        AccountLogs(LaterLogs())("shop", "ERROR", at_least=99, patience=0.3)
