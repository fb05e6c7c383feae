"""PutRestApi and ImportRestApi: what a document says, put into an API: over all that it has, or beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.apigateway.openapi.documents import Document, mapping
from staticfire.edge.services.apigateway.openapi.reading import ReadApi, ReadMethod
from staticfire.edge.services.apigateway.openapi.schemas import referring
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords
from staticfire.edge.store import Key

from .apis import check_compression, endpoint_configuration, set_policy
from .authorizers import new_authorizer
from .common import bad_request, made, new_id
from .documentation import new_part
from .gateway_responses import STATUS, new_gateway_response
from .integration_responses import checked_response
from .integrations import checked_integration, new_integration
from .methods import check_parameters
from .resources import check_place, joined

# Ten times what AWS lets an API have.
MOST_RESOURCES = 3000

_REPLACED = (
    *("rest-resource", "rest-model", "rest-authorizer", "rest-validator", "rest-gateway-response"),
    "rest-documentation-part",
)
_OF_INTEGRATION = (
    *("uri", "connectionType", "connectionId", "credentials", "requestParameters", "requestTemplates", "tlsConfig"),
    *("cacheNamespace", "cacheKeyParameters", "contentHandling", "responseTransferMode", "integrationTarget"),
)


class Import:
    """One document into one API. `puts` and `deletes` are written together, or nothing is."""

    def __init__(self, records: RestRecords, scope: Scope, api: Record, document: ReadApi, *, overwrite: bool) -> None:
        self._records = records
        self._scope = scope
        self._api = api
        self._document = document
        self._overwrite = overwrite
        self._by_path = {one["path"]: one for one in records.resources(scope, api["id"])}
        if not self._by_path:
            self._by_path = {"/": {"id": api["rootResourceId"], "path": "/"}}
        self.puts: dict[Key, Record] = {}
        self.deletes: list[Key] = []

    def run(self) -> Record:
        """The API's new document."""
        self._settings()
        if self._overwrite:
            for kind in _REPLACED:
                self.deletes += [key for key, _ in self._records.entries(self._scope, kind, self._api["id"])]
            earlier, self._by_path = self._by_path, {}
            self._kept = {path: one["id"] for path, one in earlier.items()}
            self._by_path["/"] = {"id": self._api["rootResourceId"], "path": "/"}
        else:
            self._kept = {}
        self._below: dict[str, list[Record]] = {}
        for one in self._by_path.values():
            self._below.setdefault(one.get("parentId", ""), []).append(one)
        self._models()
        authorizers = self._named("rest-authorizer", self._document.authorizers, self._authorizer)
        validators = self._named("rest-validator", self._document.validators, self._validator)
        self._gateway_responses()
        self._documentation()
        for path, methods in self._document.methods.items():
            resource = self._resource(path)
            for verb, method in methods.items():
                where = f"method on '{verb}' for resource at path '{path}'"
                resource.setdefault("resourceMethods", {})[verb] = self._method(
                    resource, method, authorizers, validators, where
                )
        for resource in self._by_path.values():
            self._put("rest-resource", resource["id"], resource)
        self.puts[self._records.key(self._scope, "rest-api", self._api["id"])] = self._api
        return self._api

    def _put(self, kind: str, name: str, record: Record) -> None:
        self.puts[self._records.key(self._scope, kind, self._api["id"], name)] = record

    def _settings(self) -> None:
        api, document = self._api, self._document
        api["name"] = document.title
        for member, value in (("description", document.description), ("version", document.version)):
            if value:
                api[member] = value
            elif self._overwrite:
                api.pop(member, None)
        settings = document.settings
        if "binary-media-types" in settings:
            types = settings["binary-media-types"]
            if not isinstance(types, list):
                raise bad_request("Invalid OpenAPI input: x-amazon-apigateway-binary-media-types must be a list")
            before = [] if self._overwrite else api.get("binaryMediaTypes") or []
            api["binaryMediaTypes"] = list(dict.fromkeys([*before, *map(str, types)]))
        elif self._overwrite:
            api.pop("binaryMediaTypes", None)
        size = settings.get("minimum-compression-size")
        if size is not None:
            check_compression(size if isinstance(size, int) else -1)
            api["minimumCompressionSize"] = size
        elif self._overwrite:
            api.pop("minimumCompressionSize", None)
        if "api-key-source" in settings:
            api["apiKeySource"] = str(settings["api-key-source"]).upper()
        if "policy" in settings:
            set_policy(self._scope, api, json.dumps(settings["policy"]))
        if "security-policy" in settings:
            api["securityPolicy"] = str(settings["security-policy"])
        self._endpoint(settings.get("endpoint-configuration"))

    def _endpoint(self, extension: Any) -> None:
        if extension is None:
            return
        wants = mapping(extension, "x-amazon-apigateway-endpoint-configuration")
        if "disableExecuteApiEndpoint" in wants:
            self._api["disableExecuteApiEndpoint"] = wants["disableExecuteApiEndpoint"] is True
        types = wants.get("types") or self._api["endpointConfiguration"]["types"]
        asked_for = {"types": types, "vpcEndpointIds": wants.get("vpcEndpointIds")}
        if asked_for["vpcEndpointIds"] or wants.get("types"):
            self._api["endpointConfiguration"] = endpoint_configuration(asked_for)

    def _models(self) -> None:
        for name, schema in self._document.models.items():
            text = json.dumps(referring(schema, self._api["id"], self._document.model_names), indent=2)
            earlier = None if self._overwrite else self._records.get(self._scope, "rest-model", self._api["id"], name)
            model = {**(earlier or made({"id": new_id(), "name": name, "contentType": "application/json"}))}
            self._put("rest-model", name, {**model, "schema": text})

    def _named(self, kind: str, wants: Mapping[str, Any], make: Any) -> dict[str, str]:
        """Ids by names; what has the name already keeps its id when the document is merged."""
        earlier = {one.get("name"): one for one in self._records.list(self._scope, kind, self._api["id"])}
        ids = {name: one["id"] for name, one in earlier.items() if name and not self._overwrite}
        for name, one in wants.items():
            record = make(name, one)
            if name in ids:
                record["id"] = ids[name]
            ids[name] = record["id"]
            self._put(kind, record["id"], record)
        return ids

    @staticmethod
    def _authorizer(name: str, wants: Mapping[str, Any]) -> Record:
        try:
            return new_authorizer(wants)
        except AwsError as error:
            raise _failed(f"Unable to create authorizer '{name}'", error) from error

    @staticmethod
    def _validator(name: str, wants: Mapping[str, Any]) -> Record:
        return made({"id": new_id(), "name": name, **wants})

    def _gateway_responses(self) -> None:
        for kind, wants in self._document.gateway_responses.items():
            if kind not in STATUS:
                raise bad_request(f"Invalid OpenAPI input: {kind} is not a type of gateway responses")
            status = wants.get("statusCode")
            params = {**wants, "statusCode": None if status is None else str(status)}
            self._put("rest-gateway-response", kind, new_gateway_response(kind, params))

    def _documentation(self) -> None:
        for part in self._document.documentation:
            record = imported_part(part)
            self._put("rest-documentation-part", record["id"], record)

    def _resource(self, path: str) -> Record:
        """The resource at a path, with those above it, made where there is none."""
        resource = self._by_path["/"]
        at = ""
        for part in filter(None, path.split("/")):
            at = joined(at, part)
            if at not in self._by_path:
                if len(self._by_path) >= MOST_RESOURCES:
                    raise bad_request(f"Invalid OpenAPI input: it has more than {MOST_RESOURCES} resources")
                siblings = self._below.setdefault(resource["id"], [])
                try:
                    check_place(siblings, resource, part)
                except AwsError as error:
                    raise _failed(f"Unable to create resource at path '{at}'", error) from error
                made_here = {"id": self._kept.get(at) or new_id(), "parentId": resource["id"]}
                self._by_path[at] = made({**made_here, "pathPart": part, "path": at})
                siblings.append(self._by_path[at])
            resource = self._by_path[at]
        return resource

    def _method(
        self,
        resource: Record,
        method: ReadMethod,
        authorizers: Mapping[str, str],
        validators: Mapping[str, str],
        where: str,
    ) -> Record:
        access = method.access
        record: Record = {
            "httpMethod": method.verb,
            "authorizationType": access.authorization,
            "apiKeyRequired": access.api_key,
        }
        optional = {
            "authorizerId": authorizers.get(access.authorizer or ""),
            "authorizationScopes": access.scopes,
            "operationName": method.operation_name,
            "requestValidatorId": validators.get(method.validator or ""),
            "requestParameters": method.parameters,
            "requestModels": method.models,
            "methodResponses": method.responses,
        }
        record |= {name: value for name, value in optional.items() if value}
        try:
            check_parameters(method.parameters)
        except AwsError as error:
            raise _failed(f"Unable to put {where}", error) from error
        if method.integration is not None:
            try:
                integration = self._integration(resource, record, method.integration)
            except AwsError as error:
                raise _failed(f"Unable to put integration on {where.removeprefix('method on ')}", error) from error
            try:
                responses = _responses(record, method.integration)
            except AwsError as error:
                place = where.removeprefix("method on ")
                raise _failed(f"Unable to put integration response on {place}", error) from error
            if responses:
                integration["integrationResponses"] = responses
            record["methodIntegration"] = integration
        return record

    def _integration(self, resource: Record, method: Record, document: Document) -> Record:
        integration = new_integration(resource["id"], _integration_params(document))
        return checked_integration(integration, method, self._api)


def imported_part(part: Document) -> Record:
    location, properties = mapping(part.get("location"), "location"), part.get("properties")
    text = properties if isinstance(properties, str) else json.dumps(mapping(properties, "properties"))
    return new_part({name: str(value) for name, value in location.items()}, text)


def _integration_params(document: Document) -> dict[str, Any]:
    """The extension's words are in lower case where the API's are in upper case."""
    params: dict[str, Any] = {name: document[name] for name in _OF_INTEGRATION if document.get(name) is not None}
    params["type"] = str(document.get("type") or "").upper()
    if params["type"] not in ("HTTP", "HTTP_PROXY", "AWS", "AWS_PROXY", "MOCK"):
        raise bad_request(f"Invalid integration type specified: {document.get('type')}")
    for name, value in (
        ("integrationHttpMethod", document.get("httpMethod")),
        ("passthroughBehavior", document.get("passthroughBehavior")),
        ("connectionType", document.get("connectionType")),
        ("contentHandling", document.get("contentHandling")),
    ):
        if value is not None:
            params[name] = str(value).upper()
    if document.get("timeoutInMillis") is not None:
        try:
            params["timeoutInMillis"] = int(document["timeoutInMillis"])
        except (TypeError, ValueError):
            raise bad_request(f"Invalid timeout specified: {document['timeoutInMillis']}") from None
    for name in ("requestParameters", "requestTemplates"):
        if name in params:
            params[name] = {key: _text(value) for key, value in mapping(params[name], name).items()}
    return params


def _responses(method: Record, document: Document) -> dict[str, Record]:
    responses: dict[str, Record] = {}
    for pattern, one in mapping(document.get("responses"), "responses of an integration").items():
        response = checked_response(_response(pattern, mapping(one, f"the integration response {pattern}")), method)
        responses[response["statusCode"]] = response
    return responses


def _response(pattern: str, wants: Document) -> Record:
    response: Record = {"statusCode": str(wants.get("statusCode", 200))}
    if pattern != "default":
        response["selectionPattern"] = pattern
    for name in ("responseParameters", "responseTemplates"):
        if wants.get(name) is not None:
            response[name] = {key: _text(value) for key, value in mapping(wants[name], name).items()}
    if wants.get("contentHandling"):
        response["contentHandling"] = str(wants["contentHandling"]).upper()
    return response


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _failed(what: str, error: AwsError) -> AwsError:
    return bad_request(f"Errors found during import:\n\t{what}: {error.message}")
