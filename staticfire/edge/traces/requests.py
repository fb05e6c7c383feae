"""A request to an API in its trace: HTTP APIs, REST APIs, WebSocket APIs and function URLs note it the same way.

    note_request(traces, header, request_id, "POST", "/usage", request.query, request.headers, body, ...)

`header` is the X-Amzn-Trace-Id that the integration got: the request and what it set off are one trace by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .recorder import BODY, Traces, clipped
from .trace_id import root_of

HEADERS = 1000  # what a request's and its answer's take, about


@dataclass(slots=True)
class Served:
    """What became known of a request, beside what was sent and answered. `kind`: http, rest, websocket, url."""

    kind: str
    account: str
    region: str
    api_id: str
    stage: str
    route: str
    host: str
    source_ip: str
    error_kind: str = ""
    error: str = ""
    integration_ms: float | None = None
    integration_status: int | None = None
    integration_request_id: str = ""
    authorizer_ms: float | None = None
    authorizer_error: str = ""
    principal: str = ""


def note_request(
    traces: Traces,
    header: str,
    request_id: str,
    method: str,
    path: str,
    query: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    status: int,
    answer_headers: Sequence[tuple[str, str]],
    answer: bytes,
    began: float,
    ended: float,
    served: Served,
) -> None:
    """Note one that was answered. Without a usable header it is a trace of its own, named by its request id."""
    facts = (
        *(served.account, served.region, served.api_id, served.stage, served.route, method, path, query, served.host),
        *(served.source_ip, headers, body, answer_headers, answer, served.error_kind, served.error),
        *(served.integration_ms, served.integration_status, served.integration_request_id, served.authorizer_ms),
        *(served.authorizer_error, served.principal, served.kind),
    )
    error = (served.error or served.authorizer_error or served.error_kind) if status >= 400 else ""
    note_facts(traces, header, request_id, status, error, began, ended, len(body) + len(answer), facts)


def note_facts(
    traces: Traces,
    header: str,
    request_id: str,
    status: int,
    error: str,
    began: float,
    ended: float,
    size: int,
    facts: tuple[Any, ...],
) -> None:
    """The same with its facts in the order of FACTS; `size` is how many bytes its bodies have."""
    root = root_of(header) or f"1-{int(began):08x}-{hash(request_id) & (1 << 96) - 1:024x}"
    if size > BODY:
        facts = (*facts[:11], clipped(facts[11]), facts[12], clipped(facts[13]), *facts[14:])
        size = len(facts[11]) + len(facts[13])
    name = f"{facts[5]} {facts[6]}"
    traces.add(root, ("api", root[-16:], "", name, began, ended, status, error, request_id, facts), size + HEADERS)
