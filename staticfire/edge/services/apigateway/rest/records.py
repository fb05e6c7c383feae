"""What is described of REST APIs, in the store: documents by kind, in AWS's own shapes.

| kind                       | id                 | what                                                               |
| -------------------------- | ------------------ | ------------------------------------------------------------------ |
| rest-api                   | apiId              | as GetRestApi tells it                                             |
| rest-resource              | apiId:resourceId   | as GetResource tells it, `resourceMethods` whole                   |
| rest-model                 | apiId:name         | as GetModel tells it                                               |
| rest-authorizer            | apiId:id           | as GetAuthorizer tells it                                          |
| rest-validator             | apiId:id           | as GetRequestValidator tells it                                    |
| rest-gateway-response      | apiId:TYPE         | as GetGatewayResponse tells it, where it is not the default        |
| rest-documentation-part    | apiId:id           | as GetDocumentationPart tells it                                   |
| rest-documentation-version | apiId:version      | as GetDocumentationVersion tells it, `_parts` frozen               |
| rest-deployment            | apiId:deploymentId | as GetDeployment tells it, `_snapshot`: what it deployed, frozen   |
| rest-stage                 | apiId:stageName    | as GetStage tells it                                               |
| api-key                    | id                 | as GetApiKey tells it with its value                               |
| usage-plan                 | id                 | as GetUsagePlan tells it                                           |
| usage-plan-key             | planId:keyId       | as GetUsagePlanKey tells it                                        |
| usage                      | planId:keyId       | `days`: requests by day (`2026-11-30`), counted by serving         |
| rest-vpc-link              | id                 | as GetVpcLink tells it                                             |
| client-certificate         | id                 | as GetClientCertificate tells it, `_key` its private key           |
| account                    | `account`          | as GetAccount tells it                                             |

Members are named as in botocore's model, timestamps are seconds. What is ours begins with `_`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from staticfire.edge.aws.calls import Scope
from staticfire.edge.store import Key, Store

SERVICE = "apigateway"
ACCOUNT_ID = "account"

# Children of an API, all of which go with it.
OF_AN_API = (
    "rest-resource",
    "rest-model",
    "rest-authorizer",
    "rest-validator",
    "rest-gateway-response",
    "rest-documentation-part",
    "rest-documentation-version",
    "rest-deployment",
    "rest-stage",
)
# What a deployment freezes, by the member of its `_snapshot`.
FROZEN = {
    "resources": "rest-resource",
    "models": "rest-model",
    "authorizers": "rest-authorizer",
    "validators": "rest-validator",
    "gatewayResponses": "rest-gateway-response",
}
# Whose changes no listener hears of: counters, which serving itself writes.
_NOT_TOLD = frozenset({"usage"})

Record = dict[str, Any]
Records = list[Record]
Entries = list[tuple[Key, Record]]
Keys = list[Key]
Listener = Callable[[str], None]


class RestRecords:
    """Reads and writes of the store; `listen` hears of each committed change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: list[Listener] = []
        self._locks: WeakValueDictionary[tuple[Scope, str], asyncio.Lock] = WeakValueDictionary()

    def listen(self, callback: Listener) -> None:
        """`callback(api_id)` after a write is on the disk; "" for what belongs to no API (keys, plans, account)."""
        self._listeners.append(callback)

    def changing(self, scope: Scope, name: str = "") -> asyncio.Lock:
        """Held while what is described of one API (or of what belongs to none) is read, changed and written."""
        return self._locks.setdefault((scope, name), asyncio.Lock())

    @staticmethod
    def key(scope: Scope, kind: str, *parts: str) -> Key:
        return Key(scope.account, scope.region, SERVICE, kind, ":".join(parts))

    def get(self, scope: Scope, kind: str, *parts: str) -> Record | None:
        return self._store.get(self.key(scope, kind, *parts))

    def at(self, key: Key) -> Record | None:
        return self._store.get(key)

    def list(self, scope: Scope, kind: str, parent: str = "") -> Records:
        """Of one account and region, by id; with a parent, its children."""
        return [record for _, record in self.entries(scope, kind, parent)]

    def entries(self, scope: Scope, kind: str, parent: str = "") -> Entries:
        return self._store.list(*scope, SERVICE, kind, f"{parent}:" if parent else "")

    def everywhere(self, kind: str) -> Entries:
        """Of all accounts and regions."""
        return self._store.everywhere(SERVICE, kind)

    def owner(self, api_id: str) -> Scope | None:
        """The account and region of an API: ids are unique over all of them."""
        for key, _ in self._store.everywhere(SERVICE, "rest-api"):
            if key.id == api_id:
                return Scope(key.account, key.region)
        return None

    def api(self, scope: Scope, api_id: str) -> Record | None:
        return self.get(scope, "rest-api", api_id)

    def apis(self, scope: Scope) -> Records:
        return self.list(scope, "rest-api")

    def resource(self, scope: Scope, api_id: str, resource_id: str) -> Record | None:
        return self.get(scope, "rest-resource", api_id, resource_id)

    def resources(self, scope: Scope, api_id: str) -> Records:
        return self.list(scope, "rest-resource", api_id)

    def stage(self, scope: Scope, api_id: str, name: str) -> Record | None:
        return self.get(scope, "rest-stage", api_id, name)

    def stages(self, scope: Scope, api_id: str) -> Records:
        return self.list(scope, "rest-stage", api_id)

    def deployment(self, scope: Scope, api_id: str, deployment_id: str) -> Record | None:
        return self.get(scope, "rest-deployment", api_id, deployment_id)

    def gateway_responses(self, scope: Scope, api_id: str) -> dict[str, Record]:
        """Those that were put, by their type; all others are AWS's defaults."""
        return {record["responseType"]: record for record in self.list(scope, "rest-gateway-response", api_id)}

    def api_keys(self, scope: Scope) -> Records:
        return self.list(scope, "api-key")

    def api_key_of(self, scope: Scope, value: str) -> Record | None:
        """The key that a caller showed."""
        return next((key for key in self.api_keys(scope) if key["value"] == value), None)

    def usage_plans(self, scope: Scope) -> Records:
        return self.list(scope, "usage-plan")

    def plans_of_key(self, scope: Scope, key_id: str) -> Records:
        """The usage plans that a key belongs to."""
        return [plan for plan in self.usage_plans(scope) if self.get(scope, "usage-plan-key", plan["id"], key_id)]

    def usage(self, scope: Scope, plan_id: str, key_id: str) -> dict[str, int]:
        """Requests of a key in a plan by day, `2026-11-30`."""
        days: dict[str, int] = (self.get(scope, "usage", plan_id, key_id) or {}).get("days", {})
        return days

    def snapshot(self, scope: Scope, api_id: str) -> Record:
        """What a deployment made now would freeze."""
        frozen: Record = {name: self.list(scope, kind, api_id) for name, kind in FROZEN.items()}
        return {"api": self.api(scope, api_id), **frozen}

    def of_api(self, scope: Scope, api_id: str) -> Keys:
        """The keys of an API and of all that goes with it."""
        children = (key for kind in OF_AN_API for key, _ in self.entries(scope, kind, api_id))
        return [self.key(scope, "rest-api", api_id), *children]

    async def put(self, scope: Scope, kind: str, *parts: str, record: Record) -> None:
        await self.write({self.key(scope, kind, *parts): record})

    async def delete(self, scope: Scope, kind: str, *parts: str) -> None:
        await self.write(deletes=[self.key(scope, kind, *parts)])

    async def write(self, puts: Mapping[Key, Record] | None = None, deletes: Iterable[Key] = ()) -> None:
        """All of it or nothing; listeners hear of it once it is on the disk."""
        puts, gone = puts or {}, tuple(deletes)
        await self._store.write(puts, gone)
        changed = {_api_of(key) for key in (*puts, *gone) if key.kind not in _NOT_TOLD}
        for api_id in sorted(changed):
            for callback in self._listeners:
                callback(api_id)


def _api_of(key: Key) -> str:
    if key.kind == "rest-api" or key.kind in OF_AN_API:
        return key.id.partition(":")[0]
    return ""
