"""A request of a REST API in its trace."""

from __future__ import annotations

from staticfire.edge.http1.messages import Response
from staticfire.edge.traces import Traces
from staticfire.edge.traces.requests import Served, note_request

from .exchange import RestExchange


def note(traces: Traces, exchange: RestExchange, response: Response, seconds: float, reason: str = "") -> None:
    """`reason` is why it was refused, where the exchange does not say so."""
    request = exchange.request
    served = Served(
        "rest",
        exchange.scope.account,
        exchange.scope.region,
        exchange.api_id,
        exchange.stage,
        f"{exchange.method.verb} {exchange.method.path}" if exchange.method is not None else "",
        exchange.domain_name,
        request.peer,
        exchange.error_kind or "",
        reason or exchange.integration_error or exchange.validation_error or exchange.error_message or "",
        exchange.integration_latency,
        exchange.integration_status,
        exchange.integration_request_id or "",
        exchange.authorizer_latency,
        exchange.authorizer_error or "",
    )
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
        served,
    )
