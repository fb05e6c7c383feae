"""What a REST API answers by itself: gateway responses, and what the API's owner made of them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html. A type that was not
put takes what DEFAULT_4XX or DEFAULT_5XX say. Templates of gateway responses know variables, and nothing else of
Velocity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.http1.messages import HeaderList, Response
from staticfire.edge.services.apigateway.common.texts import text_of

from .context import context_value
from .exchange import RestExchange

JSON = "application/json"

# Type: its status, and what x-amzn-ErrorType says.
TYPES: Mapping[str, tuple[int, str]] = {
    "ACCESS_DENIED": (403, "AccessDeniedException"),
    "API_CONFIGURATION_ERROR": (500, "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": (500, "AuthorizerFailureException"),
    "BAD_REQUEST_BODY": (400, "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": (400, "BadRequestException"),
    "DEFAULT_4XX": (400, "BadRequestException"),
    "DEFAULT_5XX": (500, "InternalServerErrorException"),
    "EXPIRED_TOKEN": (403, "ExpiredTokenException"),
    "INTEGRATION_FAILURE": (504, "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": (504, "InternalServerErrorException"),
    "INVALID_API_KEY": (403, "ForbiddenException"),
    "INVALID_SIGNATURE": (403, "InvalidSignatureException"),
    "MISSING_AUTHENTICATION_TOKEN": (403, "MissingAuthenticationTokenException"),
    "QUOTA_EXCEEDED": (429, "LimitExceededException"),
    "REQUEST_TOO_LARGE": (413, "RequestTooLargeException"),
    "RESOURCE_NOT_FOUND": (404, "NotFoundException"),
    "THROTTLED": (429, "TooManyRequestsException"),
    "UNAUTHORIZED": (401, "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "BadRequestException"),
    "WAF_FILTERED": (403, "ForbiddenException"),
}

_VARIABLE = re.compile(
    r"\$\{?(?:context\.([A-Za-z0-9_.-]+)|stageVariables\.(\w+)|method\.request\.(header|querystring|path)\.([\w.-]+))\}?"
)
_PREFIX = "gatewayresponse.header."


class GatewayRefusal(Exception):
    """The request gets a gateway response of this type; `reason` goes to the logs, never to the client."""

    def __init__(
        self,
        kind: str,
        message: str | None,
        reason: str = "",
        *,
        status: int | None = None,
        error_type: str = "",
        body: bytes | None = None,
        headers: HeaderList | None = None,
    ) -> None:
        super().__init__(reason or message or kind)
        self.kind = kind
        self.message = message
        self.status = status or TYPES[kind][0]
        self.error_type = error_type or TYPES[kind][1]
        self.body = body
        self.headers = headers or []


def internal(reason: str, *, kind: str = "API_CONFIGURATION_ERROR", status: int | None = None) -> GatewayRefusal:
    """The answer to everything that is wrong behind the API. AWS writes this one with a space."""
    text = b'{"message": "Internal server error"}'
    return GatewayRefusal(kind, "Internal server error", reason, status=status, body=text)


def malformed(reason: str) -> GatewayRefusal:
    """A function's answer is none."""
    return internal(reason, kind="DEFAULT_5XX", status=502)


def failed(reason: str, status: int = 502) -> GatewayRefusal:
    return internal(reason, kind="INTEGRATION_FAILURE", status=status)


def timed_out(reason: str) -> GatewayRefusal:
    body = b'{"message": "Endpoint request timed out"}'
    return GatewayRefusal("INTEGRATION_TIMEOUT", "Endpoint request timed out", reason, body=body)


def denied(message: str, reason: str = "") -> GatewayRefusal:
    """AWS names the message with a capital letter here."""
    body = json.dumps({"Message": message}, separators=(",", ":"), ensure_ascii=False).encode()
    return GatewayRefusal("ACCESS_DENIED", message, reason, body=body)


def unserved(what: str) -> GatewayRefusal:
    """Works on AWS, does not here: says so, where a wrong success would mislead."""
    return GatewayRefusal("API_CONFIGURATION_ERROR", what, what, status=501)


def too_long(reason: str) -> GatewayRefusal:
    return GatewayRefusal("REQUEST_TOO_LARGE", "Request Too Long", reason)


class GatewayResponses:
    """Those of one deployment."""

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self._documents = documents

    def response(self, refusal: GatewayRefusal, exchange: RestExchange) -> Response:
        exchange.error_kind = refusal.kind
        exchange.error_message = refusal.message
        own = self._documents.get(refusal.kind)
        shared = self._documents.get("DEFAULT_5XX" if refusal.status >= 500 else "DEFAULT_4XX")
        document = own or shared or {}
        status = int(document.get("statusCode") or refusal.status)
        templates = document.get("responseTemplates") or {}
        kind, template = _template(templates, exchange)
        body = refusal.body or _default_body(refusal)
        if template is not None:
            body = _VARIABLE.sub(lambda name: _shown(name, exchange), template).encode("utf-8", "replace")
        headers: HeaderList = [
            *refusal.headers,
            ("x-amzn-ErrorType", refusal.error_type),
            *_headers(document.get("responseParameters") or {}, exchange),
        ]
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", kind))
        return Response(status, headers, body)


def _default_body(refusal: GatewayRefusal) -> bytes:
    return json.dumps({"message": refusal.message}, separators=(",", ":"), ensure_ascii=False).encode()


def _template(templates: Mapping[str, str], exchange: RestExchange) -> tuple[str, str | None]:
    """By what the client accepts, else JSON, else the first. None: AWS's own text."""
    if not templates:
        return JSON, None
    accepted = exchange.header("accept") or JSON
    kind = next((name for name in (accepted, JSON) if name in templates), next(iter(templates)))
    template = templates[kind]
    own = '{"message":$context.error.messageString}'
    return kind, None if template.replace(" ", "") == own else template


def _shown(variable: re.Match[str], exchange: RestExchange) -> str:
    context, stage_variable, place, name = variable.groups()
    if context:
        return text_of(context_value(exchange, context)) or ""
    if stage_variable:
        return exchange.stage_variables.get(stage_variable, "")
    return exchange.parameter(place, name) or ""


def _headers(parameters: Mapping[str, str], exchange: RestExchange) -> HeaderList:
    headers: HeaderList = []
    for target, source in parameters.items():
        if not target.startswith(_PREFIX):
            continue
        if source.startswith("'") and source.endswith("'") and len(source) > 1:
            value: str | None = source[1:-1]
        elif source.startswith("context."):
            value = text_of(context_value(exchange, source.removeprefix("context.")))
        elif source.startswith("stageVariables."):
            value = exchange.stage_variables.get(source.removeprefix("stageVariables."))
        elif source.startswith("method.request."):
            place, _, name = source.removeprefix("method.request.").partition(".")
            value = exchange.parameter(place, name)
        else:
            value = None
        if value is not None and "\r" not in value and "\n" not in value:
            headers.append((target.removeprefix(_PREFIX), value))
    return headers
