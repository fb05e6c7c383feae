"""The reconciler: brings the aggregates in DynamoDB to what Postgres says, wherever a request died between the two.

Each run also brings the grand totals, which the average is answered from, to the sum of the users' totals. They move in
one commit with the event, so that a difference was made by something else; it is repaired and logged all the same.

It finds the users to check in two ways, both in pages, both with their progress kept in Postgres, so that a run that
ends early (time, a crash, an outage) is continued by the next one:

- a sweep over all users: when nothing was reconciled yet, and on demand (`{"full": true}`: the table was lost, a
  database was restored);
- the users of the events since the last run.

Runs may overlap: progress is compared before it is set, and a check may be repeated any number of times.
"""

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from servicekit.clients import client
from servicekit.database import Database
from servicekit.table import MOST_READ, Table

from usage.ledger import Totals
from usage.projection import Aggregate, Projection

logger = Logger()

PAGE = 1000
RESERVE_MILLISECONDS = 15_000
STATEMENT_SECONDS = 8
FIRST_ID = uuid.UUID(int=0)

# An event's time is that of its statement's start, and statements are bounded to a few seconds: what is older than a
# minute is committed or never will be. Only that may be passed for good.
BEGIN = """
insert into usage_reconciliation (checked_at, checked_id, sweep_after)
values (now() - interval '1 minute', :first, '')
on conflict (one) do update set sweep_after = case when :full then '' else usage_reconciliation.sweep_after end
returning checked_at, checked_id, sweep_after, now() - interval '1 minute'
"""
USERS_AFTER = "select user_id, events, total from usage_users where user_id > :after order by user_id limit :page"
# Names as JSON: in an array of Postgres, pg8000 writes the user `null` so that it is no user at all.
USERS_NAMED = """
select user_id, events, total from usage_users
where user_id = any(array(select json_array_elements_text(cast(:users as json))))
"""
SWEPT = "update usage_reconciliation set sweep_after = :reached where sweep_after = :before returning one"
SWEEP_AFTER = "select sweep_after from usage_reconciliation"
EVENTS_AFTER = """
select recorded_at, id, user_id from usage_events
where (recorded_at, id) > (:at, :id) order by recorded_at, id limit :page
"""
CHECKED = """
update usage_reconciliation set checked_at = :at, checked_id = :id where (checked_at, checked_id) < (:at, :id)
"""
REPAIR_TOTALS = "select repair_totals()"


@dataclass
class Report:
    checked: int = 0
    repaired: int = 0
    totals_repaired: bool = False
    complete: bool = False


class Reconciler:
    def __init__(self, database: Database, projection: Projection) -> None:
        self._database = database
        self._projection = projection

    def run(self, context: Any, *, full: bool) -> Report:
        """As much as the context's time allows; `complete` tells whether nothing is left for the next run."""
        report = Report()
        [[at, event_id, after, settled]] = self._database.run(BEGIN, first=FIRST_ID, full=full)
        [[report.totals_repaired]] = self._database.run(REPAIR_TOTALS)
        report.complete = self._sweep(after, context, report) and self._follow(at, event_id, settled, context, report)
        return report

    def _sweep(self, after: str | None, context: Any, report: Report) -> bool:
        while after is not None:
            if _time_is_up(context):
                return False
            page = [Totals(*row) for row in self._database.run(USERS_AFTER, after=after, page=PAGE)]
            self._check(page, report)
            reached = page[-1].user if len(page) == PAGE else None
            if self._database.run(SWEPT, reached=reached, before=after):
                after = reached
            else:  # another run moved it on, or a new sweep was asked for: go on from there
                rows = self._database.run(SWEEP_AFTER)
                after = rows[0][0] if rows else None
        return True

    def _follow(self, at: datetime, event_id: uuid.UUID, settled: datetime, context: Any, report: Report) -> bool:
        while not _time_is_up(context):
            events = self._database.run(EVENTS_AFTER, at=at, id=event_id, page=PAGE)
            if events:
                users = sorted({user for _, _, user in events})
                self._check(self._totals_of(users), report)
                at, event_id, _ = events[-1]
                passed = (at, event_id) if at < settled else (settled, FIRST_ID)
                self._database.run(CHECKED, at=passed[0], id=passed[1])
            if len(events) < PAGE:
                return True
        return False

    def _check(self, users: list[Totals], report: Report) -> None:
        for start in range(0, len(users), MOST_READ):
            batch = users[start : start + MOST_READ]
            aggregates = self._projection.read([totals.user for totals in batch])
            for totals in batch:
                report.checked += 1
                report.repaired += self._repair(totals, aggregates.get(totals.user))

    def _repair(self, totals: Totals, aggregate: Aggregate | None) -> bool:
        if aggregate is None or aggregate.events < totals.events:
            return self._projection.put(totals)
        if (aggregate.events, aggregate.total) == (totals.events, totals.total):
            return False
        # Events came in since the page was read; or a restore has undone the history that the aggregate is of. The
        # aggregate was read before the row is now, so a row that is still behind it is of another history.
        rows = self._totals_of([totals.user])
        if not rows:
            return False
        current = rows[0]
        if aggregate.events < current.events:
            return self._projection.put(current)
        if (aggregate.events, aggregate.total) == (current.events, current.total):
            return False
        return self._projection.replace(current, aggregate)

    def _totals_of(self, users: list[str]) -> list[Totals]:
        return [Totals(*row) for row in self._database.run(USERS_NAMED, users=json.dumps(users))]


@logger.inject_lambda_context
def handler(event: Any, context: Any) -> dict[str, Any]:
    full = isinstance(event, dict) and event.get("full") is True
    report = asdict(reconciler.run(context, full=full))
    logger.info("reconciled", full=full, **report)
    return report


def _time_is_up(context: Any) -> bool:
    remaining: int = context.get_remaining_time_in_millis()
    return remaining < RESERVE_MILLISECONDS


reconciler = Reconciler(
    Database.from_environment(STATEMENT_SECONDS),
    Projection(Table.from_environment(client("dynamodb"))),
)
