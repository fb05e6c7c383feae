"""The books of the usage service after a load run: are the acknowledged events there, once, and counted once?

The rows in Postgres are the truth. Of each key that was sent:

    acknowledged, its row is there             right
    acknowledged, no such row                  lost        (a row with another id, user or amount is no such row)
    more than one row                          doubled
    never acknowledged, but a row is there     unacknowledged_stored: its client asks again, and is answered 201

Of each user that was written to, the aggregate in DynamoDB must equal the sum of all rows, those of earlier runs too.
An acknowledged event is in both. One that was not acknowledged may be in Postgres alone; then the aggregate is behind
until the next event of that user or the reconciler, which runs every minute and is run here instead of waited for:

    behind by more than the user's unacknowledged rows    drifted: an acknowledged event is not counted
    else behind, equal once the reconciler ran            reconciled
    else                                                  drifted

Nothing else may write to these users meanwhile.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from staticfire.load.integrity import Integrity, examples_of
from staticfire.load.journal import Journal
from staticfire.testing.kit import StackUnderTest, wait_until

CREATED = 201
BATCH = 100

SENT = """
create temporary table sent (key text not null, user_id text not null, usage numeric not null, id uuid)
"""
# A key has a row here for each id that it was answered, or one without an id.
STORED = """
create temporary table stored as
select s.key, e.ctid as place, e.id, e.user_id, e.usage
from usage_events e join (select distinct key from sent) s on s.key = e.idempotency_key
union
select s.key, e.ctid, e.id, e.user_id, e.usage from usage_events e join sent s on s.id = e.id
"""
WRONG = """
select s.key, s.user_id, s.id::text, coalesce(r.rows, 0), coalesce(r.ids, 'nothing')
from sent s
left join stored t on t.key = s.key and t.id = s.id and t.user_id = s.user_id and t.usage = s.usage
left join (select key, count(*) as rows, string_agg(id::text, ', ' order by id) as ids from stored group by key) r
  on r.key = s.key
where r.rows > 1 or s.id is null and r.rows = 1 or s.id is not null and t.id is null
"""
TOTALS = """
select user_id, count(*), sum(usage) from usage_events
where user_id in (select user_id from sent) group by user_id
"""


@dataclass
class Key:
    """What was sent with a key, and the ids that it was answered: none, or one where all is well."""

    user: str
    usage: str
    ids: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Sum:
    events: int
    total: Decimal

    def __str__(self) -> str:
        return f"{self.events} events, {self.total:f}"


NOTHING = Sum(0, Decimal(0))


def check(journal: Journal, stack: StackUnderTest) -> Integrity:
    keys = _keys(journal)
    _wait_for_the_last(stack)
    with stack.connect() as connection:
        connection.run(SENT)
        connection.run("copy sent from stdin with (format csv)", stream=_csv(keys))
        for statement in ("analyze sent", STORED, "analyze stored"):  # without figures the planner joins row by row
            connection.run(statement)
        lost: dict[str, str] = {}
        doubled: dict[str, str] = {}
        stored: dict[str, str] = {}
        for key, user, identity, rows, ids in connection.run(WRONG):
            books = f"of {user}; answered {identity or 'nothing'}; stored {ids}"
            if rows > 1:
                doubled[key] = books
            elif identity is None:
                stored[key] = books
            else:
                lost[key] = books
        users = sorted({sent.user for sent in keys.values()})
        drifted, reconciled = _drift(stack, connection, users, Counter(keys[key].user for key in stored))
    return Integrity(
        writes=len(keys),
        acknowledged=sum(1 for sent in keys.values() if sent.ids),
        lost=len(lost),
        doubled=len(doubled),
        unacknowledged_stored=len(stored),
        users=len(users),
        drifted_users=len(drifted),
        reconciled_users=reconciled,
        examples=(
            *examples_of("lost", lost),
            *examples_of("doubled", doubled),
            *examples_of("drifted_users", drifted),
            *examples_of("unacknowledged_stored", stored),
        ),
    )


def _keys(journal: Journal) -> dict[str, Key]:
    keys: dict[str, Key] = {}
    for write in journal:
        key = keys.setdefault(write.sent["key"], Key(write.sent["user"], write.sent["usage"]))
        if write.status == CREATED and write.answer and "id" in write.answer:
            key.ids.add(write.answer["id"])
    return keys


def _csv(keys: Mapping[str, Key]) -> io.StringIO:
    text = io.StringIO()
    rows = csv.writer(text)
    for key, sent in keys.items():
        for identity in sent.ids or (None,):
            rows.writerow((key, sent.user, sent.usage, identity))
    text.seek(0)
    return text


def _wait_for_the_last(stack: StackUnderTest) -> None:
    """A function runs on when its client goes away: what it has in hand is not late, it is under way."""
    name = stack.outputs["api_function_name"]
    wait_until(
        lambda: not stack.functions.execution_environments(name, state="busy"), f"the end of what {name} has in hand"
    )


def _drift(
    stack: StackUnderTest, connection: Any, users: Sequence[str], unacknowledged: Mapping[str, int]
) -> tuple[dict[str, str], int]:
    """The users whose aggregate is wrong, with what both stores say, and how many the reconciler put right."""
    differing = _differing(stack, connection, users)
    drifted = {
        user: _both(truth, aggregate)
        for user, (truth, aggregate) in differing.items()
        if not 0 < truth.events - aggregate.events <= unacknowledged.get(user, 0)
    }
    behind = [user for user in differing if user not in drifted]
    if not behind:
        return drifted, 0
    while not stack.functions.invoke(stack.outputs["reconcile_function_name"], {})["complete"]:
        pass  # one run does as much as its time allows
    still = _differing(stack, connection, behind)
    return drifted | {user: _both(*sums) for user, sums in still.items()}, len(behind) - len(still)


def _both(truth: Sum, aggregate: Sum) -> str:
    return f"Postgres has {truth}; DynamoDB has {aggregate}"


def _differing(stack: StackUnderTest, connection: Any, users: Sequence[str]) -> dict[str, tuple[Sum, Sum]]:
    """Of these users, those whose rows and aggregate do not say the same: both."""
    truth = {user: Sum(events, total) for user, events, total in connection.run(TOTALS)}
    aggregates = _aggregates(stack, users)
    sums = {user: (truth.get(user, NOTHING), aggregates.get(user, NOTHING)) for user in users}
    return {user: both for user, both in sums.items() if both[0] != both[1]}


def _aggregates(stack: StackUnderTest, users: Sequence[str]) -> dict[str, Sum]:
    dynamodb, table = stack.aws("dynamodb"), stack.outputs["table_name"]
    aggregates: dict[str, Sum] = {}
    missing = [{"pk": {"S": f"USER#{user}"}} for user in users]
    while missing:
        answer = dynamodb.batch_get_item(RequestItems={table: {"Keys": missing[:BATCH], "ConsistentRead": True}})
        for item in answer["Responses"].get(table, []):
            user = item["pk"]["S"].removeprefix("USER#")
            aggregates[user] = Sum(int(item["events"]["N"]), Decimal(item["total"]["N"]))
        missing = missing[BATCH:] + answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
    return aggregates
