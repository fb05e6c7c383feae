"""The event that a function gets from a REST API, and the one of its authorizers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html. As AWS's own events
show: headers as the client spelled them (but Authorization, Host and User-Agent), of repeated ones the last in the
single-value map; path and path parameters as sent, not decoded; a query that is not there is null.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import orjson

from .context import identity
from .exchange import RestExchange
from .media_types import is_binary


def encode(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event)
    except TypeError:
        # A lone surrogate, or a number of more than 64 bits.
        return json.dumps(event, separators=(",", ":")).encode("ascii")


def _multi(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    multi: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in multi:
            multi[name].append(value)
        else:
            multi[name] = [value]
    return multi


def request_context(exchange: RestExchange) -> dict[str, Any]:
    method = exchange.method
    context: dict[str, Any] = {
        "resourceId": method.resource_id if method else None,
        "resourcePath": method.path if method else None,
        "httpMethod": exchange.verb,
        "extendedRequestId": exchange.extended_request_id,
        "requestTime": exchange.time,
        "path": exchange.context_path,
        "accountId": exchange.scope.account,
        "protocol": f"HTTP/{exchange.request.http_version}",
        "stage": exchange.stage,
        "domainPrefix": exchange.domain_prefix,
        "requestTimeEpoch": exchange.epoch_ms,
        "requestId": exchange.request_id,
        "identity": identity(exchange),
        "domainName": exchange.domain_name,
        "deploymentId": exchange.deployment_id,
        "apiId": exchange.api_id,
    }
    if exchange.authorizer is not None:
        context["authorizer"] = exchange.authorizer
    if exchange.canary:
        context["isCanaryRequest"] = True
    return context


def _request(exchange: RestExchange, nothing: Any) -> dict[str, Any]:
    headers = exchange.seen_headers()
    query = exchange.query
    return {
        "resource": exchange.resource_path,
        "path": exchange.event_path,
        "httpMethod": exchange.verb,
        "headers": dict(headers),
        "multiValueHeaders": _multi(headers),
        "queryStringParameters": dict(query) or nothing,
        "multiValueQueryStringParameters": _multi(query) or nothing,
        "pathParameters": dict(exchange.path_parameters) or nothing,
        "stageVariables": dict(exchange.stage_variables) or nothing,
        "requestContext": request_context(exchange),
    }


def for_function(exchange: RestExchange, binary_media_types: Sequence[str]) -> bytes:
    event = _request(exchange, None)
    event["body"], event["isBase64Encoded"] = _body(exchange, binary_media_types)
    return encode(event)


def _body(exchange: RestExchange, binary_media_types: Sequence[str]) -> tuple[str | None, bool]:
    if not exchange.body:
        return None, False
    if is_binary(exchange.request.headers.get("content-type"), binary_media_types):
        return base64.b64encode(exchange.body).decode("ascii"), True
    return exchange.body.decode("utf-8", "replace"), False


def for_authorizer(exchange: RestExchange) -> bytes:
    return encode({"type": "REQUEST", "methodArn": exchange.method_arn, **_request(exchange, {})})
