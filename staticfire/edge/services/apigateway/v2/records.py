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
| domain-name          | name             | as GetDomainName tells it, `_v1`: what the other generation has beside  |
| mapping              | name:id          | as GetApiMapping tells it; a base path mapping too                      |
| lost-api             | apiId            | `Routes`: keys of those that went with the emulator's state; "": stages |

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
STAGES = ""  # in the place of a route's key: the stages of an API

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

# The lock of domain names and their mappings.
DOMAIN_NAMES = "domain-names"

Record = dict[str, Any]
Records = list[Record]
Keys = list[Key]
Entries = list[tuple[Key, Record]]
Listener = Callable[[str], None]


class V2Records:
    """Reads and writes of the store; `listen` hears of each committed change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: list[Listener] = []
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._owners = self._read_owners()
        self._routes = self._read_routes()
        self._lost = {key.id: set(lost["Routes"]) for key, lost in store.everywhere(SERVICE, "lost-api")}

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

    def everywhere(self, kind: str) -> Keys:
        """The keys of one kind in all accounts and regions."""
        return [key for key, _ in self.entries(kind)]

    def entries(self, kind: str) -> Entries:
        """Of all accounts and regions."""
        return self._store.everywhere(SERVICE, kind)

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

    def lost_routes(self, api_id: str) -> frozenset[str]:
        """The keys of an API's routes that went with the emulator's state, and that nothing has made again."""
        return frozenset(self._lost.get(api_id, ())) - {STAGES}

    def lost_stages(self, api_id: str) -> bool:
        """Whether an API's stages went with the emulator's state, and nothing has made one again."""
        return STAGES in self._lost.get(api_id, ())

    async def put(self, scope: Scope, kind: str, *parts: str, record: Record) -> None:
        await self.write({self.key(scope, kind, *parts): record})

    async def delete(self, scope: Scope, kind: str, *parts: str) -> None:
        await self.write(deletes=[self.key(scope, kind, *parts)])

    async def write(self, puts: Mapping[Key, Record] | None = None, deletes: Iterable[Key] = ()) -> None:
        """All of it or nothing; listeners hear of it once it is on the disk."""
        puts, gone = puts or {}, list(deletes)
        lost = self._lost_after(puts, gone)
        again = {_lost_key(api_id): {"Routes": sorted(routes)} for api_id, routes in lost.items() if routes}
        gone += [_lost_key(api_id) for api_id, routes in lost.items() if not routes]
        await self._store.write({**puts, **again}, gone)
        self._lost = {api_id: routes for api_id, routes in {**self._lost, **lost}.items() if routes}
        self._note(puts, gone)
        for api_id in sorted({_api_of(key) for key in (*puts, *gone)}):
            self._tell(api_id)

    async def follow(self) -> None:
        """The store may have been cleared, since the emulator's state is gone: what is missing now is lost."""
        before, self._owners = self._owners, self._read_owners()
        routes, self._routes = self._routes, self._read_routes()
        for api_id in before.keys() - self._owners.keys():
            if keys := routes.get(api_id):
                self._lost.setdefault(api_id, set()).update({*keys.values(), STAGES})
        self._lost = {api_id: keys for api_id, keys in self._lost.items() if keys}
        await self._store.write({_lost_key(api_id): {"Routes": sorted(keys)} for api_id, keys in self._lost.items()})
        self._tell("")

    def _lost_after(self, puts: Mapping[Key, Record], deletes: Iterable[Key]) -> dict[str, set[str]]:
        """What is still lost of the APIs that a write makes again, or deletes on purpose."""
        lost: dict[str, set[str]] = {}
        for key, record in puts.items():
            api_id = _api_of(key)
            again = STAGES if key.kind == "stage" else record["RouteKey"] if key.kind == "route" else None
            if again in self._lost.get(api_id, ()):
                lost[api_id] = lost.get(api_id, self._lost[api_id]) - {again}
        return lost | {key.id: set() for key in deletes if key.kind == "api" and key.id in self._lost}

    def _note(self, puts: Mapping[Key, Record], deletes: Iterable[Key]) -> None:
        """Whose an API is, and which routes it has."""
        for key in deletes:
            api_id, _, part = key.id.partition(":")
            if key.kind == "api":
                self._owners.pop(api_id, None)
                self._routes.pop(api_id, None)
            elif key.kind == "route":
                self._routes.get(api_id, {}).pop(part, None)
        for key, record in puts.items():
            api_id, _, part = key.id.partition(":")
            if key.kind == "api":
                self._owners[api_id] = Scope(key.account, key.region)
            elif key.kind == "route":
                self._routes.setdefault(api_id, {})[part] = record["RouteKey"]

    def _tell(self, api_id: str) -> None:
        for callback in self._listeners:
            callback(api_id)

    def _read_owners(self) -> dict[str, Scope]:
        return {key.id: Scope(key.account, key.region) for key, _ in self._store.everywhere(SERVICE, "api")}

    def _read_routes(self) -> dict[str, dict[str, str]]:
        routes: dict[str, dict[str, str]] = {}
        for key, route in self._store.everywhere(SERVICE, "route"):
            api_id, _, part = key.id.partition(":")
            routes.setdefault(api_id, {})[part] = route["RouteKey"]
        return routes


def _lost_key(api_id: str) -> Key:
    return Key("", "", SERVICE, "lost-api", api_id)


def _api_of(key: Key) -> str:
    return key.id.partition(":")[0]
