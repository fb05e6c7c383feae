"""REST APIs themselves: made, cloned, described, changed, deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import OF_AN_API, Record, RestRecords
from staticfire.edge.store import Key

from . import patches
from .common import (
    MappedDomains,
    bad_request,
    in_order,
    made,
    new_id,
    no_domains,
    not_found,
    now,
    page,
    refuse_mapped,
    required_api,
    truth,
    with_tags,
)
from .models import DEFAULT_MODELS
from .patches import Patch

LARGEST_COMPRESSION = 10_485_760
KINDS = ("REGIONAL", "EDGE", "PRIVATE")
ADDRESSES = ("ipv4", "dualstack")

_TAKEN = ("name", "description", "version", "binaryMediaTypes", "minimumCompressionSize", "tags")
_CLONED = ("binaryMediaTypes", "minimumCompressionSize", "policy", "_policy", "apiKeySource")


class ApiOperations:
    def __init__(self, records: RestRecords, mapped: MappedDomains = no_domains) -> None:
        self._records = records
        self._mapped = mapped

    async def create(self, call: Call, params: Params) -> Record:
        scope = call.scope
        api = new_api(scope, params)
        if source := params.get("cloneFrom"):
            puts = self._cloned(scope, source, api)
        else:
            puts = empty_api(self._records, scope, api)
        await self._records.write(puts)
        return api

    def _cloned(self, scope: Scope, source: str, api: Record) -> dict[Key, Record]:
        """What a new API takes over: resources, models, authorizers, validators, gateway responses, documentation."""
        original = self._records.api(scope, source)
        if original is None:
            raise bad_request("Invalid API identifier specified for cloneFrom")
        for member in _CLONED:
            if member in original and member not in api:
                api[member] = original[member]
        roots = {original["rootResourceId"]: api["rootResourceId"]}
        resources = self._records.resources(scope, source)
        ids = {one["id"]: roots.get(one["id"]) or new_id() for one in resources}
        puts: dict[Key, Record] = {self._records.key(scope, "rest-api", api["id"]): api}
        for kind in OF_AN_API:
            if kind in ("rest-deployment", "rest-stage", "rest-documentation-version"):
                continue
            for key, record in self._records.entries(scope, kind, source):
                name = key.id.partition(":")[2]
                if kind == "rest-resource":
                    record, name = _moved(record, ids), ids[name]
                puts[self._records.key(scope, kind, api["id"], name)] = record
        return puts

    async def get(self, call: Call, params: Params) -> Record:
        return required_api(self._records, call.scope, params["restApiId"])

    async def list_all(self, call: Call, params: Params) -> Record:
        return page(in_order(self._records.apis(call.scope)), params)

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            required_api(self._records, scope, api_id)
            refuse_mapped("API", self._mapped(api_id, None))
            await self._records.write(deletes=self._records.of_api(scope, api_id))

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            api = required_api(self._records, scope, api_id)
            for patch in patches.read(params):
                _change(scope, api, patch)
            await self._records.put(scope, "rest-api", api_id, record=api)
        return with_tags(api)


def new_api(scope: Scope, params: Mapping[str, Any]) -> Record:
    """An API's document by what CreateRestApi says."""
    if not params.get("name"):
        raise bad_request("API name cannot be an empty string")
    if params.get("description") == "":
        raise bad_request("Description cannot be an empty string")
    check_compression(params.get("minimumCompressionSize"))
    api: Record = made(
        {
            "id": new_id(10),
            "createdDate": now(),
            "rootResourceId": new_id(10),
            "apiKeySource": params.get("apiKeySource") or "HEADER",
            "endpointConfiguration": endpoint_configuration(params.get("endpointConfiguration") or {}),
            "disableExecuteApiEndpoint": bool(params.get("disableExecuteApiEndpoint")),
        }
    )
    api |= {name: params[name] for name in _TAKEN if params.get(name) not in (None, "", [], {})}
    for name in ("securityPolicy", "endpointAccessMode"):
        if params.get(name):
            api[name] = params[name]
    if params.get("policy"):
        set_policy(scope, api, params["policy"])
    return api


def empty_api(records: RestRecords, scope: Scope, api: Record, *, models: bool = True) -> dict[Key, Record]:
    """What there is of a new API: its root and the models that AWS makes."""
    root = {"id": api["rootResourceId"], "path": "/"}
    puts = {
        records.key(scope, "rest-api", api["id"]): api,
        records.key(scope, "rest-resource", api["id"], root["id"]): root,
    }
    if models:
        for model in DEFAULT_MODELS:
            puts[records.key(scope, "rest-model", api["id"], model["name"])] = made({**model, "id": new_id()})
    return puts


def endpoint_configuration(asked_for: Mapping[str, Any]) -> Record:
    types = asked_for.get("types")
    if types is None:
        types = ["EDGE"]
    if not types:
        raise bad_request("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.")
    if len(types) > 1:
        raise bad_request("Cannot create an api with multiple Endpoint Types.")
    private = types == ["PRIVATE"]
    addresses = asked_for.get("ipAddressType") or ("dualstack" if private else "ipv4")
    if private and addresses != "dualstack":
        raise bad_request("Only dualstack ipAddressType is supported for Private APIs.")
    configuration: Record = {"types": types, "ipAddressType": addresses}
    if asked_for.get("vpcEndpointIds"):
        if not private:
            raise bad_request("VPCEndpoints can only be specified with PRIVATE apis.")
        configuration["vpcEndpointIds"] = asked_for["vpcEndpointIds"]
    return configuration


def check_compression(size: int | None) -> None:
    if size is not None and not 0 <= size <= LARGEST_COMPRESSION:
        raise bad_request(f"Invalid minimum compression size, must be between 0 and {LARGEST_COMPRESSION}")


def set_policy(scope: Scope, api: Record, text: str | None) -> None:
    """`policy` as AWS tells it: quotes and slashes escaped, the API's own ARNs whole; `_policy`: the document."""
    api.pop("policy", None)
    api.pop("_policy", None)
    if not text:
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise bad_request(
            "Invalid policy document. Please check the policy syntax and ensure that Principals are valid."
        )
    plain = json.dumps(document, separators=(",", ":"))
    arn = f"arn:aws:execute-api:{scope.region}:{scope.account}:{api['id']}"
    plain = re.sub(r'"execute-api:/', lambda _: f'"{arn}/', plain)
    api["_policy"] = plain
    api["policy"] = json.dumps(plain)[1:-1].replace("/", "\\/")


def _moved(resource: Record, ids: Mapping[str, str]) -> Record:
    copy = {**resource, "id": ids[resource["id"]]}
    if "parentId" in copy:
        copy["parentId"] = ids[copy["parentId"]]
    for method in copy.get("resourceMethods", {}).values():
        integration = method.get("methodIntegration")
        if integration and integration.get("cacheNamespace") == resource["id"]:
            integration["cacheNamespace"] = copy["id"]
    return copy


def _change(scope: Scope, api: Record, patch: Patch) -> None:
    top, parts = patch.top, patch.parts
    if top == "binaryMediaTypes" and len(parts) == 2:
        _change_media_types(api, patch, parts[1])
    elif top == "endpointConfiguration" and len(parts) > 1:
        _change_endpoint(api, patch, parts)
    elif len(parts) > 1:
        raise patches.invalid_path(patch.path)
    elif top == "minimumCompressionSize":
        patches.must_be(patch, "replace")
        try:
            size = int(patch.value) if patch.value else None
        except ValueError:
            size = -1
        check_compression(size)
        patches.set_or_drop(api, top, size)
    elif top == "description":
        patches.must_be(patch, "add", "remove", "replace")
        patches.set_or_drop(api, top, None if patch.op == "remove" else patch.value)
    elif top == "policy":
        patches.must_be(patch, "add", "remove", "replace")
        set_policy(scope, api, None if patch.op == "remove" else patch.value)
    elif top in (
        "name",
        "apiKeySource",
        "disableExecuteApiEndpoint",
        "version",
        "securityPolicy",
        "endpointAccessMode",
    ):
        _replace(api, patch)
    else:
        raise patches.invalid_path(patch.path)


def _replace(api: Record, patch: Patch) -> None:
    patches.must_be(patch, "replace")
    if patch.top == "name" and not patch.value:
        raise bad_request("API name cannot be an empty string")
    if patch.top == "apiKeySource" and patch.value not in ("HEADER", "AUTHORIZER"):
        raise bad_request("Invalid API key source specified. Valid options are HEADER,AUTHORIZER")
    if patch.top == "disableExecuteApiEndpoint":
        api[patch.top] = truth(patch.value)
    else:
        patches.set_or_drop(api, patch.top, patch.value)


def _change_media_types(api: Record, patch: Patch, entry: str) -> None:
    """A list that is addressed by its values; what replaces one stands last."""
    patches.must_be(patch, "add", "remove", "replace")
    types = list(api.get("binaryMediaTypes") or [])
    if patch.op != "add" and entry not in types:
        raise not_found("Invalid binary media type specified")
    types = [one for one in types if one != entry]
    if patch.op == "add":
        types.append(entry)
    elif patch.op == "replace":
        types.append(patch.value or entry)
    if types:
        api["binaryMediaTypes"] = types
    else:
        api.pop("binaryMediaTypes", None)


def _change_endpoint(api: Record, patch: Patch, parts: list[str]) -> None:
    configuration = dict(api["endpointConfiguration"])
    if parts[1] == "types":
        if patch.op not in ("add", "remove", "replace"):
            raise bad_request("Invalid patch operation specified. Must be 'add'|'remove'|'replace'")
        if patch.value not in KINDS:
            raise bad_request(f"Invalid EndpointTypes specified. Valid options are {','.join(KINDS)}")
        configuration["types"] = [patch.value]
        if patch.value == "PRIVATE":
            configuration["ipAddressType"] = "dualstack"
        else:
            configuration.pop("vpcEndpointIds", None)
    elif parts[1] == "ipAddressType":
        patches.must_be(patch, "replace")
        if patch.value not in ADDRESSES:
            raise bad_request("ipAddressType must be either ipv4 or dualstack.")
        if configuration["types"] == ["PRIVATE"] and patch.value != "dualstack":
            raise bad_request("Only dualstack ipAddressType is supported for Private APIs.")
        configuration["ipAddressType"] = patch.value
    elif parts[1] == "vpcEndpointIds":
        patches.change_list(configuration, "vpcEndpointIds", patch, patch.value)
    else:
        raise patches.invalid_path(patch.path)
    api["endpointConfiguration"] = configuration
