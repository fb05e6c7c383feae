"""APIs themselves: made, changed, listed and deleted with all that belongs to them.

An API's id follows from its account, region and name, so that its URL is the same after `down --wipe` and another `up`.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.common.tags import check_tags

from .called import api_of, bad_request, conflict, merged, now, page_of
from .changes import Changes, Puts
from .parts import Context
from .quick_create import QuickCreate
from .records import Record, V2Records

# Tags with which an emulator's users choose an API's id.
CUSTOM_IDS = ("_custom_id_", "ls-custom-id", "ms-custom-id")
HTTP_SELECTION = "$request.method $request.path"
API_KEY_SELECTION = "$request.header.x-api-key"

# Which domains of which account have a mapping to an API (and a stage of it).
MappedDomains = Callable[[str, str | None], list[str]]


class V2ApiOperations:
    """`authority` is where APIs are served; `mapped` tells the domains that lead to an API."""

    def __init__(
        self, records: V2Records, changes: Changes, quick: QuickCreate, authority: str, mapped: MappedDomains
    ) -> None:
        self._records = records
        self._changes = changes
        self._quick = quick
        self._authority = authority
        self._mapped = mapped

    async def create(self, call: Call, params: Params) -> Record:
        async with self._records.changing():
            api = self.described(call.scope, params)
            context = Context(self._records, call.scope, api)
            parts = self._quick.parts(context, params)
            await self._records.write({self._key(call.scope, api["ApiId"]): api, **parts})
        return api

    def described(self, scope: Scope, params: Mapping[str, Any]) -> Record:
        """A new API, to be written."""
        protocol = params["ProtocolType"]
        if protocol == "WEBSOCKET" and not params.get("RouteSelectionExpression"):
            raise bad_request("RouteSelectionExpression is required for WebSocket APIs")
        if protocol == "HTTP" and params.get("RouteSelectionExpression", HTTP_SELECTION) != HTTP_SELECTION:
            raise bad_request(f"For HTTP APIs, the RouteSelectionExpression must be {HTTP_SELECTION}")
        if protocol == "WEBSOCKET" and (params.get("CorsConfiguration") or params.get("Target")):
            raise bad_request("CorsConfiguration and Target are supported only for HTTP APIs")
        tags = params.get("Tags") or {}
        check_tags(tags)
        api_id = self._new_id(scope, params["Name"], tags)
        left_out = ("CredentialsArn", "RouteKey", "Target", "Tags")
        content = merged({}, {name: value for name, value in params.items() if name not in left_out})
        scheme = "ws" if protocol == "WEBSOCKET" else "http"
        api: Record = {
            "ApiEndpoint": f"{scheme}://{api_id}.{self._authority}",
            "ApiId": api_id,
            "ApiKeySelectionExpression": API_KEY_SELECTION,
            "CreatedDate": now(),
            "DisableExecuteApiEndpoint": False,
            "IpAddressType": "ipv4",
            "RouteSelectionExpression": HTTP_SELECTION,
            "Tags": tags,
            **content,
        }
        _check_cors(api)
        return api

    async def get(self, call: Call, params: Params) -> Record:
        return self.shown(api_of(self._records, call, params["ApiId"]))

    async def list_all(self, call: Call, params: Params) -> Record:
        page = page_of(self._records.list(call.scope, "api"), params, "ApiId")
        return {**page, "Items": [self.shown(api) for api in page["Items"]]}

    async def update(self, call: Call, params: Params) -> Record:
        api_id = params["ApiId"]
        async with self._records.changing(api_id):
            before = api_of(self._records, call, api_id)
            left_out = ("ApiId", "CredentialsArn", "RouteKey", "Target")
            api = merged(before, {name: value for name, value in params.items() if name not in left_out})
            if not api.get("Name"):
                raise bad_request("Name must not be empty")
            _check_cors(api)
            parts = self._quick.changed(Context(self._records, call.scope, api), params)
            await self._write(call.scope, api_id, {self._key(call.scope, api_id): api, **parts})
        return self.shown(api)

    async def delete_cors(self, call: Call, params: Params) -> None:
        api_id = params["ApiId"]
        async with self._records.changing(api_id):
            api = dict(api_of(self._records, call, api_id))
            api.pop("CorsConfiguration", None)
            await self._write(call.scope, api_id, {self._key(call.scope, api_id): api})

    async def delete(self, call: Call, params: Params) -> None:
        api_id = params["ApiId"]
        async with self._records.changing(api_id):
            api_of(self._records, call, api_id)
            if domains := self._mapped(api_id, None):
                raise bad_request(
                    "Deleting API failed. Please remove all base path mappings related to the API in your domains: "
                    + ", ".join(domains)
                )
            await self._records.write(deletes=self._records.of_api(call.scope, api_id))

    def shown(self, api: Record) -> Record:
        """An API as it is told: where it is served may have moved with the edge's port."""
        scheme = "ws" if api["ProtocolType"] == "WEBSOCKET" else "http"
        return {**api, "ApiEndpoint": f"{scheme}://{api['ApiId']}.{self._authority}"}

    async def _write(self, scope: Scope, api_id: str, puts: Puts) -> None:
        await self._changes.write(scope, api_id, puts)

    def _key(self, scope: Scope, api_id: str) -> Any:
        return self._records.key(scope, "api", api_id)

    def _new_id(self, scope: Scope, name: str, tags: Mapping[str, str]) -> str:
        pinned = next((tags[tag] for tag in CUSTOM_IDS if tags.get(tag)), None)
        if pinned is not None:
            if self._records.owner(pinned) is not None:
                raise conflict(f"API ID {pinned!r} is already in use")
            return pinned
        base = f"{scope.account}/{scope.region}/{name}"
        ids = (_id_of(f"{base}/{number}") for number in itertools.count())
        return next(api_id for api_id in ids if self._records.owner(api_id) is None)


def _id_of(text: str) -> str:
    """Ten lower-case letters and digits, as API Gateway's ids."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:10]


def _check_cors(api: Record) -> None:
    cors = api.get("CorsConfiguration")
    if cors and api["ProtocolType"] != "HTTP":
        raise bad_request("CorsConfiguration is supported only for HTTP APIs")
