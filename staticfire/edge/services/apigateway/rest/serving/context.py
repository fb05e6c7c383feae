"""`$context` of REST APIs: by name for logs and mappings, as a tree for templates.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .exchange import RestExchange

Getter = Callable[[RestExchange], Any]

# Null in events, not known, where the caller is not an identity of IAM.
IDENTITY = (
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
    *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "sourceIp", "user", "userAgent", "userArn"),
)

_NOBODY: Mapping[str, Any] = dict.fromkeys(IDENTITY)


def identity(exchange: RestExchange) -> dict[str, Any]:
    """`requestContext.identity`."""
    request = exchange.request
    shown = {**_NOBODY, "sourceIp": request.peer, "userAgent": request.headers.get("user-agent") or None}
    return {**shown, **exchange.identity} if exchange.identity else shown


_REQUEST: Mapping[str, Getter] = {
    "accountId": lambda exchange: exchange.scope.account,
    "apiId": lambda exchange: exchange.api_id,
    "deploymentId": lambda exchange: exchange.deployment_id,
    "domainName": lambda exchange: exchange.domain_name,
    "domainPrefix": lambda exchange: exchange.domain_prefix,
    "extendedRequestId": lambda exchange: exchange.extended_request_id,
    "httpMethod": lambda exchange: exchange.verb,
    "path": lambda exchange: exchange.context_path,
    "protocol": lambda exchange: f"HTTP/{exchange.request.http_version}",
    "requestId": lambda exchange: exchange.request_id,
    "requestTime": lambda exchange: exchange.time,
    "requestTimeEpoch": lambda exchange: exchange.epoch_ms,
    "resourceId": lambda exchange: exchange.method.resource_id if exchange.method else None,
    "resourcePath": lambda exchange: exchange.resource_path or None,
    "stage": lambda exchange: exchange.stage,
}

_MORE: Mapping[str, Getter] = {
    "authorizer.error": lambda exchange: exchange.authorizer_error,
    "authorizer.latency": lambda exchange: exchange.authorizer_latency,
    "authorizer.integrationLatency": lambda exchange: exchange.authorizer_latency,
    "authorizer.status": lambda exchange: exchange.authorizer_status,
    "authorizer.integrationStatus": lambda exchange: exchange.authorizer_status,
    "authorize.error": lambda exchange: exchange.authorizer_error,
    "awsEndpointRequestId": lambda exchange: exchange.integration_request_id,
    "customDomain.basePathMatched": lambda exchange: exchange.base_path,
    "endpointType": lambda exchange: "EDGE" if exchange.edge_optimized else "REGIONAL",
    "error.message": lambda exchange: exchange.error_message,
    "error.messageString": lambda exchange: json.dumps(exchange.error_message, ensure_ascii=False),
    "error.responseType": lambda exchange: exchange.error_kind,
    "error.validationErrorString": lambda exchange: exchange.validation_error,
    "integration.error": lambda exchange: exchange.integration_error,
    "integration.integrationStatus": lambda exchange: exchange.endpoint_status,
    "integration.latency": lambda exchange: exchange.integration_latency,
    "integration.requestId": lambda exchange: exchange.integration_request_id,
    "integration.status": lambda exchange: exchange.integration_status,
    "integrationErrorMessage": lambda exchange: exchange.integration_error,
    "integrationLatency": lambda exchange: exchange.integration_latency,
    "integrationStatus": lambda exchange: exchange.integration_status,
    "isCanaryRequest": lambda exchange: exchange.canary,
    "responseLatency": lambda exchange: exchange.response_latency,
    "responseLength": lambda exchange: exchange.response_length,
    "status": lambda exchange: exchange.status or None,
    "xrayTraceId": lambda exchange: exchange.trace_id.removeprefix("Root=").partition(";")[0],
}
_ALL = {**_REQUEST, **_MORE}


def context_getter(name: str) -> Getter | None:
    """How to look `$context.NAME` up; None when there is no such variable."""
    getter = _ALL.get(name)
    if getter is not None:
        return getter
    head, _, rest = name.partition(".")
    if head == "identity":
        return lambda exchange: identity(exchange).get(rest)
    if head == "authorizer" and rest:
        keys = rest.split(".", 1)
        return lambda exchange: _below(exchange.authorizer, keys)
    return None


def _below(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def context_value(exchange: RestExchange, name: str) -> Any:
    getter = context_getter(name)
    return None if getter is None else getter(exchange)


def context_tree(exchange: RestExchange) -> dict[str, Any]:
    """`$context` as a template sees it. What it overrides there is looked at afterwards."""
    tree: dict[str, Any] = {name: getter(exchange) for name, getter in _REQUEST.items()}
    tree["identity"] = identity(exchange)
    tree["authorizer"] = dict(exchange.authorizer or {})
    tree["error"] = {
        "message": exchange.error_message,
        "messageString": json.dumps(exchange.error_message, ensure_ascii=False),
        "responseType": exchange.error_kind,
        "validationErrorString": exchange.validation_error,
    }
    tree["isCanaryRequest"] = exchange.canary
    tree["xrayTraceId"] = context_value(exchange, "xrayTraceId")
    request = exchange.overrides
    tree["requestOverride"] = {
        "header": dict(request.get("header") or {}),
        "path": dict(request.get("path") or {}),
        "querystring": dict(request.get("querystring") or {}),
    }
    tree["responseOverride"] = {"header": {}}
    return tree
