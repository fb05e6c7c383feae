"""What is described of Lambda, in the store: documents by kind, and the state that each is in by now.

| kind                    | id                     | what                                                              |
| ----------------------- | ---------------------- | ----------------------------------------------------------------- |
| function                | name                   | `latest` (its configuration), `next` version, tags, and the like  |
| version                 | name:0000000001        | a published configuration                                         |
| alias                   | name:alias             | as GetAlias tells it                                              |
| policy                  | name:qualifier         | `revision`, `statements`; without a qualifier the function's own  |
| event-invoke-config     | name:qualifier         | as GetFunctionEventInvokeConfig tells it                          |
| function-url            | name:alias             | as GetFunctionUrlConfig tells it; without an alias the function's |
| reserved-concurrency    | name                   | `reserved`                                                        |
| provisioned-concurrency | name:qualifier         | `requested`, `at`, `failed`, `there` meanwhile                    |
| layer-version           | layer:0000000001       | as GetLayerVersion tells it, `policy`, `deleted`, `brought`       |
| code-signing-config     | csc-...                | as GetCodeSigningConfig tells it                                  |

A configuration that was written a moment ago says so (`Pending`, `InProgress`), as on AWS. What it becomes, and when,
stands beside it (`then`, `at`), so that no timer has to be kept, and none is lost. Whose `at` is null waits for its
image.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

from staticfire.edge.aws.calls import Scope
from staticfire.edge.store import Key, Store

SERVICE = "lambda"
# Long enough for the next call to see that something is under way, shorter than any waiter's pause.
SETTLE_SECONDS = 0.5

# No initialisation takes longer.
INIT_SECONDS = 15.0

# What goes with a function.
OF_A_FUNCTION = ("version", "alias", "policy", "event-invoke-config", "function-url", "provisioned-concurrency")

Record = dict[str, Any]


class FunctionRecords:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._locks: WeakValueDictionary[tuple[Scope, str], asyncio.Lock] = WeakValueDictionary()

    def changing(self, scope: Scope, name: str) -> asyncio.Lock:
        """Held while what is described of one name is read, changed and written."""
        return self._locks.setdefault((scope, name), asyncio.Lock())

    @staticmethod
    def key(scope: Scope, kind: str, *parts: str) -> Key:
        return Key(scope.account, scope.region, SERVICE, kind, ":".join(parts))

    def get(self, scope: Scope, kind: str, *parts: str) -> Record | None:
        return self._store.get(self.key(scope, kind, *parts))

    def list(self, scope: Scope, kind: str, prefix: str = "") -> Iterable[Record]:
        return [record for _, record in self._store.list(*scope, SERVICE, kind, prefix)]

    def keys(self, scope: Scope, kind: str, prefix: str = "") -> Iterable[Key]:
        return [key for key, _ in self._store.list(*scope, SERVICE, kind, prefix)]

    def everywhere(self, kind: str) -> Iterable[tuple[Key, Record]]:
        return self._store.everywhere(SERVICE, kind)

    async def put(self, scope: Scope, kind: str, *parts: str, record: Record) -> None:
        await self._store.write({self.key(scope, kind, *parts): record})

    async def delete(self, scope: Scope, kind: str, *parts: str) -> None:
        await self._store.write(deletes=[self.key(scope, kind, *parts)])

    async def write(
        self,
        puts: Mapping[Key, Record] | None = None,
        deletes: Iterable[Key] = (),
        *,
        blobs: Mapping[str, bytes] | None = None,
    ) -> None:
        await self._store.write(puts, deletes, blobs=blobs)

    def code(self) -> set[str]:
        """The CodeSha256 of every zip that may be deployed."""
        configurations = [record["latest"] for _, record in self.everywhere("function")]
        configurations += [record for _, record in self.everywhere("version")]
        versions = [record for _, record in self.everywhere("layer-version")]
        contents = [
            content for record in versions for content in (record["Content"], *record.get("brought", {}).values())
        ]
        return {content["CodeSha256"] for content in contents} | {
            one["CodeSha256"] for one in configurations if one["PackageType"] == "Zip"
        }

    def images(self) -> set[str]:
        """The digests of the images that functions are made of."""
        configurations = [record["latest"] for _, record in self.everywhere("function")]
        configurations += [record for _, record in self.everywhere("version")]
        return {f"sha256:{one['CodeSha256']}" for one in configurations if one["PackageType"] == "Image"}

    def configuration(self, scope: Scope, name: str, version: str = "$LATEST") -> Record | None:
        """Of a version, as it is by now."""
        if version == "$LATEST":
            function = self.get(scope, "function", name)
            return None if function is None else settled(function["latest"])
        record = self.get(scope, "version", name, version_id(version))
        return None if record is None else settled(record)

    def described(self, scope: Scope, name: str, version: str) -> Record | None:
        """A version as GetFunction tells it."""
        configuration = self.configuration(scope, name, version)
        if configuration is None:
            return None
        concurrency = self.get(scope, "reserved-concurrency", name)
        reserved = {"ReservedConcurrentExecutions": concurrency["reserved"]} if concurrency else {}
        return {"Configuration": configuration, "Concurrency": reserved, "Provisioned": self.provisioned(scope, name)}

    def provisioned(self, scope: Scope, name: str) -> dict[str, int]:
        """What is provisioned, by version: for the version itself, or for an alias of it. What failed is none of it."""
        by_version: dict[str, int] = {}
        for key, record in self._store.list(*scope, SERVICE, "provisioned-concurrency", f"{name}:"):
            if record.get("failed"):
                continue
            version = key.id.rpartition(":")[2]
            if not version.isdigit():
                version = (self.get(scope, "alias", name, version) or {}).get("FunctionVersion", "")
            by_version[version] = by_version.get(version, 0) + record["requested"]
        return by_version


def version_id(version: str | int) -> str:
    """A version's number, so that ids sort as numbers do."""
    return f"{int(version):010d}"


def settled(configuration: Record) -> Record:
    """A configuration as it is by now."""
    then, at = configuration.get("then"), configuration.get("at", 0)
    if then is None or at is None or time.time() < at:
        return configuration
    left = {name: value for name, value in configuration.items() if name not in ("then", "at", *_UNDER_WAY)}
    return {**left, **then}


_UNDER_WAY = (
    *("State", "StateReason", "StateReasonCode"),
    *("LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode"),
)
_REASON = "The function is being created."


def being_created(configuration: Record) -> Record:
    """A configuration that is new."""
    pending = {"State": "Pending", "StateReason": _REASON, "StateReasonCode": "Creating"}
    return _until(configuration, pending)


def being_updated(configuration: Record) -> Record:
    """A configuration that was changed."""
    in_progress = {
        "State": "Active",
        "LastUpdateStatus": "InProgress",
        "LastUpdateStatusReason": _REASON,
        "LastUpdateStatusReasonCode": "Creating",
    }
    return _until(configuration, in_progress)


def waiting_for_image(configuration: Record) -> Record:
    """One that was created or updated a moment ago, and stays so until `image_came`."""
    return {**configuration, "at": None}


def waits_for_image(configuration: Record) -> bool:
    return configuration.get("at", 0) is None


def image_came(configuration: Record, problem: str) -> Record:
    """One whose image is unpacked, or cannot be."""
    then = configuration["then"]
    if problem:
        what = "State" if configuration["State"] == "Pending" else "LastUpdateStatus"
        then = {**then, what: "Failed", f"{what}Reason": problem, f"{what}ReasonCode": "InvalidImage"}
    return {**configuration, "then": then, "at": time.time()}


def _until(configuration: Record, now: Record) -> Record:
    left = {name: value for name, value in configuration.items() if name not in _UNDER_WAY}
    then = {"State": "Active", "LastUpdateStatus": "Successful", "RevisionId": new_revision()}
    return {**left, **now, "RevisionId": new_revision(), "then": then, "at": time.time() + SETTLE_SECONDS}


def new_revision() -> str:
    return str(uuid4())
