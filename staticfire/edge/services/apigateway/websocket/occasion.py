"""One thing that happens on a WebSocket: a client connects, a message comes, the client is gone.

Each is a request of its own, with ids of its own, `$context`, an event for the function, a line in the access log.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from staticfire.edge.aws.signed_callers import SignedCaller
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.apigateway.common.request_ids import clock, new_request_id

from .model import CONNECT, DISCONNECT, WebSocketStage
from .selection import Subject, at, json_of

_NOT_SHOWN = frozenset(("connection", "upgrade", "content-length", "transfer-encoding", "keep-alive"))
_SPELLED = {
    name.lower(): name
    for name in (
        "Host",
        "Origin",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Version",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "User-Agent",
        "Cookie",
        "Authorization",
    )
}


@dataclass(slots=True, eq=False)
class Client:
    """Who is connected: what every request of the connection tells of it."""

    id: str
    request: Request
    domain_name: str
    trace_id: str
    port: str
    connected_at: int = field(default_factory=lambda: int(time.time() * 1000))
    authorizer: dict[str, Any] | None = None
    caller: SignedCaller | None = None
    api_key: str = ""
    api_key_id: str = ""

    def identity(self) -> dict[str, Any]:
        user_agent = self.request.headers.get("user-agent")
        identity: dict[str, Any] = {"userAgent": user_agent} if user_agent else {}
        identity["sourceIp"] = self.request.peer
        if self.api_key:
            identity |= {"apiKey": self.api_key, "apiKeyId": self.api_key_id}
        if self.caller is not None:
            caller = self.caller
            identity |= {
                "accessKey": caller.key,
                "accountId": caller.account,
                "caller": caller.user_id,
                "user": caller.user_id,
                "userArn": caller.arn,
            }
        return identity

    def headers(self) -> list[tuple[str, str]]:
        """The handshake's, as a function sees them."""
        request = self.request
        spelled = {name.lower(): name for name in (raw.decode("latin-1") for raw in request.headers.names)} | _SPELLED
        forwarded = request.headers.get("x-forwarded-for")
        ours = {
            "X-Amzn-Trace-Id": self.trace_id,
            "X-Forwarded-For": f"{forwarded}, {request.peer}" if forwarded else request.peer,
            "X-Forwarded-Port": self.port,
            "X-Forwarded-Proto": "http",
        }
        lower = {name.lower() for name in ours}
        shown = [
            (spelled.get(name, name), value)
            for name, value in request.headers
            if name not in _NOT_SHOWN and name not in lower
        ]
        return [*shown, *ours.items()]

    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.request.query, keep_blank_values=True)


@dataclass(slots=True, eq=False)
class Occasion:
    """`kind` is CONNECT, MESSAGE or DISCONNECT."""

    kind: str
    client: Client
    stage: WebSocketStage
    route_key: str = ""
    body: str = ""
    code: int | None = None
    reason: str = ""
    now: float = field(default_factory=time.time)
    request_id: str = field(default_factory=new_request_id)
    message_id: str = ""
    document: Any = None
    status: int = 200
    error_message: str = ""
    error_kind: str = ""
    authorizer_error: str = ""
    authorizer_latency: int | None = None
    authorizer_status: int | None = None
    integration_error: str = ""
    integration_latency: int | None = None
    integration_status: int | None = None
    integration_request_id: str = ""

    @classmethod
    def message(cls, client: Client, stage: WebSocketStage, body: str) -> Occasion:
        return cls("MESSAGE", client, stage, body=body, message_id=new_request_id(), document=json_of(body))

    @property
    def epoch_ms(self) -> int:
        return int(self.now * 1000)

    @property
    def method_arn(self) -> str:
        return f"{self.stage.arn}/{self.route_key}"

    def subject(self) -> Subject:
        return Subject(self.document, self.context, self.stage.variables)

    def error_frame(self, message: str) -> bytes:
        """What AWS sends a client whose message came to nothing."""
        text = f'{{"message": "{message}", "connectionId":"{self.client.id}", "requestId":"{self.request_id}"}}'
        return text.encode()

    def request_context(self) -> dict[str, Any]:
        context: dict[str, Any] = {"routeKey": self.route_key}
        if self.client.authorizer is not None:
            context["authorizer"] = self.client.authorizer
        if self.message_id:
            context["messageId"] = self.message_id
        if self.kind == "DISCONNECT":
            context["disconnectStatusCode"] = self.code
        context["eventType"] = self.kind
        context["extendedRequestId"] = self.request_id
        context["requestTime"] = clock.text(self.now)
        context["messageDirection"] = "IN"
        if self.kind == "DISCONNECT":
            context["disconnectReason"] = self.reason
        context["stage"] = self.stage.name
        context["connectedAt"] = self.client.connected_at
        context["requestTimeEpoch"] = self.epoch_ms
        context["identity"] = self.client.identity()
        context["requestId"] = self.request_id
        context["domainName"] = self.client.domain_name
        context["connectionId"] = self.client.id
        context["apiId"] = self.stage.api_id
        return context

    def _request(self) -> dict[str, Any]:
        """What `$connect` knows of its handshake, and `$disconnect` of it."""
        headers = self.client.headers()
        if self.route_key == DISCONNECT:
            kept = ("Host", "X-Forwarded-For")
            headers = [("x-api-key", ""), ("x-restapi", ""), *(header for header in headers if header[0] in kept)]
        event: dict[str, Any] = {"headers": dict(headers), "multiValueHeaders": _multi(headers)}
        query = self.client.query() if self.route_key == CONNECT else []
        if query:
            event["queryStringParameters"] = dict(query)
            event["multiValueQueryStringParameters"] = _multi(query)
        return event

    def event(self) -> dict[str, Any]:
        """For the function of an AWS_PROXY integration."""
        event = self._request() if self.kind != "MESSAGE" else {}
        if self.stage.variables:
            event["stageVariables"] = dict(self.stage.variables)
        event["requestContext"] = self.request_context()
        if self.kind == "MESSAGE":
            event["body"] = self.body
        event["isBase64Encoded"] = False
        return event

    def authorizer_event(self) -> dict[str, Any]:
        query = self.client.query()
        return {
            "type": "REQUEST",
            "methodArn": self.method_arn,
            **self._request(),
            "queryStringParameters": dict(query),
            "multiValueQueryStringParameters": _multi(query),
            "stageVariables": dict(self.stage.variables),
            "requestContext": self.request_context(),
        }

    def context(self, name: str) -> object:
        """`$context.NAME`; None where it has no value."""
        getter = _CONTEXT.get(name)
        if getter is not None:
            return getter(self)
        if name.startswith("authorizer."):
            return at(self.client.authorizer or {}, name.removeprefix("authorizer."))
        return at(self.request_context(), name)


def _multi(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    multi: dict[str, list[str]] = {}
    for name, value in pairs:
        multi.setdefault(name, []).append(value)
    return multi


_CONTEXT: Mapping[str, Callable[[Occasion], object]] = {
    "authorizer.error": lambda occasion: occasion.authorizer_error or None,
    "authorizer.latency": lambda occasion: occasion.authorizer_latency,
    "authorizer.status": lambda occasion: occasion.authorizer_status,
    "error.message": lambda occasion: occasion.error_message or None,
    "error.messageString": lambda occasion: f'"{occasion.error_message}"' if occasion.error_message else None,
    "error.responseType": lambda occasion: occasion.error_kind or None,
    "integration.error": lambda occasion: occasion.integration_error or None,
    "integration.integrationStatus": lambda occasion: occasion.integration_status,
    "integration.latency": lambda occasion: occasion.integration_latency,
    "integration.requestId": lambda occasion: occasion.integration_request_id or None,
    "integration.status": lambda occasion: occasion.integration_status,
    "integrationErrorMessage": lambda occasion: occasion.integration_error or None,
    "integrationLatency": lambda occasion: occasion.integration_latency,
    "integrationStatus": lambda occasion: occasion.integration_status,
    "status": lambda occasion: occasion.status,
}


def context_getter(name: str) -> Callable[[Occasion], object]:
    """For access logs: how to look `$context.NAME` up."""
    return lambda occasion: occasion.context(name)


def decoded(body: str, is_base64: bool) -> bytes:
    return base64.b64decode(body, validate=True) if is_base64 else body.encode()
