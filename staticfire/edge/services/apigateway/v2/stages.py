"""Stages: what they serve, their settings by route, their access logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.common.tags import check_tags
from staticfire.edge.store import Key

from .apis import MappedDomains
from .called import api_of, bad_request, conflict, merged, missing, now, page_of
from .changes import Changes, Puts
from .records import Keys, Record, V2Records

_NAME = re.compile(r"\$default|[A-Za-z0-9_-]{1,128}")
_VARIABLE = re.compile(r"[A-Za-z0-9_]+")
_LOGS = re.compile(
    r"arn:aws[a-z-]*:(?:logs:[^:]*:\d*:log-group:.+|firehose:[^:]*:\d*:deliverystream/amazon-apigateway-.+)"
)


class V2StageOperations:
    def __init__(self, records: V2Records, changes: Changes, mapped: MappedDomains) -> None:
        self._records = records
        self._changes = changes
        self._mapped = mapped

    async def create(self, call: Call, params: Params) -> Record:
        scope, api_id, name = call.scope, params["ApiId"], params["StageName"]
        async with self._records.changing(api_id):
            api = api_of(self._records, call, api_id)
            if not _NAME.fullmatch(name) or (name == "$default" and api["ProtocolType"] != "HTTP"):
                raise bad_request("Stage name only allows a-zA-Z0-9_-" + ", and $default for HTTP APIs")
            if self._records.get(scope, "stage", api_id, name) is not None:
                raise conflict("Stage already exists")
            stage = self._new(api, params)
            puts, gone = self._pointed(scope, api_id, stage, params, {})
            await self._records.write({self._key(scope, api_id, name): stage, **puts}, gone)
        return stage

    def _new(self, api: Record, params: Mapping[str, Any]) -> Record:
        content = merged({}, {name: value for name, value in params.items() if name != "ApiId"})
        settings: Record = {"DetailedMetricsEnabled": False}
        if api["ProtocolType"] == "WEBSOCKET":
            settings |= {"DataTraceEnabled": False, "LoggingLevel": "OFF"}
        stage: Record = {
            "CreatedDate": now(),
            "LastUpdatedDate": now(),
            "RouteSettings": {},
            "StageVariables": {},
            "Tags": {},
            **content,
        }
        stage["DefaultRouteSettings"] = {**settings, **content.get("DefaultRouteSettings", {})}
        if not stage.get("AutoDeploy"):
            stage.pop("AutoDeploy", None)
        check_tags(stage["Tags"])
        _check(api, stage)
        return stage

    def _pointed(
        self, scope: Scope, api_id: str, stage: Record, params: Mapping[str, Any], before: Record
    ) -> tuple[Puts, Keys]:
        """What a stage serves from now on: what to write for it, and what to delete."""
        named, earlier = params.get("DeploymentId"), before.get("DeploymentId")
        if named and self._records.get(scope, "deployment", api_id, named) is None:
            raise bad_request(f"Deployment id {named} does not exist")
        if stage.get("AutoDeploy"):
            if named and named != earlier:
                raise bad_request("DeploymentId cannot be set for a stage with autoDeploy: it deploys each change")
            return ({}, []) if before.get("AutoDeploy") else self._changes.deployed(scope, api_id, stage)
        puts: Puts = {}
        for deployment_id in {named, earlier if before.get("AutoDeploy") else None} - {None, ""}:
            puts |= self._changes.frozen(scope, api_id, str(deployment_id))
        return puts, []

    async def get(self, call: Call, params: Params) -> Record:
        return self._named(call, params)[1]

    async def list_all(self, call: Call, params: Params) -> Record:
        api_of(self._records, call, params["ApiId"])
        return page_of(self._records.list(call.scope, "stage", params["ApiId"]), params, "StageName")

    async def update(self, call: Call, params: Params) -> Record:
        scope, api_id, name = call.scope, params["ApiId"], params["StageName"]
        async with self._records.changing(api_id):
            api, before = self._named(call, params)
            changes = {key: value for key, value in params.items() if key not in ("ApiId", "StageName")}
            settings = changes.pop("RouteSettings", {})
            default = changes.pop("DefaultRouteSettings", {})
            stage = merged(before, changes, ("StageVariables",))
            stage.setdefault("StageVariables", {})
            stage["RouteSettings"] = {**before["RouteSettings"], **settings}
            stage["DefaultRouteSettings"] = {**before["DefaultRouteSettings"], **default}
            stage["LastUpdatedDate"] = now()
            if not stage.get("AutoDeploy"):
                stage.pop("AutoDeploy", None)
            _check(api, stage)
            puts, gone = self._pointed(scope, api_id, stage, params, before)
            await self._records.write({self._key(scope, api_id, name): stage, **puts}, gone)
        return stage

    async def delete(self, call: Call, params: Params) -> None:
        api_id, name = params["ApiId"], params["StageName"]
        async with self._records.changing(api_id):
            _, stage = self._named(call, params)
            if domains := self._mapped(api_id, name):
                raise bad_request(
                    "Deleting stage failed. Please remove all base path mappings related to the stage in your domains: "
                    + ", ".join(domains)
                )
            puts, gone = self._changes.left(call.scope, api_id, stage)
            await self._records.write(puts, [self._key(call.scope, api_id, name), *gone])

    async def delete_route_settings(self, call: Call, params: Params) -> None:
        async with self._records.changing(params["ApiId"]):
            stage = dict(self._named(call, params)[1])
            settings = dict(stage["RouteSettings"])
            if settings.pop(params["RouteKey"], None) is None:
                raise missing(f"The stage has no settings for the route {params['RouteKey']}")
            await self._put(call.scope, params, {**stage, "RouteSettings": settings})

    async def delete_access_logs(self, call: Call, params: Params) -> None:
        async with self._records.changing(params["ApiId"]):
            stage = dict(self._named(call, params)[1])
            stage.pop("AccessLogSettings", None)
            await self._put(call.scope, params, stage)

    async def _put(self, scope: Scope, params: Params, stage: Record) -> None:
        stage["LastUpdatedDate"] = now()
        await self._records.put(scope, "stage", params["ApiId"], params["StageName"], record=stage)

    def _named(self, call: Call, params: Params) -> tuple[Record, Record]:
        """The API and the stage that a call names."""
        api = api_of(self._records, call, params["ApiId"])
        stage = self._records.get(call.scope, "stage", params["ApiId"], params["StageName"])
        if stage is None:
            raise missing("Invalid stage identifier specified")
        return api, stage

    def _key(self, scope: Scope, api_id: str, name: str) -> Key:
        return self._records.key(scope, "stage", api_id, name)


def _check(api: Record, stage: Record) -> None:
    for name in stage["StageVariables"]:
        if not _VARIABLE.fullmatch(name):
            raise bad_request(f"Stage variable name {name!r} is not valid: letters, digits and _ are")
    logs = stage.get("AccessLogSettings") or {}
    if logs.get("DestinationArn") and not _LOGS.fullmatch(logs["DestinationArn"]):
        raise bad_request(
            "Invalid ARN specified in the access log settings: a log group or a Firehose delivery stream whose name "
            "begins with amazon-apigateway- is valid"
        )
    if api["ProtocolType"] == "HTTP":
        every = [stage["DefaultRouteSettings"], *stage["RouteSettings"].values()]
        if any(one.get("DataTraceEnabled") or one.get("LoggingLevel", "OFF") != "OFF" for one in every):
            raise bad_request("Execution logs are not supported on protocol type HTTP")
