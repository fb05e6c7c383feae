"""Aliases: names of versions, with the share of invocations that a second version gets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.lambda_.function_records import INIT_SECONDS, FunctionRecords, Record, new_revision
from staticfire.edge.services.lambda_.model import LATEST, FunctionRef
from staticfire.edge.services.lambda_.pages import page_of
from staticfire.edge.store import Key

from .called import (
    alias_of,
    check_qualified,
    check_revision,
    conflict,
    function_of,
    invalid,
    missing,
    ref_of,
)
from .functions import FunctionListener


class AliasOperations:
    def __init__(
        self, records: FunctionRecords, running: FunctionListener, provision: Callable[[FunctionRef], None]
    ) -> None:
        """`provision`: an alias moved for which something may be provisioned."""
        self._records = records
        self._running = running
        self._provision = provision

    async def create(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)._replace(qualifier=params["Name"])
        routing = self._routing(ref, params["FunctionVersion"], params.get("RoutingConfig"))
        async with self._records.changing(ref.scope, ref.name):
            check_qualified(self._records, ref._replace(qualifier=params["FunctionVersion"]))
            if self._records.get(ref.scope, "alias", ref.name, params["Name"]) is not None:
                raise conflict(f"Alias already exists: {ref.arn}")
            alias: Record = {
                "AliasArn": ref.arn,
                "Name": params["Name"],
                "FunctionVersion": params["FunctionVersion"],
                "Description": params.get("Description") or "",
                "RevisionId": new_revision(),
                **routing,
            }
            await self._records.put(ref.scope, "alias", ref.name, params["Name"], record=alias)
        await self._running.changed(ref._replace(qualifier=None))
        return alias

    async def get(self, call: Call, params: Params) -> Record:
        return alias_of(self._records, ref_of(self._records, call, params)._replace(qualifier=params["Name"]))

    async def update(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)._replace(qualifier=params["Name"])
        async with self._records.changing(ref.scope, ref.name):
            function_of(self._records, ref._replace(qualifier=None))
            alias = self._records.get(ref.scope, "alias", ref.name, params["Name"])
            if alias is None:
                raise missing(f"Alias not found: {ref.arn}")
            check_revision(params.get("RevisionId"), alias["RevisionId"])
            version = params.get("FunctionVersion") or alias["FunctionVersion"]
            if params.get("RoutingConfig") is not None:
                alias.pop("RoutingConfig", None)
                alias |= self._routing(ref, version, params["RoutingConfig"])
            check_qualified(self._records, ref._replace(qualifier=version))
            moves = version != alias["FunctionVersion"]
            alias |= {"FunctionVersion": version, "RevisionId": new_revision()}
            if params.get("Description") is not None:
                alias["Description"] = params["Description"]
            puts = {self._records.key(ref.scope, "alias", ref.name, params["Name"]): alias}
            if moves:
                puts |= self._provisioned_anew(ref)
            await self._records.write(puts)
        await self._running.changed(ref._replace(qualifier=None))
        if moves:
            self._provision(ref)
        return alias

    def _provisioned_anew(self, ref: FunctionRef) -> dict[Key, Record]:
        """What is provisioned for an alias moves with it: it is there while the other version is being made ready."""
        key = self._records.key(ref.scope, "provisioned-concurrency", ref.name, ref.qualifier or "")
        record = self._records.get(ref.scope, "provisioned-concurrency", ref.name, ref.qualifier or "")
        if record is None:
            return {}
        there = {"there": record["requested"], "at": time.time() + INIT_SECONDS}
        return {key: {name: value for name, value in record.items() if name not in ("failed", "over")} | there}

    async def delete(self, call: Call, params: Params) -> None:
        ref = ref_of(self._records, call, params)
        kinds = ("alias", "policy", "provisioned-concurrency")
        async with self._records.changing(ref.scope, ref.name):
            keys = [self._records.key(ref.scope, kind, ref.name, params["Name"]) for kind in kinds]
            await self._records.write(deletes=keys)
        await self._running.changed(ref._replace(qualifier=None))

    async def list_all(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        function_of(self._records, ref)
        version = params.get("FunctionVersion")
        aliases = [
            alias
            for alias in self._records.list(ref.scope, "alias", f"{ref.name}:")
            if version in (None, alias["FunctionVersion"])
        ]
        return page_of(aliases, params, "Aliases", key="Name")

    def _routing(self, ref: FunctionRef, version: str, routing: Mapping[str, Any] | None) -> Record:
        weights = (routing or {}).get("AdditionalVersionWeights") or {}
        if not weights:
            return {}
        if len(weights) > 1:
            raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        if version == LATEST:
            raise invalid("$LATEST is not supported for an alias pointing to more than 1 version", Type=None)
        if version in weights:
            raise invalid(
                f"Invalid function version {version}. Function version {version} is already included in routing "
                "configuration."
            )
        for one in (version, *weights):
            check_qualified(self._records, ref._replace(qualifier=one))
        return {"RoutingConfig": {"AdditionalVersionWeights": weights}}
