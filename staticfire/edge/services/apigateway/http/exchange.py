"""One request on its way through an API, and what has become known of it: `$context`.

    addressed -> routed (route, parameters) -> arrived (headers, body) -> authorised (authorizer)
        -> integrated (integration_*) -> answered (status, response_*)

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from staticfire.edge.aws.calls import Scope
from staticfire.edge.http1.hop_by_hop import HOP_BY_HOP
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.apigateway.common.exchange import ServedRequest
from staticfire.edge.services.apigateway.common.request_ids import new_request_id
from staticfire.edge.services.cloudwatch.metric_writer import Dimensions
from staticfire.edge.traces.trace_id import new_root

from .model import DEFAULT_STAGE, Route, Stage

# Between client and gateway only: a function does not see them.
_NOT_THE_FUNCTIONS = HOP_BY_HOP | {"expect"}


def decoded_path(path: str) -> str:
    """The path as functions see it: HTTP APIs decode it, apart from `%25`, which stays."""
    if "%" not in path:
        return path
    pieces = path.split("%25")
    for place, piece in enumerate(pieces):
        if "%" in piece:
            pieces[place] = unquote(piece)
    return "%25".join(pieces)


@dataclass(slots=True, eq=False)
class Exchange(ServedRequest):
    """One request. Made when its API and stage are known; the steps fill in what they find."""

    request: Request
    scope: Scope
    api_id: str
    stage: Stage
    path: str
    domain_name: str
    base_path: str | None = None
    raw_path: str = field(init=False)
    query_string: str = field(init=False)
    cookies: list[str] = field(default_factory=list)
    route: Route | None = None
    dimensions: Dimensions | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    authorizer: dict[str, Any] | None = None
    principal: str | None = None
    backend_status: int | None = None
    _headers: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.request_id = new_request_id()
        self.trace_id = self.request.headers.get("x-amzn-trace-id") or new_root(self.now)
        decoded = decoded_path(self.path)
        self.raw_path = decoded if self.stage.name == DEFAULT_STAGE else f"/{self.stage.name}{decoded}"
        self.query_string = self.request.query

    def arrived(self, body: bytes, port: str) -> None:
        """The body is here: the headers are known as a function sees them."""
        self.body = body
        request = self.request
        headers: dict[str, str] = {"content-length": "0"}
        for name, value in request.headers:
            if name in _NOT_THE_FUNCTIONS:
                continue
            if name == "cookie":
                self.cookies += [cookie for cookie in value.split("; ") if cookie]
            elif name in headers and name != "content-length":
                headers[name] += "," + value
            else:
                headers[name] = value
        headers["content-length"] = str(len(body))
        forwarded = headers.get("x-forwarded-for")
        headers["x-amzn-trace-id"] = self.trace_id
        headers["x-forwarded-for"] = f"{forwarded}, {request.peer}" if forwarded else request.peer
        headers["x-forwarded-port"] = port
        headers["x-forwarded-proto"] = "http"
        self._headers = headers

    @property
    def headers(self) -> dict[str, str]:
        """Request headers, lower-case, repeated ones joined by commas, without cookies."""
        return self._headers if self._headers is not None else dict(self.request.headers.items())

    @property
    def query_text(self) -> str:
        return self.query_string

    def map(self, path: str, query: str, headers: list[tuple[str, str]]) -> None:
        """Parameter mapping changed what the function gets to see."""
        decoded = decoded_path(path)
        self.raw_path = decoded
        self.query_string = query
        self._query = None
        self._headers = {}
        for name, value in headers:
            self._headers[name] = f"{self._headers[name]},{value}" if name in self._headers else value

    def query_parameter(self, name: str) -> str | None:
        values = [value for key, value in self.query if key == name]
        return ",".join(values) if values else None

    @property
    def protocol(self) -> str:
        return f"HTTP/{self.request.http_version}"

    @property
    def user_agent(self) -> str:
        return self.request.headers.get("user-agent")

    @property
    def domain_prefix(self) -> str:
        return self.domain_name.partition(".")[0]

    @property
    def route_arn(self) -> str:
        """The request as IAM policies name it: the path that the client used."""
        return f"{api_arn(self.scope, self.api_id)}/{self.stage.name}/{self.request.method}{decoded_path(self.path)}"


def api_arn(scope: Scope, api_id: str) -> str:
    return f"arn:aws:execute-api:{scope.region}:{scope.account}:{api_id}"


def _claim(exchange: Exchange, name: str) -> Any:
    claims = ((exchange.authorizer or {}).get("jwt") or {}).get("claims") or {}
    return claims.get(name)


def _iam(exchange: Exchange, name: str) -> Any:
    return ((exchange.authorizer or {}).get("iam") or {}).get(name)


_CONTEXT: Mapping[str, Callable[[Exchange], Any]] = {
    "accountId": lambda exchange: exchange.scope.account,
    "apiId": lambda exchange: exchange.api_id,
    "authorizer.error": lambda exchange: exchange.authorizer_error,
    "authorizer.principalId": lambda exchange: exchange.principal,
    "authorizer.latency": lambda exchange: exchange.authorizer_latency,
    "authorizer.status": lambda exchange: exchange.authorizer_status,
    "awsEndpointRequestId": lambda exchange: exchange.integration_request_id,
    "customDomain.basePathMatched": lambda exchange: exchange.base_path,
    "dataProcessed": lambda exchange: len(exchange.body) + exchange.response_length,
    "domainName": lambda exchange: exchange.domain_name,
    "domainPrefix": lambda exchange: exchange.domain_prefix,
    "error.message": lambda exchange: exchange.error_message,
    "error.messageString": lambda exchange: f'"{exchange.error_message}"' if exchange.error_message else None,
    "error.responseType": lambda exchange: exchange.error_kind,
    "extendedRequestId": lambda exchange: exchange.request_id,
    "httpMethod": lambda exchange: exchange.request.method,
    "identity.accountId": lambda exchange: _iam(exchange, "accountId"),
    "identity.caller": lambda exchange: _iam(exchange, "callerId"),
    "identity.user": lambda exchange: _iam(exchange, "userId"),
    "identity.userArn": lambda exchange: _iam(exchange, "userArn"),
    "identity.sourceIp": lambda exchange: exchange.request.peer,
    "identity.userAgent": lambda exchange: exchange.user_agent,
    "integration.error": lambda exchange: exchange.integration_error,
    "integration.integrationStatus": lambda exchange: exchange.integration_status,
    "integration.latency": lambda exchange: exchange.integration_latency,
    "integration.requestId": lambda exchange: exchange.integration_request_id,
    "integration.status": lambda exchange: exchange.backend_status,
    "integrationErrorMessage": lambda exchange: exchange.integration_error,
    "integrationLatency": lambda exchange: exchange.integration_latency,
    "integrationStatus": lambda exchange: exchange.integration_status,
    "path": lambda exchange: exchange.raw_path,
    "protocol": lambda exchange: exchange.protocol,
    "requestId": lambda exchange: exchange.request_id,
    "requestTime": lambda exchange: exchange.time,
    "requestTimeEpoch": lambda exchange: exchange.epoch_ms,
    "responseLatency": lambda exchange: exchange.response_latency,
    "responseLength": lambda exchange: exchange.response_length,
    "routeKey": lambda exchange: exchange.route.key if exchange.route else None,
    "stage": lambda exchange: exchange.stage.name,
    "status": lambda exchange: exchange.status or None,
}


def context_getter(name: str) -> Callable[[Exchange], Any] | None:
    """How to look `$context.NAME` up; None when there is no such variable."""
    getter = _CONTEXT.get(name)
    if getter is not None:
        return getter
    if name.startswith("authorizer.claims."):
        claim = name.removeprefix("authorizer.claims.")
        return lambda exchange: _claim(exchange, claim)
    if name.startswith("authorizer."):
        key = name.removeprefix("authorizer.")
        return lambda exchange: ((exchange.authorizer or {}).get("lambda") or {}).get(key)
    return None
