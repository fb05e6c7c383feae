"""An API made ready to serve: what the catalog learned, compiled once for each write to the API."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from staticfire.edge.aws.calls import Scope
from staticfire.edge.http1.client import Client
from staticfire.edge.services.cloudwatch.log_writer import LogWriter
from staticfire.edge.services.cloudwatch.metric_writer import Dimensions
from staticfire.edge.services.lambda_ import Functions

from .access_log import AccessLog, access_log
from .authorizers import Guard, guard_for, route_guard
from .cors import CorsPolicy
from .integration import Target, target_for
from .model import Api, Authorizer, Integration, Route, RouteSettings, Stage
from .routes import RouteTable
from .throttle import Bucket, Buckets
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


class Endpoint(NamedTuple):
    """A route on a stage."""

    route: Route
    guard: Guard | None
    target: Target
    bucket: Bucket | None
    dimensions: Dimensions | None


class CompiledStage(NamedTuple):
    stage: Stage
    table: RouteTable[Endpoint]
    dimensions: Dimensions
    access_log: AccessLog | None


class CompiledApi(NamedTuple):
    scope: Scope
    api: Api
    cors: CorsPolicy | None
    stages: Mapping[str, CompiledStage]


class Compiler:
    """Knows what compiled APIs call, and keeps what outlives one compilation."""

    def __init__(self, functions: Functions, client: Client, keys: KeySource, logs: LogWriter) -> None:
        self._functions = functions
        self._client = client
        self._keys = keys
        self._logs = logs
        self._buckets = Buckets()

    def compile(self, description: Description) -> CompiledApi:
        api = description.api
        guards: dict[Authorizer, Guard] = {}
        stages = {
            name: self._stage(description.scope, api.id, stage, definition or Definition(), guards)
            for name, (stage, definition) in description.stages.items()
        }
        return CompiledApi(description.scope, api, CorsPolicy(api.cors) if api.cors else None, stages)

    def forget(self, api_id: str) -> None:
        """The API is deleted."""
        self._buckets.forget(api_id)

    def _stage(
        self, scope: Scope, api_id: str, stage: Stage, definition: Definition, guards: dict[Authorizer, Guard]
    ) -> CompiledStage:
        for authorizer in definition.authorizers.values():
            if authorizer not in guards:
                guards[authorizer] = guard_for(authorizer, scope, api_id, self._functions, self._keys)
        by_id = {authorizer.id: guards[authorizer] for authorizer in definition.authorizers.values()}
        endpoints = []
        for route in definition.routes:
            integration = definition.integrations.get(route.integration_id or "")
            target = target_for(route, integration, scope, api_id, self._functions, self._client)
            endpoints.append((route.key, self._endpoint(api_id, stage, route, route_guard(route, by_id), target)))
        return CompiledStage(
            stage,
            RouteTable(endpoints),
            (("ApiId", api_id), ("Stage", stage.name)),
            access_log(stage.access_log, api_id, stage.name, self._logs) if stage.access_log else None,
        )

    def _endpoint(self, api_id: str, stage: Stage, route: Route, guard: Guard | None, target: Target) -> Endpoint:
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
        return Endpoint(route, guard, target, bucket, detailed if settings.detailed_metrics else None)


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
