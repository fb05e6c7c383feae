"""One request on its way through a REST API, and what has become known of it.

addressed -> routed (method, path parameters) -> arrived (body) -> authorised (authorizer, key)
    -> integrated (integration_*) -> answered (status, response_*)
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from staticfire.edge.aws.calls import Scope
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.apigateway.common.exchange import ServedRequest
from staticfire.edge.services.apigateway.common.request_ids import new_request_id
from staticfire.edge.services.cloudwatch.metric_writer import Dimensions
from staticfire.edge.traces.trace_id import new_root

from .header_rules import HIDDEN, OWN
from .templates.variables import Parameters
from .trail import Trail

# API Gateway spells these its own way, however the client did.
_SPELLED = {"authorization": "Authorization", "user-agent": "User-Agent", "host": "Host"}


class RoutedMethod(Protocol):
    """What an exchange knows of its method."""

    resource_id: str
    path: str
    verb: str
    dimensions: Dimensions | None


def _uuid() -> str:
    """A UUID of version 4: a name, not a secret."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


@dataclass(slots=True, eq=False)
class RestExchange(ServedRequest):
    """One request. Made when its API and stage are known; the steps fill in what they find."""

    request: Request
    scope: Scope
    api_id: str
    stage: str
    raw_path: str
    domain_name: str
    port: str
    deployment_id: str = ""
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    base_path: str | None = None
    canary: bool = False
    edge_optimized: bool = False
    trail: Trail | None = None
    extended_request_id: str = field(init=False)
    path: str = field(init=False)
    method: RoutedMethod | None = None
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    identity: dict[str, Any] = field(default_factory=dict)
    authorizer: dict[str, Any] | None = None
    usage_key: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    endpoint_status: int | None = None
    passes_trace: bool = False
    validation_error: str | None = None
    _parameters: Parameters | None = None

    def __post_init__(self) -> None:
        self.request_id = _uuid()
        self.extended_request_id = new_request_id()
        headers = self.request.headers
        self.trace_id = headers.get("x-amzn-trace-id") or new_root(self.now)
        self.path = "/" + self.raw_path.lstrip("/")

    def _spelled(self) -> Iterator[tuple[str, str, str]]:
        """Each header's name in lower case, its name as it is shown, and its value."""
        headers = self.request.headers
        items, names = headers.items(), headers.names
        if len(names) == len(items):
            for name, (lower, value) in zip(names, items, strict=True):
                yield lower, _SPELLED.get(lower) or name.decode("latin-1"), value
        else:
            for lower, value in items:
                yield lower, _SPELLED.get(lower, lower), value

    @property
    def headers(self) -> list[tuple[str, str]]:
        """As the client spelled them, but for those that API Gateway spells its own way."""
        return [(name, value) for _, name, value in self._spelled()]

    @property
    def verb(self) -> str:
        return self.request.method

    @property
    def query_text(self) -> str:
        return self.request.query

    def header(self, name: str) -> str | None:
        """The last value of a header."""
        values = self.request.headers.getall(name.lower())
        return values[-1] if values else None

    def parameter(self, place: str, name: str) -> str | None:
        """A parameter of the request: `path`, `querystring` or `header`, or all its values: `multivalueheader`."""
        if place == "path":
            return self.path_parameters.get(name)
        if place == "header":
            return self._mapped_header(name.lower())
        if place == "querystring":
            return next((value for key, value in reversed(self.query) if key == name), None)
        if place == "multivalueheader":
            return ",".join(self.request.headers.getall(name.lower())) or None
        if place == "multivaluequerystring":
            values = [value for key, value in self.query if key == name]
            return ",".join(values) if values else None
        return None

    @property
    def parameters(self) -> Parameters:
        """As templates see them."""
        if self._parameters is None:
            self._parameters = Parameters(self.path_parameters, dict(self.query), dict(self.seen_headers()))
        return self._parameters

    def _mapped_header(self, lower: str) -> str | None:
        """A header as mappings see it."""
        if lower in OWN:
            return next(value for name, value in self.forwarded() if name.lower() == lower)
        return None if lower in HIDDEN else self.header(lower)

    def seen_headers(self) -> list[tuple[str, str]]:
        """As what is behind the API sees them: with API Gateway's own, without those of the connection."""
        kept = [(name, value) for lower, name, value in self._spelled() if lower not in HIDDEN and lower not in OWN]
        return [*kept, *self.forwarded()]

    def forwarded(self) -> list[tuple[str, str]]:
        before, peer = self.request.headers.get("x-forwarded-for"), self.request.peer
        return [
            ("X-Amzn-Trace-Id", self.trace_id),
            ("X-Forwarded-For", f"{before}, {peer}" if before else peer),
            ("X-Forwarded-Port", self.port),
            ("X-Forwarded-Proto", "http"),
        ]

    @property
    def context_path(self) -> str:
        """The path that the client used."""
        if self.base_path is not None:
            return f"/{self.base_path}{self.raw_path}" if self.base_path else self.raw_path
        return f"/{self.stage}{self.raw_path}"

    @property
    def event_path(self) -> str:
        return f"/{self.base_path}{self.path}" if self.base_path else self.path

    @property
    def domain_prefix(self) -> str:
        return self.domain_name.partition(".")[0]

    @property
    def resource_path(self) -> str:
        return self.method.path if self.method is not None else ""

    @property
    def api_arn(self) -> str:
        return f"arn:aws:execute-api:{self.scope.region}:{self.scope.account}:{self.api_id}"

    @property
    def method_arn(self) -> str:
        """The request as IAM policies name it: the path that the client used."""
        return f"{self.api_arn}/{self.stage}/{self.verb}{self.path}"

    @property
    def source_arn(self) -> str:
        """The method as resource policies of functions name it."""
        return f"{self.api_arn}/{self.stage}/{self.verb}{self.resource_path}"

    def note(self, text: str) -> None:
        """A line of the execution log, where there is one."""
        if self.trail is not None:
            self.trail.add(text)
