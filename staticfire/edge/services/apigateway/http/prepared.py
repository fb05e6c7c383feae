"""An API made ready to serve: what the catalog learned, prepared once for each write to the API."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.http1.client import Client
from staticfire.edge.services.apigateway.common.access_log import AccessLog, access_log
from staticfire.edge.services.apigateway.common.cors import CorsPolicy
from staticfire.edge.services.apigateway.common.service_calls import ServiceCalls
from staticfire.edge.services.apigateway.common.settings import RouteSettings
from staticfire.edge.services.apigateway.common.throttle import Bucket, Buckets
from staticfire.edge.services.cloudwatch.log_writer import LogWriter
from staticfire.edge.services.cloudwatch.metric_writer import Dimensions
from staticfire.edge.services.lambda_ import Functions

from .authorizers import RouteGuard, guard_for, route_guard
from .exchange import Exchange, context_getter
from .integration import Responder, responder_for
from .model import Api, Authorizer, Integration, Route, Stage
from .routes import RouteTable
from .service_integration import SubtypeResponder
from .tokens import KeySource

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a deployment freezes."""

    routes: tuple[Route, ...] = ()
    integrations: Mapping[str, Integration] = field(default_factory=dict)
    authorizers: Mapping[str, Authorizer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Description:
    """An API as the control plane has it: its stages, and what each serves (None: nothing deployed)."""

    scope: Scope
    api: Api
    stages: Mapping[str, tuple[Stage, Definition | None]]


class PreparedRoute(NamedTuple):
    """A route on a stage."""

    route: Route
    guard: RouteGuard | None
    responder: Responder
    bucket: Bucket | None
    dimensions: Dimensions | None


class PreparedStage(NamedTuple):
    stage: Stage
    table: RouteTable[PreparedRoute]
    dimensions: Dimensions
    access_log: AccessLog[Exchange] | None


class PreparedApi(NamedTuple):
    scope: Scope
    api: Api
    cors: CorsPolicy | None
    stages: Mapping[str, PreparedStage]


class Neighbours(NamedTuple):
    """What APIs call: functions, anybody on the network, AWS's services; and who tells callers apart."""

    functions: Functions
    client: Client
    keys: KeySource
    services: ServiceCalls
    callers: SignedCallers


class Preparer:
    """Knows what APIs call, and keeps what outlives one preparation."""

    def __init__(self, neighbours: Neighbours, logs: LogWriter) -> None:
        self._neighbours = neighbours
        self._logs = logs
        self._buckets = Buckets()

    def prepare(self, description: Description) -> PreparedApi:
        api = description.api
        guards: dict[Authorizer, RouteGuard] = {}
        stages = {
            name: self._stage(description.scope, api.id, stage, definition or Definition(), guards)
            for name, (stage, definition) in description.stages.items()
        }
        return PreparedApi(description.scope, api, CorsPolicy(api.cors) if api.cors else None, stages)

    def forget(self, api_id: str) -> None:
        """The API is deleted."""
        self._buckets.forget(api_id)

    def _stage(
        self, scope: Scope, api_id: str, stage: Stage, definition: Definition, guards: dict[Authorizer, RouteGuard]
    ) -> PreparedStage:
        for authorizer in definition.authorizers.values():
            if authorizer not in guards:
                guards[authorizer] = guard_for(
                    authorizer, scope, api_id, self._neighbours.functions, self._neighbours.keys
                )
        by_id = {authorizer.id: guards[authorizer] for authorizer in definition.authorizers.values()}
        routes = []
        for route in definition.routes:
            integration = definition.integrations.get(route.integration_id or "")
            responder = self._responder(route, integration, scope, api_id)
            routes.append(
                (
                    route.key,
                    self._route(api_id, stage, route, route_guard(route, by_id, self._neighbours.callers), responder),
                )
            )
        return PreparedStage(
            stage,
            RouteTable(routes),
            (("ApiId", api_id), ("Stage", stage.name)),
            access_log(stage.access_log, api_id, stage.name, self._logs, context_getter) if stage.access_log else None,
        )

    def _responder(self, route: Route, integration: Integration | None, scope: Scope, api_id: str) -> Responder:
        neighbours = self._neighbours
        if integration is not None and integration.subtype:
            return SubtypeResponder(integration, scope, neighbours.services)
        return responder_for(route, integration, scope, api_id, neighbours.functions, neighbours.client)

    def _route(
        self, api_id: str, stage: Stage, route: Route, guard: RouteGuard | None, responder: Responder
    ) -> PreparedRoute:
        settings = _settings(stage, route)
        if settings.burst == 0 or settings.rate == 0:
            log.warning(
                "API %s, stage %s, route %r: a throttling limit of 0 refuses every request with 429, as on AWS",
                api_id,
                stage.name,
                route.key,
            )
        detailed = (("ApiId", api_id), ("Method", route.method), ("Resource", route.path), ("Stage", stage.name))
        bucket = self._buckets.get(api_id, stage.name, route.key, settings)
        return PreparedRoute(route, guard, responder, bucket, detailed if settings.detailed_metrics else None)


def _settings(stage: Stage, route: Route) -> RouteSettings:
    """A route's own settings, completed by the stage's default ones."""
    default, own = stage.default_settings, stage.route_settings.get(route.key)
    if own is None:
        return default
    return RouteSettings(
        default.rate if own.rate is None else own.rate,
        default.burst if own.burst is None else own.burst,
        own.detailed_metrics or default.detailed_metrics,
    )
