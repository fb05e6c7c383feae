"""Concurrency: what a function reserves for itself, and what is provisioned for its versions and aliases."""

from __future__ import annotations

import asyncio
import logging
import time

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.lambda_.function_records import (
    INIT_SECONDS,
    SETTLE_SECONDS,
    FunctionRecords,
    Record,
    new_revision,
    version_id,
)
from staticfire.edge.services.lambda_.model import LATEST, FunctionRef
from staticfire.edge.services.lambda_.pages import page_of
from staticfire.edge.store import Key

from .called import check_qualified, conflict, function_of, invalid, missing, ref_of, stamp
from .functions import FunctionListener

log = logging.getLogger(__name__)

# AWS keeps as much for the functions that reserve nothing.
UNRESERVED = 100


class ConcurrencyOperations:
    def __init__(self, records: FunctionRecords, running: FunctionListener, account_concurrency: int) -> None:
        self._records = records
        self._running = running
        self._limit = account_concurrency
        self._initialising: set[asyncio.Task[None]] = set()

    async def put_reserved(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        if ref.qualifier is not None:
            raise invalid(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
                "operation. Please specify either a function name or an unqualified function ARN."
            )
        reserved = params["ReservedConcurrentExecutions"]
        # One after the other in an account and region: together they must leave enough.
        async with self._records.changing(ref.scope, "reserved-concurrency"):
            if self._records.get(ref.scope, "function", ref.name) is None:
                raise missing(f"Function not found: {ref._replace(qualifier=LATEST).arn}")
            _check_reserved(reserved)
            provisioned = self._provisioned(ref)
            if provisioned and reserved < provisioned:
                raise invalid(
                    f" ReservedConcurrentExecutions  {reserved} should not be lower than function's total provisioned "
                    f"concurrency [{provisioned}].",
                    Type=None,
                )
            if reserved and self._unreserved(ref) - reserved < UNRESERVED:
                raise invalid(
                    "Specified ReservedConcurrentExecutions for function decreases account's "
                    f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED}].",
                    Type=None,
                )
            await self._records.put(ref.scope, "reserved-concurrency", ref.name, record={"reserved": reserved})
        await self._running.changed(ref)
        return {"ReservedConcurrentExecutions": reserved}

    async def get_reserved(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        function_of(self._records, ref)
        record = self._records.get(ref.scope, "reserved-concurrency", ref.name)
        return {"ReservedConcurrentExecutions": record["reserved"]} if record else {}

    async def delete_reserved(self, call: Call, params: Params) -> None:
        ref = ref_of(self._records, call, params)
        function_of(self._records, ref)
        await self._records.delete(ref.scope, "reserved-concurrency", ref.name)
        await self._running.changed(ref._replace(qualifier=None))

    async def put_provisioned(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        if ref.qualifier in (None, LATEST):
            raise invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
        requested = params["ProvisionedConcurrentExecutions"]
        async with self._records.changing(ref.scope, ref.name):
            version = check_qualified(self._records, ref)
            self._check_other(ref, version)
            others = self._provisioned(ref, without=ref.qualifier)
            reserved = self._records.get(ref.scope, "reserved-concurrency", ref.name)
            if reserved is not None and others + requested > reserved["reserved"]:
                raise invalid(
                    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for "
                    "function"
                )
            left = self._unreserved(ref)
            if reserved is None and requested > left:
                raise invalid(
                    "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
                    f"[{left}].",
                    Type=None,
                )
            if reserved is None and left - requested < UNRESERVED:
                raise invalid(
                    "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                    f"below its minimum value of [{UNRESERVED}].",
                    Type=None,
                )
            record = {"requested": requested, "modified": stamp(), "at": time.time() + INIT_SECONDS}
            await self._records.write(
                {
                    self._records.key(ref.scope, "provisioned-concurrency", ref.name, ref.qualifier or ""): record,
                    **self._revised(ref, version),
                }
            )
        await self._running.changed(ref._replace(qualifier=None))
        self.provision(ref)
        return self._told(ref, record)

    def resume(self) -> None:
        """Have ready again what was provisioned before the edge was started."""
        for key, _ in self._records.everywhere("provisioned-concurrency"):
            name, _, qualifier = key.id.rpartition(":")
            self.provision(FunctionRef(Scope(key.account, key.region), name, qualifier))

    def provision(self, ref: FunctionRef) -> None:
        """Have ready what is provisioned for a version or an alias, if anything is."""
        record = self._records.get(ref.scope, "provisioned-concurrency", ref.name, ref.qualifier or "")
        if record is None or record.get("failed"):
            return
        task = asyncio.get_running_loop().create_task(self._initialise(ref, self._version(ref), record))
        self._initialising.add(task)
        task.add_done_callback(self._initialising.discard)

    async def _initialise(self, ref: FunctionRef, version: str, record: Record) -> None:
        settles, reason = time.time() + SETTLE_SECONDS, ""
        try:
            versioned = ref._replace(qualifier=version)
            if not await self._running.provision(versioned, record["requested"], INIT_SECONDS):
                reason = "FUNCTION_ERROR_INIT_FAILURE"
        except (AwsError, TimeoutError) as error:
            log.warning("Nothing of %s was started in advance, it is described only: %s", ref.arn, error)
        async with self._records.changing(ref.scope, ref.name):
            key = self._records.key(ref.scope, "provisioned-concurrency", ref.name, ref.qualifier or "")
            if self._records.get(ref.scope, "provisioned-concurrency", ref.name, ref.qualifier or "") == record:
                # Once it was READY it stays so, whatever an edge that is started again does.
                at = min(record["at"], max(settles, time.time()))
                await self._records.write({key: {**record, "at": at, "failed": reason, "over": True}})
        if reason:
            await self._running.changed(ref._replace(qualifier=None))

    async def get_provisioned(self, call: Call, params: Params) -> Record:
        ref = self._published(call, params)
        record = self._records.get(ref.scope, "provisioned-concurrency", ref.name, ref.qualifier or "")
        if record is None:
            raise AwsError(
                404,
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function",
            )
        return self._told(ref, record)

    async def delete_provisioned(self, call: Call, params: Params) -> None:
        ref = self._published(call, params)
        await self._records.delete(ref.scope, "provisioned-concurrency", ref.name, ref.qualifier or "")
        await self._running.changed(ref._replace(qualifier=None))

    async def list_provisioned(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        function_of(self._records, ref)
        configs = []
        for key in self._records.keys(ref.scope, "provisioned-concurrency", f"{ref.name}:"):
            qualifier = key.id.rpartition(":")[2]
            record = self._records.get(ref.scope, "provisioned-concurrency", ref.name, qualifier)
            if record is not None:
                one = ref._replace(qualifier=qualifier)
                configs.append({"FunctionArn": one.arn, **self._told(one, record)})
        return page_of(configs, params, "ProvisionedConcurrencyConfigs", key="FunctionArn")

    def _revised(self, ref: FunctionRef, version: str) -> dict[Key, Record]:
        """The version for which it is provisioned: another revision of it, as AWS has it."""
        configuration = self._records.configuration(ref.scope, ref.name, version)
        if configuration is None or "then" in configuration:
            return {}
        key = self._records.key(ref.scope, "version", ref.name, version_id(version))
        return {key: {**configuration, "RevisionId": new_revision()}}

    def unreserved(self, scope: Scope) -> int:
        """What an account's functions share that reserve nothing."""
        reservations = self._records.list(scope, "reserved-concurrency")
        return self._limit - sum(int(record["reserved"]) for record in reservations)

    def _unreserved(self, ref: FunctionRef) -> int:
        """The same, if this function reserved nothing."""
        own = self._records.get(ref.scope, "reserved-concurrency", ref.name)
        return self.unreserved(ref.scope) + (own["reserved"] if own else 0)

    def _provisioned(self, ref: FunctionRef, without: str | None = None) -> int:
        """What is provisioned for all versions of a function."""
        total = 0
        for key in self._records.keys(ref.scope, "provisioned-concurrency", f"{ref.name}:"):
            qualifier = key.id.rpartition(":")[2]
            record = self._records.get(ref.scope, "provisioned-concurrency", ref.name, qualifier)
            if qualifier != without and record is not None and not record.get("failed"):
                total += record["requested"]
        return total

    def _published(self, call: Call, params: Params) -> FunctionRef:
        ref = ref_of(self._records, call, params)
        if ref.qualifier in (None, LATEST):
            raise invalid("The function resource provided must be an alias or a published version.")
        check_qualified(self._records, ref)
        return ref

    def _version(self, ref: FunctionRef) -> str:
        qualifier = ref.qualifier or LATEST
        alias = self._records.get(ref.scope, "alias", ref.name, qualifier)
        return qualifier if alias is None else str(alias["FunctionVersion"])

    def _told(self, ref: FunctionRef, record: Record) -> Record:
        requested = record["requested"]
        over = bool(record.get("over")) and time.time() >= record["at"]
        failed = record.get("failed", "") if over else ""
        here = min(requested, self._running.initialised(ref._replace(qualifier=self._version(ref))))
        # What is provisioned for an alias that moves is there meanwhile.
        there = 0 if failed else here if over else max(here, record.get("there", 0))
        reason = failed
        if over and not failed and here < requested:
            reason = (
                f"{here} of {requested} execution environments are kept here, the others start when they are needed"
            )
        return {
            "RequestedProvisionedConcurrentExecutions": requested,
            "AvailableProvisionedConcurrentExecutions": there,
            "AllocatedProvisionedConcurrentExecutions": there,
            "Status": "FAILED" if failed else "READY" if over else "IN_PROGRESS",
            **({"StatusReason": reason} if reason else {}),
            "LastModified": record["modified"],
        }

    def _check_other(self, ref: FunctionRef, version: str) -> None:
        """A version is provisioned for itself, or by one alias."""
        for key in self._records.keys(ref.scope, "provisioned-concurrency", f"{ref.name}:"):
            other = key.id.rpartition(":")[2]
            if other == ref.qualifier:
                continue
            if other == version:
                raise conflict(
                    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
                )
            alias = self._records.get(ref.scope, "alias", ref.name, other)
            if alias is not None and alias["FunctionVersion"] == version:
                raise conflict("Version is pointed by a Provisioned Concurrency alias")


def _check_reserved(reserved: int) -> None:
    """AWS looks for the function first, so the model's own check comes too early."""
    if reserved < 0:
        problem = "failed to satisfy constraint: Member must have value greater than or equal to 0"
        message = f"1 validation error detected: Value '{reserved}' at 'reservedConcurrentExecutions' {problem}"
        raise AwsError(400, "ValidationException", message)
