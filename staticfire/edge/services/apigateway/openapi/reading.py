"""An OpenAPI document as what a REST API is made of: everything that can be said without knowing the API."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .documents import Document, listed, malformed, mapping
from .references import References
from .schemas import model_of
from .security import Access, Security

EXTENSION = "x-amazon-apigateway-"
INTEGRATION = f"{EXTENSION}integration"
ANY = f"{EXTENSION}any-method"
VERBS = ("get", "put", "post", "delete", "patch", "options", "head", ANY)
PLACES = {"query": "querystring", "header": "header", "path": "path"}
MOST_PATHS = 3000

_STATUS = re.compile(r"[1-5]\d\d")
_NO_NAME = re.compile(r"[^a-zA-Z0-9]")


@dataclass
class ReadMethod:
    """A method as PutMethod would be told, but for ids; `integration` as the extension has it."""

    verb: str
    access: Access
    operation_name: str | None
    parameters: dict[str, bool]
    models: dict[str, str]
    validator: str | None
    responses: dict[str, dict[str, Any]]
    integration: Document | None


@dataclass
class ReadApi:
    """A document. Models, authorizers and validators are by their names."""

    title: str
    description: str | None
    version: str | None
    methods: dict[str, dict[str, ReadMethod]] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    # Names in the document to names of models, which have letters and digits only.
    model_names: dict[str, str] = field(default_factory=dict)
    authorizers: dict[str, dict[str, Any]] = field(default_factory=dict)
    validators: dict[str, dict[str, bool]] = field(default_factory=dict)
    gateway_responses: dict[str, Document] = field(default_factory=dict)
    documentation: list[Document] = field(default_factory=list)
    settings: Document = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read(document: Document, base_path: str = "ignore") -> ReadApi:
    """What the document says; raises BadRequestException where it is no API."""
    return _Reader(document, base_path).read()


class _Reader:
    def __init__(self, document: Document, base_path: str) -> None:
        self._document = document
        self._references = References(document)
        self._security = Security(document)
        self._prefix = _prefix(document, base_path)
        if "swagger" not in document and "openapi" not in document:
            raise malformed("it has neither `swagger` nor `openapi`")
        self._is_third = "openapi" in document
        info = mapping(document.get("info"), "info")
        title = info.get("title")
        if not isinstance(title, str) or not title:
            raise malformed("info.title is missing")
        description, version = info.get("description"), info.get("version")
        self._api = ReadApi(title, str(description) if description else None, None if version is None else str(version))

    def read(self) -> ReadApi:
        api = self._api
        self._models()
        api.authorizers = self._security.authorizers
        self._validators()
        api.gateway_responses = {
            kind: mapping(one, f"the gateway response {kind}")
            for kind, one in mapping(self._document.get(f"{EXTENSION}gateway-responses"), "gateway responses").items()
        }
        documentation = mapping(self._document.get(f"{EXTENSION}documentation"), "documentation")
        parts = listed(documentation.get("documentationParts"), "documentationParts")
        api.documentation = [mapping(part, "a documentation part") for part in parts]
        api.settings = {
            name: self._document[f"{EXTENSION}{name}"]
            for name in (
                *("binary-media-types", "minimum-compression-size", "policy", "api-key-source"),
                *("endpoint-configuration", "security-policy"),
            )
            if f"{EXTENSION}{name}" in self._document
        }
        paths = mapping(self._document.get("paths"), "paths")
        if len(paths) > MOST_PATHS:
            raise malformed(f"it has {len(paths)} paths, more than {MOST_PATHS}")
        for path, item in paths.items():
            self._path(path, item)
        return api

    def _models(self) -> None:
        components = mapping(self._document.get("components"), "components")
        where = "components.schemas" if self._is_third else "definitions"
        schemas = mapping(components.get("schemas") if self._is_third else self._document.get("definitions"), where)
        for name, schema in schemas.items():
            plain = _NO_NAME.sub("", name)
            if not plain:
                raise malformed(f"the model {name} has no letter or digit in its name")
            self._api.model_names[name] = plain
            self._api.models[plain] = mapping(schema, f"the model {name}")

    def _validators(self) -> None:
        validators = mapping(self._document.get(f"{EXTENSION}request-validators"), "request validators")
        for name, one in validators.items():
            checks = mapping(one, f"the request validator {name}")
            self._api.validators[name] = {
                member: _is_true(checks.get(member)) for member in ("validateRequestBody", "validateRequestParameters")
            }

    def _path(self, path: str, item: Any) -> None:
        if not path.startswith("/"):
            raise malformed(f"the path {path} does not begin with /")
        at = (f"{self._prefix}{path}".rstrip("/") or "/") if path != "/" else (self._prefix or "/")
        methods = self._api.methods.setdefault(at, {})
        described = self._references.resolved(item, f"the path {path}")
        shared = listed(described.get("parameters"), f"parameters of {path}")
        for verb in VERBS:
            if verb in described:
                name = "ANY" if verb == ANY else verb.upper()
                where = f"{name} {path}"
                operation = self._references.resolved(described[verb], where)
                methods[name] = self._method(name, where, operation, shared)

    def _method(self, verb: str, where: str, operation: Document, shared: list[Any]) -> ReadMethod:
        parameters: dict[str, bool] = {}
        models: dict[str, str] = {}
        own = listed(operation.get("parameters"), f"parameters of {where}")
        for parameter in (*shared, *own):
            one = self._references.resolved(parameter, f"a parameter of {where}")
            place = PLACES.get(str(one.get("in")))
            if place is not None:
                required = place == "path" or _is_true(one.get("required"))
                parameters[f"method.request.{place}.{one.get('name')}"] = required
            elif one.get("in") == "body" and "schema" in one:
                for content_type in self._types(operation, "consumes", where):
                    models[content_type] = self._model(one["schema"], where)
        if self._is_third and "requestBody" in operation:
            body = self._references.resolved(operation["requestBody"], f"requestBody of {where}")
            models |= dict(self._content(body, where))
        validator = operation.get(f"{EXTENSION}request-validator", self._document.get(f"{EXTENSION}request-validator"))
        if validator is not None and validator not in self._api.validators:
            raise malformed(f"{where} names the request validator {validator}, which is not defined")
        integration = operation.get(INTEGRATION)
        name = operation.get("operationId")
        return ReadMethod(
            verb=verb,
            access=self._security.access(operation, where),
            operation_name=None if name is None else str(name),
            parameters=parameters,
            models=models,
            validator=validator,
            responses=self._responses(operation, where),
            integration=None
            if integration is None
            else self._references.resolved(integration, f"{INTEGRATION} of {where}"),
        )

    def _types(self, operation: Document, member: str, where: str) -> list[str]:
        types = listed(operation.get(member, self._document.get(member)), f"{member} of {where}")
        return [str(one) for one in types] or ["application/json"]

    def _content(self, holder: Document, where: str) -> Iterator[tuple[str, str]]:
        for content_type, media in mapping(holder.get("content"), f"content of {where}").items():
            schema = mapping(media, f"{content_type} of {where}").get("schema")
            if schema:
                yield content_type, self._model(schema, where)

    def _model(self, schema: Any, where: str) -> str:
        """The name of the model: the one that is referred to, or one that is made of the schema."""
        inline = mapping(schema, f"a schema of {where}")
        name = model_of(inline.get("$ref"))
        if name is not None:
            if name not in self._api.model_names:
                raise malformed(f"{where} refers to the model {name}, which is not there")
            return self._api.model_names[name]
        digest = hashlib.sha256(json.dumps(inline, sort_keys=True, default=str).encode()).hexdigest()
        new_name = f"MODEL{digest[:6]}"
        self._api.models.setdefault(new_name, inline)
        return new_name

    def _responses(self, operation: Document, where: str) -> dict[str, dict[str, Any]]:
        responses: dict[str, dict[str, Any]] = {}
        for status, one in mapping(operation.get("responses"), f"responses of {where}").items():
            if _STATUS.fullmatch(status) is None:
                if status != "default":
                    self._api.warnings.append(f"Invalid status code {status} of {where}: it is passed over")
                continue
            described = self._references.resolved(one, f"the response {status} of {where}")
            response: dict[str, Any] = {"statusCode": status}
            headers = mapping(described.get("headers"), f"headers of {where}")
            if headers:
                response["responseParameters"] = {f"method.response.header.{name}": False for name in headers}
            models = dict(self._content(described, where))
            if "schema" in described:
                types = self._types(operation, "produces", where)
                models |= {content_type: self._model(described["schema"], where) for content_type in types}
            if models:
                response["responseModels"] = models
            responses[status] = response
        return responses


def _prefix(document: Document, base_path: str) -> str:
    """What stands before each path, as AWS reads a document's base path."""
    if base_path not in ("ignore", "prepend", "split"):
        raise malformed(f"basepath must be ignore, prepend or split: {base_path}")
    path = _base_path(document)
    parts = [part for part in path.split("/") if part]
    if base_path == "ignore":
        parts = []
    elif base_path == "split":
        parts = parts[1:]
    return "".join(f"/{part}" for part in parts)


def _base_path(document: Mapping[str, Any]) -> str:
    if "swagger" in document:
        return str(document.get("basePath") or "")
    servers = listed(document.get("servers"), "servers")
    if not servers:
        return ""
    server = mapping(servers[0], "servers")
    variables = mapping(server.get("variables"), "variables of a server")
    if "basePath" in variables:
        return str(mapping(variables["basePath"], "basePath").get("default") or "")
    try:
        return urlsplit(str(server.get("url") or "")).path
    except ValueError:
        raise malformed(f"the server's url cannot be read: {server.get('url')}") from None


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"
