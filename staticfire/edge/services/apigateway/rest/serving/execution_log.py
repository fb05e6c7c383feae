"""The lines of an execution, as CloudWatch Logs and TestInvokeMethod show them."""

from __future__ import annotations

from collections.abc import Iterable

from staticfire.edge.http1.messages import Response

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


def sent(exchange: RestExchange, uri: str, headers: Iterable[tuple[str, str]], payload: bytes) -> None:
    """What goes to the integration's endpoint."""
    trail = exchange.trail
    if trail is None:
        return
    trail.data(f"Endpoint request URI: {uri}")
    trail.data(f"Endpoint request headers: {java_map(headers)}")
    trail.data(f"Endpoint request body after transformations: {decoded(payload)}")
    trail.add(f"Sending request to {uri}")


def received(exchange: RestExchange, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
    """What the endpoint answered."""
    trail = exchange.trail
    if trail is None:
        return
    trail.add(f"Received response. Status: {status}, Integration latency: {exchange.integration_latency or 0} ms")
    trail.data(f"Endpoint response headers: {java_map(headers)}")
    trail.data(f"Endpoint response body before transformations: {decoded(body)}")


def answered(exchange: RestExchange, response: Response) -> None:
    """The client's response, where an integration made it."""
    trail = exchange.trail
    if trail is None:
        return
    if isinstance(response.body, bytes):
        trail.data(f"Method response body after transformations: {decoded(response.body)}")
    trail.data(f"Method response headers: {java_map(response.headers)}")


def ended(exchange: RestExchange) -> None:
    trail = exchange.trail
    if trail is None:
        return
    if exchange.error_kind is None:
        trail.add("Successfully completed execution")
    trail.add(f"Method completed with status: {exchange.status}")
