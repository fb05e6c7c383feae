"""An HTTP API's parts as API Gateway's control plane describes them, read from its JSON once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from staticfire.edge.services.apigateway.common.settings import AccessLogSettings, Cors, Json, RouteSettings, texts

DEFAULT_STAGE = "$default"
DEFAULT_ROUTE = "$default"
MAX_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Api:
    id: str
    protocol: str = "HTTP"
    cors: Cors | None = None
    endpoint_disabled: bool = False

    @classmethod
    def parse(cls, data: Json) -> Api:
        cors = data.get("CorsConfiguration")
        return cls(
            id=data["ApiId"],
            protocol=data.get("ProtocolType", "HTTP"),
            cors=Cors.parse(cors) if cors else None,
            endpoint_disabled=bool(data.get("DisableExecuteApiEndpoint")),
        )


@dataclass(frozen=True, slots=True)
class Route:
    key: str
    integration_id: str | None = None
    authorization: str = "NONE"
    authorizer_id: str | None = None
    scopes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: Json) -> Route:
        target = data.get("Target") or ""
        return cls(
            key=data["RouteKey"],
            integration_id=target.removeprefix("integrations/") or None,
            authorization=data.get("AuthorizationType") or "NONE",
            authorizer_id=data.get("AuthorizerId"),
            scopes=texts(data.get("AuthorizationScopes")),
        )

    @property
    def method(self) -> str:
        """The key's method; ANY for `$default`."""
        return self.key.partition(" ")[0] if " " in self.key else "ANY"

    @property
    def path(self) -> str:
        """The key's path; `$default` for `$default`."""
        return self.key.partition(" ")[2] or self.key


@dataclass(frozen=True, slots=True)
class Integration:
    id: str
    type: str
    uri: str = ""
    method: str = "POST"
    payload_version: str = "2.0"
    timeout: float = MAX_TIMEOUT_SECONDS
    connection_type: str = "INTERNET"
    subtype: str | None = None
    credentials: str | None = None
    request_parameters: Mapping[str, str] = field(default_factory=dict)
    response_parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: Json) -> Integration:
        return cls(
            id=data["IntegrationId"],
            type=data.get("IntegrationType", "AWS_PROXY"),
            uri=data.get("IntegrationUri") or "",
            method=data.get("IntegrationMethod") or "POST",
            payload_version=data.get("PayloadFormatVersion") or "1.0",
            timeout=min((data.get("TimeoutInMillis") or 30_000) / 1000, MAX_TIMEOUT_SECONDS),
            connection_type=data.get("ConnectionType") or "INTERNET",
            subtype=data.get("IntegrationSubtype"),
            credentials=data.get("CredentialsArn"),
            request_parameters=dict(data.get("RequestParameters") or {}),
            response_parameters={
                status: dict(mapping) for status, mapping in (data.get("ResponseParameters") or {}).items()
            },
        )


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    auto_deploy: bool = False
    deployment_id: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    default_settings: RouteSettings = field(default_factory=RouteSettings)
    route_settings: Mapping[str, RouteSettings] = field(default_factory=dict)
    access_log: AccessLogSettings | None = None

    @classmethod
    def parse(cls, data: Json) -> Stage:
        log = data.get("AccessLogSettings") or {}
        complete = log.get("DestinationArn") and log.get("Format")
        return cls(
            name=data["StageName"],
            auto_deploy=bool(data.get("AutoDeploy")),
            deployment_id=data.get("DeploymentId"),
            variables=dict(data.get("StageVariables") or {}),
            default_settings=RouteSettings.parse(data.get("DefaultRouteSettings") or {}),
            route_settings={
                key: RouteSettings.parse(value) for key, value in (data.get("RouteSettings") or {}).items()
            },
            access_log=AccessLogSettings(log["DestinationArn"], log["Format"]) if complete else None,
        )


@dataclass(frozen=True, slots=True)
class Authorizer:
    id: str
    type: str
    identity_sources: tuple[str, ...] = ()
    issuer: str = ""
    audience: tuple[str, ...] = ()
    uri: str = ""
    payload_version: str = "2.0"
    ttl: float = 0.0
    simple_responses: bool = False
    credentials: str | None = None

    @classmethod
    def parse(cls, data: Json) -> Authorizer:
        jwt = data.get("JwtConfiguration") or {}
        sources = data.get("IdentitySource") or ()
        return cls(
            id=data["AuthorizerId"],
            type=data.get("AuthorizerType", "REQUEST"),
            identity_sources=texts([sources] if isinstance(sources, str) else sources),
            issuer=(jwt.get("Issuer") or "").rstrip("/"),
            audience=texts(jwt.get("Audience")),
            uri=data.get("AuthorizerUri") or "",
            payload_version=data.get("AuthorizerPayloadFormatVersion") or "1.0",
            ttl=float(data.get("AuthorizerResultTtlInSeconds") or 0),
            simple_responses=bool(data.get("EnableSimpleResponses")),
            credentials=data.get("AuthorizerCredentialsArn") or None,
        )
