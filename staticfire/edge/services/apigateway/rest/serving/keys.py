"""API keys and usage plans: who may call how often.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html: a method that wants a key
wants one of a usage plan that holds the API's stage. The plan throttles each of its keys, by method too, and has a
quota.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.apigateway.common.throttle import UNLIMITED, Bucket
from staticfire.edge.services.apigateway.rest.records import RestRecords

from .exchange import RestExchange
from .gateway_responses import GatewayRefusal
from .usage import UsageCounters

MAX_BUCKETS = 10_000


class ApiKeys:
    """The keys of all accounts. What is described of them is read once, and anew after each change."""

    def __init__(self, records: RestRecords, usage: UsageCounters) -> None:
        self._records = records
        self._usage = usage
        self._plans: dict[tuple[Scope, str, str, str], tuple[Mapping[str, Any], Mapping[str, Any]] | None] = {}
        self._buckets: dict[tuple[str, ...], tuple[float, float, Bucket]] = {}
        records.listen(self._changed)

    def _changed(self, api_id: str) -> None:
        self._plans.clear()

    def check(self, exchange: RestExchange, value: str | None) -> None:
        """The key that the caller showed opens the method, and has requests left."""
        if not value:
            raise _forbidden("the request shows no API key")
        plan_and_key = self._plan(exchange, value)
        if plan_and_key is None:
            raise _forbidden("the API key is not one of a usage plan of this stage, or is disabled")
        key, plan = plan_and_key
        exchange.identity |= {"apiKey": value, "apiKeyId": key["id"]}
        self._throttle(exchange, key, plan)
        self._count(exchange, key, plan)

    def _plan(self, exchange: RestExchange, value: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        place = (exchange.scope, exchange.api_id, exchange.stage, value)
        if place not in self._plans:
            if len(self._plans) >= MAX_BUCKETS:
                self._plans.clear()
            self._plans[place] = self._read_plan(*place)
        return self._plans[place]

    def _read_plan(
        self, scope: Scope, api_id: str, stage: str, value: str
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        key = self._records.api_key_of(scope, value)
        if key is None or not key.get("enabled"):
            return None
        for plan in self._records.plans_of_key(scope, key["id"]):
            stages = ((one.get("apiId"), one.get("stage")) for one in plan.get("apiStages") or ())
            if (api_id, stage) in stages:
                return key, plan
        return None

    def _throttle(self, exchange: RestExchange, key: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        own = _of_method(exchange, plan)
        for name, limits in (("", plan.get("throttle")), (f"{exchange.resource_path}/{exchange.verb}", own)):
            if not limits:
                continue
            place = (plan["id"], key["id"], exchange.api_id if name else "", exchange.stage if name else "", name)
            if not self._bucket(place, limits).take(time.monotonic()):
                raise throttled(f"usage plan {plan['id']}")

    def _bucket(self, place: tuple[str, ...], limits: Mapping[str, Any]) -> Bucket:
        rate = float(limits.get("rateLimit") or 0) or UNLIMITED
        burst = float(limits.get("burstLimit") or 0) or max(rate, 1)
        kept = self._buckets.get(place)
        if kept is None or kept[:2] != (rate, burst):
            if len(self._buckets) >= MAX_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
            kept = self._buckets[place] = rate, burst, Bucket(rate, burst)
        return kept[2]

    def _count(self, exchange: RestExchange, key: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        quota = plan.get("quota") or {}
        if quota.get("limit"):
            period, offset = quota.get("period", "DAY"), int(quota.get("offset") or 0)
            if self._usage.used(exchange.scope, plan["id"], key["id"], period, offset) >= int(quota["limit"]):
                raise GatewayRefusal(
                    "QUOTA_EXCEEDED", "Limit Exceeded", f"the quota of usage plan {plan['id']} is used up"
                )
        self._usage.count(exchange.scope, plan["id"], key["id"])


def _of_method(exchange: RestExchange, plan: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The limits that a plan has for a method of a stage: `/pets/GET`."""
    for stage in plan.get("apiStages") or ():
        if (stage.get("apiId"), stage.get("stage")) == (exchange.api_id, exchange.stage):
            limits: Mapping[str, Any] = stage.get("throttle") or {}
            verbs = (exchange.verb, exchange.method.verb if exchange.method else "")
            return next(
                (limits[name] for verb in verbs if (name := f"{exchange.resource_path}/{verb}") in limits), None
            )
    return None


def _forbidden(reason: str) -> GatewayRefusal:
    return GatewayRefusal("INVALID_API_KEY", "Forbidden", reason)


def throttled(what: str) -> GatewayRefusal:
    return GatewayRefusal("THROTTLED", "Too Many Requests", f"the throttling limits of {what}")


class KeyCheck:
    """The key of a method that wants one: in `x-api-key`, or as the authorizer said."""

    def __init__(self, keys: ApiKeys, source: str) -> None:
        self._keys = keys
        self._by_authorizer = source == "AUTHORIZER"

    async def check(self, exchange: RestExchange) -> None:
        self._keys.check(exchange, exchange.usage_key if self._by_authorizer else exchange.header("x-api-key"))
