"""The event that a function gets: payload formats 2.0 and 1.0, and those of Lambda authorizers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html

Format 2.0 has no key for what a request does not have; 1.0 has the documented nulls. Header names are lower-case in
2.0. In 1.0, as events that AWS sent show, those that API Gateway knows are spelled its way (`_SPELLED`) and others as
the client spelled them; of repeated ones its single-value maps have the last. In 2.0 `rawPath` begins with a named
stage and never holds a custom domain's mapping key; the `path` of 1.0 does.

The documentation does not list which bodies are text. Observed on AWS: `text/*` and application/json, xml and
javascript are; everything else is base64, form data and bodies without a content type among it.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson

from .exchange import Exchange, decoded_path
from .model import DEFAULT_STAGE

_SPELLED = {
    name.lower(): name
    for name in (
        "Content-Length",
        "Content-Type",
        "Host",
        "User-Agent",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "accept",
        "accept-encoding",
        "cache-control",
    )
}
_TEXT_TYPES = frozenset(("application/json", "application/xml", "application/javascript"))


def encode(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event)
    except TypeError:
        # A lone surrogate, or a number of more than 64 bits.
        return json.dumps(event, separators=(",", ":")).encode("ascii")


def is_text(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in _TEXT_TYPES or kind.startswith("text/")


def body_text(exchange: Exchange) -> tuple[str, bool]:
    """The body for an event, and whether it is base64."""
    headers = exchange.headers
    if "content-encoding" not in headers and is_text(headers.get("content-type", "")):
        try:
            return exchange.body.decode("utf-8"), False
        except UnicodeDecodeError:
            # Declared as text, but it is not: bytes must survive.
            pass
    return base64.b64encode(exchange.body).decode("ascii"), True


def _request_context_2(exchange: Exchange, route_key: str) -> dict[str, Any]:
    context: dict[str, Any] = {"accountId": exchange.scope.account, "apiId": exchange.api_id}
    if exchange.authorizer is not None:
        context["authorizer"] = exchange.authorizer
    context["domainName"] = exchange.domain_name
    context["domainPrefix"] = exchange.domain_prefix
    context["http"] = {
        "method": exchange.request.method,
        "path": exchange.raw_path,
        "protocol": exchange.protocol,
        "sourceIp": exchange.request.peer,
        "userAgent": exchange.user_agent,
    }
    context["requestId"] = exchange.request_id
    context["routeKey"] = route_key
    context["stage"] = exchange.stage.name
    context["time"] = exchange.time
    context["timeEpoch"] = exchange.epoch_ms
    return context


def _joined_query(exchange: Exchange) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in exchange.query:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _request_2(exchange: Exchange, head: dict[str, Any]) -> dict[str, Any]:
    route_key = exchange.route.key if exchange.route else ""
    event: dict[str, Any] = {
        **head,
        "routeKey": route_key,
        "rawPath": exchange.raw_path,
        "rawQueryString": exchange.query_string,
    }
    if exchange.cookies:
        event["cookies"] = exchange.cookies
    event["headers"] = exchange.headers
    if exchange.query:
        event["queryStringParameters"] = _joined_query(exchange)
    event["requestContext"] = _request_context_2(exchange, route_key)
    if exchange.parameters:
        event["pathParameters"] = exchange.parameters
    if exchange.stage.variables:
        event["stageVariables"] = exchange.stage.variables
    return event


def version_2(exchange: Exchange) -> bytes:
    event = _request_2(exchange, {"version": "2.0"})
    if exchange.body:
        event["body"], event["isBase64Encoded"] = body_text(exchange)
    else:
        event["isBase64Encoded"] = False
    return encode(event)


def _path_1(exchange: Exchange) -> str:
    """The path that the client used, with the stage or the mapping key before it."""
    path = decoded_path(exchange.path)
    if exchange.base_path is not None:
        return f"/{exchange.base_path}{path}" if exchange.base_path else path
    return path if exchange.stage.name == DEFAULT_STAGE else f"/{exchange.stage.name}{path}"


def _headers_1(exchange: Exchange) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Headers with their last values, and with all."""
    multi: dict[str, list[str]] = {name: [value] for name, value in exchange.headers.items()}
    for name in multi:
        values = exchange.request.headers.getall(name)
        if len(values) > 1 and name not in ("x-forwarded-for", "content-length"):
            multi[name] = values
    cookies = exchange.request.headers.getall("cookie")
    if cookies:
        multi["cookie"] = cookies
    spelled = {name.lower(): name for name in (name.decode("latin-1") for name in exchange.request.headers.names)}
    spelled |= _SPELLED
    multi = {spelled.get(name, name): values for name, values in multi.items()}
    return {name: values[-1] for name, values in multi.items()}, multi


def _authorizer_1(exchange: Exchange) -> dict[str, Any]:
    authorizer = exchange.authorizer or {}
    if "jwt" in authorizer:
        return dict(authorizer["jwt"])
    principal = {"principalId": exchange.principal} if exchange.principal is not None else {}
    return {**(authorizer.get("lambda") or {}), **principal}


def _request_1(exchange: Exchange, head: dict[str, Any]) -> dict[str, Any]:
    path = _path_1(exchange)
    resource = exchange.route.path if exchange.route else ""
    headers, multi_headers = _headers_1(exchange)
    query: dict[str, list[str]] = {}
    for name, value in exchange.query:
        query.setdefault(name, []).append(value)
    signed = (exchange.authorizer or {}).get("iam") or {}
    authorized = exchange.authorizer is not None and not signed
    return {
        **head,
        "resource": resource,
        "path": path,
        "httpMethod": exchange.request.method,
        "headers": headers,
        "multiValueHeaders": multi_headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {
            "accountId": exchange.scope.account,
            "apiId": exchange.api_id,
            **({"authorizer": _authorizer_1(exchange)} if authorized else {}),
            "domainName": exchange.domain_name,
            "domainPrefix": exchange.domain_prefix,
            "extendedRequestId": exchange.request_id,
            "httpMethod": exchange.request.method,
            "identity": {
                "accessKey": signed.get("accessKey"),
                "accountId": signed.get("accountId"),
                "caller": signed.get("callerId"),
                "cognitoAmr": None,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": exchange.request.peer,
                "user": signed.get("userId"),
                "userAgent": exchange.user_agent,
                "userArn": signed.get("userArn"),
            },
            "path": path,
            "protocol": exchange.protocol,
            "requestId": exchange.request_id,
            "requestTime": exchange.time,
            "requestTimeEpoch": exchange.epoch_ms,
            "resourceId": exchange.route.key if exchange.route else None,
            "resourcePath": resource,
            "stage": exchange.stage.name,
        },
        "pathParameters": dict(exchange.parameters) or None,
        "stageVariables": dict(exchange.stage.variables) or None,
    }


def version_1(exchange: Exchange) -> bytes:
    event = _request_1(exchange, {"version": "1.0"})
    event["body"], event["isBase64Encoded"] = body_text(exchange) if exchange.body else (None, False)
    return encode(event)


def authorizer_2(exchange: Exchange, identities: list[str]) -> bytes:
    head = {"version": "2.0", "type": "REQUEST", "routeArn": exchange.route_arn, "identitySource": identities}
    return encode(_request_2(exchange, head))


def authorizer_1(exchange: Exchange, identities: list[str]) -> bytes:
    joined = ",".join(identities)
    head = {
        "version": "1.0",
        "type": "REQUEST",
        "methodArn": exchange.route_arn,
        "identitySource": joined,
        "authorizationToken": joined,
    }
    return encode(_request_1(exchange, head))
