"""What is kept in DynamoDB: a user's aggregate, and marks of idempotency keys.

    pk USER#<user>   events, total, updated_at             for ever; `events` is the version
    pk KEY#<key>     id, user, usage, recorded_at          a day (`expires_at`); read only while Postgres is away

An aggregate is overwritten by a later version only. "A later one is already there" is success: it contains this event.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from servicekit.table import ConditionFailed, Table

from usage.ledger import Receipt, Totals
from usage.validation import Usage

MARK_SECONDS = 24 * 60 * 60
NAMES = {"#events": "events", "#total": "total"}


@dataclass(frozen=True, slots=True)
class Mark:
    """What a key counted: enough to give its answer again."""

    id: str
    user: str
    usage: Decimal
    recorded_at: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    events: int
    total: Decimal


class Projection:
    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, totals: Totals) -> bool:
        """Whether the aggregate was written; if not, this version or a later one was there."""
        return self._write(totals, "attribute_not_exists(pk) OR #events < :events", {})

    def replace(self, totals: Totals, seen: Aggregate) -> bool:
        """Overwrites an aggregate of another history (a restored database), unless it has changed since it was seen."""
        condition = "#events = :seen_events AND #total = :seen_total"
        return self._write(totals, condition, {":seen_events": seen.events, ":seen_total": seen.total})

    def read(self, users: Sequence[str]) -> dict[str, Aggregate]:
        """The aggregates that there are, consistently, of MOST_READ users at the most."""
        items = self._table.get_many([_key_of(user) for user in users])
        return {item["pk"].removeprefix("USER#"): Aggregate(int(item["events"]), item["total"]) for item in items}

    def put_mark(self, key: str, usage: Usage, receipt: Receipt) -> None:
        content = {"id": receipt.id, "user": usage.user, "usage": usage.usage, "recorded_at": receipt.recorded_at}
        self._table.put({"pk": f"KEY#{key}", **content, "expires_at": int(time.time()) + MARK_SECONDS})

    def mark(self, key: str) -> Mark | None:
        item = self._table.get({"pk": f"KEY#{key}"})
        return Mark(item["id"], item["user"], item["usage"], item["recorded_at"]) if item else None

    def _write(self, totals: Totals, condition: str, values: dict[str, Any]) -> bool:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            self._table.update(
                _key_of(totals.user),
                "SET #events = :events, #total = :total, updated_at = :now",
                condition=condition,
                values={":events": totals.events, ":total": totals.total, ":now": now, **values},
                names=NAMES,
            )
        except ConditionFailed:
            return False
        return True


def _key_of(user: str) -> dict[str, str]:
    return {"pk": f"USER#{user}"}
