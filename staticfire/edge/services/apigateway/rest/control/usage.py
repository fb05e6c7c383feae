"""GetUsage and UpdateUsage: what the holders of keys used of a plan's quota, day by day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, not_found, page, whole_number
from .usage_plans import required_plan

LONGEST_DAYS = 90
PATHS = ("/remaining",)


class UsageOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def get(self, call: Call, params: Params) -> Record:
        scope = call.scope
        plan = required_plan(self._records, scope, params["usagePlanId"])
        first, last = _day(params["startDate"]), _day(params["endDate"])
        if last < first or (last - first).days > LONGEST_DAYS:
            raise bad_request(f"Usage date range must be from 1 to {LONGEST_DAYS} days")
        keys = self._records.list(scope, "usage-plan-key", plan["id"])
        if key_id := params.get("keyId"):
            keys = [key for key in keys if key["id"] == key_id]
            if not keys:
                raise not_found("Invalid API Key identifier specified")
        chosen = page(keys, params)
        items = {key["id"]: list(self._daily(scope, plan, key["id"], first, last)) for key in chosen["items"]}
        return {
            "usagePlanId": plan["id"],
            "startDate": params["startDate"],
            "endDate": params["endDate"],
            "items": items,
            "position": chosen["position"],
        }

    def _daily(self, scope: Scope, plan: Record, key_id: str, first: date, last: date) -> Iterator[list[int]]:
        """What was used on each day, and what was left of the period's quota at its end."""
        days = self._records.usage(scope, plan["id"], key_id)
        quota = plan.get("quota")
        day = first
        while day <= last:
            used = days.get(day.isoformat(), 0)
            left = quota["limit"] - _used_until(days, _start(quota, day), day) if quota else 0
            yield [used, left]
            day += timedelta(days=1)

    async def update(self, call: Call, params: Params) -> Record:
        """What is left of the quota today is set by what was used."""
        scope = call.scope
        async with self._records.changing(scope):
            plan = required_plan(self._records, scope, params["usagePlanId"])
            if self._records.get(scope, "usage-plan-key", plan["id"], params["keyId"]) is None:
                raise not_found("Invalid API Key identifier specified")
            quota = plan.get("quota")
            if not quota:
                raise bad_request("Usage Plan has no quota")
            today = datetime.now(UTC).date()  # as serving counts
            usage = self._records.get(scope, "usage", plan["id"], params["keyId"]) or {"days": {}}
            days = usage["days"]
            for patch in patches.read(params):
                patches.supported(patch, PATHS)
                left = whole_number(patch.value, "remaining quota")
                others = _used_until(days, _start(quota, today), today) - days.get(today.isoformat(), 0)
                days[today.isoformat()] = quota["limit"] - left - others
            await self._records.put(scope, "usage", plan["id"], params["keyId"], record=usage)
        items = {params["keyId"]: list(self._daily(scope, plan, params["keyId"], today, today))}
        moment = today.isoformat()
        return {"usagePlanId": plan["id"], "startDate": moment, "endDate": moment, "items": items}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise bad_request(f"Invalid date specified: {text}. It must be YYYY-MM-DD") from None


def _start(quota: Record, day: date) -> date:
    """The first day of the quota's period that a day is in."""
    if quota["period"] == "WEEK":
        return day - timedelta(days=(day.isoweekday() % 7 - quota["offset"]) % 7)
    if quota["period"] == "MONTH":
        first = day.replace(day=1 + quota["offset"])
        return first if first <= day else (first.replace(day=1) - timedelta(days=1)).replace(day=1 + quota["offset"])
    return day


def _used_until(days: dict[str, int], first: date, last: date) -> int:
    return sum(count for day, count in days.items() if first.isoformat() <= day <= last.isoformat())
