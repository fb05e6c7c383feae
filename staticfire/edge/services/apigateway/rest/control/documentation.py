"""Documentation: parts that describe places of an API, and versions that keep them as they were."""

from __future__ import annotations

import json

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, conflict, in_order, made, new_id, not_found, now, page, required_api

PART_PATHS = ("/properties",)
VERSION_PATHS = ("/description",)


class DocumentationOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def create_part(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        required_api(self._records, scope, api_id)
        async with self._records.changing(scope, api_id):
            part = new_part(params["location"], params["properties"])
            others = self._records.list(scope, "rest-documentation-part", api_id)
            if any(one["location"] == part["location"] for one in others):
                raise conflict("Documentation part already exists for the specified location")
            await self._records.put(scope, "rest-documentation-part", api_id, part["id"], record=part)
        return part

    async def get_part(self, call: Call, params: Params) -> Record:
        return self._part(call.scope, params)

    async def list_parts(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        required_api(self._records, scope, api_id)
        parts = [
            part
            for part in in_order(self._records.list(scope, "rest-documentation-part", api_id))
            if _is_asked_for(part["location"], params)
        ]
        return page([] if params.get("locationStatus") == "UNDOCUMENTED" else parts, params)

    async def update_part(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            part = self._part(scope, params)
            for patch in patches.read(params):
                patches.supported(patch, PART_PATHS)
                part["properties"] = _checked(patch.value)
            await self._records.put(scope, "rest-documentation-part", api_id, part["id"], record=part)
        return part

    async def delete_part(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        required_api(self._records, scope, api_id)
        async with self._records.changing(scope, api_id):
            part = self._part(scope, params)
            await self._records.delete(scope, "rest-documentation-part", api_id, part["id"])

    async def create_version(self, call: Call, params: Params) -> Record:
        scope, api_id, name = call.scope, params["restApiId"], params["documentationVersion"]
        required_api(self._records, scope, api_id)
        async with self._records.changing(scope, api_id):
            if not name:
                raise bad_request("Documentation version cannot be empty")
            if self._records.get(scope, "rest-documentation-version", api_id, name) is not None:
                raise conflict("Documentation version already exists for this REST API")
            version = made({"version": name, "createdDate": now(), "description": params.get("description") or None})
            version["_parts"] = in_order(self._records.list(scope, "rest-documentation-part", api_id))
            puts = {self._records.key(scope, "rest-documentation-version", api_id, name): version}
            if stage_name := params.get("stageName"):
                stage = self._records.stage(scope, api_id, stage_name)
                if stage is None:
                    raise not_found("Invalid stage identifier specified")
                stage["documentationVersion"] = name
                puts[self._records.key(scope, "rest-stage", api_id, stage_name)] = stage
            await self._records.write(puts)
        return version

    async def get_version(self, call: Call, params: Params) -> Record:
        return self._version(call.scope, params)

    async def list_versions(self, call: Call, params: Params) -> Record:
        required_api(self._records, call.scope, params["restApiId"])
        versions = in_order(self._records.list(call.scope, "rest-documentation-version", params["restApiId"]))
        return page(versions, params, by="version")

    async def update_version(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            version = self._version(scope, params)
            for patch in patches.read(params):
                patches.supported(patch, VERSION_PATHS)
                patches.set_or_drop(version, "description", patch.value)
            await self._records.put(scope, "rest-documentation-version", api_id, version["version"], record=version)
        return version

    async def delete_version(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            version = self._version(scope, params)
            await self._records.delete(scope, "rest-documentation-version", api_id, version["version"])

    def _part(self, scope: Scope, params: Params) -> Record:
        key = (params["restApiId"], params["documentationPartId"])
        part = self._records.get(scope, "rest-documentation-part", *key)
        if part is None:
            raise not_found("Invalid Documentation part identifier specified")
        return part

    def _version(self, scope: Scope, params: Params) -> Record:
        required_api(self._records, scope, params["restApiId"])
        key = (params["restApiId"], params["documentationVersion"])
        version = self._records.get(scope, "rest-documentation-version", *key)
        if version is None:
            raise not_found("Invalid Documentation version specified")
        return version


def new_part(location: Record, properties: str) -> Record:
    return made({"id": new_id(), "location": location, "properties": _checked(properties)})


def _checked(text: str | None) -> str:
    if not text:
        raise bad_request("Documentation part properties must be non-empty")
    try:
        properties = json.loads(text)
    except (ValueError, RecursionError):
        properties = None
    if not isinstance(properties, dict):
        raise bad_request("Documentation part properties must be a valid JSON object")
    return text


def _is_asked_for(location: Record, params: Params) -> bool:
    return (
        (not params.get("type") or location.get("type") == params["type"])
        and (not params.get("nameQuery") or params["nameQuery"] in (location.get("name") or ""))
        and (not params.get("path") or (location.get("path") or "").startswith(params["path"]))
    )
