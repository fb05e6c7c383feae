"""`staticfire debug`: the port that a debugger has."""

from __future__ import annotations

from typing import cast

import pytest

from staticfire.cli import debug
from staticfire.edge_client import EdgeClient, PortTaken
from staticfire.host.ports import free_port


class Edge:
    """One where another function is debugged at these ports, and does not listen yet."""

    def __init__(self, *taken: int) -> None:
        self.taken = taken

    def debug(self, function: str, port: int, *, waits: bool, debugger: str) -> None:
        if port in self.taken:
            raise PortTaken(f"g is debugged already, at the port {port}")


def begin(edge: Edge, wish: int | None) -> int:
    return debug._begin(cast(EdgeClient, edge), "arn", "python3.12", wish, waits=False, debugger="")


def test_two_commands_at_the_same_moment_have_a_port_each(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port()
    monkeypatch.setitem(debug.FIRST_PORTS, "python", first)
    assert begin(Edge(), None) == first
    assert begin(Edge(first), None) > first


def test_a_port_that_was_named_is_that_or_none() -> None:
    port = free_port()
    assert begin(Edge(), port) == port
    with pytest.raises(PortTaken, match="g is debugged already"):
        begin(Edge(port), port)
