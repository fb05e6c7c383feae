"""What is described of HTTP and WebSocket APIs, in the store: documents by kind, in AWS's own shapes.

| kind                 | id               | what                                                                    |
| -------------------- | ---------------- | ----------------------------------------------------------------------- |
| api                  | apiId            | as GetApi tells it                                                      |
| route                | apiId:id         | as GetRoute tells it                                                    |
| route-response       | apiId:id         | as GetRouteResponse tells it; `_parent`: its route                      |
| integration          | apiId:id         | as GetIntegration tells it                                              |
| integration-response | apiId:id         | as GetIntegrationResponse tells it; `_parent`: its integration          |
| authorizer           | apiId:id         | as GetAuthorizer tells it                                               |
| model                | apiId:id         | as GetModel tells it                                                    |
| deployment           | apiId:id         | as GetDeployment tells it; `_snapshot`: what it froze, see below        |
| stage                | apiId:stageName  | as GetStage tells it                                                    |
| vpc-link             | vpcLinkId        | as GetVpcLink tells it                                                  |
| lost-api             | apiId            | an API that went with the emulator's state and is not there again       |

Members are named as in botocore's model, timestamps are seconds. What is ours begins with `_`. An automatic deployment
that has no `_snapshot` is the API as it is: the next change makes the next one, and freezes it if a stage still needs
it. Ids of APIs are unique over all accounts and regions; whose they are is kept in memory beside the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from staticfire.edge.aws.calls import Scope
from staticfire.edge.store import Key, Store

SERVICE = "apigateway"

# What a deployment freezes, by the member of its `_snapshot`.
FROZEN = {
    "Routes": "route",
    "RouteResponses": "route-response",
    "Integrations": "integration",
    "IntegrationResponses": "integration-response",
    "Authorizers": "authorizer",
    "Models": "model",
}
# Children of an API, all of which go with it.
OF_AN_API = (*FROZEN.values(), "deployment", "stage")

Record = dict[str, Any]
Records = list[Record]
Keys = list[Key]
Listener = Callable[[str], None]


class V2Records:
    """Reads and writes of the store; `listen` hears of each committed change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: list[Listener] = []
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._owners = self._read_owners()
        self._lost = {key.id for key, _ in store.everywhere(SERVICE, "lost-api")}

    def listen(self, callback: Listener) -> None:
        """`callback(api_id)` after a write is on the disk; "" when everything may have changed."""
        self._listeners.append(callback)

    def changing(self, api_id: str = "") -> asyncio.Lock:
        """Held while what is described of one API (or of what belongs to none) is read, changed and written."""
        return self._locks.setdefault(api_id, asyncio.Lock())

    @staticmethod
    def key(scope: Scope, kind: str, *parts: str) -> Key:
        return Key(scope.account, scope.region, SERVICE, kind, ":".join(parts))

    def get(self, scope: Scope, kind: str, *parts: str) -> Record | None:
        return self._store.get(self.key(scope, kind, *parts))

    def list(self, scope: Scope, kind: str, api_id: str = "") -> Records:
        """Of one account and region, by id; with an API, what belongs to it."""
        return [record for _, record in self._store.list(*scope, SERVICE, kind, f"{api_id}:" if api_id else "")]

    def owner(self, api_id: str) -> Scope | None:
        """The account and region of an API."""
        return self._owners.get(api_id)

    def api(self, api_id: str) -> tuple[Scope, Record] | None:
        """An API of whichever account."""
        scope = self._owners.get(api_id)
        api = None if scope is None else self.get(scope, "api", api_id)
        return None if scope is None or api is None else (scope, api)

    def children(self, scope: Scope, kind: str, api_id: str, parent: str) -> Records:
        """Responses of one route or integration."""
        return [record for record in self.list(scope, kind, api_id) if record["_parent"] == parent]

    def definition(self, scope: Scope, api_id: str) -> Record:
        """The API's parts as they are now, as a deployment would freeze them."""
        return {name: self.list(scope, kind, api_id) for name, kind in FROZEN.items()}

    def served(self, scope: Scope, api_id: str, stage: Record) -> Record | None:
        """The parts that a stage serves; None while nothing is deployed to it."""
        deployment_id = stage.get("DeploymentId")
        deployment = self.get(scope, "deployment", api_id, deployment_id) if deployment_id else None
        if deployment is None:
            return None
        snapshot: Record | None = deployment.get("_snapshot")
        return self.definition(scope, api_id) if snapshot is None else snapshot

    def of_api(self, scope: Scope, api_id: str) -> Keys:
        """The keys of an API and of all that goes with it."""
        entries = (self._store.list(scope.account, scope.region, SERVICE, kind, f"{api_id}:") for kind in OF_AN_API)
        return [self.key(scope, "api", api_id), *(key for listed in entries for key, _ in listed)]

    def is_lost(self, api_id: str) -> bool:
        """Whether the API went with the emulator's state, and nothing has made it again."""
        return api_id in self._lost

    async def put(self, scope: Scope, kind: str, *parts: str, record: Record) -> None:
        await self.write({self.key(scope, kind, *parts): record})

    async def delete(self, scope: Scope, kind: str, *parts: str) -> None:
        await self.write(deletes=[self.key(scope, kind, *parts)])

    async def write(self, puts: Mapping[Key, Record] | None = None, deletes: Iterable[Key] = ()) -> None:
        """All of it or nothing; listeners hear of it once it is on the disk."""
        puts, gone = puts or {}, list(deletes)
        again = [key for key in puts if key.kind == "api" and key.id in self._lost]
        gone += [Key("", "", SERVICE, "lost-api", key.id) for key in again]
        await self._store.write(puts, gone)
        self._lost -= {key.id for key in again}
        for key in gone:
            if key.kind == "api" and key not in puts:
                self._owners.pop(key.id, None)
        for key in puts:
            if key.kind == "api":
                self._owners[key.id] = Scope(key.account, key.region)
        for api_id in sorted({_api_of(key) for key in (*puts, *gone)}):
            self._tell(api_id)

    async def follow(self) -> None:
        """The store may have been cleared, since the emulator's state is gone: what is missing now is lost."""
        before, self._owners = self._owners, self._read_owners()
        self._lost |= before.keys()
        self._lost -= self._owners.keys()
        await self._store.write({Key("", "", SERVICE, "lost-api", api_id): {} for api_id in self._lost})
        self._tell("")

    def _tell(self, api_id: str) -> None:
        for callback in self._listeners:
            callback(api_id)

    def _read_owners(self) -> dict[str, Scope]:
        return {key.id: Scope(key.account, key.region) for key, _ in self._store.everywhere(SERVICE, "api")}


def _api_of(key: Key) -> str:
    return key.id.partition(":")[0]
