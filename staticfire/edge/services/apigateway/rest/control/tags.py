"""Tags by ARN: of APIs, stages, API keys, usage plans, VPC links, client certificates, and of what others add."""

from __future__ import annotations

import re
from collections.abc import Mapping

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords
from staticfire.edge.store import Key

from .common import bad_request, not_found

MOST = 50
ARN = re.compile(r"arn:[^:]+:apigateway:(?P<region>[^:]*):(?P<account>[^:]*):(?P<path>/.+)")
_STAGE = re.compile(r"/restapis/(?P<api>[^/]+)/stages/(?P<stage>[^/]+)")
# The first part of an ARN's path, and the kind of document that it names.
KINDS: Mapping[str, str] = {
    "restapis": "rest-api",
    "apikeys": "api-key",
    "usageplans": "usage-plan",
    "vpclinks": "rest-vpc-link",
    "clientcertificates": "client-certificate",
}


class TagOperations:
    """`others` are further kinds, by the first part of their ARNs' paths; a document keeps its tags in `tags`."""

    def __init__(self, records: RestRecords, others: Mapping[str, str]) -> None:
        self._records = records
        self._others = others

    async def get(self, call: Call, params: Params) -> Record:
        _, record = self._required(call.scope, params)
        return {"tags": record.get("tags") or {}}

    async def tag(self, call: Call, params: Params) -> None:
        async with self._records.changing(call.scope, self._api_of(call.scope, params)):
            key, record = self._required(call.scope, params)
            tags = {**(record.get("tags") or {}), **params["tags"]}
            if len(tags) > MOST:
                raise bad_request(f"A resource can have at most {MOST} tags")
            await self._records.write({key: {**record, "tags": tags}})

    async def untag(self, call: Call, params: Params) -> None:
        async with self._records.changing(call.scope, self._api_of(call.scope, params)):
            key, record = self._required(call.scope, params)
            tags = {name: value for name, value in (record.get("tags") or {}).items() if name not in params["tagKeys"]}
            await self._records.write({key: {**record, "tags": tags}})

    def _api_of(self, scope: Scope, params: Params) -> str:
        """Whose lock is held: the API's, or that of what belongs to none."""
        key, _ = self._required(scope, params)
        return key.id.partition(":")[0] if key.kind in ("rest-api", "rest-stage") else ""

    def _required(self, scope: Scope, params: Params) -> tuple[Key, Record]:
        match = ARN.fullmatch(params["resourceArn"])
        key = self._key(scope, match["path"]) if match else None
        record = self._records.at(key) if key else None
        if key is None or record is None:
            raise not_found(f"Invalid resource ARN specified: {params['resourceArn']}")
        return key, record

    def _key(self, scope: Scope, path: str) -> Key | None:
        if stage := _STAGE.fullmatch(path):
            return self._records.key(scope, "rest-stage", stage["api"], stage["stage"])
        first, _, name = path.removeprefix("/").partition("/")
        kind = {**self._others, **KINDS}.get(first)
        return self._records.key(scope, kind, name) if kind and name and "/" not in name else None
