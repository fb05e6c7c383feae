"""Traces as JSON, for the command line and the console."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from staticfire.edge.http1.messages import Request, Response

from .recorder import TraceFilter, Traces

PARAMETERS = ("before", "limit", "text", "outcome", "function", "source", "status", "slower", "since")
MOST = 1000


def answer_about_traces(traces: Traces, request: Request, identifier: str) -> Response:
    """GET the newest or one, DELETE all, POST `pause` or `resume`."""
    if request.method == "DELETE" and not identifier:
        return _json(200, {"forgotten": traces.clear()})
    if request.method == "POST" and identifier in ("pause", "resume"):
        traces.switch(identifier == "resume")
        return _json(200, {"on": traces.on})
    if request.method != "GET":
        message = "Traces are read (GET), forgotten all at once (DELETE), paused and resumed (POST)."
        return _json(405, {"message": message})
    if not traces.kept:
        message = "Traces are off: set `traces = true` in staticfire.toml and start again."
        return _json(404, {"message": message, "off": True})
    if identifier:
        trace = traces.get(unquote(identifier))
        if trace is None:
            kept = f"{len(traces)} are kept, the newest ones"
            return _json(404, {"message": f"No trace has the id {unquote(identifier)!r}: {kept}."})
        return _json(200, trace.document())
    parameters = {name: values[0] for name, values in parse_qs(request.query).items()}
    unknown = parameters.keys() - set(PARAMETERS)
    if unknown:
        return _json(400, {"message": f"Traces are not chosen by {', '.join(sorted(unknown))}: {PARAMETERS}."})
    try:
        chosen, before, limit = read_filter(parameters)
    except ValueError as error:
        return _json(
            400, {"message": f"before, limit and status are whole numbers, slower and since seconds: {error}."}
        )
    summaries = traces.recent(chosen, before, limit)
    return _json(200, {"kept": len(traces), "traces": [summary.document() for summary in summaries]})


def read_filter(parameters: Mapping[str, str]) -> tuple[TraceFilter, int, int]:
    """The filter, the number before which, and how many."""
    chosen = TraceFilter(
        text=parameters.get("text", ""),
        outcome=parameters.get("outcome", ""),
        function=parameters.get("function", ""),
        source=parameters.get("source", ""),
        status=int(parameters.get("status", 0)),
        slower_than=float(parameters.get("slower", 0)),
        since=float(parameters.get("since", 0)),
    )
    return chosen, int(parameters.get("before", 0)), max(1, min(int(parameters.get("limit", 50)), MOST))


def _json(status: int, document: Mapping[str, Any]) -> Response:
    return Response(status, [("content-type", "application/json")], json.dumps(document).encode())
