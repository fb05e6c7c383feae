"""An HTTP API as an OpenAPI 3 document, with API Gateway's extensions or without."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .documents import Document
from .http_reading import ANY, AUTHORIZER, AUTHTYPE, CORS, DEFAULT, INTEGRATION, TAG_VALUE

VERSION = "x-amazon-apigateway-importexport-version"
_PARAMETER = re.compile(r"\{([^}+]+)\+?\}")
_INTEGRATION = {
    "ConnectionId": "connectionId",
    "ConnectionType": "connectionType",
    "CredentialsArn": "credentials",
    "Description": "description",
    "IntegrationMethod": "httpMethod",
    "IntegrationSubtype": "integrationSubtype",
    "IntegrationUri": "uri",
    "PayloadFormatVersion": "payloadFormatVersion",
    "RequestParameters": "requestParameters",
    "ResponseParameters": "responseParameters",
    "TimeoutInMillis": "timeoutInMillis",
}
_AUTHORIZER = {
    "AuthorizerCredentialsArn": "authorizerCredentials",
    "AuthorizerPayloadFormatVersion": "authorizerPayloadFormatVersion",
    "AuthorizerResultTtlInSeconds": "authorizerResultTtlInSeconds",
    "AuthorizerUri": "authorizerUri",
    "EnableSimpleResponses": "enableSimpleResponses",
}


def http_document(api: Mapping[str, Any], parts: Mapping[str, Any], stage: str, *, extensions: bool) -> Document:
    """`parts` as a deployment has them; `stage`: whose address the server is."""
    integrations = {one["IntegrationId"]: one for one in parts["Integrations"]}
    authorizers = {one["AuthorizerId"]: one for one in parts["Authorizers"]}
    info: Document = {"title": api["Name"], "version": api.get("Version") or "1.0"}
    if api.get("Description"):
        info["description"] = api["Description"]
    server: Document = {"url": api["ApiEndpoint"]}
    if stage and stage != "$default":
        server = {"url": f"{api['ApiEndpoint']}/{{basePath}}", "variables": {"basePath": {"default": stage}}}
    document: Document = {"openapi": "3.0.1", "info": info, "servers": [server]}
    if api.get("Tags"):
        value = TAG_VALUE if extensions else "description"
        document["tags"] = [{"name": name, value: text} for name, text in sorted(api["Tags"].items())]
    schemes: Document = {}
    paths: Document = {}
    for route in sorted(parts["Routes"], key=lambda one: str(one["RouteKey"])):
        path, method = _place(route["RouteKey"])
        if method == ANY and not extensions:
            continue  # OpenAPI itself has no such method
        operation = _operation(route, path)
        if security := _security(route, authorizers, schemes):
            operation["security"] = [security]
        integration = integrations.get(route.get("Target", "").removeprefix("integrations/"))
        if extensions and integration is not None:
            operation[INTEGRATION] = _integration(integration)
        paths.setdefault(path, {})[method] = operation
    document["paths"] = paths
    if schemes:
        document["components"] = {"securitySchemes": {name: _scheme(one, extensions) for name, one in schemes.items()}}
    if extensions:
        if cors := api.get("CorsConfiguration"):
            document[CORS] = {name[:1].lower() + name[1:]: value for name, value in cors.items()}
        document[VERSION] = "1.0"
    return document


def _place(key: str) -> tuple[str, str]:
    if key == "$default":
        return DEFAULT, ANY
    method, _, path = key.partition(" ")
    return path, ANY if method == "ANY" else method.lower()


def _operation(route: Mapping[str, Any], path: str) -> Document:
    operation: Document = {"responses": {"default": {"description": f"Default response for {route['RouteKey']}"}}}
    if route.get("OperationName"):
        operation["operationId"] = route["OperationName"]
    if names := _PARAMETER.findall(path):
        schema = {"type": "string"}
        operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]
    return operation


def _security(route: Mapping[str, Any], authorizers: Mapping[str, Any], schemes: Document) -> Document:
    if route["AuthorizationType"] == "AWS_IAM":
        schemes["sigv4"] = None
        return {"sigv4": []}
    authorizer = authorizers.get(route.get("AuthorizerId", ""))
    if authorizer is None:
        return {}
    schemes[authorizer["Name"]] = authorizer
    return {authorizer["Name"]: route.get("AuthorizationScopes") or []}


def _scheme(authorizer: Mapping[str, Any] | None, extensions: bool) -> Document:
    if authorizer is None:
        scheme: Document = {"type": "apiKey", "name": "Authorization", "in": "header"}
        return scheme | ({AUTHTYPE: "awsSigv4"} if extensions else {})
    if authorizer["AuthorizerType"] == "JWT":
        jwt = authorizer["JwtConfiguration"]
        extension: Document = {
            "type": "jwt",
            "jwtConfiguration": {"audience": jwt["Audience"], "issuer": jwt["Issuer"]},
            "identitySource": ",".join(authorizer.get("IdentitySource") or ()),
        }
        return {"type": "oauth2", "flows": {}} | ({AUTHORIZER: extension} if extensions else {})
    extension = {"type": "request", "identitySource": ",".join(authorizer.get("IdentitySource") or ())}
    extension |= {name: authorizer[member] for member, name in _AUTHORIZER.items() if member in authorizer}
    scheme = {"type": "apiKey", "name": "Authorization", "in": "header"}
    return scheme | ({AUTHORIZER: extension} if extensions else {})


def _integration(integration: Mapping[str, Any]) -> Document:
    extension: Document = {"type": integration["IntegrationType"].lower()}
    extension |= {name: integration[member] for member, name in _INTEGRATION.items() if integration.get(member)}
    if tls := integration.get("TlsConfig"):
        extension["tlsConfig"] = {"serverNameToVerify": tls["ServerNameToVerify"]}
    return extension
