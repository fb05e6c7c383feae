"""Tags by ARN: of APIs, stages, API keys, usage plans, VPC links, client certificates, and of what others add."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.common.tags import check_tags
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords
from staticfire.edge.store import Key

from .common import not_found

ARN = re.compile(r"arn:[^:]+:apigateway:(?P<region>[^:]*):(?P<account>[^:]*):(?P<path>/.+)")
_STAGE = re.compile(r"/restapis/(?P<api>[^/]+)/stages/(?P<stage>[^/]+)")
# By the first part of an ARN's path: the kind of document that it names, and the member of it that has the tags.
KINDS: Mapping[str, tuple[str, str]] = {
    "restapis": ("rest-api", "tags"),
    "apikeys": ("api-key", "tags"),
    "usageplans": ("usage-plan", "tags"),
    "vpclinks": ("rest-vpc-link", "tags"),
    "clientcertificates": ("client-certificate", "tags"),
}
# Kind, member and lock by the first part of an ARN's path.
OtherTags = Mapping[str, tuple[str, str, Callable[[], asyncio.Lock]]]


class RestTagOperations:
    """`others`: further kinds, as KINDS has them, each with the lock under which it changes."""

    def __init__(self, records: RestRecords, others: OtherTags) -> None:
        self._records = records
        self._others = others

    async def get(self, call: Call, params: Params) -> Record:
        _, member, record = self._required(call.scope, params)
        return {"tags": record.get(member) or {}}

    async def tag(self, call: Call, params: Params) -> None:
        async with self._lock(call.scope, params):
            key, member, record = self._required(call.scope, params)
            tags = {**(record.get(member) or {}), **params["tags"]}
            check_tags(tags)
            await self._records.write({key: {**record, member: tags}})

    async def untag(self, call: Call, params: Params) -> None:
        async with self._lock(call.scope, params):
            key, member, record = self._required(call.scope, params)
            tags = {name: value for name, value in (record.get(member) or {}).items() if name not in params["tagKeys"]}
            await self._records.write({key: {**record, member: tags}})

    def _lock(self, scope: Scope, params: Params) -> asyncio.Lock:
        """The API's, that of what belongs to none, or another's."""
        key, _, _ = self._required(scope, params)
        for kind, _, lock in self._others.values():
            if kind == key.kind:
                return lock()
        return self._records.changing(scope, key.id.partition(":")[0] if key.kind in ("rest-api", "rest-stage") else "")

    def _required(self, scope: Scope, params: Params) -> tuple[Key, str, Record]:
        match = ARN.fullmatch(params["resourceArn"])
        named = self._named(scope, match["path"]) if match else None
        record = self._records.at(named[0]) if named else None
        if named is None or record is None:
            raise not_found(f"Invalid resource ARN specified: {params['resourceArn']}")
        return *named, record

    def _named(self, scope: Scope, path: str) -> tuple[Key, str] | None:
        if stage := _STAGE.fullmatch(path):
            return self._records.key(scope, "rest-stage", stage["api"], stage["stage"]), "tags"
        first, _, name = path.removeprefix("/").partition("/")
        kind = KINDS.get(first) or (self._others[first][:2] if first in self._others else None)
        if kind is None or not name or "/" in name:
            return None
        return self._records.key(scope, kind[0], name), kind[1]
