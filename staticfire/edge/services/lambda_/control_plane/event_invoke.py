"""Event invoke configs: what becomes of asynchronous invocations of a function, a version or an alias."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.lambda_.function_records import FunctionRecords, Record
from staticfire.edge.services.lambda_.model import LATEST, FunctionRef
from staticfire.edge.services.lambda_.pages import page_of

from .called import check_qualified, invalid, missing, ref_of
from .targets import Targets

KIND = "event-invoke-config"
DESTINATIONS = ("events", "lambda", "s3", "sns", "sqs")
_LIMITS = ("MaximumEventAgeInSeconds", "MaximumRetryAttempts")


class EventInvokeOperations:
    def __init__(self, records: FunctionRecords, targets: Targets) -> None:
        self._records = records
        self._targets = targets

    async def put(self, call: Call, params: Params) -> Record:
        ref = self._existing(ref_of(self._records, call, params))
        return await self._write(ref, {}, params)

    async def update(self, call: Call, params: Params) -> Record:
        ref = self._existing(ref_of(self._records, call, params))
        return await self._write(ref, self._config(ref), params)

    async def get(self, call: Call, params: Params) -> Record:
        return self._config(_qualified(ref_of(self._records, call, params)))

    async def delete(self, call: Call, params: Params) -> None:
        ref = _qualified(ref_of(self._records, call, params))
        self._config(ref)
        await self._records.delete(ref.scope, KIND, ref.name, ref.qualifier or "")

    async def list_all(self, call: Call, params: Params) -> Record:
        ref = ref_of(self._records, call, params)
        if self._records.get(ref.scope, "function", ref.name) is None:
            raise missing("The function doesn't exist.")
        configs = list(self._records.list(ref.scope, KIND, f"{ref.name}:"))
        return page_of(configs, params, "FunctionEventInvokeConfigs", key="FunctionArn")

    def _existing(self, ref: FunctionRef) -> FunctionRef:
        ref = _qualified(ref)
        try:
            check_qualified(self._records, ref)
        except AwsError as error:
            raise missing("The function doesn't exist.") from error
        return ref

    def _config(self, ref: FunctionRef) -> Record:
        config = self._records.get(ref.scope, KIND, ref.name, ref.qualifier or "")
        if config is None:
            raise missing(f"The function {ref.arn} doesn't have an EventInvokeConfig")
        return config

    async def _write(self, ref: FunctionRef, before: Record, params: Params) -> Record:
        if all(params.get(name) is None for name in (*_LIMITS, "DestinationConfig")):
            raise invalid("You must specify at least one of error handling or destination setting.")
        config = {
            "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
            **before,
            "FunctionArn": ref.arn,
            "LastModified": time.time(),
        }
        config |= {name: params[name] for name in _LIMITS if params.get(name) is not None}
        if params.get("DestinationConfig") is not None:
            config["DestinationConfig"] = {
                **config["DestinationConfig"],
                **await self._destinations(ref, params["DestinationConfig"]),
            }
        await self._records.put(ref.scope, KIND, ref.name, ref.qualifier or "", record=config)
        return config

    async def _destinations(self, ref: FunctionRef, config: Mapping[str, Any]) -> Record:
        destinations = {}
        for side in ("OnSuccess", "OnFailure"):
            if side not in config:
                continue
            arn = (config[side] or {}).get("Destination")
            destinations[side] = {"Destination": arn} if arn else {}
            if not arn:
                continue
            service = arn.split(":")[2]
            if service not in DESTINATIONS or (side, service) == ("OnSuccess", "s3"):
                raise invalid(f"The provided destination config {_java(config)} is invalid.")
            if service == "lambda":
                self._check_function(ref, arn)
            elif await self._targets.missing(ref.scope, arn):
                raise _no_destination(arn)
        return destinations

    def _check_function(self, ref: FunctionRef, arn: str) -> None:
        other = FunctionRef.parse(arn, ref.scope)
        if (other.scope, other.name) == (ref.scope, ref.name):
            raise invalid("You can't specify the function as a destination for itself.")
        if other.scope == ref.scope and self._records.get(other.scope, "function", other.name) is None:
            raise _no_destination(arn)


def _no_destination(arn: str) -> AwsError:
    return invalid(f"The destination ARN {arn} is invalid.")


def _qualified(ref: FunctionRef) -> FunctionRef:
    return ref._replace(qualifier=ref.qualifier or LATEST)


def _java(config: Mapping[str, Any]) -> str:
    sides = []
    for side in ("OnSuccess", "OnFailure"):
        name = f"{side[:1].lower()}{side[1:]}"
        destination = (config.get(side) or {}).get("Destination")
        sides.append(f"{name}=" + (f"{side}(destination={destination})" if side in config else "null"))
    return f"DestinationConfig({', '.join(sides)})"
