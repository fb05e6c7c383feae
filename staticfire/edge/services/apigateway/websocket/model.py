"""What a stage of a WebSocket API serves: routes, their integrations and responses, read from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.apigateway.common.settings import AccessLogSettings, RouteSettings
from staticfire.edge.services.apigateway.v2.records import Record, V2Records

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"
MAX_TIMEOUT_SECONDS = 29.0
# What AWS sets, and lets nobody change.
BY_STATUS = "${integration.response.statuscode}"


@dataclass(frozen=True, slots=True)
class ConnectGate:
    """What stands before `$connect`."""

    authorization: str = "NONE"
    authorizer: Record | None = None
    authorizer_id: str = ""
    api_key: bool = False


@dataclass(frozen=True, slots=True)
class WebSocketIntegration:
    id: str
    type: str
    uri: str = ""
    method: str = "POST"
    timeout: float = MAX_TIMEOUT_SECONDS
    connection_type: str = "INTERNET"
    credentials: str | None = None
    content_handling: str = ""
    passthrough: str = "WHEN_NO_MATCH"
    request_parameters: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    template_selection: str = ""
    response_selection: str = BY_STATUS
    responses: Mapping[str, Record] = field(default_factory=dict)

    @classmethod
    def read(cls, record: Record, responses: Mapping[str, Record]) -> WebSocketIntegration:
        return cls(
            id=record["IntegrationId"],
            type=record.get("IntegrationType") or "AWS_PROXY",
            uri=record.get("IntegrationUri") or "",
            method=record.get("IntegrationMethod") or "POST",
            timeout=min((record.get("TimeoutInMillis") or 29_000) / 1000, MAX_TIMEOUT_SECONDS),
            connection_type=record.get("ConnectionType") or "INTERNET",
            credentials=record.get("CredentialsArn"),
            content_handling=record.get("ContentHandlingStrategy") or "",
            passthrough=record.get("PassthroughBehavior") or "WHEN_NO_MATCH",
            request_parameters=record.get("RequestParameters") or {},
            templates=record.get("RequestTemplates") or {},
            template_selection=record.get("TemplateSelectionExpression") or "",
            response_selection=record.get("IntegrationResponseSelectionExpression") or BY_STATUS,
            responses=responses,
        )


@dataclass(frozen=True, slots=True)
class WebSocketRoute:
    """`response`: whether what the integration answers goes to the client."""

    key: str
    gate: ConnectGate = field(default_factory=ConnectGate)
    integration: WebSocketIntegration | None = None
    target: str = ""
    response: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class WebSocketStage:
    """A stage as it is served now."""

    scope: Scope
    api_id: str
    name: str
    selection: str
    routes: Mapping[str, WebSocketRoute]
    variables: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, RouteSettings] = field(default_factory=dict)
    default_settings: RouteSettings = field(default_factory=RouteSettings)
    access_log: AccessLogSettings | None = None
    api_key_source: str = "$request.header.x-api-key"
    endpoint_disabled: bool = False

    @property
    def arn(self) -> str:
        return f"arn:aws:execute-api:{self.scope.region}:{self.scope.account}:{self.api_id}/{self.name}"

    def settings_of(self, route_key: str) -> RouteSettings:
        return self.settings.get(route_key, self.default_settings)


def read_stage(records: V2Records, scope: Scope, api: Record, name: str) -> WebSocketStage | None:
    """None where the API has no such stage, or nothing is deployed to it."""
    api_id = api["ApiId"]
    stage = records.get(scope, "stage", api_id, name)
    parts = records.served(scope, api_id, stage) if stage is not None else None
    if stage is None or parts is None:
        return None
    log = stage.get("AccessLogSettings") or {}
    complete = log.get("DestinationArn") and log.get("Format")
    return WebSocketStage(
        scope=scope,
        api_id=api_id,
        name=name,
        selection=api.get("RouteSelectionExpression") or "$request.body.action",
        routes=_routes(parts),
        variables=stage.get("StageVariables") or {},
        settings={key: _settings(value) for key, value in (stage.get("RouteSettings") or {}).items()},
        default_settings=_settings(stage.get("DefaultRouteSettings") or {}),
        access_log=AccessLogSettings(log["DestinationArn"], log["Format"]) if complete else None,
        api_key_source=api.get("ApiKeySelectionExpression") or "$request.header.x-api-key",
        endpoint_disabled=bool(api.get("DisableExecuteApiEndpoint")),
    )


def _settings(data: Mapping[str, Any]) -> RouteSettings:
    return RouteSettings(
        rate=data.get("ThrottlingRateLimit"),
        burst=data.get("ThrottlingBurstLimit"),
        detailed_metrics=bool(data.get("DetailedMetricsEnabled")),
    )


def _routes(parts: Record) -> dict[str, WebSocketRoute]:
    authorizers = {record["AuthorizerId"]: record for record in parts["Authorizers"]}
    responses: dict[str, dict[str, Record]] = {}
    for record in parts["IntegrationResponses"]:
        responses.setdefault(record["_parent"], {})[record["IntegrationResponseKey"]] = record
    integrations = {
        record["IntegrationId"]: WebSocketIntegration.read(record, responses.get(record["IntegrationId"], {}))
        for record in parts["Integrations"]
    }
    answering = {record["_parent"] for record in parts["RouteResponses"]}
    routes = {}
    for record in parts["Routes"]:
        target = (record.get("Target") or "").removeprefix("integrations/")
        authorizer_id = record.get("AuthorizerId") or ""
        routes[record["RouteKey"]] = WebSocketRoute(
            key=record["RouteKey"],
            gate=ConnectGate(
                record.get("AuthorizationType") or "NONE",
                authorizers.get(authorizer_id),
                authorizer_id,
                bool(record.get("ApiKeyRequired")),
            ),
            integration=integrations.get(target),
            target=target,
            response=bool(record.get("RouteResponseSelectionExpression")) and record["RouteId"] in answering,
        )
    return routes
