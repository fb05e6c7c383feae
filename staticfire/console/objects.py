"""What the edge holds, as the console's API answers it and the CLI's `--json` prints it: the same objects."""

from __future__ import annotations

from typing import Any

from staticfire.edge_client import EdgeClient, fault_in_words


class NoSuchTrace(Exception):
    """Nothing of that id is kept."""


def traces(edge: EdgeClient, **chosen: Any) -> dict[str, Any]:
    """The newest, as GET /_staticfire/traces chooses them."""
    return {"traces": list(edge.traces(**chosen))}


def trace(edge: EdgeClient, identifier: str) -> dict[str, Any]:
    one = edge.trace(identifier)
    if one is None:
        raise NoSuchTrace(f"No trace of {identifier!r} is kept. The edge keeps the newest ones, in memory.")
    return dict(one)


def faults(edge: EdgeClient) -> dict[str, Any]:
    return {"faults": [{**fault, "words": fault_in_words(fault)} for fault in edge.faults()["faults"]]}


def mail(edge: EdgeClient, to: str = "") -> dict[str, Any]:
    return {"mails": edge.mails(to=to)}
