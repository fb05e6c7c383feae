"""CloudFormation's HTTP and WebSocket APIs are the edge's: each resource by the calls that make it on AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from .template_resources import Call, Make, Record, TemplateResource, maker

# Members whose own keys are the user's, not the model's.
_MAPS = frozenset(
    (
        *("Tags", "StageVariables", "RouteSettings", "RequestParameters", "RequestTemplates", "RequestModels"),
        *("ResponseTemplates", "ResponseModels", "ResponseParameters"),
    )
)
_NUMBERS = frozenset(
    ("AuthorizerResultTtlInSeconds", "MaxAge", "ThrottlingBurstLimit", "ThrottlingRateLimit", "TimeoutInMillis")
)
_FLAGS = frozenset(
    (
        *("AllowCredentials", "ApiKeyRequired", "AutoDeploy", "DataTraceEnabled", "DetailedMetricsEnabled"),
        *("DisableExecuteApiEndpoint", "DisableSchemaValidation", "EnableSimpleResponses", "FailOnWarnings"),
    )
)


class ApiKind(NamedTuple):
    """`collection`: its path, by properties in braces; `id`: the member that names it and that Ref tells."""

    collection: str
    id: str
    attributes: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ("ApiId",)


_OF_API = "/v2/apis/{ApiId}"
KINDS = {
    "Api": ApiKind("/v2/apis", "ApiId", ("ApiEndpoint",), ("ProtocolType",)),
    "ApiMapping": ApiKind("/v2/domainnames/{DomainName}/apimappings", "ApiMappingId", (), ("DomainName",)),
    "Authorizer": ApiKind(f"{_OF_API}/authorizers", "AuthorizerId", (), ("ApiId",)),
    "Deployment": ApiKind(f"{_OF_API}/deployments", "DeploymentId", (), ("ApiId", "StageName")),
    "DomainName": ApiKind("/v2/domainnames", "DomainName", ("DomainNameArn",), ("DomainName",)),
    "Integration": ApiKind(f"{_OF_API}/integrations", "IntegrationId"),
    "IntegrationResponse": ApiKind(
        f"{_OF_API}/integrations/{{IntegrationId}}/integrationresponses",
        "IntegrationResponseId",
        (),
        ("ApiId", "IntegrationId"),
    ),
    "Model": ApiKind(f"{_OF_API}/models", "ModelId"),
    "Route": ApiKind(f"{_OF_API}/routes", "RouteId"),
    "RouteResponse": ApiKind(
        f"{_OF_API}/routes/{{RouteId}}/routeresponses", "RouteResponseId", (), ("ApiId", "RouteId")
    ),
    "Stage": ApiKind(f"{_OF_API}/stages", "StageName", (), ("ApiId", "StageName")),
    "VpcLink": ApiKind("/v2/vpclinks", "VpcLinkId", (), ("SecurityGroupIds", "SubnetIds")),
}
# What an update has to say to take away what a template no longer has.
_ABSENT: Mapping[str, Record] = {
    "Api": {"Description": "", "Version": "", "DisableExecuteApiEndpoint": False},
    "Stage": {"Description": "", "AutoDeploy": False},
    "Route": {"AuthorizationType": "NONE", "OperationName": ""},
    "Integration": {"Description": "", "CredentialsArn": ""},
}


def correct(call: Call) -> None:
    """Put the edge in the place of what MiniStack would make."""
    from ministack.services.cloudformation import provisioners

    make = maker(call)
    for name, kind in KINDS.items():
        provisioners._RESOURCE_HANDLERS[f"AWS::ApiGatewayV2::{name}"] = ApiResource(name, kind, make).handlers()


class ApiResource(TemplateResource):
    """One type of resource, made, changed and removed."""

    def __init__(self, name: str, kind: ApiKind, make: Make) -> None:
        super().__init__(make)
        self._name = name
        self._kind = kind

    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        if self._name == "Api" and properties.get("Body"):
            return self._told(self._imported(None, properties))
        if self._name == "Api" and properties.get("BodyS3Location"):
            raise ValueError("AWS::ApiGatewayV2::Api with BodyS3Location is not available here: Body is")
        named = {"Name": f"{stack}-{logical_id}"} if self._name == "Api" and not properties.get("Name") else {}
        answer = self._make("POST", self._collection(properties), self._body({**named, **properties}))
        return self._told(answer)

    def update(
        self, physical_id: str, before: Record, after: Record, stack: str, logical_id: str | None = None
    ) -> tuple[str, Record]:
        if any(before.get(name) != after.get(name) for name in self._kind.fixed):
            return self.create(logical_id or physical_id, after, stack)  # the engine removes the one before
        path = f"{self._collection(after)}/{quote(physical_id, safe='')}"
        if self._name == "Api" and after.get("Body"):
            return self._told(self._imported(physical_id, after))
        absent = {name: value for name, value in _ABSENT.get(self._name, {}).items() if name in before}
        body = self._body({**absent, **after})
        for name in ("tags", *(fixed[:1].lower() + fixed[1:] for fixed in self._kind.fixed)):
            body.pop(name, None)
        answer = self._make("PATCH", path, body)
        if self._name == "Api" and before.get("CorsConfiguration") and not after.get("CorsConfiguration"):
            self._make("DELETE", f"{path}/cors")
        return self._told(answer)

    def delete(self, physical_id: str, properties: Record) -> None:
        self._remove(f"{self._collection(properties)}/{quote(physical_id, safe='')}")

    def _imported(self, api_id: str | None, properties: Record) -> Record:
        document = properties["Body"]
        text = document if isinstance(document, str) else json.dumps(document)
        path = "/v2/apis" if api_id is None else f"/v2/apis/{api_id}"
        query = f"?basepath={quote(properties['Basepath'])}" if properties.get("Basepath") else ""
        made = self._make("PUT", f"{path}{query}", {"body": text})
        own = ("Body", "Basepath", "FailOnWarnings", "ProtocolType", "Tags")
        changes = {name: value for name, value in properties.items() if name not in own}
        return self._make("PATCH", f"/v2/apis/{made['apiId']}", self._body(changes)) if changes else made

    def _told(self, answer: Record) -> tuple[str, Record]:
        identity = str(answer[_lower(self._kind.id)])
        attributes = {name: answer.get(_lower(name), "") for name in self._kind.attributes}
        if self._name == "DomainName":
            [configuration] = answer["domainNameConfigurations"][:1]
            attributes["RegionalDomainName"] = configuration["apiGatewayDomainName"]
            attributes["RegionalHostedZoneId"] = configuration["hostedZoneId"]
        return identity, {self._kind.id: identity, **attributes}

    def _collection(self, properties: Record) -> str:
        return self._kind.collection.format_map(
            {name: quote(str(value), safe="") for name, value in properties.items()}
        )

    def _body(self, properties: Record) -> Record:
        in_path = [
            name
            for name in ("ApiId", "DomainName", "IntegrationId", "RouteId")
            if f"{{{name}}}" in self._kind.collection
        ]
        return {_lower(name): _converted(value, name) for name, value in properties.items() if name not in in_path}


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _converted(value: Any, name: str) -> Any:
    """A template's value as the API takes it: members begin in lower case; numbers and flags may be texts."""
    if name == "ResponseParameters" and isinstance(value, Mapping):
        return {key: _mapped(inner) for key, inner in value.items()}
    if name == "Tags":  # CloudFormation's own are reserved
        return {key: str(inner) for key, inner in value.items() if not key.startswith("aws:")}
    if isinstance(value, Mapping):
        keep = name in _MAPS
        return {key if keep else _lower(key): _converted(inner, "" if keep else key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_converted(inner, name) for inner in value]
    if name in _NUMBERS and isinstance(value, str):
        return float(value) if "." in value else int(value)
    if name in _FLAGS and isinstance(value, str):
        return value.lower() == "true"
    if name == "Schema" and not isinstance(value, str):
        return json.dumps(value)
    return value


def _mapped(value: Any) -> Any:
    """Response parameters of a status, which a template writes as a list."""
    listed = value.get("ResponseParameters") if isinstance(value, Mapping) else None
    if isinstance(listed, list):
        return {one["Destination"]: one["Source"] for one in listed}
    return value
