"""Deployments: what an API was when it was deployed, frozen."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call
from staticfire.edge.aws.protocol import Params

from .called import api_of, bad_request, merged, missing, new_id, now, page_of
from .changes import NO_ROUTES, Changes
from .records import Keys, Record, V2Records


class V2DeploymentOperations:
    def __init__(self, records: V2Records, changes: Changes) -> None:
        self._records = records
        self._changes = changes

    async def create(self, call: Call, params: Params) -> Record:
        scope, api_id, name = call.scope, params["ApiId"], params.get("StageName")
        async with self._records.changing(api_id):
            api_of(self._records, call, api_id)
            snapshot = self._records.definition(scope, api_id)
            if not snapshot["Routes"]:
                raise bad_request(NO_ROUTES)
            taken = (str(one["DeploymentId"]) for one in self._records.list(scope, "deployment", api_id))
            deployment: Record = {
                "AutoDeployed": False,
                "CreatedDate": now(),
                "DeploymentId": new_id(taken, 6),
                "DeploymentStatus": "DEPLOYED",
                "_snapshot": snapshot,
            }
            if params.get("Description"):
                deployment["Description"] = params["Description"]
            key = self._records.key(scope, "deployment", api_id, deployment["DeploymentId"])
            puts = {key: deployment}
            gone: Keys = []
            if name:
                stage = self._records.get(scope, "stage", api_id, name)
                if stage is None:
                    raise missing("Invalid stage identifier specified")
                left, gone = self._changes.left(scope, api_id, stage)
                pointed = {**stage, "DeploymentId": deployment["DeploymentId"], "LastUpdatedDate": now()}
                puts |= {**left, self._records.key(scope, "stage", api_id, name): pointed}
            await self._records.write(puts, gone)
        return deployment

    async def get(self, call: Call, params: Params) -> Record:
        return self._named(call, params)

    async def list_all(self, call: Call, params: Params) -> Record:
        api_of(self._records, call, params["ApiId"])
        return page_of(self._records.list(call.scope, "deployment", params["ApiId"]), params, "DeploymentId")

    async def update(self, call: Call, params: Params) -> Record:
        async with self._records.changing(params["ApiId"]):
            changes = {"Description": params["Description"]} if "Description" in params else {}
            deployment = merged(self._named(call, params), changes)
            place = (params["ApiId"], params["DeploymentId"])
            await self._records.put(call.scope, "deployment", *place, record=deployment)
        return deployment

    async def delete(self, call: Call, params: Params) -> None:
        api_id, deployment_id = params["ApiId"], params["DeploymentId"]
        async with self._records.changing(api_id):
            self._named(call, params)
            stages = self._records.list(call.scope, "stage", api_id)
            if any(stage.get("DeploymentId") == deployment_id for stage in stages):
                raise bad_request("Active stages pointing to this deployment must be moved or deleted")
            await self._records.delete(call.scope, "deployment", api_id, deployment_id)

    def _named(self, call: Call, params: Params) -> Record:
        api_of(self._records, call, params["ApiId"])
        deployment = self._records.get(call.scope, "deployment", params["ApiId"], params["DeploymentId"])
        if deployment is None:
            raise missing("Invalid Deployment identifier specified")
        return deployment
