"""The reconciler: brings the aggregates in DynamoDB to what Postgres says, wherever a request died between the two.

Two ways to find users to check, both in pages, both with their progress kept in Postgres, so that a run that ends early
(time, a crash, an outage) is continued by the next one:

- a sweep over all users: when nothing was reconciled yet, and on demand (`{"full": true}`: the table was lost, a database was restored);
- the users of the events since the last run.

Runs may overlap: progress is compared before it is set, and a check may be repeated any number of times.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from servicekit import aws
from servicekit.database import Database

from usage.ledger import Totals
from usage.projection import BATCH, Projection

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

PAGE = 1000
RESERVE_MILLISECONDS = 15_000
STATEMENT_SECONDS = 8

# An event's time is its statement's start, and statements are bounded to a few seconds: after a minute it is committed or never.
SETTLED = "interval '1 minute'"

BEGIN = f"""
insert into usage_reconciliation (checked_at, checked_id, sweep_after)
values (now() - {SETTLED}, '00000000-0000-0000-0000-000000000000', '')
on conflict (one) do update set sweep_after = case when :full then '' else usage_reconciliation.sweep_after end
returning checked_at, checked_id, sweep_after
"""
USERS_AFTER = "select user_id, events, total from usage_users where user_id > :after order by user_id limit :page"
USERS_NAMED = "select user_id, events, total from usage_users where user_id = any(:users)"
SWEPT = """
update usage_reconciliation set sweep_after = :now where sweep_after = :before
returning sweep_after
"""
SWEEP_POSITION = "select sweep_after from usage_reconciliation"
EVENTS_AFTER = """
select recorded_at, id, user_id from usage_events
where (recorded_at, id) > (:at, :id) order by recorded_at, id limit :page
"""
CHECKED = f"""
update usage_reconciliation set (checked_at, checked_id) = (
  select least(:at::timestamptz, now() - {SETTLED}),
    case when :at::timestamptz < now() - {SETTLED} then :id::uuid else '00000000-0000-0000-0000-000000000000' end
)
where checked_at < least(:at::timestamptz, now() - {SETTLED})
  or (checked_at = :at::timestamptz and checked_id < :id::uuid)
"""


@dataclass
class Report:
    checked: int = 0
    repaired: int = 0
    complete: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {"checked": self.checked, "repaired": self.repaired, "complete": self.complete}


class Reconciler:
    def __init__(self, database: Database, projection: Projection) -> None:
        self._database = database
        self._projection = projection

    def run(self, context: Any, *, full: bool) -> Report:
        """As much as the context's time allows; `complete` tells whether anything is left for the next run."""
        report = Report()
        [[at, event_id, sweep_after]] = self._database.run(BEGIN, full=full)
        report.complete = self._sweep(sweep_after, context, report) and self._follow(at, event_id, context, report)
        return report

    def _sweep(self, after: str | None, context: Any, report: Report) -> bool:
        while after is not None:
            if _time_is_up(context):
                return False
            page = [Totals(*row) for row in self._database.run(USERS_AFTER, after=after, page=PAGE)]
            self._check(page, report)
            reached = page[-1].user if len(page) == PAGE else None
            if self._database.run(SWEPT, now=reached, before=after):
                after = reached
            else:  # another run moved it, or asked for a new sweep: go on from there
                [[after]] = self._database.run(SWEEP_POSITION) or [[None]]
        return True

    def _follow(self, at: datetime, event_id: UUID, context: Any, report: Report) -> bool:
        while not _time_is_up(context):
            events = self._database.run(EVENTS_AFTER, at=at, id=event_id, page=PAGE)
            if events:
                users = sorted({user for _, _, user in events})
                self._check([Totals(*row) for row in self._database.run(USERS_NAMED, users=users)], report)
                at, event_id, _ = events[-1]
                self._database.run(CHECKED, at=at, id=event_id)
            if len(events) < PAGE:
                return True
        return False

    def _check(self, users: list[Totals], report: Report) -> None:
        for start in range(0, len(users), BATCH):
            batch = users[start : start + BATCH]
            found = self._projection.read([totals.user for totals in batch])
            for totals in batch:
                aggregate = found.get(totals.user)
                report.checked += 1
                if aggregate is None or aggregate.events < totals.events:
                    report.repaired += self._projection.put(totals)
                elif (aggregate.events, aggregate.total) != (totals.events, totals.total):
                    # Later than our page, or of a history that a restore has undone: what Postgres says now decides.
                    for row in self._database.run(USERS_NAMED, users=[totals.user]):
                        current = Totals(*row)
                        if (current.events, current.total) != (aggregate.events, aggregate.total):
                            written = (
                                self._projection.put(current)
                                if aggregate.events < current.events
                                else self._projection.replace(current, aggregate)
                            )
                            report.repaired += written


def handler(event: Any, context: Any) -> dict[str, Any]:
    full = isinstance(event, dict) and event.get("full") is True
    report = reconciler.run(context, full=full).as_dict()
    logger.info("reconciled", extra={"full": full, **report})
    return report


def _time_is_up(context: Any) -> bool:
    remaining: int = context.get_remaining_time_in_millis()
    return remaining < RESERVE_MILLISECONDS


reconciler = Reconciler(
    Database.from_environment(STATEMENT_SECONDS),
    Projection.from_environment(aws.dynamodb()),
)
