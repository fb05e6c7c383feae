"""Code signing configs: described, and named by functions; no signature is checked here."""

from __future__ import annotations

import secrets
import string

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.lambda_.function_records import FunctionRecords, Record
from staticfire.edge.services.lambda_.pages import page_of

from .called import conflict, function_of, missing, ref_of, stamp

KIND = "code-signing-config"


def check_code_signing(records: FunctionRecords, scope: Scope, arn: str) -> None:
    if records.get(scope, KIND, arn.rpartition(":")[2]) is None:
        raise AwsError(
            404,
            "CodeSigningConfigNotFoundException",
            "The code signing configuration cannot be found. Check that the provided configuration is not deleted: "
            f"{arn}.",
        )


class CodeSigningOperations:
    def __init__(self, records: FunctionRecords) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        scope = call.scope
        identity = "csc-" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(17))
        config: Record = {
            "CodeSigningConfigId": identity,
            "CodeSigningConfigArn": f"arn:aws:lambda:{scope.region}:{scope.account}:code-signing-config:{identity}",
            "Description": params.get("Description"),
            "AllowedPublishers": params["AllowedPublishers"],
            "CodeSigningPolicies": params.get("CodeSigningPolicies") or {"UntrustedArtifactOnDeployment": "Warn"},
            "LastModified": stamp(),
            "tags": dict(params.get("Tags") or {}),
        }
        await self._records.put(scope, KIND, identity, record=config)
        return {"CodeSigningConfig": config}

    async def update(self, call: Call, params: Params) -> Record:
        config = self._config(call.scope, params["CodeSigningConfigArn"])
        members = ("Description", "AllowedPublishers", "CodeSigningPolicies")
        config |= {name: params[name] for name in members if params.get(name) is not None}
        config["LastModified"] = stamp()
        await self._records.put(call.scope, KIND, config["CodeSigningConfigId"], record=config)
        return {"CodeSigningConfig": config}

    async def get(self, call: Call, params: Params) -> Record:
        return {"CodeSigningConfig": self._config(call.scope, params["CodeSigningConfigArn"])}

    async def delete(self, call: Call, params: Params) -> None:
        config = self._config(call.scope, params["CodeSigningConfigArn"])
        if self._users(call.scope, config["CodeSigningConfigArn"]):
            raise conflict("Cannot delete a CodeSigningConfig that is used by functions: remove it from them first.")
        await self._records.delete(call.scope, KIND, config["CodeSigningConfigId"])

    async def list_all(self, call: Call, params: Params) -> Record:
        configs = list(self._records.list(call.scope, KIND))
        return page_of(configs, params, "CodeSigningConfigs", key="CodeSigningConfigId")

    async def list_functions(self, call: Call, params: Params) -> Record:
        config = self._config(call.scope, params["CodeSigningConfigArn"])
        functions = [{"arn": arn} for arn in self._users(call.scope, config["CodeSigningConfigArn"])]
        page = page_of(functions, params, "FunctionArns", key="arn")
        return {**page, "FunctionArns": [function["arn"] for function in page["FunctionArns"]]}

    async def put_of_function(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        arn = params["CodeSigningConfigArn"]
        check_code_signing(self._records, call.scope, arn)
        async with self._records.changing(ref.scope, ref.name):
            function = {**function_of(self._records, ref), "code_signing": arn}
            await self._records.put(ref.scope, "function", ref.name, record=function)
        return {"CodeSigningConfigArn": arn, "FunctionName": ref.name}

    async def get_of_function(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        arn = function_of(self._records, ref).get("code_signing")
        return {"CodeSigningConfigArn": arn, "FunctionName": ref.name} if arn else {}

    async def delete_of_function(self, call: Call, params: Params) -> None:
        ref = ref_of(self._records, call, params)
        async with self._records.changing(ref.scope, ref.name):
            function = function_of(self._records, ref)
            if function.pop("code_signing", None):
                await self._records.put(ref.scope, "function", ref.name, record=function)

    def _config(self, scope: Scope, arn: str) -> Record:
        config = self._records.get(scope, KIND, arn.rpartition(":")[2])
        if config is None:
            raise missing(f"The Lambda code signing configuration {arn} can not be found.", Type=None)
        return config

    def _users(self, scope: Scope, arn: str) -> list[str]:
        functions = self._records.list(scope, "function")
        return [function["latest"]["FunctionArn"] for function in functions if function.get("code_signing") == arn]
