"""PutRestApi, ImportRestApi, ImportDocumentationParts, GetExport: REST APIs as OpenAPI documents, both ways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.openapi.documents import UnreadableDocument, listed, mapping, parse
from staticfire.edge.services.apigateway.openapi.exporting import Exported, export
from staticfire.edge.services.apigateway.openapi.reading import EXTENSION, ReadApi, read
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from .apis import empty_api, new_api
from .common import bad_request, not_found, required_api, with_tags
from .importing import Import, imported_part
from .stages import required_stage

NO_IMPORTER = "Unable to build importer with provided input."
TYPES = ("oas30", "swagger")
JSON, YAML = "application/json", "application/yaml"


class DocumentOperations:
    def __init__(self, records: RestRecords, address: str) -> None:
        self._records = records
        self._address = address

    async def put(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        required_api(self._records, scope, api_id)
        mode = params.get("mode") or "merge"
        document = await _document(params)
        async with self._records.changing(scope, api_id):
            api = required_api(self._records, scope, api_id)
            one = Import(self._records, scope, api, document, overwrite=mode == "overwrite")
            api = one.run()
            await self._records.write(one.puts, one.deletes)
        return with_tags(_warned(api, document))

    async def import_api(self, call: Call, params: Params) -> Record:
        scope = call.scope
        document = await _document(params)
        kind = (params.get("parameters") or {}).get("endpointConfigurationTypes")
        configuration = {"types": kind.split(",")} if kind else None
        api = new_api(scope, {"name": document.title, "endpointConfiguration": configuration})
        puts = empty_api(self._records, scope, api, models=False)
        one = Import(self._records, scope, api, document, overwrite=True)
        api = one.run()
        await self._records.write({**puts, **one.puts})
        return _warned(api, document)

    async def import_parts(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        required_api(self._records, scope, api_id)
        try:
            document = await asyncio.to_thread(parse, params.get("body") or b"")
        except UnreadableDocument as error:
            raise bad_request(NO_IMPORTER) from error
        documentation = mapping(document.get(f"{EXTENSION}documentation"), "documentation")
        parts = [
            imported_part(mapping(part, "a documentation part"))
            for part in listed(documentation.get("documentationParts"), "documentationParts")
        ]
        async with self._records.changing(scope, api_id):
            earlier = self._records.entries(scope, "rest-documentation-part", api_id)
            deletes = []
            for key, one in earlier:
                places = [part["location"] for part in parts]
                if (params.get("mode") or "merge") == "overwrite" or one["location"] in places:
                    deletes.append(key)
            puts = {self._records.key(scope, "rest-documentation-part", api_id, part["id"]): part for part in parts}
            await self._records.write(puts, deletes)
        return {"ids": [part["id"] for part in parts]}

    async def export(self, call: Call, params: Params) -> Record:
        scope, api_id, kind = call.scope, params["restApiId"], params["exportType"]
        stage = required_stage(self._records, scope, params)
        if kind not in TYPES:
            raise bad_request(f"No API exporter for type '{kind}'")
        accepts = params.get("accepts") or JSON
        if accepts not in (JSON, YAML):
            raise bad_request(f"Invalid media type specified for export: {accepts}")
        deployment = self._records.deployment(scope, api_id, stage["deploymentId"])
        if deployment is None:
            raise not_found("Invalid Deployment identifier specified")
        snapshot = deployment["_snapshot"]
        version = snapshot["api"].get("version") or _moment(snapshot["api"]["createdDate"])
        exported = Exported(
            snapshot=snapshot,
            stage=stage["stageName"],
            version=version,
            host=f"{api_id}.{self._address}",
            extensions=_extensions(params.get("parameters") or {}),
        )
        body = await asyncio.to_thread(lambda: _written(export(exported, kind), accepts))
        suffix = accepts.partition("/")[2]
        return {
            "contentType": "application/octet-stream",
            "contentDisposition": f'attachment; filename="{kind}_{version}.{suffix}"',
            "body": body,
        }

    async def sdk(self, call: Call, params: Params) -> Record:
        required_stage(self._records, call.scope, params)
        raise AwsError(
            501,
            "NotImplementedException",
            "SDKs are not generated here: make one of what GetExport says, by an OpenAPI generator.",
        )


async def _document(params: Params) -> ReadApi:
    """The body, read in a thread: it may be large."""
    base_path = (params.get("parameters") or {}).get("basepath") or "ignore"
    body = params.get("body") or b""
    try:
        document = await asyncio.to_thread(lambda: read(parse(body), base_path.lower()))
    except UnreadableDocument as error:
        raise bad_request(f"Invalid OpenAPI input: {error}") from error
    if document.warnings and params.get("failOnWarnings"):
        raise bad_request("Warnings found during import:\n\t" + "\n\t".join(document.warnings))
    return document


def _warned(api: Record, document: ReadApi) -> Record:
    return {**api, "warnings": document.warnings} if document.warnings else api


def _extensions(parameters: Mapping[str, str]) -> frozenset[str]:
    names = frozenset(name.strip() for name in (parameters.get("extensions") or "").split(","))
    return names | {"integrations", "authorizers"} if "apigateway" in names else names


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(document: dict[str, Any], accepts: str) -> bytes:
    if accepts == YAML:
        return str(yaml.safe_dump(document, sort_keys=False)).encode()
    return json.dumps(document, indent=2).encode()
