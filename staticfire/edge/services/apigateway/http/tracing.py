"""A request of an HTTP API in its trace: noted on the way of each, so in one tuple and with nothing copied."""

from __future__ import annotations

import time

from staticfire.edge.aws.calls import Scope
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.common.refusal import Refused
from staticfire.edge.services.apigateway.domains.address import Address
from staticfire.edge.traces import Traces
from staticfire.edge.traces.requests import Served, note_facts, note_request
from staticfire.edge.traces.trace_id import new_root

from .exchange import Exchange


def note(traces: Traces, exchange: Exchange, response: Response, seconds: float) -> None:
    request, route, scope = exchange.request, exchange.route, exchange.scope
    answer, status = response.body, response.status
    if not isinstance(answer, bytes):
        answer = b""
    reason = exchange.integration_error or exchange.error_message or ""
    method, path, body, began = request.method, exchange.path, exchange.body, exchange.now
    facts = (
        scope.account,
        scope.region,
        exchange.api_id,
        exchange.stage.name,
        route.key if route is not None else "",
        method,
        path,
        request.query,
        exchange.domain_name,
        request.peer,
        request.headers.items(),
        body,
        response.headers,
        answer,
        exchange.error_kind or "",
        reason,
        exchange.integration_latency,
        exchange.integration_status,
        exchange.integration_request_id or "",
        exchange.authorizer_latency,
        exchange.authorizer_error or "",
        exchange.principal or "",
        "http",
    )
    error = ""
    if status >= 400:
        error = reason or exchange.authorizer_error or exchange.error_kind or ""
    size = len(body) + len(answer)
    note_facts(traces, exchange.trace_id, exchange.request_id, status, error, began, began + seconds, size, facts)


def note_refused(
    traces: Traces,
    scope: Scope,
    address: Address,
    refusal: Refused,
    response: Response,
    seconds: float,
) -> None:
    """A request that reached no stage; its answer has its id."""
    request, ended = address.request, time.time()
    served = Served(
        *("http", scope.account, scope.region, address.api_id or "", address.stage or "", ""),
        *(address.domain_name, request.peer, refusal.kind, str(refusal)),
    )
    note_request(
        traces,
        request.headers.get("x-amzn-trace-id") or new_root(ended),
        dict(response.headers)["apigw-requestid"],
        *(request.method, address.path, request.query, request.headers.items(), b""),
        *(response.status, response.headers, response.body if isinstance(response.body, bytes) else b""),
        *(ended - seconds, ended),
        served,
    )
