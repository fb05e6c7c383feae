"""Layers and their versions, and who may use one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.lambda_.function_records import FunctionRecords, Record, new_revision, version_id
from staticfire.edge.services.lambda_.pages import page_of

from .called import check_revision, conflict, invalid, layer_name, missing, stamp
from .packages import Locate, Packages


class LayerOperations:
    def __init__(self, records: FunctionRecords, packages: Packages, locate: Locate) -> None:
        self._records = records
        self._packages = packages
        self._locate = locate

    async def publish(self, call: Call, params: Params) -> Record:
        scope, name = layer_name(call.scope, params["LayerName"])
        package = await self._packages.take(scope, params["Content"])
        async with self._records.changing(scope, f"layer:{name}"):
            number = len(list(self._records.keys(scope, "layer-version", f"{name}:"))) + 1
            arn = _arn(scope, name)
            record: Record = {
                "LayerArn": arn,
                "LayerVersionArn": f"{arn}:{number}",
                "Description": params.get("Description") or "",
                "CreatedDate": stamp(),
                "Version": number,
                "Content": {"CodeSha256": package.sha256, "CodeSize": package.size},
                **{
                    member: params[member]
                    for member in ("CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")
                    if params.get(member) is not None
                },
            }
            key = self._records.key(scope, "layer-version", name, version_id(number))
            await self._records.write({key: record}, blobs=package.blobs)
        return self._told(call, record)

    async def get(self, call: Call, params: Params) -> Record:
        scope, name = layer_name(call.scope, params["LayerName"])
        return self._told(call, self._version(scope, name, params["VersionNumber"]))

    async def get_by_arn(self, call: Call, params: Params) -> Record:
        *_, region, account, _, name, version = params["Arn"].split(":")
        return self._told(call, self._version(Scope(account, region), name, int(version)))

    async def delete(self, call: Call, params: Params) -> None:
        """Functions that use it go on doing so, as on AWS: the version stays, and nobody is told of it."""
        scope, name = layer_name(call.scope, params["LayerName"])
        _check_number(params["VersionNumber"])
        number = version_id(params["VersionNumber"])
        async with self._records.changing(scope, f"layer:{name}"):
            record = self._records.get(scope, "layer-version", name, number)
            if record is not None:
                await self._records.put(scope, "layer-version", name, number, record={**record, "deleted": True})

    async def list_all(self, call: Call, params: Params) -> Record:
        newest: dict[str, Record] = {}
        for record in self._records.list(call.scope, "layer-version"):
            if _fits(record, params):
                newest[record["LayerArn"]] = record
        layers = [
            {"LayerName": arn.rpartition(":")[2], "LayerArn": arn, "LatestMatchingVersion": _listed(record)}
            for arn, record in newest.items()
        ]
        return page_of(layers, params, "Layers", key="LayerName")

    async def list_versions(self, call: Call, params: Params) -> Record:
        scope, name = layer_name(call.scope, params["LayerName"])
        records = list(self._records.list(scope, "layer-version", f"{name}:"))
        versions = [_listed(record) for record in reversed(records) if _fits(record, params)]
        return page_of(versions, params, "LayerVersions", key="Version")

    async def get_policy(self, call: Call, params: Params) -> Record:
        _, _, record = self._of_policy(call, params)
        policy = record.get("policy")
        if policy is None:
            raise missing("No policy is associated with the given resource.")
        document = {"Version": "2012-10-17", "Id": "default", "Statement": policy["statements"]}
        return {"Policy": json.dumps(document, separators=(",", ":")), "RevisionId": policy["revision"]}

    async def add_permission(self, call: Call, params: Params) -> Record:
        scope, name, _ = self._of_policy(call, params)
        async with self._records.changing(scope, f"layer:{name}"):
            _, _, record = self._of_policy(call, params)
            policy = record.get("policy") or {"statements": [], "revision": ""}
            identity = params["StatementId"]
            if any(statement["Sid"] == identity for statement in policy["statements"]):
                raise conflict(
                    f"The statement id ({identity}) provided already exists. Please provide a new statement id, or "
                    "remove the existing statement."
                )
            check_revision(params.get("RevisionId"), policy["revision"], "GetLayerPolicy")
            statement = {
                "Sid": identity,
                "Effect": "Allow",
                "Principal": _principal(params["Principal"]),
                "Action": params["Action"],
                "Resource": record["LayerVersionArn"],
            }
            if params.get("OrganizationId"):
                statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": params["OrganizationId"]}}
            revision = await self._put(scope, name, record, [*policy["statements"], statement])
        return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": revision}

    async def remove_permission(self, call: Call, params: Params) -> None:
        scope, name, _ = self._of_policy(call, params)
        async with self._records.changing(scope, f"layer:{name}"):
            _, _, record = self._of_policy(call, params)
            policy = record.get("policy")
            if policy is None:
                raise missing("No policy is associated with the given resource.")
            left = [statement for statement in policy["statements"] if statement["Sid"] != params["StatementId"]]
            if len(left) == len(policy["statements"]):
                raise missing(f"Statement {params['StatementId']} is not found in resource policy.")
            check_revision(params.get("RevisionId"), policy["revision"], "GetLayerPolicy")
            await self._put(scope, name, record, left)

    async def _put(self, scope: Scope, name: str, record: Record, statements: list[Record]) -> str:
        revision, number = new_revision(), version_id(record["Version"])
        policy = {"statements": statements, "revision": revision} if statements else None
        await self._records.put(scope, "layer-version", name, number, record={**record, "policy": policy})
        return revision

    def _version(self, scope: Scope, name: str, version: int) -> Record:
        _check_number(version)
        record = self._records.get(scope, "layer-version", name, version_id(version))
        if record is None or record.get("deleted"):
            raise missing("The resource you requested does not exist.")
        return record

    def _of_policy(self, call: Call, params: Params) -> tuple[Scope, str, Record]:
        scope, name = layer_name(call.scope, params["LayerName"])
        record = self._records.get(scope, "layer-version", name, version_id(params["VersionNumber"]))
        if record is None or record.get("deleted"):
            raise missing(f"Layer version {_arn(scope, name)}:{params['VersionNumber']} does not exist.")
        return scope, name, record

    def _told(self, call: Call, record: Record) -> Record:
        content = record["Content"]
        return {**record, "Content": {**content, "Location": self._locate(call, content["CodeSha256"])}}


def _arn(scope: Scope, name: str) -> str:
    return f"arn:aws:lambda:{scope.region}:{scope.account}:layer:{name}"


def _check_number(version: int) -> None:
    if version < 1:
        raise invalid("Layer Version Cannot be less than 1")


def _listed(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in ("LayerArn", "Content")}


def _fits(record: Record, params: Mapping[str, Any]) -> bool:
    runtime, architecture = params.get("CompatibleRuntime"), params.get("CompatibleArchitecture")
    return (
        not record.get("deleted")
        and (runtime is None or runtime in record.get("CompatibleRuntimes", ()))
        and (architecture is None or architecture in record.get("CompatibleArchitectures", ()))
    )


def _principal(principal: str) -> Any:
    if principal == "*":
        return "*"
    return {"AWS": f"arn:aws:iam::{principal}:root" if principal.isdigit() else principal}
