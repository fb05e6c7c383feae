"""The stages that are served, made ready when first asked for, and anew after each change of their API.

unknown -> looked up in the store, compiled -> served
   ^                                             |
   +--- a write to the API is committed ---------+
"""

from __future__ import annotations

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.apigateway.rest.records import RestRecords

from .compiled import CompiledStage, Json
from .compiler import StageCompiler

MAX_STAGES = 2_000


class StageCatalog:
    def __init__(self, records: RestRecords, compiler: StageCompiler) -> None:
        self._records = records
        self._compiler = compiler
        self._stages: dict[tuple[str, str], tuple[Scope, CompiledStage]] = {}
        self._owners = self._read()
        records.listen(self._changed)

    def _read(self) -> dict[str, Scope]:
        return {key.id: Scope(key.account, key.region) for key, _ in self._records.everywhere("rest-api")}

    def _changed(self, api_id: str) -> None:
        if not api_id:
            return
        for key in [key for key in self._stages if key[0] == api_id]:
            del self._stages[key]
        kept = self._owners.get(api_id)
        if kept is not None and self._records.api(kept, api_id) is not None:
            return
        owner = self._records.owner(api_id)
        if owner is not None:
            self._owners[api_id] = owner
        elif self._owners.pop(api_id, None) is not None:
            self._compiler.forget(api_id)

    def reset(self) -> None:
        """The store may have lost what was read of it."""
        self._stages.clear()
        self._owners = self._read()

    def owner(self, api_id: str) -> Scope | None:
        """The account and region of a REST API; None: there is none of that id."""
        return self._owners.get(api_id)

    def stage(self, api_id: str, name: str) -> tuple[Scope, CompiledStage] | None:
        kept = self._stages.get((api_id, name))
        if kept is not None:
            return kept
        scope = self.owner(api_id)
        document = self._records.stage(scope, api_id, name) if scope is not None else None
        if scope is None or document is None:
            return None
        if len(self._stages) >= MAX_STAGES:
            del self._stages[next(iter(self._stages))]
        kept = self._stages[api_id, name] = scope, self._compiled(scope, api_id, document)
        return kept

    def _compiled(self, scope: Scope, api_id: str, document: Json) -> CompiledStage:
        deployment = self._records.deployment(scope, api_id, document.get("deploymentId") or "") or {}
        stage = self._compiler.compile(scope, api_id, document, deployment)
        canary = document.get("canarySettings")
        if canary and canary.get("percentTraffic"):
            own = self._records.deployment(scope, api_id, canary.get("deploymentId") or "") or deployment
            variables = {**(document.get("variables") or {}), **(canary.get("stageVariableOverrides") or {})}
            stage.canary = self._compiler.compile(scope, api_id, {**document, "variables": variables}, own)
            stage.canary_percent = float(canary["percentTraffic"])
        return stage
