"""The traces that the edge keeps, as the console asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staticfire.edge_client import EdgeClient


class NoSuchTrace(Exception):
    """Nothing of that id is kept."""


class ConsoleTraces:
    def __init__(self, edge: Callable[[], EdgeClient]) -> None:
        self._edge = edge

    def recent(self, **chosen: Any) -> dict[str, Any]:
        return {"traces": list(self._edge().traces(**chosen))}

    def one(self, identifier: str) -> dict[str, Any]:
        trace = self._edge().trace(identifier)
        if trace is None:
            raise NoSuchTrace(f"No trace of {identifier!r} is kept. The edge keeps the newest ones, in memory.")
        return dict(trace)
