"""CloudFormation's REST APIs are the edge's: each resource by the calls that make it on AWS, others are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from .template_resources import Call, Make, Record, TemplateRefusal, TemplateResource, maker

PREFIX = "AWS::ApiGateway::"

# Members whose own keys are the user's, not the model's.
_MAPS = frozenset(
    (
        *("Variables", "StageVariableOverrides", "RequestParameters", "RequestTemplates", "RequestModels"),
        *("ResponseTemplates", "ResponseModels", "ResponseParameters"),
    )
)
_NUMBERS = frozenset(
    (
        *("AuthorizerResultTtlInSeconds", "BurstLimit", "CacheTtlInSeconds", "Limit", "MinimumCompressionSize"),
        *("Offset", "PercentTraffic", "RateLimit", "ThrottlingBurstLimit", "ThrottlingRateLimit", "TimeoutInMillis"),
    )
)
_FLAGS = frozenset(
    (
        *("ApiKeyRequired", "CacheClusterEnabled", "DisableExecuteApiEndpoint", "Enabled", "TracingEnabled"),
        *("UseStageCache", "ValidateRequestBody", "ValidateRequestParameters", "InsecureSkipVerification"),
    )
)
_OTHER_NAMES = {
    "ApiKeySourceType": "apiKeySource",
    "UsagePlanName": "name",
    "DeploymentCanarySettings": "canarySettings",
}
_OF_API = "/restapis/{RestApiId}"


class Kind(NamedTuple):
    """`collection`: its path, by properties in braces; `id`: the member of an answer that names it; `patched`: what
    can be changed, by the path of a patch (anything else makes another one); `attribute`: what GetAtt calls the id."""

    collection: str
    id: str = "id"
    patched: Mapping[str, str] = {}
    attribute: str = ""


KINDS = {
    "ApiKey": Kind("/apikeys", patched={"Description": "/description", "Enabled": "/enabled"}, attribute="APIKeyId"),
    "Authorizer": Kind(
        f"{_OF_API}/authorizers",
        patched={
            "AuthorizerUri": "/authorizerUri",
            "AuthorizerCredentials": "/authorizerCredentials",
            "IdentitySource": "/identitySource",
            "AuthorizerResultTtlInSeconds": "/authorizerResultTtlInSeconds",
        },
        attribute="AuthorizerId",
    ),
    "BasePathMapping": Kind("/domainnames/{DomainName}/basepathmappings", "basePath"),
    "ClientCertificate": Kind(
        "/clientcertificates", "clientCertificateId", {"Description": "/description"}, "ClientCertificateId"
    ),
    "Deployment": Kind(f"{_OF_API}/deployments", patched={"Description": "/description"}, attribute="DeploymentId"),
    "DocumentationPart": Kind(
        f"{_OF_API}/documentation/parts", patched={"Properties": "/properties"}, attribute="DocumentationPartId"
    ),
    "DocumentationVersion": Kind(
        f"{_OF_API}/documentation/versions", "version", {"Description": "/description"}, "DocumentationVersion"
    ),
    "DomainName": Kind("/domainnames", "domainName"),
    "Model": Kind(f"{_OF_API}/models", "name", {"Schema": "/schema", "Description": "/description"}),
    "RequestValidator": Kind(
        f"{_OF_API}/requestvalidators",
        patched={
            "ValidateRequestBody": "/validateRequestBody",
            "ValidateRequestParameters": "/validateRequestParameters",
        },
        attribute="RequestValidatorId",
    ),
    "Resource": Kind(f"{_OF_API}/resources/{{ParentId}}", attribute="ResourceId"),
    "UsagePlanKey": Kind("/usageplans/{UsagePlanId}/keys"),
    "VpcLink": Kind("/vpclinks", patched={"Name": "/name", "Description": "/description"}, attribute="VpcLinkId"),
}
_IN_PATH = ("RestApiId", "ParentId", "DomainName", "UsagePlanId")


def correct(call: Call) -> None:
    """Put the edge in the place of what MiniStack would make."""
    from ministack.services.cloudformation import provisioners

    make = maker(call)
    handlers = provisioners._RESOURCE_HANDLERS
    ours: dict[str, RestResource] = {name: PlainResource(make, name, kind) for name, kind in KINDS.items()}
    ours |= {
        "Account": AccountResource(make),
        "GatewayResponse": GatewayResponseResource(make),
        "Method": MethodResource(make),
        "RestApi": RestApiResource(make),
        "Stage": StageResource(make),
        "UsagePlan": UsagePlanResource(make),
    }
    for name in [name.removeprefix(PREFIX) for name in handlers if name.startswith(PREFIX)]:
        ours.setdefault(name, UnknownResource(make, name))
    for name, resource in ours.items():
        handlers[f"{PREFIX}{name}"] = resource.handlers()


class RestResource(TemplateResource):
    """One type of resource, changed by patches."""

    def _patch(self, path: str, operations: list[Record]) -> None:
        if operations:
            self._make("PATCH", path, {"patchOperations": operations})


class UnknownResource(RestResource):
    """A type that the edge does not make."""

    def __init__(self, make: Make, name: str) -> None:
        super().__init__(make)
        self._name = name

    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        raise ValueError(f"{PREFIX}{self._name} is not available here: see docs/fidelity.md")

    def delete(self, physical_id: str, properties: Record) -> None:
        """None was made."""


class PlainResource(RestResource):
    """Made by a POST, changed by patches, removed by a DELETE."""

    def __init__(self, make: Make, name: str, kind: Kind) -> None:
        super().__init__(make)
        self._name = name
        self._kind = kind

    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        body = {name: value for name, value in properties.items() if f"{{{name}}}" not in self._kind.collection}
        if self._name in ("Model", "ApiKey", "Authorizer"):
            body.setdefault("Name", "".join(letter for letter in f"{stack}{logical_id}" if letter.isalnum()))
        if self._name == "Deployment":
            body |= body.pop("StageDescription", {}) if isinstance(body.get("StageDescription"), Mapping) else {}
        if self._name == "Model":
            body.setdefault("ContentType", "application/json")
        answer = self._make("POST", self._path(properties), _converted(body, ""))
        identity = str(answer[self._kind.id])
        return identity, {self._kind.attribute: identity} if self._kind.attribute else self._attributes(answer)

    def _attributes(self, answer: Record) -> Record:
        members = ("regionalDomainName", "regionalHostedZoneId", "distributionDomainName", "distributionHostedZoneId")
        return {name[:1].upper() + name[1:]: answer[name] for name in members if name in answer}

    def update(
        self, physical_id: str, before: Record, after: Record, stack: str, logical_id: str | None = None
    ) -> tuple[str, Record]:
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        if not changed <= self._kind.patched.keys():
            return self.create(logical_id or physical_id, after, stack)
        operations = [_replace(self._kind.patched[name], _text(after.get(name))) for name in sorted(changed)]
        self._patch(self._one(physical_id, after), operations)
        return physical_id, {self._kind.attribute: physical_id} if self._kind.attribute else {}

    def delete(self, physical_id: str, properties: Record) -> None:
        self._remove(self._one(physical_id, properties))

    def _one(self, physical_id: str, properties: Record) -> str:
        collection = f"{_OF_API}/resources" if self._name == "Resource" else self._kind.collection
        return f"{_filled(collection, properties)}/{quote(physical_id, safe='')}"

    def _path(self, properties: Record) -> str:
        return _filled(self._kind.collection, properties)


class RestApiResource(RestResource):
    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        if properties.get("BodyS3Location"):
            raise ValueError("AWS::ApiGateway::RestApi with BodyS3Location is not available here: Body is")
        own = ("Body", "Mode", "FailOnWarnings", "Parameters")
        title = _loaded(properties.get("Body")).get("info", {}).get("title")
        body = {"Name": title or f"{stack}-{logical_id}", **properties}
        answer = self._make("POST", "/restapis", _converted({k: v for k, v in body.items() if k not in own}, ""))
        if properties.get("Body"):
            answer = self._put(answer["id"], properties, properties.get("Mode") or "overwrite")
        return self._described(answer)

    def _put(self, api_id: str, properties: Record, mode: str) -> Record:
        query = {**(properties.get("Parameters") or {}), "mode": mode}
        text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        return self._make("PUT", f"/restapis/{api_id}?{text}", _loaded(properties["Body"]))

    def update(
        self, physical_id: str, before: Record, after: Record, stack: str, logical_id: str | None = None
    ) -> tuple[str, Record]:
        path = f"/restapis/{physical_id}"
        if after.get("Body") and after["Body"] != before.get("Body"):
            self._put(physical_id, after, after.get("Mode") or "overwrite")
        operations = []
        for name, at in (
            *(("Name", "/name"), ("Description", "/description"), ("ApiKeySourceType", "/apiKeySource")),
            *(("MinimumCompressionSize", "/minimumCompressionSize"), ("Policy", "/policy")),
            ("DisableExecuteApiEndpoint", "/disableExecuteApiEndpoint"),
        ):
            if before.get(name) != after.get(name):
                operations.append(_replace(at, _text(after.get(name))))
        old, new = before.get("BinaryMediaTypes") or [], after.get("BinaryMediaTypes") or []
        for op, entries in (("remove", set(old) - set(new)), ("add", set(new) - set(old))):
            operations += [{"op": op, "path": f"/binaryMediaTypes/{one.replace('/', '~1')}"} for one in sorted(entries)]
        types = (after.get("EndpointConfiguration") or {}).get("Types")
        if types and types != (before.get("EndpointConfiguration") or {}).get("Types"):
            operations.append(_replace("/endpointConfiguration/types/0", types[0]))
        self._patch(path, operations)
        return self._described(self._make("GET", path))

    def delete(self, physical_id: str, properties: Record) -> None:
        self._remove(f"/restapis/{physical_id}")

    @staticmethod
    def _described(answer: Record) -> tuple[str, Record]:
        return answer["id"], {"RestApiId": answer["id"], "RootResourceId": answer["rootResourceId"]}


class MethodResource(RestResource):
    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        path = self._path(properties)
        parts = ("RestApiId", "ResourceId", "HttpMethod", "Integration", "MethodResponses")
        own = {name: value for name, value in properties.items() if name not in parts}
        self._make("PUT", path, _converted({"AuthorizationType": "NONE", **own}, ""))
        for response in properties.get("MethodResponses") or ():
            body = {name: value for name, value in response.items() if name != "StatusCode"}
            self._make("PUT", f"{path}/responses/{response['StatusCode']}", _converted(body, ""))
        integration = dict(properties.get("Integration") or {})
        if integration:
            responses = integration.pop("IntegrationResponses", None) or ()
            verb = integration.pop("IntegrationHttpMethod", None)
            body = _converted(integration, "")
            self._make("PUT", f"{path}/integration", {**body, **({"httpMethod": verb} if verb else {})})
            for response in responses:
                body = {name: value for name, value in response.items() if name != "StatusCode"}
                self._make("PUT", f"{path}/integration/responses/{response['StatusCode']}", _converted(body, ""))
        return "|".join(properties[name] for name in ("RestApiId", "ResourceId", "HttpMethod")), {}

    def update(
        self, physical_id: str, before: Record, after: Record, stack: str, logical_id: str | None = None
    ) -> tuple[str, Record]:
        if self._path(before) == self._path(after):
            self._remove(self._path(before))
        return self.create(logical_id or physical_id, after, stack)

    def delete(self, physical_id: str, properties: Record) -> None:
        self._remove(self._path(properties))

    @staticmethod
    def _path(properties: Record) -> str:
        resource = f"/restapis/{properties['RestApiId']}/resources/{properties['ResourceId']}"
        return f"{resource}/methods/{properties['HttpMethod']}"


class StageResource(RestResource):
    _AFTER = ("RestApiId", "MethodSettings", "AccessLogSetting", "ClientCertificateId", "CanarySetting")

    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        name = properties.get("StageName") or "".join(letter for letter in f"{stack}{logical_id}" if letter.isalnum())
        own = {key: value for key, value in properties.items() if key not in self._AFTER}
        body = _converted({**own, "StageName": name}, "")
        if properties.get("CanarySetting"):
            body["canarySettings"] = _converted(properties["CanarySetting"], "")
        self._make("POST", f"/restapis/{properties['RestApiId']}/stages", body)
        self._patch(self._path(name, properties), self._settings({}, properties))
        return name, {}

    def update(
        self, physical_id: str, before: Record, after: Record, stack: str, logical_id: str | None = None
    ) -> tuple[str, Record]:
        if any(before.get(name) != after.get(name) for name in ("RestApiId", "StageName")):
            return self.create(logical_id or physical_id, after, stack)
        operations = [
            _replace(path, _text(after.get(name)))
            for name, path in (
                *(("DeploymentId", "/deploymentId"), ("Description", "/description")),
                *(("TracingEnabled", "/tracingEnabled"), ("DocumentationVersion", "/documentationVersion")),
                *(("CacheClusterEnabled", "/cacheClusterEnabled"), ("CacheClusterSize", "/cacheClusterSize")),
            )
            if before.get(name) != after.get(name)
        ]
        old, new = before.get("Variables") or {}, after.get("Variables") or {}
        operations += [{"op": "remove", "path": f"/variables/{name}"} for name in sorted(old.keys() - new.keys())]
        operations += [_replace(f"/variables/{name}", str(new[name])) for name in new if old.get(name) != new[name]]
        self._patch(self._path(physical_id, after), operations + self._settings(before, after))
        return physical_id, {}

    def delete(self, physical_id: str, properties: Record) -> None:
        self._remove(self._path(physical_id, properties))

    @staticmethod
    def _path(name: str, properties: Record) -> str:
        return f"/restapis/{properties['RestApiId']}/stages/{quote(name, safe='')}"

    @staticmethod
    def _settings(before: Record, after: Record) -> list[Record]:
        """What only patches set: method settings, access logs, a client certificate."""
        operations = []
        new = after.get("AccessLogSetting") or {}
        if before.get("AccessLogSetting") and not new:
            operations.append({"op": "remove", "path": "/accessLogSettings"})
        for name, path in (("DestinationArn", "destinationArn"), ("Format", "format")):
            if new.get(name):
                operations.append(_replace(f"/accessLogSettings/{path}", new[name]))
        if after.get("ClientCertificateId") != before.get("ClientCertificateId"):
            operations.append(_replace("/clientCertificateId", after.get("ClientCertificateId") or ""))
        at = {_setting_path(one) for one in after.get("MethodSettings") or ()}
        gone = {_setting_path(one) for one in before.get("MethodSettings") or ()} - at
        operations += [{"op": "remove", "path": path} for path in sorted(gone)]
        for one in after.get("MethodSettings") or ():
            operations += [
                _replace(f"{_setting_path(one)}/{path}", _text(one[name]))
                for name, path in _SETTINGS.items()
                if one.get(name) is not None
            ]
        return operations


_SETTINGS = {
    "MetricsEnabled": "metrics/enabled",
    "LoggingLevel": "logging/loglevel",
    "DataTraceEnabled": "logging/dataTrace",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
    "CachingEnabled": "caching/enabled",
    "CacheTtlInSeconds": "caching/ttlInSeconds",
    "CacheDataEncrypted": "caching/dataEncrypted",
}


def _setting_path(setting: Record) -> str:
    path = str(setting.get("ResourcePath", "/*"))
    inner = path.removeprefix("/")
    if inner != "*" and "~1" not in inner:
        inner = f"~1{inner.replace('/', '~1')}"
    return f"/{inner}/{setting.get('HttpMethod', '*')}"


class UsagePlanResource(RestResource):
    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        body = {"UsagePlanName": f"{stack}-{logical_id}", **properties}
        stages = [
            {**_converted({k: v for k, v in one.items() if k != "Throttle"}, ""), **self._throttle(one)}
            for one in body.pop("ApiStages", None) or ()
        ]
        answer = self._make("POST", "/usageplans", {**_converted(body, ""), "apiStages": stages})
        return answer["id"], {"Id": answer["id"]}

    @staticmethod
    def _throttle(stage: Record) -> Record:
        limits = stage.get("Throttle") or {}
        return {"throttle": {at: _converted(one, "") for at, one in limits.items()}} if limits else {}

    def delete(self, physical_id: str, properties: Record) -> None:
        stages = [f"{one['ApiId']}:{one['Stage']}" for one in properties.get("ApiStages") or ()]
        try:
            self._patch(
                f"/usageplans/{physical_id}", [{"op": "remove", "path": "/apiStages", "value": one} for one in stages]
            )
        except TemplateRefusal as refusal:
            if refusal.status != 404:
                raise
        self._remove(f"/usageplans/{physical_id}")


class GatewayResponseResource(RestResource):
    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        own = {k: v for k, v in properties.items() if k not in ("RestApiId", "ResponseType")}
        self._make("PUT", self._path(properties), _converted({**own, **_status(own)}, ""))
        return f"{properties['RestApiId']}|{properties['ResponseType']}", {}

    def delete(self, physical_id: str, properties: Record) -> None:
        self._remove(self._path(properties))

    @staticmethod
    def _path(properties: Record) -> str:
        return f"/restapis/{properties['RestApiId']}/gatewayresponses/{properties['ResponseType']}"


def _status(properties: Record) -> Record:
    return {"StatusCode": str(properties["StatusCode"])} if properties.get("StatusCode") else {}


class AccountResource(RestResource):
    def create(self, logical_id: str, properties: Record, stack: str) -> tuple[str, Record]:
        self._patch("/account", [_replace("/cloudwatchRoleArn", properties.get("CloudWatchRoleArn") or "")])
        return f"{stack}-{logical_id}", {}

    def delete(self, physical_id: str, properties: Record) -> None:
        """As on AWS: the account keeps its role."""


def _filled(path: str, properties: Record) -> str:
    return path.format_map({name: quote(str(properties.get(name, "")), safe="") for name in _IN_PATH})


def _replace(path: str, value: str) -> Record:
    return {"op": "replace", "path": path, "value": value}


def _text(value: Any) -> str:
    """A value as patches have it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) else json.dumps(value)


def _loaded(document: Any) -> Record:
    """A body, which a template may write as a text."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            raise ValueError("AWS::ApiGateway::RestApi's Body is neither an object nor JSON") from None
    return document or {}


def _lower(name: str) -> str:
    return _OTHER_NAMES.get(name) or name[:1].lower() + name[1:]


def _converted(value: Any, name: str) -> Any:
    """A template's value as the API takes it: members begin in lower case; numbers and flags may be texts."""
    if name in ("Schema", "Properties", "Policy") and not isinstance(value, str):
        return json.dumps(value)
    if name == "Tags" and isinstance(value, list):  # CloudFormation's own are reserved
        return {one["Key"]: one["Value"] for one in value if not one["Key"].startswith("aws:cloudformation:")}
    if isinstance(value, Mapping):
        keep = name in _MAPS
        return {key if keep else _lower(key): _converted(inner, "" if keep else key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_converted(inner, name) for inner in value]
    if name in _NUMBERS and isinstance(value, str):
        return float(value) if "." in value else int(value)
    if name in _FLAGS and isinstance(value, str):
        return value.lower() == "true"
    return value
