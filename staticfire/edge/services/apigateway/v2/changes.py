"""Writes to an API's parts, with the automatic deployments that they cause.

    a part changes -> each stage with auto-deploy gets a new deployment -> the one before goes, or is frozen if needed

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html. All of it is one write of the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from staticfire.edge.aws.calls import Scope
from staticfire.edge.store import Key

from .called import new_id, now
from .records import FROZEN, Keys, Record, V2Records

DESCRIPTION = "Automatic deployment triggered by changes to the Api configuration"
NO_ROUTES = "Unable to deploy API because no routes exist in this API"

Puts = dict[Key, Record]


class Changes:
    def __init__(self, records: V2Records) -> None:
        self._records = records

    async def write(
        self, scope: Scope, api_id: str, puts: Mapping[Key, Record] | None = None, deletes: Iterable[Key] = ()
    ) -> None:
        """Parts of the API, and what auto-deploy makes of it. The caller holds the API's lock."""
        written, gone = dict(puts or {}), list(deletes)
        routes = self._routes_after(scope, api_id, written, gone)
        for stage in self._records.list(scope, "stage", api_id):
            if stage.get("AutoDeploy"):
                deployed, replaced = self.deployed(scope, api_id, stage, has_routes=routes)
                written |= deployed
                gone += replaced
        await self._records.write(written, gone)

    def deployed(
        self, scope: Scope, api_id: str, stage: Record, *, has_routes: bool | None = None
    ) -> tuple[Puts, Keys]:
        """An automatic deployment of a stage: what to write, and what to delete. The stage is changed in place."""
        if has_routes is None:
            has_routes = bool(self._records.list(scope, "route", api_id))
        stage_key = self._records.key(scope, "stage", api_id, stage["StageName"])
        puts, gone = self.left(scope, api_id, stage)
        stage["LastUpdatedDate"] = now()
        if not has_routes:
            stage["LastDeploymentStatusMessage"] = f"Deployment attempt failed: {NO_ROUTES}"
            stage.pop("DeploymentId", None)
            return {**puts, stage_key: stage}, gone
        deployment_id = new_id(length=6)
        stage["DeploymentId"] = deployment_id
        stage["LastDeploymentStatusMessage"] = f"Successfully deployed stage with deployment ID '{deployment_id}'"
        deployment: Record = {
            "AutoDeployed": True,
            "CreatedDate": now(),
            "DeploymentId": deployment_id,
            "DeploymentStatus": "DEPLOYED",
            "Description": DESCRIPTION,
        }
        return {
            **puts,
            stage_key: stage,
            self._records.key(scope, "deployment", api_id, deployment_id): deployment,
        }, gone

    def frozen(self, scope: Scope, api_id: str, deployment_id: str) -> Puts:
        """A deployment that must stay as it is: the API as it is now goes into it, if it is that yet."""
        deployment = self._records.get(scope, "deployment", api_id, deployment_id)
        if deployment is None or "_snapshot" in deployment:
            return {}
        snapshot = self._records.definition(scope, api_id)
        key = self._records.key(scope, "deployment", api_id, deployment_id)
        return {key: {**deployment, "_snapshot": snapshot}}

    def left(self, scope: Scope, api_id: str, stage: Record) -> tuple[Puts, Keys]:
        """The automatic deployment that a stage had: another stage keeps it, or it goes."""
        before = stage.get("DeploymentId")
        deployment = self._records.get(scope, "deployment", api_id, before) if before else None
        if before is None or deployment is None or not deployment.get("AutoDeployed"):
            return {}, []
        others = (one for one in self._records.list(scope, "stage", api_id) if one["StageName"] != stage["StageName"])
        if any(one.get("DeploymentId") == before for one in others):
            return self.frozen(scope, api_id, before), []
        return {}, [self._records.key(scope, "deployment", api_id, before)]

    def _routes_after(self, scope: Scope, api_id: str, puts: Mapping[Key, Record], deletes: Iterable[Key]) -> bool:
        """Whether the API has a route once that is written."""
        kind = FROZEN["Routes"]
        if any(key.kind == kind for key in puts):
            return True
        gone = {key.id for key in deletes if key.kind == kind}
        return any(f"{api_id}:{route['RouteId']}" not in gone for route in self._records.list(scope, kind, api_id))
