"""The event that a function gets: payload formats 2.0 and 1.0, and those of Lambda authorizers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html

Format 2.0 has no key for what a request does not have; 1.0 has the documented nulls. Header names are lower-case in
both; of repeated ones 1.0's single-value maps have the last. In 2.0 `rawPath` begins with a named stage and never holds
a custom domain's mapping key; the `path` of 1.0 does.

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


def body_text(x: Exchange) -> tuple[str, bool]:
    """The body for an event, and whether it is base64."""
    headers = x.headers
    if "content-encoding" not in headers and is_text(headers.get("content-type", "")):
        try:
            return x.body.decode("utf-8"), False
        except UnicodeDecodeError:
            # Declared as text, but it is not: bytes must survive.
            pass
    return base64.b64encode(x.body).decode("ascii"), True


def _request_context_2(x: Exchange, route_key: str) -> dict[str, Any]:
    context: dict[str, Any] = {"accountId": x.scope.account, "apiId": x.api_id}
    if x.authorizer is not None:
        context["authorizer"] = x.authorizer
    context["domainName"] = x.domain_name
    context["domainPrefix"] = x.domain_prefix
    context["http"] = {
        "method": x.request.method,
        "path": x.raw_path,
        "protocol": x.protocol,
        "sourceIp": x.request.peer,
        "userAgent": x.user_agent,
    }
    context["requestId"] = x.request_id
    context["routeKey"] = route_key
    context["stage"] = x.stage.name
    context["time"] = x.time
    context["timeEpoch"] = x.epoch_ms
    return context


def _joined_query(x: Exchange) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in x.query:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _request_2(x: Exchange, head: dict[str, Any]) -> dict[str, Any]:
    route_key = x.route.key if x.route else ""
    event: dict[str, Any] = {
        **head,
        "routeKey": route_key,
        "rawPath": x.raw_path,
        "rawQueryString": x.query_string,
    }
    if x.cookies:
        event["cookies"] = x.cookies
    event["headers"] = x.headers
    if x.query:
        event["queryStringParameters"] = _joined_query(x)
    event["requestContext"] = _request_context_2(x, route_key)
    if x.parameters:
        event["pathParameters"] = x.parameters
    if x.stage.variables:
        event["stageVariables"] = x.stage.variables
    return event


def version_2(x: Exchange) -> bytes:
    event = _request_2(x, {"version": "2.0"})
    if x.body:
        event["body"], event["isBase64Encoded"] = body_text(x)
    else:
        event["isBase64Encoded"] = False
    return encode(event)


def _path_1(x: Exchange) -> str:
    """The path that the client used, with the stage or the mapping key before it."""
    path = decoded_path(x.path)
    if x.base_path is not None:
        return f"/{x.base_path}{path}" if x.base_path else path
    return path if x.stage.name == DEFAULT_STAGE else f"/{x.stage.name}{path}"


def _headers_1(x: Exchange) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Headers with their last values, and with all."""
    multi: dict[str, list[str]] = {name: [value] for name, value in x.headers.items()}
    for name in multi:
        values = x.request.headers.getall(name)
        if len(values) > 1 and name not in ("x-forwarded-for", "content-length"):
            multi[name] = values
    cookies = x.request.headers.getall("cookie")
    if cookies:
        multi["cookie"] = cookies
    return {name: values[-1] for name, values in multi.items()}, multi


def _authorizer_1(x: Exchange) -> dict[str, Any]:
    authorizer = x.authorizer or {}
    if "jwt" in authorizer:
        return dict(authorizer["jwt"])
    principal = {"principalId": x.principal} if x.principal is not None else {}
    return {**(authorizer.get("lambda") or {}), **principal}


def _request_1(x: Exchange, head: dict[str, Any]) -> dict[str, Any]:
    path = _path_1(x)
    resource = x.route.path if x.route else ""
    headers, multi_headers = _headers_1(x)
    query: dict[str, list[str]] = {}
    for name, value in x.query:
        query.setdefault(name, []).append(value)
    return {
        **head,
        "resource": resource,
        "path": path,
        "httpMethod": x.request.method,
        "headers": headers,
        "multiValueHeaders": multi_headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {
            "accountId": x.scope.account,
            "apiId": x.api_id,
            **({"authorizer": _authorizer_1(x)} if x.authorizer is not None else {}),
            "domainName": x.domain_name,
            "domainPrefix": x.domain_prefix,
            "extendedRequestId": x.request_id,
            "httpMethod": x.request.method,
            "identity": {
                "accessKey": None,
                "accountId": None,
                "caller": None,
                "cognitoAmr": None,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": x.request.peer,
                "user": None,
                "userAgent": x.user_agent,
                "userArn": None,
            },
            "path": path,
            "protocol": x.protocol,
            "requestId": x.request_id,
            "requestTime": x.time,
            "requestTimeEpoch": x.epoch_ms,
            "resourceId": x.route.key if x.route else None,
            "resourcePath": resource,
            "stage": x.stage.name,
        },
        "pathParameters": dict(x.parameters) or None,
        "stageVariables": dict(x.stage.variables) or None,
    }


def version_1(x: Exchange) -> bytes:
    event = _request_1(x, {"version": "1.0"})
    event["body"], event["isBase64Encoded"] = body_text(x) if x.body else (None, False)
    return encode(event)


def authorizer_2(x: Exchange, identities: list[str]) -> bytes:
    head = {"version": "2.0", "type": "REQUEST", "routeArn": x.route_arn, "identitySource": identities}
    return encode(_request_2(x, head))


def authorizer_1(x: Exchange, identities: list[str]) -> bytes:
    joined = ",".join(identities)
    head = {
        "version": "1.0",
        "type": "REQUEST",
        "methodArn": x.route_arn,
        "identitySource": joined,
        "authorizationToken": joined,
    }
    return encode(_request_1(x, head))
