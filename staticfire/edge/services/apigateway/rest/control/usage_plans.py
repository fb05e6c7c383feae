"""Usage plans: how often and how fast the holders of API keys may call which stages."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .api_keys import plan_key, required_key
from .common import (
    bad_request,
    conflict,
    in_order,
    made,
    new_id,
    newest_first,
    not_found,
    number,
    page,
    whole_number,
    with_tags,
)
from .patches import Patch

PERIODS = ("DAY", "WEEK", "MONTH")
PATHS = (
    *("/name", "/description", "/productCode", "/quota", "/quota/limit", "/quota/offset", "/quota/period"),
    *("/throttle", "/throttle/rateLimit", "/throttle/burstLimit", "/apiStages", "/apiStages/{apiId:stage}/throttle"),
)
_NO_PLAN = "Invalid Usage Plan ID specified"


class UsagePlanOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        scope = call.scope
        if not params.get("name"):
            raise bad_request("Usage plan name cannot be empty")
        plan = made({"id": new_id(), "name": params["name"], "apiStages": params.get("apiStages") or []})
        plan |= {
            member: params[member] for member in ("description", "throttle", "quota", "tags") if params.get(member)
        }
        for stage in plan["apiStages"]:
            self._require_stage(scope, stage.get("apiId", ""), stage.get("stage", ""))
        _complete(plan)
        async with self._records.changing(scope):
            await self._records.put(scope, "usage-plan", plan["id"], record=plan)
        return plan

    def _require_stage(self, scope: Scope, api_id: str, stage: str) -> None:
        # The second generation's are WebSocket APIs': what the store has of them stands beside this one's.
        of_web_socket = self._records.get(scope, "stage", api_id, stage)
        if self._records.stage(scope, api_id, stage) is None and of_web_socket is None:
            raise not_found(f"API Stage not found: {api_id}:{stage}")

    async def get(self, call: Call, params: Params) -> Record:
        return with_tags(required_plan(self._records, call.scope, params["usagePlanId"]))

    async def list_all(self, call: Call, params: Params) -> Record:
        scope = call.scope
        key_id = params.get("keyId")
        plans = self._records.plans_of_key(scope, key_id) if key_id else self._records.usage_plans(scope)
        return page(in_order(plans), params)

    async def update(self, call: Call, params: Params) -> Record:
        scope = call.scope
        async with self._records.changing(scope):
            plan = required_plan(self._records, scope, params["usagePlanId"])
            for patch in patches.read(params):
                self._change(scope, plan, patch)
            _complete(plan)
            await self._records.put(scope, "usage-plan", plan["id"], record=plan)
        return with_tags(plan)

    def _change(self, scope: Scope, plan: Record, patch: Patch) -> None:
        parts = patch.parts
        also = {"add": PATHS[2:], "remove": PATHS[1:]}
        patches.supported(patch, PATHS, also=also)
        if patch.top == "apiStages" and len(parts) == 1:
            self._change_stages(scope, plan, patch)
        elif patch.top == "apiStages":
            _change_stage_throttle(plan, patch)
        elif patch.top in ("throttle", "quota"):
            _change_limits(plan, patch)
        else:
            patches.set_or_drop(plan, patch.top, None if patch.op == "remove" else patch.value)

    def _change_stages(self, scope: Scope, plan: Record, patch: Patch) -> None:
        api_id, colon, stage = (patch.value or "").partition(":")
        if not colon:
            raise bad_request(f"Invalid API stage specified: {patch.value}. It must be apiId:stage")
        others = [one for one in plan["apiStages"] if (one["apiId"], one["stage"]) != (api_id, stage)]
        if patch.op == "remove":
            if len(others) == len(plan["apiStages"]):
                raise not_found(f"API Stage not found: {patch.value}")
            plan["apiStages"] = others
            return
        self._require_stage(scope, api_id, stage)
        plan["apiStages"] = [*others, {"apiId": api_id, "stage": stage}]

    async def delete(self, call: Call, params: Params) -> None:
        scope = call.scope
        async with self._records.changing(scope):
            plan = required_plan(self._records, scope, params["usagePlanId"])
            if any(self._records.stage(scope, one["apiId"], one["stage"]) for one in plan["apiStages"]):
                raise bad_request(f"Cannot delete Usage Plan {plan['id']} because it has API stages associated with it")
            keys = [
                key for kind in ("usage-plan-key", "usage") for key, _ in self._records.entries(scope, kind, plan["id"])
            ]
            await self._records.write(deletes=[self._records.key(scope, "usage-plan", plan["id"]), *keys])

    async def create_key(self, call: Call, params: Params) -> Record:
        scope = call.scope
        async with self._records.changing(scope):
            plan = required_plan(self._records, scope, params["usagePlanId"])
            if params["keyType"] != "API_KEY":
                raise bad_request("Invalid Usage Plan Key type specified. Must be API_KEY")
            key = required_key(self._records, scope, params["keyId"])
            if self._records.get(scope, "usage-plan-key", plan["id"], key["id"]) is not None:
                raise conflict("Usage plan key already exists for this usage plan")
            entry = plan_key(key)
            await self._records.put(scope, "usage-plan-key", plan["id"], key["id"], record=entry)
        return entry

    async def get_key(self, call: Call, params: Params) -> Record:
        required_plan(self._records, call.scope, params["usagePlanId"])
        return self._required_key(call.scope, params)

    async def list_keys(self, call: Call, params: Params) -> Record:
        keys = [
            key
            for key in newest_first(self._records.list(call.scope, "usage-plan-key", params["usagePlanId"]))
            if (key.get("name") or "").startswith(params.get("nameQuery") or "")
        ]
        return page(keys, params)

    async def delete_key(self, call: Call, params: Params) -> None:
        scope = call.scope
        async with self._records.changing(scope):
            required_plan(self._records, scope, params["usagePlanId"])
            self._required_key(scope, params)
            key = (params["usagePlanId"], params["keyId"])
            await self._records.write(
                deletes=[self._records.key(scope, kind, *key) for kind in ("usage-plan-key", "usage")]
            )

    def _required_key(self, scope: Scope, params: Params) -> Record:
        entry = self._records.get(scope, "usage-plan-key", params["usagePlanId"], params["keyId"])
        if entry is None:
            raise not_found("Invalid API Key identifier specified")
        return entry


def required_plan(records: RestRecords, scope: Scope, plan_id: str) -> Record:
    plan = records.get(scope, "usage-plan", plan_id)
    if plan is None:
        raise not_found(_NO_PLAN)
    return plan


def _complete(plan: Record) -> None:
    """Refuse limits that are none, and tell those that AWS fills in."""
    quota, throttle = plan.get("quota"), plan.get("throttle")
    if quota:
        quota.setdefault("offset", 0)
        if quota.get("period") not in PERIODS:
            raise bad_request(f"Usage Plan quota period must be one of: {', '.join(PERIODS)}")
        if quota.get("limit", 0) <= 0:
            raise bad_request("Usage Plan quota limit must be greater than 0")
        if quota["offset"] < 0 or quota["offset"] > {"DAY": 0, "WEEK": 6, "MONTH": 27}[quota["period"]]:
            raise bad_request("Usage Plan quota offset is not within the period")
    if throttle:
        throttle.setdefault("burstLimit", 0)
        throttle["rateLimit"] = float(throttle.get("rateLimit", 0))
        if throttle["burstLimit"] < 0 or throttle["rateLimit"] < 0:
            raise bad_request("Usage Plan throttle limits must not be negative")


def _change_limits(plan: Record, patch: Patch) -> None:
    parts = patch.parts
    if len(parts) == 1:
        if patch.op != "remove":
            raise patches.invalid_path(patch.path)
        plan.pop(patch.top, None)
        return
    limits = dict(plan.get(patch.top) or {})
    if patch.op == "remove":
        limits.pop(parts[1], None)
    elif parts[1] == "rateLimit":
        limits[parts[1]] = number(patch.value, "rate limit")
    elif parts[1] == "period":
        limits[parts[1]] = patch.value
    else:
        limits[parts[1]] = whole_number(patch.value, parts[1])
    patches.set_or_drop(plan, patch.top, limits or None)


def _change_stage_throttle(plan: Record, patch: Patch) -> None:
    """`/apiStages/API:STAGE/throttle/PATH/METHOD/rateLimit`, with the path's slashes as `~1`."""
    parts = patch.parts
    stage = next((one for one in plan["apiStages"] if f"{one['apiId']}:{one['stage']}" == parts[1]), None)
    if stage is None:
        raise not_found(f"API Stage not found: {parts[1]}")
    if len(parts) < 3 or parts[2] != "throttle":
        raise patches.invalid_path(patch.path)
    throttles = stage.setdefault("throttle", {})
    if patch.op == "remove":
        if len(parts) == 3:
            throttles.clear()
        else:
            throttles.pop("/".join(parts[3:]), None)
    elif len(parts) > 5 and parts[-1] in ("rateLimit", "burstLimit"):
        # Terraform does not escape the path's slashes.
        at = "/".join(parts[3:-1])
        read = number if parts[-1] == "rateLimit" else whole_number
        throttles.setdefault(at, {"rateLimit": 0.0, "burstLimit": 0})[parts[-1]] = read(patch.value, parts[-1])
    else:
        raise patches.invalid_path(patch.path)
    if not throttles:
        del stage["throttle"]
