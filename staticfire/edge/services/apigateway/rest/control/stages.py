"""Stages: where a deployment is served, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from .common import (
    MappedDomains,
    bad_request,
    conflict,
    in_order,
    made,
    no_domains,
    not_found,
    now,
    refuse_mapped,
    required_api,
)
from .stage_patches import StagePatches, check_variables

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
CACHE = "0.5"


class StageOperations:
    def __init__(self, records: RestRecords, mapped: MappedDomains = no_domains) -> None:
        self._records = records
        self._mapped = mapped
        self._patches = StagePatches(records)

    async def create(self, call: Call, params: Params) -> Record:
        scope, api_id, name = call.scope, params["restApiId"], params["stageName"]
        required_api(self._records, scope, api_id)
        check_name(name)
        async with self._records.changing(scope, api_id):
            if self._records.deployment(scope, api_id, params["deploymentId"]) is None:
                raise not_found("Invalid Deployment identifier specified")
            if self._records.stage(scope, api_id, name) is not None:
                raise conflict("Stage already exists")
            canary = params.get("canarySettings") or {}
            if canary.get("deploymentId") and not self._records.deployment(scope, api_id, canary["deploymentId"]):
                raise bad_request("Deployment id does not exist")
            version = params.get("documentationVersion")
            if version and self._records.get(scope, "rest-documentation-version", api_id, version) is None:
                raise bad_request("Invalid Documentation version specified")
            stage = new_stage(params, params["deploymentId"])
            await self._records.put(scope, "rest-stage", api_id, name, record=stage)
        return {**stage, "cacheClusterStatus": "CREATE_IN_PROGRESS"} if stage["cacheClusterEnabled"] else stage

    async def get(self, call: Call, params: Params) -> Record:
        return required_stage(self._records, call.scope, params)

    async def list_all(self, call: Call, params: Params) -> Record:
        required_api(self._records, call.scope, params["restApiId"])
        stages = in_order(self._records.stages(call.scope, params["restApiId"]))
        wants = params.get("deploymentId")
        return {"item": [stage for stage in stages if not wants or stage["deploymentId"] == wants]}

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            stage = required_stage(self._records, scope, params)
            self._patches.apply(scope, api_id, stage, params)
            stage["lastUpdatedDate"] = now()
            await self._records.put(scope, "rest-stage", api_id, stage["stageName"], record=stage)
        return stage

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            stage = required_stage(self._records, scope, params)
            refuse_mapped("stage", self._mapped(api_id, stage["stageName"]))
            await self._records.delete(scope, "rest-stage", api_id, stage["stageName"])

    async def flush(self, call: Call, params: Params) -> None:
        """Nothing is cached of answers; what authorizers said is forgotten by whoever hears of the stage's change."""
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            stage = required_stage(self._records, scope, params)
            stage["_flushed"] = now()
            await self._records.put(scope, "rest-stage", api_id, stage["stageName"], record=stage)


def required_stage(records: RestRecords, scope: Scope, params: Mapping[str, Any]) -> Record:
    required_api(records, scope, params["restApiId"])
    stage = records.stage(scope, params["restApiId"], params["stageName"])
    if stage is None:
        raise not_found("Invalid stage identifier specified")
    return stage


def check_name(name: str) -> None:
    if NAME.fullmatch(name) is None:
        raise bad_request("Stage name only allows a-zA-Z0-9_-")


def new_stage(params: Mapping[str, Any], deployment_id: str) -> Record:
    """A stage's document by what CreateStage, or CreateDeployment, says."""
    check_variables(params.get("variables") or {})
    cached = bool(params.get("cacheClusterEnabled"))
    moment = now()
    stage: Record = made(
        {
            "stageName": params["stageName"],
            "deploymentId": deployment_id,
            "cacheClusterEnabled": cached,
            "cacheClusterStatus": "AVAILABLE" if cached else "NOT_AVAILABLE",
            "methodSettings": {},
            "tracingEnabled": bool(params.get("tracingEnabled")),
            "createdDate": moment,
            "lastUpdatedDate": moment,
        }
    )
    stage |= {
        member: params[member]
        for member in ("description", "variables", "documentationVersion", "tags")
        if params.get(member)
    }
    if cached or params.get("cacheClusterSize"):
        stage["cacheClusterSize"] = params.get("cacheClusterSize") or CACHE
    if params.get("canarySettings"):
        defaults = {"deploymentId": deployment_id, "percentTraffic": 0.0, "useStageCache": False}
        stage["canarySettings"] = defaults | params["canarySettings"]
    return stage
