"""The lines of an execution, as CloudWatch Logs and TestInvokeMethod show them."""

from __future__ import annotations

from .exchange import RestExchange
from .trail import decoded, java_map


def begun(exchange: RestExchange) -> None:
    """The request, as its method got it."""
    trail = exchange.trail
    if trail is None:
        return
    trail.add(f"Starting execution for request: {exchange.request_id}")
    trail.add(f"HTTP Method: {exchange.verb}, Resource Path: {exchange.path}")
    trail.data(f"Method request path: {java_map(exchange.path_parameters)}")
    trail.data(f"Method request query string: {java_map(exchange.query)}")
    trail.data(f"Method request headers: {java_map(exchange.headers)}")
    trail.data(f"Method request body before transformations: {decoded(exchange.body)}")


def ended(exchange: RestExchange) -> None:
    trail = exchange.trail
    if trail is None:
        return
    if exchange.error_kind is None:
        trail.add("Successfully completed execution")
    trail.add(f"Method completed with status: {exchange.status}")
