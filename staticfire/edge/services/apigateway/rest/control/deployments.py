"""Deployments: an API frozen as it is, for stages to serve."""

from __future__ import annotations

from typing import Any

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, in_order, made, new_id, not_found, now, page, required_api
from .stage_patches import check_variables
from .stages import check_name, new_stage

PATHS = ("/description",)
SUMMARY = "apisummary"
_INVALID = "Invalid deployment content specified."


class DeploymentOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        required_api(self._records, scope, api_id)
        async with self._records.changing(scope, api_id):
            self._check_canary(scope, params)
            snapshot = self._records.snapshot(scope, api_id)
            _check_content(snapshot["resources"])
            deployment = made({"id": new_id(), "createdDate": now(), "_snapshot": snapshot})
            patches.set_or_drop(deployment, "description", params.get("description"))
            puts = {self._records.key(scope, "rest-deployment", api_id, deployment["id"]): deployment}
            if name := params.get("stageName"):
                check_name(name)
                stage = self._staged(scope, params, deployment["id"])
                puts[self._records.key(scope, "rest-stage", api_id, name)] = stage
            await self._records.write(puts)
        return deployment

    def _check_canary(self, scope: Scope, params: Params) -> None:
        if not params.get("canarySettings"):
            return
        name = params.get("stageName")
        if not name:
            said = "null" if name is None else name
            raise bad_request(
                f"{_INVALID}Non null and non empty stageName must be provided for canary deployment. "
                f"Provided value is {said}"
            )
        if self._records.stage(scope, params["restApiId"], name) is None:
            raise bad_request(
                f"{_INVALID}Stage {name} must already be created before making a canary release deployment"
            )

    def _staged(self, scope: Scope, params: Params, deployment_id: str) -> Record:
        """The stage that the deployment goes to; as a canary, beside what it serves."""
        stage = self._records.stage(scope, params["restApiId"], params["stageName"])
        canary = params.get("canarySettings")
        if stage is None:
            stage = new_stage({**params, "description": params.get("stageDescription"), "tags": None}, deployment_id)
        elif canary:
            stage["canarySettings"] = {"percentTraffic": 0.0, "useStageCache": False, **canary}
            stage["canarySettings"]["deploymentId"] = deployment_id
        else:
            stage["deploymentId"] = deployment_id
            stage.pop("canarySettings", None)
        if params.get("variables"):
            check_variables(params["variables"])
            stage["variables"] = params["variables"]
        if params.get("stageDescription"):
            stage["description"] = params["stageDescription"]
        if params.get("tracingEnabled") is not None:
            stage["tracingEnabled"] = params["tracingEnabled"]
        stage["lastUpdatedDate"] = now()
        return stage

    async def get(self, call: Call, params: Params) -> Record:
        deployment = self._required(call.scope, params)
        if SUMMARY in (params.get("embed") or ()):
            return {**deployment, "apiSummary": _summary(deployment["_snapshot"])}
        return deployment

    async def list_all(self, call: Call, params: Params) -> Record:
        required_api(self._records, call.scope, params["restApiId"])
        return page(in_order(self._records.list(call.scope, "rest-deployment", params["restApiId"])), params)

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            deployment = self._required(scope, params)
            for patch in patches.read(params):
                patches.supported(patch, PATHS)
                patches.set_or_drop(deployment, "description", patch.value)
            await self._records.put(scope, "rest-deployment", api_id, deployment["id"], record=deployment)
        return deployment

    async def delete(self, call: Call, params: Params) -> None:
        scope, api_id = call.scope, params["restApiId"]
        async with self._records.changing(scope, api_id):
            deployment = self._required(scope, params)
            for stage in self._records.stages(scope, api_id):
                canary = stage.get("canarySettings") or {}
                if deployment["id"] in (stage["deploymentId"], canary.get("deploymentId")):
                    raise bad_request("Active stages pointing to this deployment must be moved or deleted")
            await self._records.delete(scope, "rest-deployment", api_id, deployment["id"])

    def _required(self, scope: Scope, params: Params) -> Record:
        required_api(self._records, scope, params["restApiId"])
        deployment = self._records.deployment(scope, params["restApiId"], params["deploymentId"])
        if deployment is None:
            raise not_found("Invalid Deployment identifier specified")
        return deployment


def _check_content(resources: list[Record]) -> None:
    methods = [method for resource in resources for method in resource.get("resourceMethods", {}).values()]
    if not methods:
        raise bad_request("The REST API doesn't contain any methods")
    if not all(method.get("methodIntegration") for method in methods):
        raise bad_request("No integration defined for method")


def _summary(snapshot: Record) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for resource in snapshot["resources"]:
        for verb, method in resource.get("resourceMethods", {}).items():
            members = ("authorizationType", "apiKeyRequired")
            summary.setdefault(resource["path"], {})[verb] = {name: method[name] for name in members}
    return summary
