"""Reapply knows what is to be applied again: whatever was applied to an emulator that is no more."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from staticfire.errors import DegradedError, NotRunningError
from staticfire.host.files import write_json
from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.stacks import reapply
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT


@dataclass
class Edge:
    """An edge that says of its health what it is told to."""

    endpoint: str
    health: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def edge() -> Iterator[Edge]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(made.health).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Edge(f"http://127.0.0.1:{server.server_port}")
        tell(made, "life-1")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def tell(edge: Edge, instance: str, emulator: str = "running") -> None:
    edge.health = {"state": "running", "instance": instance, "parts": {"emulator": {"state": emulator}}}


@pytest.fixture
def settings(project: Callable[[str], Settings], edge: Edge) -> Settings:
    made = project("[stacks.one]\nroot = 'infra'\n[stacks.two]\nroot = 'infra'\n")
    return replace(made, target="external", endpoint=edge.endpoint)


def applied(settings: Settings, *names: str) -> None:
    for name in names:
        record = {"fingerprint": "f", "instance": "life-1", "outputs": {}}
        write_json(Layout.of(settings).applied(DEFAULT_ACCOUNT, name), record)


def test_what_was_never_applied_is_to_be_applied(settings: Settings) -> None:
    applied(settings, "one")
    assert [stack.name for stack in reapply.unapplied(settings)] == ["two"]
    assert reapply.check(settings) == 1


def test_while_all_is_applied_there_is_nothing_to_do(settings: Settings) -> None:
    applied(settings, "one", "two")
    assert reapply.unapplied(settings) == []
    assert reapply.check(settings) == 0


def test_what_was_not_seeded_is_to_be_applied_again(settings: Settings) -> None:
    applied(settings, "one", "two")
    record = {"fingerprint": "f", "instance": "life-1", "outputs": {}, "seeded": False}
    write_json(Layout.of(settings).applied(DEFAULT_ACCOUNT, "two"), record)
    assert [stack.name for stack in reapply.unapplied(settings)] == ["two"]


def test_what_is_not_up_by_default_is_not_kept(settings: Settings) -> None:
    applied(settings, "one")
    two = replace(settings.stack("two"), default=False)
    assert reapply.unapplied(replace(settings, stacks={**settings.stacks, "two": two})) == []


def test_what_was_applied_to_an_emulator_that_is_no_more_is_to_be_applied_again(settings: Settings, edge: Edge) -> None:
    applied(settings, "one", "two")
    tell(edge, "life-2")
    assert [stack.name for stack in reapply.unapplied(settings)] == ["one", "two"]


@pytest.mark.parametrize(("instance", "emulator"), [("life-1", "silent"), ("", "running")])
def test_nothing_is_applied_to_what_is_not_well(settings: Settings, edge: Edge, instance: str, emulator: str) -> None:
    tell(edge, instance, emulator)
    with pytest.raises(DegradedError):
        reapply.unapplied(settings)


def test_where_no_edge_answers_the_check_says_so(settings: Settings) -> None:
    with pytest.raises(NotRunningError, match="Nothing answers"):
        reapply.unapplied(replace(settings, endpoint="http://127.0.0.1:9"))
