"""The traces that the edge keeps, as the console asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staticfire.edge_client import EdgeClient


class NoSuchTrace(Exception):
    """Nothing of that id is kept."""


class Requests:
    def __init__(self, edge: Callable[[], EdgeClient]) -> None:
        self._edge = edge

    def recent(self, **chosen: Any) -> dict[str, Any]:
        return {"traces": [], "kept": 0}

    def one(self, identifier: str) -> dict[str, Any]:
        raise NoSuchTrace(f"No trace of {identifier!r} is kept.")
