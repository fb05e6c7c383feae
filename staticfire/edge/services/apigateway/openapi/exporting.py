"""A deployment of a REST API as an OpenAPI document, version 2 or 3, with AWS's extensions or without them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .schemas import model_of

EXTENSION = "x-amazon-apigateway-"
PLACES = {"querystring": "query", "header": "header", "path": "path"}

_INTEGRATION = (
    *("uri", "credentials", "connectionId", "requestParameters", "requestTemplates", "timeoutInMillis", "tlsConfig"),
    *("cacheNamespace", "cacheKeyParameters"),
)
_LOWERED = ("type", "passthroughBehavior", "connectionType", "contentHandling")


@dataclass(frozen=True)
class Exported:
    """What is written of: a deployment's `snapshot`, where it is served, and with which extensions."""

    snapshot: Mapping[str, Any]
    stage: str
    version: str
    host: str
    extensions: frozenset[str]


def export(exported: Exported, kind: str) -> dict[str, Any]:
    """`kind` is `swagger` or `oas30`."""
    return _Export(exported, third=kind == "oas30").document()


class _Export:
    def __init__(self, exported: Exported, *, third: bool) -> None:
        self._exported = exported
        self._third = third
        self._authorizers = {one["id"]: one for one in exported.snapshot["authorizers"]}
        self._validators = {one["id"]: one for one in exported.snapshot["validators"]}
        self._schemes: dict[str, Any] = {}
        self._models: set[str] = set()

    def document(self) -> dict[str, Any]:
        api, exported = self._exported.snapshot["api"], self._exported
        info = {"title": api["name"], "version": exported.version}
        if api.get("description"):
            info["description"] = api["description"]
        paths = {
            resource["path"]: {
                self._verb(verb): self._operation(method)
                for verb, method in sorted(resource["resourceMethods"].items())
            }
            for resource in sorted(exported.snapshot["resources"], key=lambda one: one["path"])
            if resource.get("resourceMethods")
        }
        definitions = self._definitions()
        if self._third:
            base = {"basePath": {"default": exported.stage}}
            servers = [{"url": f"https://{exported.host}/{{basePath}}", "variables": base}]
            components = {"schemas": definitions, "securitySchemes": self._schemes}
            document = {"openapi": "3.0.1", "info": info, "servers": servers, "paths": paths}
            document["components"] = {name: one for name, one in components.items() if one}
        else:
            document = {
                "swagger": "2.0",
                "info": info,
                "host": exported.host,
                "basePath": f"/{exported.stage}",
                "schemes": ["https"],
                "paths": paths,
            }
            parts = {"securityDefinitions": self._schemes, "definitions": definitions}
            document |= {name: one for name, one in parts.items() if one}
        return document | self._extensions()

    def _extensions(self) -> dict[str, Any]:
        if "integrations" not in self._exported.extensions:
            return {}
        api, snapshot = self._exported.snapshot["api"], self._exported.snapshot
        written: dict[str, Any] = {}
        if snapshot["gatewayResponses"]:
            written[f"{EXTENSION}gateway-responses"] = {
                one["responseType"]: {
                    name: one[name]
                    for name in ("statusCode", "responseParameters", "responseTemplates")
                    if one.get(name)
                }
                for one in snapshot["gatewayResponses"]
            }
        if snapshot["validators"]:
            written[f"{EXTENSION}request-validators"] = {
                str(one.get("name") or one["id"]): {
                    name: one[name] for name in ("validateRequestParameters", "validateRequestBody")
                }
                for one in snapshot["validators"]
            }
        if api.get("binaryMediaTypes"):
            written[f"{EXTENSION}binary-media-types"] = api["binaryMediaTypes"]
        if api.get("minimumCompressionSize") is not None:
            written[f"{EXTENSION}minimum-compression-size"] = api["minimumCompressionSize"]
        if api.get("_policy"):
            written[f"{EXTENSION}policy"] = json.loads(api["_policy"])
        return written

    @staticmethod
    def _verb(verb: str) -> str:
        return f"{EXTENSION}any-method" if verb == "ANY" else verb.lower()

    def _operation(self, method: Mapping[str, Any]) -> dict[str, Any]:
        operation: dict[str, Any] = {}
        if method.get("operationName"):
            operation["operationId"] = method["operationName"]
        models = method.get("requestModels") or {}
        parameters = [self._parameter(name, needed) for name, needed in (method.get("requestParameters") or {}).items()]
        if models and self._third:
            content = {kind: {"schema": self._reference(name)} for kind, name in models.items()}
            operation["requestBody"] = {"content": content, "required": True}
        elif models:
            schema = self._reference(next(iter(models.values())))
            parameters.append({"in": "body", "name": next(iter(models.values())), "required": True, "schema": schema})
        responses = method.get("methodResponses") or {}
        if not self._third:
            operation |= _media_types(method)
        if parameters:
            operation["parameters"] = parameters
        operation["responses"] = {status: self._response(one) for status, one in sorted(responses.items())}
        security = self._security(method)
        if security:
            operation["security"] = security
        if "integrations" in self._exported.extensions:
            if method.get("requestValidatorId") in self._validators:
                validator = self._validators[method["requestValidatorId"]]
                operation[f"{EXTENSION}request-validator"] = validator.get("name") or validator["id"]
            if method.get("methodIntegration"):
                operation[f"{EXTENSION}integration"] = _integration(method["methodIntegration"])
        return operation

    def _parameter(self, expression: str, needed: bool) -> dict[str, Any]:
        _, _, place, name = expression.split(".", 3)
        parameter: dict[str, Any] = {"name": name, "in": PLACES[place]}
        if needed or not self._third:
            parameter["required"] = bool(needed)
        return parameter | ({"schema": {"type": "string"}} if self._third else {"type": "string"})

    def _response(self, response: Mapping[str, Any]) -> dict[str, Any]:
        written: dict[str, Any] = {"description": f"{response['statusCode']} response"}
        headers = [name.split(".", 3)[3] for name in response.get("responseParameters") or {}]
        if headers:
            kind: dict[str, Any] = {"schema": {"type": "string"}} if self._third else {"type": "string"}
            written["headers"] = {name: dict(kind) for name in headers}
        models = response.get("responseModels") or {}
        if self._third:
            content = {kind: {"schema": self._reference(name)} for kind, name in models.items()}
            return written | {"content": content}
        if models:
            written["schema"] = self._reference(next(iter(models.values())))
        return written

    def _reference(self, name: str) -> dict[str, str]:
        self._models.add(name)
        return {"$ref": f"#/components/schemas/{name}" if self._third else f"#/definitions/{name}"}

    def _definitions(self) -> dict[str, Any]:
        """The models that are referred to, by operations and by one another."""
        schemas = {one["name"]: json.loads(one["schema"]) for one in self._exported.snapshot["models"] if _is_json(one)}
        definitions: dict[str, Any] = {}
        waiting = sorted(self._models)
        while waiting:
            name = waiting.pop()
            if name in schemas and name not in definitions:
                definitions[name] = self._local(schemas[name])
                waiting += sorted(self._models - definitions.keys())
        return dict(sorted(definitions.items()))

    def _local(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._local(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        name = model_of(schema.get("$ref"))
        if name is not None:
            return dict(self._reference(name))
        return {key: self._local(value) for key, value in schema.items() if key != "$schema"}

    def _security(self, method: Mapping[str, Any]) -> list[dict[str, Any]]:
        wants: list[dict[str, Any]] = []
        authorizer = self._authorizers.get(method.get("authorizerId", ""))
        if authorizer is not None:
            self._schemes[authorizer["name"]] = self._scheme(authorizer)
            wants.append({authorizer["name"]: method.get("authorizationScopes") or []})
        elif method["authorizationType"] == "AWS_IAM":
            self._schemes["sigv4"] = {
                **{"type": "apiKey", "name": "Authorization", "in": "header"},
                f"{EXTENSION}authtype": "awsSigv4",
            }
            wants.append({"sigv4": []})
        if method["apiKeyRequired"]:
            self._schemes["api_key"] = {"type": "apiKey", "name": "x-api-key", "in": "header"}
            wants.append({"api_key": []})
        return wants

    def _scheme(self, authorizer: Mapping[str, Any]) -> dict[str, Any]:
        source = str(authorizer.get("identitySource") or "")
        header = (
            source.removeprefix("method.request.header.") if source.startswith("method.request.header.") else "Unused"
        )
        scheme: dict[str, Any] = {"type": "apiKey", "name": header, "in": "header"}
        scheme[f"{EXTENSION}authtype"] = authorizer["authType"]
        if "authorizers" in self._exported.extensions:
            members = (
                *("providerARNs", "authorizerUri", "authorizerCredentials", "identityValidationExpression"),
                "authorizerResultTtlInSeconds",
            )
            extension = {name: authorizer[name] for name in members if authorizer.get(name) is not None}
            if authorizer["type"] == "REQUEST" and source:
                extension["identitySource"] = source
            scheme[f"{EXTENSION}authorizer"] = {"type": authorizer["type"].lower(), **extension}
        return scheme


def _media_types(method: Mapping[str, Any]) -> dict[str, list[str]]:
    """What an operation takes and answers: of its models, and of its integration's templates."""
    integration = method.get("methodIntegration") or {}
    taken = [*(method.get("requestModels") or {}), *(integration.get("requestTemplates") or {})]
    responses = (method.get("methodResponses") or {}).values()
    answered = [kind for response in responses for kind in response.get("responseModels") or {}]
    for response in (integration.get("integrationResponses") or {}).values():
        answered += response.get("responseTemplates") or {}
    kinds = {"consumes": list(dict.fromkeys(taken)), "produces": list(dict.fromkeys(answered))}
    return {name: one for name, one in kinds.items() if one}


def _is_json(model: Mapping[str, Any]) -> bool:
    try:
        return isinstance(json.loads(model["schema"]), dict)
    except (ValueError, RecursionError):
        return False


def _integration(integration: Mapping[str, Any]) -> dict[str, Any]:
    """As the extension has it: the API's words in lower case, responses by what selects them."""
    written = {name: integration[name] for name in _INTEGRATION if integration.get(name)}
    written |= {name: str(integration[name]).lower() for name in _LOWERED if integration.get(name)}
    if integration.get("contentHandling"):
        written["contentHandling"] = integration["contentHandling"]
    if integration.get("connectionType") == "INTERNET":
        del written["connectionType"]
    elif integration.get("connectionType"):
        written["connectionType"] = integration["connectionType"]
    written.pop("cacheNamespace", None)
    if written.get("timeoutInMillis") == 29_000:
        del written["timeoutInMillis"]
    if integration.get("httpMethod"):
        written["httpMethod"] = integration["httpMethod"]
    responses = {}
    for response in (integration.get("integrationResponses") or {}).values():
        members = ("statusCode", "responseParameters", "responseTemplates", "contentHandling")
        one = {name: response[name] for name in members if response.get(name)}
        responses[response.get("selectionPattern") or "default"] = one
    if responses:
        written["responses"] = responses
    return written
