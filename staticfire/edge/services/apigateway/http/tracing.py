"""A request of an HTTP API in its trace."""

from __future__ import annotations

from staticfire.edge.http1.messages import Response
from staticfire.edge.traces import Traces
from staticfire.edge.traces.requests import Served, note_request

from .exchange import Exchange


def note(traces: Traces, exchange: Exchange, response: Response, seconds: float) -> None:
    request, route = exchange.request, exchange.route
    note_request(
        traces,
        exchange.trace_id,
        exchange.request_id,
        request.method,
        exchange.path,
        request.query,
        request.headers.items(),
        exchange.body,
        response.status,
        response.headers,
        response.body if isinstance(response.body, bytes) else b"",
        exchange.now,
        exchange.now + seconds,
        Served(
            "http",
            exchange.scope.account,
            exchange.scope.region,
            exchange.api_id,
            exchange.stage.name,
            route.key if route is not None else "",
            exchange.domain_name,
            request.peer,
            exchange.error_kind or "",
            exchange.integration_error or exchange.error_message or "",
            exchange.integration_latency,
            exchange.integration_status,
            exchange.integration_request_id or "",
            exchange.authorizer_latency,
            exchange.authorizer_error or "",
            exchange.principal or "",
        ),
    )
