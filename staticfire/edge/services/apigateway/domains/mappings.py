"""API mappings: which API and stage a path below a domain name leads to; base path mappings are the same documents."""

from __future__ import annotations

import re
from collections.abc import Iterator

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.aws.protocol.operations import Carry
from staticfire.edge.services.apigateway.v2.called import bad_request, conflict, merged, missing, new_id, page_of
from staticfire.edge.services.apigateway.v2.records import DOMAIN_NAMES, Record, V2Records

from .names import MAPPING, DomainNames

NO_MAPPING = "The api mapping resource specified in the request was not found."
_KEY = re.compile(r"[A-Za-z0-9/$\-_.+!*'()]*")


class Mappings:
    """Reads and writes of mappings, for both generations."""

    def __init__(self, records: V2Records, names: DomainNames) -> None:
        self._records = records
        self._names = names

    def table(self) -> dict[str, Carry]:
        """The operations of apigatewayv2."""
        return {
            "CreateApiMapping": self._create,
            "GetApiMapping": self._get,
            "GetApiMappings": self._list,
            "UpdateApiMapping": self._update,
            "DeleteApiMapping": self._delete,
        }

    def domains_of(self, api_id: str, stage: str | None) -> list[str]:
        """The domain names that lead to an API, or to one stage of it."""
        names = {
            key.id.partition(":")[0]
            for key, mapping in self._records.entries(MAPPING)
            if mapping["ApiId"] == api_id and (stage is None or mapping.get("Stage") == stage)
        }
        return sorted(names)

    async def make(self, scope: Scope, domain: str, content: Record, taken: AwsError) -> Record:
        """A new mapping; `taken` is raised where its key is another's."""
        async with self._records.changing(DOMAIN_NAMES):
            name = self._names.named(scope, domain)["DomainName"]
            used = {one["ApiMappingId"] for one in self.of(scope, name)}
            mapping = {"ApiMappingKey": "", **content, "ApiMappingId": new_id(used, 6)}
            self._check(scope, name, mapping, taken)
            await self._records.put(scope, MAPPING, name, mapping["ApiMappingId"], record=mapping)
        return mapping

    async def change(self, scope: Scope, domain: str, before: Record, changes: Record, taken: AwsError) -> Record:
        async with self._records.changing(DOMAIN_NAMES):
            name = self._names.named(scope, domain)["DomainName"]
            current = self._records.get(scope, MAPPING, name, before["ApiMappingId"])
            if current is None:
                raise missing(NO_MAPPING)
            mapping = {"ApiMappingKey": "", **merged(current, changes)}
            self._check(scope, name, mapping, taken)
            await self._records.put(scope, MAPPING, name, mapping["ApiMappingId"], record=mapping)
        return mapping

    async def remove(self, scope: Scope, domain: str, mapping: Record) -> None:
        async with self._records.changing(DOMAIN_NAMES):
            await self._records.delete(scope, MAPPING, domain.lower(), mapping["ApiMappingId"])

    def of(self, scope: Scope, domain: str) -> list[Record]:
        return self._records.list(scope, MAPPING, domain.lower())

    def _check(self, scope: Scope, domain: str, mapping: Record, taken: AwsError) -> None:
        _check_key(mapping["ApiMappingKey"])
        for other in self.of(scope, domain):
            same = other["ApiMappingKey"] == mapping["ApiMappingKey"]
            if same and other["ApiMappingId"] != mapping["ApiMappingId"]:
                raise taken
        api_id, stage = mapping["ApiId"], mapping.get("Stage")
        kinds = (("api", "stage"), ("rest-api", "rest-stage"))
        stages = next((below for kind, below in kinds if self._records.get(scope, kind, api_id) is not None), None)
        if stages is None:
            raise bad_request("Invalid API identifier specified")
        if stage and self._records.get(scope, stages, api_id, stage) is None:
            raise bad_request("Invalid stage identifier specified")

    async def _create(self, call: Call, params: Params) -> Record:
        content = {name: params[name] for name in ("ApiId", "ApiMappingKey", "Stage") if params.get(name)}
        return await self.make(call.scope, params["DomainName"], content, _taken())

    async def _get(self, call: Call, params: Params) -> Record:
        return self._named(call, params)

    async def _list(self, call: Call, params: Params) -> Record:
        name = self._names.named(call.scope, params["DomainName"])["DomainName"]
        return page_of(self.of(call.scope, name), params, "ApiMappingId")

    async def _update(self, call: Call, params: Params) -> Record:
        changes: Record = {name: params[name] for name in ("ApiId", "ApiMappingKey", "Stage") if name in params}
        return await self.change(call.scope, params["DomainName"], self._named(call, params), changes, _taken())

    async def _delete(self, call: Call, params: Params) -> None:
        await self.remove(call.scope, params["DomainName"], self._named(call, params))

    def _named(self, call: Call, params: Params) -> Record:
        name = self._names.named(call.scope, params["DomainName"])["DomainName"]
        mapping = self._records.get(call.scope, MAPPING, name, params["ApiMappingId"])
        if mapping is None:
            raise missing(NO_MAPPING)
        return mapping

    def by_domain(self) -> Iterator[tuple[str, Record]]:
        """Every mapping with its domain's name."""
        for key, mapping in self._records.entries(MAPPING):
            yield key.id.partition(":")[0], mapping


def _taken() -> AwsError:
    return conflict("ApiMapping key already exists for this domain name")


def _check_key(key: str) -> None:
    if key.startswith("/") or "//" in key:
        raise bad_request("API mapping key should not start with a '/' or have consecutive '/'s.")
    if key.endswith("/"):
        raise bad_request("API mapping key should not end with a '/'.")
    if not _KEY.fullmatch(key):
        raise bad_request("API mapping key should only contain letters, numbers and the characters $-_.+!*'()/")
    if len(key) > 300:
        raise bad_request("API mapping key is longer than 300 characters")
