"""What a function's configuration may be, and what it becomes by a call that creates or changes it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.lambda_.function_records import FunctionRecords, Record

from .called import invalid
from .targets import Targets
from .wording import DEPRECATED_RUNTIMES, LATER_RUNTIMES, LISTED, RUNTIMES

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED_VARIABLES = frozenset(
    (
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    )
)
VARIABLES_LIMIT = 4096
MOST_LAYERS = 5

NOT_AVAILABLE = {
    "AcceleratorConfig": "Accelerators are not available here.",
    "CapacityProviderConfig": "Capacity providers are not available here.",
    "DurableConfig": "Durable functions are not available here.",
    "PublishTo": "Functions on managed instances are not available here.",
    "RuntimeConfig": "Runtimes of your own management are not available here.",
    "TenancyConfig": "Functions with tenants are not available here.",
}

# Taken as they are given.
_PLAIN = ("Description", "Handler", "MemorySize", "Role", "Runtime", "Timeout", "TracingConfig", "EphemeralStorage")
_DEFAULTS: Record = {
    "Description": "",
    "EphemeralStorage": {"Size": 512},
    "MemorySize": 128,
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}

# https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html: Java 11, Python 3.12, .NET 8, and later ones of each.
_SNAPPED = re.compile(r"java(?:1[17]|2\d)|python3\.(?:1[2-9]|[2-9]\d)|dotnet(?:8|[1-9]\d)")


class Configurations:
    def __init__(self, emulator: Emulator, records: FunctionRecords, targets: Targets) -> None:
        self._emulator = emulator
        self._targets = targets
        self._records = records

    async def changed(self, scope: Scope, before: Record, params: Mapping[str, Any]) -> Record:
        """A configuration with what a call says; raises what AWS refuses."""
        for name, message in NOT_AVAILABLE.items():
            if params.get(name):
                raise invalid(message)
        after = {**_DEFAULTS, **before}
        after |= {name: params[name] for name in _PLAIN if params.get(name) is not None}
        if params.get("Runtime") is not None:
            _check_runtime(params["Runtime"])
        if after.get("Runtime"):
            after["RuntimeVersionConfig"] = {"RuntimeVersionArn": _runtime_version(scope, after["Runtime"])}
        if params.get("Environment") is not None:
            variables = params["Environment"].get("Variables") or {}
            _check_variables(variables)
            after["Environment"] = {"Variables": variables}
        if params.get("Layers") is not None:
            after["Layers"] = self._layers(scope, params["Layers"])
        if params.get("VpcConfig") is not None:
            after |= await self._vpc(scope, before, params["VpcConfig"])
        if params.get("SnapStart") is not None:
            after["SnapStart"] = {"ApplyOn": params["SnapStart"].get("ApplyOn", "None"), "OptimizationStatus": "Off"}
        if after["SnapStart"]["ApplyOn"] != "None" and not _SNAPPED.match(after.get("Runtime") or ""):
            runtime = after.get("Runtime") or "A container image"
            raise invalid(f"{runtime} is not supported for SnapStart enabled functions.")
        if params.get("ImageConfig") is not None:
            image = {name: value for name, value in params["ImageConfig"].items() if value}
            after["ImageConfigResponse"] = {"ImageConfig": image} if image else None
        after["LoggingConfig"] = _logging(
            after["FunctionName"], before.get("LoggingConfig"), params.get("LoggingConfig")
        )
        for name, member in (("DeadLetterConfig", "TargetArn"), ("KMSKeyArn", ""), ("FileSystemConfigs", "")):
            if params.get(name) is not None:
                filled = params[name].get(member) if member else params[name]
                after[name] = params[name] if filled else None
        if target := (params.get("DeadLetterConfig") or {}).get("TargetArn"):
            await self._check_dead_letter(scope, target)
        if params.get("DeadLetterConfig") == {}:
            after["DeadLetterConfig"] = before.get("DeadLetterConfig")  # only a target that is "" takes it away
        return {
            name: value for name, value in after.items() if value is not None and not (name == "Layers" and not value)
        }

    async def _check_dead_letter(self, scope: Scope, arn: str) -> None:
        """AWS tries the role on the target: one that is not there looks like one that the role may not send to."""
        if await self._targets.missing(scope, arn):
            call = "SendMessage on SQS" if arn.split(":")[2] == "sqs" else "Publish on SNS"
            raise invalid(f"The provided execution role does not have permissions to call {call}")

    def _layers(self, scope: Scope, arns: list[str]) -> list[Record]:
        if len(arns) > MOST_LAYERS:
            raise invalid(f"Cannot reference more than {MOST_LAYERS} layers.")
        described, seen = [], dict[str, str]()
        for arn in arns:
            *_, region, account, _, layer, version = arn.split(":")
            if region and region != scope.region:
                raise invalid(
                    "Layers are not in the same region as the function. "
                    f"Layers are expected to be in region {scope.region}."
                )
            unversioned = arn.rpartition(":")[0]
            if unversioned in seen:
                raise invalid(
                    "Two different versions of the same layer are not allowed to be referenced in the same function. "
                    f"{seen[unversioned]} and {arn} are versions of the same layer."
                )
            seen[unversioned] = arn
            record = self._records.get(Scope(account, region), "layer-version", layer, version.zfill(10))
            present = record is not None and not record.get("deleted")
            if not present and account == scope.account:
                raise invalid(f"Layer version {arn} does not exist.")
            # Another account's layer may be known to AWS alone: a function that needs it says so when it starts.
            described.append({"Arn": arn, "CodeSize": record["Content"]["CodeSize"] if record else 0})
        return described

    async def _vpc(self, scope: Scope, before: Record, vpc: Mapping[str, Any]) -> Record:
        subnets, groups = list(vpc.get("SubnetIds") or ()), list(vpc.get("SecurityGroupIds") or ())
        if not subnets and not groups:
            # A function that had one tells an empty one; another tells none.
            emptied = {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False}
            return {"VpcConfig": emptied} if "VpcConfig" in before else {}
        answer = await self._known(scope, "Subnets", "SubnetId", subnets, "InvalidSubnetID.NotFound", "subnet ID")
        await self._known(scope, "SecurityGroups", "GroupId", groups, "InvalidGroup.NotFound", "security group")
        config = {
            "SubnetIds": subnets,
            "SecurityGroupIds": groups,
            "VpcId": next((text for text in _texts(answer, "vpcId")), ""),
            "Ipv6AllowedForDualStack": bool(vpc.get("Ipv6AllowedForDualStack")),
        }
        return {"VpcConfig": config}

    async def _known(
        self, scope: Scope, kind: str, member: str, ids: list[str], code: str, what: str
    ) -> ElementTree.Element:
        """The emulator's description of subnets or security groups; AWS's error for one that is not there."""
        named = {f"{member}.{number}": name for number, name in enumerate(ids, 1)}
        present: set[str] = set()
        answer = ElementTree.Element("none")
        try:
            answer = await self._emulator.query(scope, "ec2", f"Describe{kind}", named)
            present = set(_texts(answer, member[0].lower() + member[1:]))
        except AwsError as error:
            if error.status >= 500:
                raise
        unknown = next((name for name in ids if name not in present), None)
        if unknown is not None:
            raise invalid(
                f"Error occurred while Describe{kind}. EC2 Error Code: {code}. "
                f"EC2 Error Message: The {what} '{unknown}' does not exist"
            )
        return answer


def _texts(answer: ElementTree.Element, name: str) -> Iterable[str]:
    return [element.text or "" for element in answer.iter() if element.tag.rpartition("}")[2] == name]


def fingerprint(configuration: Record) -> str:
    """The same for two configurations between which nothing changed that a version has."""
    passing = ("RevisionId", "LastModified", "Version", "FunctionArn", "then", "at")
    kept = {
        name: value
        for name, value in configuration.items()
        if name not in passing and not name.startswith(("State", "LastUpdate"))
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _check_runtime(runtime: str) -> None:
    if runtime in DEPRECATED_RUNTIMES:
        raise invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if runtime not in RUNTIMES and runtime not in LATER_RUNTIMES:
        raise invalid(f"Value {runtime} at 'runtime' failed to satisfy constraint: {LISTED} or be a valid ARN")


def _check_variables(variables: Mapping[str, str]) -> None:
    reserved = sorted(RESERVED_VARIABLES & variables.keys())
    if reserved:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > VARIABLES_LIMIT:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {measured}"
        )


def _logging(name: str, before: Mapping[str, Any] | None, changes: Mapping[str, Any] | None) -> Record:
    after = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}", **(before or {}), **(changes or {})}
    after["LogGroup"] = after["LogGroup"] or f"/aws/lambda/{name}"
    levels = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    if after["LogFormat"] == "Text" and any((changes or {}).get(level) for level in levels):
        raise invalid(
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change '
            'the LogFormat to "JSON" and try again.'
        )
    if after["LogFormat"] == "JSON":
        return {**levels, **after}
    return {member: value for member, value in after.items() if member not in levels}


def _runtime_version(scope: Scope, runtime: str) -> str:
    digest = hashlib.sha256(runtime.encode()).hexdigest()
    return f"arn:aws:lambda:{scope.region}::runtime:{digest}"
