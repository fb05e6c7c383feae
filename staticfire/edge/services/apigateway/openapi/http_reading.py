"""OpenAPI 3 documents read as HTTP APIs: the API's own members, integrations, authorizers and routes.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html. What HTTP APIs do not take of a
document is a warning, as on AWS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from .documents import Document, UnreadableDocument, listed, malformed, mapping, parse
from .references import References

METHODS = ("delete", "get", "head", "options", "patch", "post", "put")
ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
INTEGRATIONS = "x-amazon-apigateway-integrations"
AUTHORIZER = "x-amazon-apigateway-authorizer"
AUTHTYPE = "x-amazon-apigateway-authtype"
CORS = "x-amazon-apigateway-cors"
TAG_VALUE = "x-amazon-apigateway-tag-value"
DEFAULT = "/$default"

_CORS = ("allowCredentials", "allowHeaders", "allowMethods", "allowOrigins", "exposeHeaders", "maxAge")
_INTEGRATION = {
    "connectionId": "ConnectionId",
    "connectionType": "ConnectionType",
    "credentials": "CredentialsArn",
    "description": "Description",
    "httpMethod": "IntegrationMethod",
    "integrationSubtype": "IntegrationSubtype",
    "payloadFormatVersion": "PayloadFormatVersion",
    "requestParameters": "RequestParameters",
    "responseParameters": "ResponseParameters",
    "timeoutInMillis": "TimeoutInMillis",
    "uri": "IntegrationUri",
}
_MAPS = ("requestParameters", "responseParameters")
_NUMBERS = ("timeoutInMillis", "authorizerResultTtlInSeconds")
_FLAGS = ("enableSimpleResponses",)
# Far more than an API may have.
MOST_ROUTES = 2_000
_AUTHORIZER = {
    "authorizerCredentials": "AuthorizerCredentialsArn",
    "authorizerPayloadFormatVersion": "AuthorizerPayloadFormatVersion",
    "authorizerResultTtlInSeconds": "AuthorizerResultTtlInSeconds",
    "authorizerUri": "AuthorizerUri",
    "enableSimpleResponses": "EnableSimpleResponses",
}


@dataclass
class HttpRoute:
    """`integration`: the name of one of the document's; `authorizer`: of one of its security schemes."""

    key: str
    integration: str | None = None
    authorization: str = "NONE"
    authorizer: str | None = None
    scopes: list[str] = field(default_factory=list)
    operation_name: str = ""


@dataclass
class HttpDocument:
    """What a document says of an HTTP API, in members of apigatewayv2."""

    api: Document
    tags: dict[str, str]
    integrations: dict[str, Document]
    authorizers: dict[str, Document]
    routes: list[HttpRoute]
    warnings: list[str]


def read_http(body: str, base_path: str | None) -> HttpDocument:
    """`base_path`: what becomes of the path of the document's server: `ignore`, `prepend` or `split`."""
    try:
        document = parse(body.encode("utf-8", "replace"))
    except UnreadableDocument as error:
        raise malformed(str(error)) from error
    if not str(document.get("openapi", "")).startswith("3."):
        raise malformed("HTTP APIs are imported from OpenAPI 3 only: the document has no `openapi: 3...`")
    return _Reading(document, base_path or "ignore").result()


class _Reading:
    def __init__(self, document: Document, base_path: str) -> None:
        self._document = document
        self._references = References(document)
        self._components = mapping(document.get("components"), "components")
        self._prefix = _prefix(document, base_path)
        self._warnings: list[str] = []
        self._integrations: dict[str, Document] = {}
        self._authorizers: dict[str, Document] = {}

    def result(self) -> HttpDocument:
        info = mapping(self._document.get("info"), "info")
        if not info.get("title"):
            raise malformed("info.title is missing: it is the API's name")
        api: Document = {"Name": str(info["title"]), "ProtocolType": "HTTP"}
        if info.get("version"):
            api["Version"] = str(info["version"])
        if info.get("description"):
            api["Description"] = str(info["description"])
        if cors := mapping(self._document.get(CORS), CORS):
            api["CorsConfiguration"] = {
                name[:1].upper() + name[1:]: _of_cors(name, cors[name]) for name in _CORS if cors.get(name) is not None
            }
        routes = list(islice(self._routes(), MOST_ROUTES + 1))
        if len(routes) > MOST_ROUTES:
            raise malformed(f"it has more than {MOST_ROUTES} routes")
        tags = {
            str(tag["name"]): str(tag[TAG_VALUE])
            for tag in listed(self._document.get("tags"), "tags")
            if isinstance(tag, dict) and "name" in tag and TAG_VALUE in tag
        }
        return HttpDocument(api, tags, self._integrations, self._authorizers, routes, self._warnings)

    def _routes(self) -> Iterator[HttpRoute]:
        for path, item in mapping(self._document.get("paths"), "paths").items():
            operations = self._references.resolved(item, f"paths.{path}")
            for method in (*METHODS, ANY):
                if method in operations:
                    operation = self._references.resolved(operations[method], f"paths.{path}.{method}")
                    yield self._route(path, "ANY" if method == ANY else method.upper(), operation)

    def _route(self, path: str, method: str, operation: Document) -> HttpRoute:
        if path == DEFAULT and method == "ANY":
            route = HttpRoute("$default")
        else:
            route = HttpRoute(
                f"{method} {self._prefix}{path}" if path != "/" or not self._prefix else f"{method} {self._prefix}"
            )
        route.operation_name = str(operation.get("operationId") or "")
        if INTEGRATION in operation:
            route.integration = self._integration(operation[INTEGRATION], route.key)
        else:
            self._warnings.append(f"Route {route.key} has no {INTEGRATION}: it has no integration")
        self._secure(route, operation)
        return route

    def _integration(self, value: Any, key: str) -> str:
        """The integration's name: a shared one's own, or the route's key."""
        reference = value.get("$ref") if isinstance(value, Mapping) else None
        name = str(reference) if reference else key
        if name not in self._integrations:
            where = f"{INTEGRATION} of {key}"
            self._integrations[name] = _integration(self._references.resolved(value, where), where)
        return name

    def _secure(self, route: HttpRoute, operation: Document) -> None:
        security = operation.get("security", self._document.get("security"))
        schemes = mapping(self._components.get("securitySchemes"), "components.securitySchemes")
        for requirement in listed(security, "security"):
            for name, scopes in mapping(requirement, "security").items():
                scheme = self._references.resolved(schemes.get(name) or {}, f"securitySchemes.{name}")
                if scheme.get(AUTHTYPE) == "awsSigv4":
                    route.authorization = "AWS_IAM"
                    return
                if AUTHORIZER not in scheme:
                    self._warnings.append(f"Security scheme {name} has no {AUTHORIZER}: it guards nothing")
                    continue
                authorizer = self._authorizer(name, mapping(scheme[AUTHORIZER], AUTHORIZER))
                route.authorization = "JWT" if authorizer["AuthorizerType"] == "JWT" else "CUSTOM"
                route.authorizer = name
                route.scopes = [str(scope) for scope in listed(scopes, "scopes")]
                return

    def _authorizer(self, name: str, value: Document) -> Document:
        kind = str(value.get("type", "")).lower()
        if kind not in ("jwt", "request"):
            raise malformed(f"the authorizer {name} has type {value.get('type')}: HTTP APIs have jwt and request")
        sources = value.get("identitySource") or []
        authorizer: Document = {
            "Name": name,
            "AuthorizerType": kind.upper(),
            "IdentitySource": [one.strip() for one in sources.split(",")]
            if isinstance(sources, str)
            else _texts(sources, f"identitySource of {name}"),
        }
        authorizer |= _members(value, _AUTHORIZER, f"the authorizer {name}")
        if kind == "jwt":
            jwt = mapping(value.get("jwtConfiguration"), f"jwtConfiguration of {name}")
            audience = jwt.get("audience") or []
            authorizer["JwtConfiguration"] = {
                "Issuer": str(jwt.get("issuer") or ""),
                "Audience": [audience] if isinstance(audience, str) else _texts(audience, f"the audience of {name}"),
            }
        self._authorizers[name] = authorizer
        return authorizer


def _integration(value: Document, where: str) -> Document:
    kind = str(value.get("type", "")).upper()
    if kind not in ("AWS_PROXY", "HTTP_PROXY"):
        raise malformed(f"{where} has type {value.get('type')}: HTTP APIs have aws_proxy and http_proxy")
    integration: Document = {"IntegrationType": kind}
    integration |= _members(value, _INTEGRATION, where)
    if "IntegrationMethod" in integration:
        method = str(integration["IntegrationMethod"]).upper()
        integration["IntegrationMethod"] = "ANY" if method == ANY.upper() else method
    if tls := mapping(value.get("tlsConfig"), "tlsConfig"):
        integration["TlsConfig"] = {"ServerNameToVerify": tls.get("serverNameToVerify", "")}
    return integration


def _members(value: Document, names: Mapping[str, str], where: str) -> Document:
    """Members by apigatewayv2's names, of the type that they have there: YAML makes a number of `2.0`."""
    return {
        member: _typed(key, value[key], f"{key} of {where}")
        for key, member in names.items()
        if value.get(key) not in (None, "")
    }


def _texts(value: Any, where: str) -> list[str]:
    return [str(one) for one in listed(value, where)]


def _of_cors(name: str, value: Any) -> Any:
    if name == "allowCredentials":
        return str(value).lower() == "true"
    if name == "maxAge":
        return _number(value, f"{CORS}.maxAge")
    return _texts(value, f"{CORS}.{name}")


def _number(value: Any, where: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise malformed(f"{where} must be a number") from None


def _typed(name: str, value: Any, where: str) -> Any:
    if name in _MAPS:
        return mapping(value, where)
    if isinstance(value, dict | list):
        raise malformed(f"{where} must be a text: a function of a template in it is not evaluated")
    if name in _FLAGS:
        return str(value).lower() == "true"
    return _number(value, where) if name in _NUMBERS else str(value)


def _prefix(document: Document, base_path: str) -> str:
    if base_path not in ("ignore", "prepend", "split"):
        raise malformed(f"basepath is {base_path}: ignore, prepend and split are possible")
    servers = listed(document.get("servers"), "servers")
    if base_path == "ignore" or not servers:
        return ""
    server = mapping(servers[0], "servers")
    url = str(server.get("url", ""))
    for name, variable in mapping(server.get("variables"), "variables").items():
        default = str(mapping(variable, name).get("default", ""))
        url = url.replace(f"/{{{name}}}", f"/{default.strip('/')}").replace(f"{{{name}}}", default)
    path = urlsplit(url).path.rstrip("/")
    if base_path == "split":
        path = "/" + path.lstrip("/").partition("/")[2]
    return path.rstrip("/")
