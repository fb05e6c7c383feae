"""What UpdateStage changes: method settings by their paths, canaries and their promotion, access logs, variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, number, truth, whole_number
from .patches import Patch

# What each path below a method sets, how its value is read, and what AWS sets with the first of them.
SETTINGS: Mapping[str, tuple[str, Callable[[str], Any], Any]] = {
    "metrics/enabled": ("metricsEnabled", truth, False),
    "logging/dataTrace": ("dataTraceEnabled", truth, False),
    "logging/loglevel": ("loggingLevel", str, None),
    "throttling/burstLimit": ("throttlingBurstLimit", lambda text: whole_number(text, "burst limit"), 5000),
    "throttling/rateLimit": ("throttlingRateLimit", lambda text: number(text, "rate limit"), 10_000.0),
    "caching/ttlInSeconds": ("cacheTtlInSeconds", lambda text: whole_number(text, "cache ttl"), 300),
    "caching/enabled": ("cachingEnabled", truth, False),
    "caching/dataEncrypted": ("cacheDataEncrypted", truth, False),
    "caching/requireAuthorizationForCacheControl": ("requireAuthorizationForCacheControl", truth, True),
    "caching/unauthorizedCacheControlHeaderStrategy": (
        "unauthorizedCacheControlHeaderStrategy",
        str,
        "SUCCEED_WITH_RESPONSE_HEADER",
    ),
}
DEFAULTS = {member: default for member, _, default in SETTINGS.values() if default is not None}
LEVELS = ("OFF", "ERROR", "INFO")
EVERY = "*/*"
LONGEST_CACHED = 3600
CACHE_SIZES = ("0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237")
_VARIABLE = re.compile(r"\w+", re.ASCII)
_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=, ]*")

_SETTING = re.compile(rf"/(?P<method>.+/[^/]+)/(?P<name>{'|'.join(SETTINGS)})")
_COPIES = ("/deploymentId", "/variables")
_COPIED = ("/canarySettings/deploymentId", "/canarySettings/stageVariableOverrides")
_LOG = ("destinationArn", "format")
_LOG_PATHS = (
    "Invalid accessLogSettings path. Must be one of : "
    + "[/accessLogSettings/destinationArn, "
    + ("/accessLogSettings/format]")
)


def _valid_paths() -> str:
    """AWS's list, in which two commas are missing each time."""
    paths = [
        *("/deploymentId", "/description", "/cacheClusterEnabled", "/cacheClusterSize", "/clientCertificateId"),
        *("/accessLogSettings", "/accessLogSettings/destinationArn", "/accessLogSettings/format"),
    ]
    text = ", ".join(paths)
    for at, gap in (("/{resourcePath}/{httpMethod}", ""), ("/*/*", " ")):
        burst, rate, ttl = (f"{at}/{name}" for name in list(SETTINGS)[3:6])
        before = ", ".join(f"{at}/{name}" for name in list(SETTINGS)[:3])
        after = ", ".join(f"{at}/{name}" for name in list(SETTINGS)[6:])
        text += f", {before}, {burst}{gap}{rate}{gap}{ttl}, {after}"
    return f"[{text}, /variables/{{variable_name}}, /tracingEnabled]"


def check_variables(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        if _VARIABLE.fullmatch(name) is None:
            raise bad_request(f"Invalid stage variable name {name}.  Please use alphanumeric characters and '_'.")
        if _VALUE.fullmatch(value or "") is None:
            raise bad_request(
                f"Invalid stage variable value of key {name}.  Please use values with alphanumeric characters and the "
                "symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
            )


class StagePatches:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    def apply(self, scope: Scope, api_id: str, stage: Record, params: Params) -> None:
        """All of them, to a document that nobody else has."""
        for patch in patches.read(params):
            if patch.op == "copy":
                _promote(stage, patch)
            elif patch.top == "canarySettings":
                self._canary(scope, api_id, stage, patch)
            elif patch.top == "accessLogSettings":
                _access_log(stage, patch)
            elif patch.path == "/deploymentId":
                patches.must_be(patch, "replace")
                self._require_deployment(scope, api_id, patch.value)
                stage["deploymentId"] = patch.value
            else:
                _plain(stage, patch)

    def _require_deployment(self, scope: Scope, api_id: str, deployment_id: str | None) -> None:
        if self._records.deployment(scope, api_id, deployment_id or "") is None:
            raise bad_request("Deployment id does not exist")

    def _canary(self, scope: Scope, api_id: str, stage: Record, patch: Patch) -> None:
        if patch.op == "remove" and patch.path == "/canarySettings":
            stage.pop("canarySettings", None)
            return
        parts = patch.parts
        member = parts[1] if len(parts) > 1 else ""
        is_override = member == "stageVariableOverrides" and len(parts) == 3
        valid = is_override or (len(parts) == 2 and member in ("percentTraffic", "deploymentId", "useStageCache"))
        if patch.op != "replace":
            if valid:
                raise bad_request(f"Invalid {patch.op} operation with path: {patch.path}")
            raise _no_setting(patch)
        if not valid:
            raise _invalid_setting(patch)
        canary = {"deploymentId": stage["deploymentId"], "percentTraffic": 0.0, "useStageCache": False}
        canary |= stage.get("canarySettings") or {}
        if is_override:
            check_variables({parts[2]: patch.value or ""})
            canary["stageVariableOverrides"] = {**canary.get("stageVariableOverrides", {}), parts[2]: patch.value}
        elif member == "deploymentId":
            self._require_deployment(scope, api_id, patch.value)
            canary[member] = patch.value
        elif member == "percentTraffic":
            canary[member] = number(patch.value, "percentTraffic")
            if not 0 <= canary[member] <= 100:
                raise bad_request(f"Invalid percentTraffic specified: {patch.value} is not from 0.0 to 100.0")
        else:
            canary[member] = truth(patch.value)
        stage["canarySettings"] = canary


def _promote(stage: Record, patch: Patch) -> None:
    """What a canary served becomes what the stage serves."""
    if patch.path not in _COPIES or patch.source not in _COPIED:
        raise bad_request(
            f"Invalid copy operation with path: {patch.path} and from {patch.source}. Valid copy:path are "
            f"[{', '.join(_COPIES)}] and valid copy:from are [{', '.join(_COPIED)}]"
        )
    canary = stage.get("canarySettings")
    if not canary:
        raise bad_request("Promotion not available. Canary does not exist.")
    if patch.path == "/deploymentId":
        stage["deploymentId"] = canary["deploymentId"]
    elif canary.get("stageVariableOverrides"):
        stage["variables"] = {**stage.get("variables", {}), **canary["stageVariableOverrides"]}


def _access_log(stage: Record, patch: Patch) -> None:
    if patch.op == "remove":
        if patch.path != "/accessLogSettings":
            raise _no_setting(patch)
        stage.pop("accessLogSettings", None)
        return
    if len(patch.parts) != 2 or patch.parts[1] not in _LOG or patch.op not in ("add", "replace"):
        raise bad_request(_LOG_PATHS)
    if not patch.value:
        raise bad_request("Access Log value must not be empty")
    stage["accessLogSettings"] = {**(stage.get("accessLogSettings") or {}), patch.parts[1]: patch.value}


def _plain(stage: Record, patch: Patch) -> None:
    patches.must_be(patch, "add", "remove", "replace")
    top, parts = patch.top, patch.parts
    if patch.op == "remove" and top not in ("variables", "description", "clientCertificateId"):
        _remove_setting(stage, patch)
    elif top == "variables" and len(parts) == 2:
        patches.change_map({}, top, Patch("add", patch.path, patch.value, None), patch.value)
        if patch.op != "remove":
            check_variables({parts[1]: patch.value or ""})
            stage[top] = {**stage.get(top, {}), parts[1]: patch.value or ""}
        elif parts[1] in stage.get(top, {}):
            patches.change_map(stage, top, patch, None)
    elif len(parts) == 1 and top in ("description", "clientCertificateId", "documentationVersion", "cacheClusterSize"):
        if top == "cacheClusterSize" and patch.value not in CACHE_SIZES:
            raise bad_request(f"Invalid cache cluster size specified. Valid options are {','.join(CACHE_SIZES)}")
        patches.set_or_drop(stage, top, None if patch.op == "remove" else patch.value)
    elif patch.path == "/tracingEnabled":
        stage[top] = truth(patch.value)
    elif patch.path == "/cacheClusterEnabled":
        stage[top] = truth(patch.value)
        stage["cacheClusterStatus"] = "AVAILABLE" if stage[top] else "NOT_AVAILABLE"
        if stage[top]:
            stage.setdefault("cacheClusterSize", "0.5")
    else:
        _set(stage, patch)


def _set(stage: Record, patch: Patch) -> None:
    """One setting of a method, or of all; the first of a method brings all others, those of all methods first."""
    match = _SETTING.fullmatch(patch.path)
    if match is None:
        raise _invalid_setting(patch)
    member, reader, _ = SETTINGS[match["name"]]
    value = reader(patch.value or "")
    if member == "loggingLevel" and value not in LEVELS:
        raise bad_request(f"Invalid logging level specified: {value}. Must be one of: [{', '.join(LEVELS)}]")
    if member == "cacheTtlInSeconds" and not 0 <= value <= LONGEST_CACHED:
        raise bad_request(f"Invalid cache ttl specified: {value} is not from 0 to {LONGEST_CACHED}")
    settings = stage["methodSettings"]
    settings.setdefault(match["method"], {**DEFAULTS, **settings.get(EVERY, {})})[member] = value


def _remove_setting(stage: Record, patch: Patch) -> None:
    if stage["methodSettings"].pop(patch.path.removeprefix("/"), None) is None:
        raise _no_setting(patch)


def _no_setting(patch: Patch) -> AwsError:
    name = patch.path.removeprefix("/")
    return bad_request(f"Cannot {patch.op} method setting {name} because there is no method setting for this method ")


def _invalid_setting(patch: Patch) -> AwsError:
    return bad_request(f"Invalid method setting path: {patch.path}. Must be one of: {_valid_paths()}")
