"""The APIs, learned from the control plane of the emulator behind the edge.

    unknown -> asked for (GetApi, GetRoutes, GetIntegrations, GetStages, GetAuthorizers) -> prepared
       ^                                                                                     |
       +---- a write to the API passes through, or everything is forgotten ------------------+

An API's id does not tell its account: it is looked for in the account that was seen to have it, then in the default
one, then in every other one that was seen at work. Requests that come while an API is being learned wait for the same
answer; what a write overtakes is asked for again.

A stage with auto-deploy serves the API as it is. One without serves what its deployment froze: the catalog takes a
snapshot when a CreateDeployment passes through. A deployment from before the edge's time has no snapshot: the API as
it is.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.apigateway.domains.address import ApiMapping

from .model import Api, Authorizer, Integration, Route, Stage
from .prepared import Definition, Description, PreparedApi

log = logging.getLogger(__name__)

Read = Callable[[Scope, str], Awaitable[Any]]
Prepare = Callable[[Description], PreparedApi]
Learned = Callable[[str, Mapping[str, Sequence[str]]], None]


class ApiCatalog:
    def __init__(self, read: Read, prepare: Prepare, learned: Learned) -> None:
        self._read = read
        self._prepare = prepare
        self._learned = learned
        self._apis: dict[str, PreparedApi] = {}
        self._learning: dict[str, asyncio.Task[PreparedApi | None]] = {}
        self._scopes: dict[Scope, None] = {Scope(): None}
        self._owners: dict[str, Scope] = {}
        self._writes: dict[str, int] = {}
        self._snapshots: dict[str, dict[str, Definition]] = {}
        self._deployed: dict[tuple[str, str], str] = {}

    def saw(self, scope: Scope) -> None:
        """Somebody works with API Gateway in this account and region."""
        self._scopes.setdefault(scope)

    def owner(self, api_id: str, scope: Scope) -> None:
        self._owners[api_id] = scope

    def forget(self, api_id: str) -> None:
        """A write to the API went through."""
        self._writes[api_id] = self._writes.get(api_id, 0) + 1
        self._apis.pop(api_id, None)

    def deleted(self, api_id: str) -> None:
        self.forget(api_id)
        self._owners.pop(api_id, None)
        self._snapshots.pop(api_id, None)
        for key in [key for key in self._deployed if key[0] == api_id]:
            del self._deployed[key]

    def reset(self) -> None:
        """The emulator's state is gone."""
        for api_id in {*self._apis, *self._owners, *self._learning}:
            self.deleted(api_id)

    def prepared(self, api_id: str | None) -> PreparedApi | None:
        """The API, if it is prepared already."""
        return self._apis.get(api_id) if api_id else None

    async def find(self, api_id: str) -> PreparedApi | None:
        """The API; None when no account has it."""
        prepared = self._apis.get(api_id)
        if prepared is not None:
            return prepared
        task = self._learning.get(api_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._learn(api_id))
            self._learning[api_id] = task
            task.add_done_callback(lambda _: self._learning.pop(api_id, None))
        return await asyncio.shield(task)

    async def _learn(self, api_id: str) -> PreparedApi | None:
        while True:
            writes = self._writes.get(api_id)
            description = await self._describe(api_id)
            if writes == self._writes.get(api_id):
                break
        if description is None:
            return None
        self._apis[api_id] = prepared = self._prepare(description)
        served = {
            name: [route.key for route in definition.routes]
            for name, (_, definition) in description.stages.items()
            if definition
        }
        self._learned(api_id, served)
        return prepared

    async def _describe(self, api_id: str) -> Description | None:
        owner = self._owners.get(api_id)
        for scope in dict.fromkeys([*([owner] if owner else []), *self._scopes]):
            try:
                api = Api.parse(await self._read(scope, f"/v2/apis/{quote(api_id, safe='')}"))
                self._owners[api_id] = scope
                return await self._describe_in(scope, api)
            except AwsError as error:
                if error.status != 404:
                    raise
        self._owners.pop(api_id, None)
        return None

    async def _describe_in(self, scope: Scope, api: Api) -> Description:
        current = await self._definition(scope, api.id)
        stages: dict[str, tuple[Stage, Definition | None]] = {}
        for data in await self._items(scope, f"/v2/apis/{api.id}/stages"):
            stage = Stage.parse(data)
            stages[stage.name] = stage, current if stage.auto_deploy else await self._frozen(scope, api, stage, current)
        return Description(scope, api, stages)

    async def _frozen(self, scope: Scope, api: Api, stage: Stage, current: Definition) -> Definition | None:
        """What a stage without auto-deploy serves."""
        deployment = self._deployed.get((api.id, stage.name), stage.deployment_id)
        if deployment is not None:
            return self._snapshots.get(api.id, {}).get(deployment, current)
        if await self._items(scope, f"/v2/apis/{api.id}/deployments"):
            return current
        log.warning("API %s, stage %s: nothing is deployed and auto-deploy is off: it serves 404", api.id, stage.name)
        return None

    async def _definition(self, scope: Scope, api_id: str) -> Definition:
        base = f"/v2/apis/{api_id}"
        integrations = [Integration.parse(data) for data in await self._items(scope, f"{base}/integrations")]
        authorizers = [Authorizer.parse(data) for data in await self._items(scope, f"{base}/authorizers")]
        return Definition(
            tuple(Route.parse(data) for data in await self._items(scope, f"{base}/routes")),
            {integration.id: integration for integration in integrations},
            {authorizer.id: authorizer for authorizer in authorizers},
        )

    async def _items(self, scope: Scope, path: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        items: list[dict[str, Any]] = []
        token = ""
        while True:
            page: Mapping[str, Any] = await self._read(scope, f"{path}{token}")
            items += page.get("items") or ()
            if not page.get("nextToken"):
                return items
            token = f"?nextToken={quote(page['nextToken'], safe='')}"

    async def wrote(self, scope: Scope, method: str, api_id: str, below: list[str], body: bytes) -> None:
        """A write to something of the API went through; `below` is the rest of its path."""
        if below == ["deployments"] and method == "POST":
            await self._freeze(scope, api_id, json.loads(body or b"{}").get("stageName"))
        elif below[:1] == ["stages"] and len(below) == 2 and "deploymentId" in json.loads(body or b"{}"):
            self._deployed.pop((api_id, unquote(below[1])), None)
        self.forget(api_id)

    async def _freeze(self, scope: Scope, api_id: str, stage: str | None) -> None:
        """The API as it is now belongs to the deployment that was just made (for the stage, if one was named)."""
        snapshots = self._snapshots.setdefault(api_id, {})
        definition = await self._definition(scope, api_id)
        for data in await self._items(scope, f"/v2/apis/{api_id}/deployments"):
            if data["deploymentId"] not in snapshots:
                snapshots[data["deploymentId"]] = definition
                if stage:
                    self._deployed[api_id, stage] = data["deploymentId"]

    async def domains(self, scope: Scope) -> dict[str, list[ApiMapping]]:
        """The custom domains of an account with their mappings."""
        domains: dict[str, list[ApiMapping]] = {}
        for domain in await self._items(scope, "/v2/domainnames"):
            name = domain["domainName"]
            mappings = await self._items(scope, f"/v2/domainnames/{quote(name, safe='')}/apimappings")
            domains[name.lower()] = [ApiMapping.parse(data) for data in mappings]
        return domains
