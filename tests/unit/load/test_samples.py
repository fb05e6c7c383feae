"""What is asked of a running stack during a load run: faults of the account, and whether the edge is still there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from staticfire.edge_client import EdgeClient
from staticfire.errors import StaticfireError
from staticfire.layout import Layout
from staticfire.load.meter import Meter
from staticfire.load.samples import SILENT, Sampler
from staticfire.stacks.stack import Stack

ACCOUNT = "100000000001"
PATIENCE = 60.0


class EdgeAnswers(dict[str, Any]):
    """What the edge answers, by path; `stop` has it answer nothing more."""

    stack: Stack

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    server: ThreadingHTTPServer


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[EdgeAnswers]:
    answers = EdgeAnswers(functions={"functions": []}, faults={"faults": []}, calls={"calls": []})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers[self.path.removeprefix("/_staticfire/")]).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests are silent."""

    answers.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=answers.server.serve_forever, daemon=True).start()
    running = SimpleNamespace(edge=partial(EdgeClient, f"http://127.0.0.1:{answers.server.server_port}", "a token"))
    answers.stack = cast(Stack, SimpleNamespace(account=ACCOUNT, running=running, layout=Layout(tmp_path, tmp_path)))
    yield answers
    answers.stop()


def fault(identity: str, account: str | None) -> dict[str, Any]:
    described = {"service": "s3", "operation": "GetObject", "kind": "hang", "when": "before", "share": 1.0}
    return described | {"id": identity, "account": account, **dict.fromkeys(("code", "status", "seconds", "times"))}


def eventually(sampler: Sampler, name: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not getattr(sampler, name):
        assert time.monotonic() < deadline, f"waited in vain for {name}"
        time.sleep(0.05)


def test_faults_that_can_strike_the_account_are_kept_even_once_they_are_cleared(edge: EdgeAnswers) -> None:
    edge["faults"] = {"faults": [fault("1", None), fault("2", ACCOUNT), fault("3", "100000000002")]}
    sampler = Sampler(edge.stack)
    edge["faults"] = {"faults": []}
    assert sampler.faults == ("s3:GetObject  hang", f"s3:GetObject  hang, account {ACCOUNT}")


def test_a_fault_that_is_set_in_the_middle_is_seen(edge: EdgeAnswers) -> None:
    with Sampler(edge.stack) as sampler:
        assert sampler.faults == ()
        edge["faults"] = {"faults": [fault("1", None)]}
        eventually(sampler, "faults")


def test_an_edge_that_answers_no_more_is_gone(edge: EdgeAnswers) -> None:
    with Sampler(edge.stack) as sampler:
        eventually(sampler, "samples")
        assert not sampler.edge_is_gone
        edge.stop()
        eventually(sampler, "edge_is_gone")
        assert sampler.missed >= SILENT


def test_an_edge_that_was_started_anew_has_metered_nothing(edge: EdgeAnswers) -> None:
    call = {"account": ACCOUNT, "service": "s3", "operation": "GetObject"}
    edge["calls"] = {"calls": [call | {"count": 9}]}
    meter = Meter(edge.stack)
    edge["calls"] = {"calls": [call | {"count": 3}]}
    with pytest.raises(StaticfireError, match="started anew"):
        meter.read(3, [])
