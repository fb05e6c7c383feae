"""A stage made ready to serve: nothing is read, parsed or looked for per request that can be known before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.common.access_log import AccessLog
from staticfire.edge.services.apigateway.common.throttle import Bucket
from staticfire.edge.services.cloudwatch.log_writer import LogStream
from staticfire.edge.services.cloudwatch.metric_writer import Dimensions

from .exchange import RestExchange
from .gateway_responses import GatewayResponses
from .routing import ResourceTable
from .templates.renderer import Renderer

Json = Mapping[str, Any]


class MethodCheck(Protocol):
    """A step that lets a request through or raises its refusal."""

    async def check(self, exchange: RestExchange) -> None: ...


class RestResponder(Protocol):
    """An integration at work: answers a request or raises its refusal."""

    async def respond(self, exchange: RestExchange) -> Response: ...


@dataclass(slots=True, eq=False)
class CompiledMethod:
    """A method of a resource. `checks` in AWS's order, before the body is here, and `after_body` with it."""

    resource_id: str
    path: str
    verb: str
    checks: Sequence[MethodCheck]
    after_body: Sequence[MethodCheck]
    responder: RestResponder
    key_required: bool = False
    bucket: Bucket | None = None
    log_level: str = "OFF"
    data_trace: bool = False
    dimensions: Dimensions | None = None


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What all methods of a deployment have in common."""

    api_id: str
    name: str
    binary_media_types: tuple[str, ...] = ()
    key_source: str = "HEADER"
    edge_optimized: bool = False
    endpoint_disabled: bool = False
    private: bool = False
    minimum_compression_size: int | None = None
    renderer: Renderer = field(default_factory=Renderer)


@dataclass(slots=True, eq=False)
class CompiledStage:
    settings: ApiSettings
    name: str
    deployment_id: str
    variables: Mapping[str, str]
    table: ResourceTable[CompiledMethod]
    gateway_responses: GatewayResponses
    dimensions: Dimensions
    access_log: AccessLog[RestExchange] | None = None
    execution_log: LogStream | None = None
    canary: CompiledStage | None = None
    canary_percent: float = 0.0
