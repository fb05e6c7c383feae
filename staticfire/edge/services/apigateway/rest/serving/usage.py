"""How often each API key was used in each usage plan, by day: in memory, and written to the store a little later.

counted -> (every two seconds, and at the end) -> `usage` in the store
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.apigateway.rest.records import RestRecords
from staticfire.edge.services.cloudwatch.background import Background
from staticfire.edge.store import StoreFailed

log = logging.getLogger(__name__)

# GetUsage tells 90 days.
KEPT_DAYS = 100

Owner = tuple[Scope, str, str]


class UsageCounters(Background):
    def __init__(self, records: RestRecords, *, interval: float = 2.0) -> None:
        super().__init__(interval)
        self._records = records
        self._new: dict[Owner, dict[str, int]] = {}
        # What is on its way to the store: all days of a key, which the store may have already or not yet.
        self._writing: dict[Owner, dict[str, int]] = {}

    def count(self, scope: Scope, plan: str, key: str) -> None:
        days = self._new.setdefault((scope, plan, key), {})
        today = _today().isoformat()
        days[today] = days.get(today, 0) + 1
        self.wake()

    def used(self, scope: Scope, plan: str, key: str, period: str, offset: int) -> int:
        """Requests in the period that is now: the day, the week, the month; these begin `offset` days later."""
        first = _first_day(_today(), period, offset).isoformat()
        on_its_way = self._writing.get((scope, plan, key))
        days = self._records.usage(scope, plan, key) if on_its_way is None else on_its_way
        new = self._new.get((scope, plan, key), {})
        return sum(count for kept in (days, new) for day, count in kept.items() if day >= first)

    async def flush(self) -> bool:
        """What was counted is added to what the store has at that moment; what it does not take is tried again."""
        for owner in list(self._new):
            scope, plan, key = owner
            async with self._records.changing(scope):
                new = self._new.pop(owner, {})
                record = self._records.get(scope, "usage", plan, key) or {"planId": plan, "keyId": key}
                days = dict(record.get("days") or {})
                for day, count in new.items():
                    days[day] = days.get(day, 0) + count
                oldest = (_today() - timedelta(days=KEPT_DAYS)).isoformat()
                record["days"] = {day: count for day, count in days.items() if day >= oldest}
                self._writing[owner] = record["days"]
                try:
                    await self._records.put(scope, "usage", plan, key, record=record)
                except StoreFailed as error:
                    log.warning("the usage of API keys cannot be written, trying on: %s", error)
                    waiting = self._new.setdefault(owner, {})
                    for day, count in new.items():
                        waiting[day] = waiting.get(day, 0) + count
                    return True
                finally:
                    del self._writing[owner]
        return False


def _today() -> date:
    return datetime.now(UTC).date()


def _first_day(today: date, period: str, offset: int) -> date:
    if period == "WEEK":
        return today - timedelta(days=(today.isoweekday() % 7 - offset) % 7)
    if period == "MONTH":
        first = today.replace(day=1 + offset)
        return first if first <= today else (first.replace(day=1) - timedelta(days=1)).replace(day=1 + offset)
    return today
