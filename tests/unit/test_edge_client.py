from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from staticfire.cli import logs
from staticfire.edge_client import EdgeClient, TracesOff
from staticfire.errors import NotRunningError, StaticfireError
from staticfire.host.ports import free_port

Serve = Callable[[int, bytes], EdgeClient]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that gives one answer to everything."""
    servers = []

    def start(status: int, body: bytes) -> EdgeClient:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                return

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return EdgeClient(f"http://127.0.0.1:{server.server_port}")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_health_tells_which_part_is_sick_although_the_status_is_503(serve: Serve) -> None:
    parts = {"emulator": {"state": "dead", "log": "x.log"}, "postgres": {"state": "running"}}
    health = serve(503, json.dumps({"state": "degraded", "instance": "i1", "parts": parts}).encode()).health()
    assert health is not None
    assert not health.well
    assert list(health.sick) == ["emulator"]
    assert health.instance == "i1"


def test_no_health_where_nothing_listens() -> None:
    assert EdgeClient(f"http://127.0.0.1:{free_port()}").health() is None


def test_a_stranger_on_the_port_is_not_taken_for_an_edge(serve: Serve) -> None:
    stranger = serve(200, b"<html>")
    assert stranger.health() is None
    with pytest.raises(NotRunningError, match="is not staticfire"):
        stranger.functions()


def test_a_refusal_carries_the_edges_own_words(serve: Serve) -> None:
    with pytest.raises(StaticfireError, match="no such kind"):
        serve(400, b'{"message": "no such kind"}').add_fault({"kind": "x"})


def test_the_users_proxy_is_not_asked_for_this_machine(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert serve(200, b'{"functions": []}').functions() == {"functions": []}


def test_traces_that_are_off_are_not_traces_that_are_none(serve: Serve) -> None:
    edge = serve(404, b'{"message": "Traces are off", "off": true}')
    with pytest.raises(TracesOff, match="Traces are off"):
        edge.traces()
    with pytest.raises(TracesOff, match="Traces are off"):
        edge.trace("x")
    assert serve(404, b'{"message": "No trace has the id"}').trace("x") is None
    running, apis = SimpleNamespace(edge=lambda: edge), SimpleNamespace(groups=dict)
    assert list(logs._of_apis(running, apis, (), None, 0)) == []  # type: ignore[arg-type]
    assert logs._requests(running, "x")[0] == {"x"}  # type: ignore[arg-type]
