"""Resources: the tree of an API's paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, Records, RestRecords

from . import patches
from .common import bad_request, conflict, made, new_id, not_found, page, required_api, required_resource

PART = re.compile(r"[a-zA-Z0-9._\-:]+|\{[a-zA-Z0-9._\-:]+\+?\}")
PATHS = ("/parentId", "/pathPart")
METHODS = "methods"


class ResourceOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            parent = self._records.resource(scope, api_id, params["parentId"])
            if parent is None:
                raise not_found("Invalid Resource identifier specified")
            part = params["pathPart"]
            check_place(self._records.resources(scope, api_id), parent, part)
            resource = made(
                {"id": new_id(), "parentId": parent["id"], "pathPart": part, "path": joined(parent["path"], part)}
            )
            await self._records.put(scope, "rest-resource", api_id, resource["id"], record=resource)
        return resource

    async def get(self, call: Call, params: Params) -> Record:
        return _embedded(required_resource(self._records, call.scope, params), params)

    async def list_all(self, call: Call, params: Params) -> Record:
        required_api(self._records, call.scope, params["restApiId"])
        resources = self._records.resources(call.scope, params["restApiId"])
        resources.sort(key=lambda resource: resource["path"])
        return page([_embedded(resource, params) for resource in resources], params)

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            others = [one for one in self._records.resources(scope, api_id) if one["id"] != resource["id"]]
            for patch in patches.read(params):
                patches.supported(patch, PATHS)
                member = patch.path[1:]
                if resource["path"] == "/":
                    raise bad_request(f"Root resource cannot update its {member}.")
                resource[member] = patch.value or ""
                self._check_move(others, resource)
            moved = _moved(others, resource)
            await self._records.write(
                {self._records.key(scope, "rest-resource", api_id, one["id"]): one for one in moved}
            )
        return _embedded(moved[0], {})

    @staticmethod
    def _check_move(others: Records, resource: Record) -> None:
        by_id = {one["id"]: one for one in others}
        if resource["parentId"] == resource["id"]:
            raise bad_request("Resources cannot be cyclical.")
        parent = by_id.get(resource["parentId"])
        if parent is None:
            raise not_found("Invalid Resource identifier specified")
        above: Record | None = parent
        while above is not None:
            if above.get("parentId") == resource["id"]:
                raise bad_request("Resources cannot be cyclical.")
            above = by_id.get(above.get("parentId", ""))
        check_place(others, parent, resource["pathPart"])

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            resource = required_resource(self._records, scope, params)
            if resource["path"] == "/":
                raise bad_request("Root resource cannot be deleted.")
            gone = {one["id"] for one in descendants(self._records.resources(scope, api_id), resource["id"])}
            await self._records.write(
                deletes=[self._records.key(scope, "rest-resource", api_id, one) for one in (resource["id"], *gone)]
            )


def check_place(resources: Records, parent: Record, part: str) -> None:
    """Refuse a path part that its parent cannot have."""
    above = parent.get("pathPart", "")
    if above.endswith("+}"):
        raise bad_request(f"Cannot create a child of a resource with a greedy path variable: {above}")
    if PART.fullmatch(part) is None:
        raise bad_request(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the "
            "beginning and the end."
        )
    siblings = [one["pathPart"] for one in resources if one.get("parentId") == parent["id"]]
    if part in siblings:
        raise conflict(f"Another resource with the same parent already has this name: {part}")
    variable = next((one for one in siblings if one.startswith("{")), None)
    if part.startswith("{") and variable is not None:
        raise bad_request(
            f"A sibling ({variable}) of this resource already has a variable path part -- only one is allowed"
        )


def joined(path: str, part: str) -> str:
    return f"{path.rstrip('/')}/{part}"


def descendants(resources: Records, resource_id: str) -> Records:
    children: dict[str, Records] = {}
    for resource in resources:
        children.setdefault(resource.get("parentId", ""), []).append(resource)
    below, waiting = [], [resource_id]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            below.append(child)
            waiting.append(child["id"])
    return below


def _moved(others: Records, resource: Record) -> Records:
    """The resource and all below it, with their new paths."""
    paths = {one["id"]: one["path"] for one in others}
    changed = [resource, *descendants(others, resource["id"])]
    for one in changed:
        if "parentId" in one:
            one["path"] = joined(paths[one["parentId"]], one["pathPart"])
        paths[one["id"]] = one["path"]
    return changed


def _embedded(resource: Record, params: Mapping[str, Any]) -> Record:
    """With its methods whole where that is asked for, else with their names."""
    methods = resource.get("resourceMethods")
    if not methods:
        return {name: value for name, value in resource.items() if name != "resourceMethods"}
    if METHODS in (params.get("embed") or ()):
        return resource
    return {**resource, "resourceMethods": {name: {} for name in methods}}


def resource_of(records: RestRecords, scope: Scope, api_id: str, path: str) -> Record | None:
    return next((one for one in records.resources(scope, api_id) if one["path"] == path), None)
