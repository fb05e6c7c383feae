"""The events in Postgres, the truth: one statement records an event and moves every total, in one commit."""

import os
import time
import uuid
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from servicekit.database import Database

from usage.validation import Usage

RECORD = """
select outcome, id, recorded_at, events, total
from record_usage(:id, :user, :usage, :key)
"""
GRAND_TOTALS = """
select coalesce(sum(events), 0)::bigint, coalesce(sum(users), 0)::bigint, coalesce(sum(total), 0) from usage_totals
"""


class Outcome(Enum):
    RECORDED = "recorded"
    REPLAYED = "replayed"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Totals:
    """A user's totals. `events` only ever grows by one with each event, so it is the version too."""

    user: str
    events: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class Receipt:
    outcome: Outcome
    id: str
    recorded_at: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class GrandTotals:
    events: int
    users: int
    total: Decimal


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, usage: Usage) -> Receipt:
        """Safe to repeat: the id is made here, so a statement sent again after a lost connection finds its own row."""
        [[outcome, event_id, recorded_at, events, total]] = self._database.run(
            RECORD, id=new_id(), user=usage.user, usage=usage.usage, key=usage.key
        )
        return Receipt(Outcome(outcome), str(event_id), recorded_at, Totals(usage.user, events, total))

    def grand_totals(self) -> GrandTotals:
        [[events, users, total]] = self._database.run(GRAND_TOTALS)
        return GrandTotals(events, users, total)


def new_id() -> uuid.UUID:
    """A UUID of version 7, as Python 3.14 has it: in order of time, so that new rows share the index's last pages."""
    stamp = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big") & ~(0xF << 76 | 0x3 << 62)
    return uuid.UUID(int=stamp << 80 | 0x7 << 76 | 0x2 << 62 | random)
