"""ImportApi, ReimportApi and ExportApi: HTTP APIs of OpenAPI documents, and documents of HTTP APIs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import yaml

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.openapi.http_exporting import http_document
from staticfire.edge.services.apigateway.openapi.http_reading import HttpDocument, HttpRoute, read_http

from .apis import V2ApiOperations
from .called import api_of, bad_request, merged, missing
from .changes import Changes, Puts
from .parts import Context, PartOperations
from .records import FROZEN, Record, V2Records

Parts = Mapping[str, PartOperations]


class V2DocumentOperations:
    """`parts`: the operations on parts, by their kinds."""

    def __init__(self, records: V2Records, changes: Changes, apis: V2ApiOperations, parts: Parts) -> None:
        self._records = records
        self._changes = changes
        self._apis = apis
        self._parts = parts

    async def create(self, call: Call, params: Params) -> Record:
        document = await asyncio.to_thread(_read, params)
        async with self._records.changing():
            api = self._apis.described(call.scope, {**document.api, "Tags": document.tags})
            puts = self._made(Context(self._records, call.scope, api), document)
            await self._records.write({self._records.key(call.scope, "api", api["ApiId"]): api, **puts})
        return _told(self._apis.shown(api), document)

    async def replace(self, call: Call, params: Params) -> Record:
        document, scope, api_id = await asyncio.to_thread(_read, params), call.scope, params["ApiId"]
        async with self._records.changing(api_id):
            before = api_of(self._records, call, api_id)
            if before["ProtocolType"] != "HTTP":
                raise bad_request("Only HTTP APIs are imported from OpenAPI documents")
            kept = {name: value for name, value in before.items() if name not in ("CorsConfiguration", "Description")}
            api = {**merged(kept, document.api), "Tags": {**before["Tags"], **document.tags}}
            puts = self._made(Context(self._records, scope, api, afresh=True), document)
            gone = [
                key for key in self._records.of_api(scope, api_id) if key.kind in FROZEN.values() and key not in puts
            ]
            await self._changes.write(scope, api_id, {self._records.key(scope, "api", api_id): api, **puts}, gone)
        return _told(self._apis.shown(api), document)

    def _made(self, context: Context, document: HttpDocument) -> Puts:
        puts: Puts = {}
        ids: dict[str, str] = {}
        for name, members in document.authorizers.items():
            made, record = self._parts["authorizer"].made(context, members)
            puts |= made
            ids[f"authorizer {name}"] = record["AuthorizerId"]
        for name, members in document.integrations.items():
            made, record = self._parts["integration"].made(context, members)
            puts |= made
            ids[f"integration {name}"] = record["IntegrationId"]
        for route in document.routes:
            puts |= self._parts["route"].made(context, _route(route, ids))[0]
        return puts

    async def export(self, call: Call, params: Params) -> Record:
        if params["Specification"] != "OAS30":
            raise bad_request("Specification must be OAS30")
        kind = params["OutputType"].upper()
        if kind not in ("JSON", "YAML"):
            raise bad_request("OutputType must be JSON or YAML")
        api = self._apis.shown(api_of(self._records, call, params["ApiId"]))
        if api["ProtocolType"] != "HTTP":
            raise bad_request("Only HTTP APIs are exported as OpenAPI documents")
        stage = params.get("StageName") or ""
        parts = self._exported(call.scope, api["ApiId"], stage)
        document = http_document(api, parts, stage, extensions=params.get("IncludeExtensions", True))
        return {"body": await asyncio.to_thread(_written, document, kind)}

    def _exported(self, scope: Scope, api_id: str, name: str) -> Record:
        if not name:
            return self._records.definition(scope, api_id)
        stage = self._records.get(scope, "stage", api_id, name)
        if stage is None:
            raise missing("Invalid stage identifier specified")
        parts = self._records.served(scope, api_id, stage)
        if parts is None:
            raise bad_request(f"Nothing is deployed to the stage {name}")
        return parts


def _written(document: Mapping[str, Any], kind: str) -> bytes:
    """In a thread: YAML of a large one takes seconds."""
    text = json.dumps(document, indent=2) if kind == "JSON" else yaml.safe_dump(document, sort_keys=False)
    return text.encode()


def _read(params: Params) -> HttpDocument:
    document = read_http(params["Body"], params.get("Basepath"))
    if document.warnings and params.get("FailOnWarnings"):
        raise bad_request("Warnings found during import: " + "; ".join(document.warnings))
    return document


def _route(route: HttpRoute, ids: Mapping[str, str]) -> dict[str, Any]:
    members: dict[str, Any] = {"RouteKey": route.key, "AuthorizationType": route.authorization}
    if route.integration is not None:
        members["Target"] = f"integrations/{ids[f'integration {route.integration}']}"
    if route.authorizer is not None:
        members |= {"AuthorizerId": ids[f"authorizer {route.authorizer}"], "AuthorizationScopes": route.scopes}
    if route.operation_name:
        members["OperationName"] = route.operation_name
    return members


def _told(api: Record, document: HttpDocument) -> Record:
    return {**api, "Warnings": document.warnings} if document.warnings else api
