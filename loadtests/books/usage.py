"""The books of the usage service after a load run: are the acknowledged events there, once, and counted once?

The rows in Postgres are the truth. Of each key that was sent:

    acknowledged, its row is there             right
    acknowledged, no such row                  lost        (a row with another id, user or amount is no such row)
    more than one row                          doubled
    never acknowledged, but a row is there     unacknowledged_stored: its client asks again, and is answered 201

And of each row that came since the run began, to a user that the run wrote to:

    no key and no id of the journal, but a user and an amount of it     doubled: the event is there once more
    nothing of the journal                                              unexplained

So rows and their sum are exactly what the journal says. A client that writes to the same users meanwhile cannot be told
from a service that writes too much: its rows are unexplained and fail the run. Nothing else may write to these users.

Of each user that was written to, the aggregate in DynamoDB and the running totals in Postgres must equal the sum of all
rows, those of earlier runs too. An acknowledged event is in all of them. One that was not acknowledged may be in
Postgres alone; then the aggregate is behind until the next event of that user or the reconciler, which runs every
minute and is run here instead of waited for:

    behind by more than the user's unacknowledged rows    drifted: an acknowledged event is not counted
    else behind, equal once the reconciler ran            reconciled
    else                                                  drifted

The grand totals, which the average is answered from, must be the sum of all rows of all users: they move in one commit
with the row. The reconciler repairs them too; where it had to during the run, they were wrong: drifted all the same.

What differed before the run began is not the run's: `baseline` has it, and it is counted apart, as earlier_drift.
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
BEGAN = "select clock_timestamp()::text, coalesce((select totals_repaired from usage_reconciliation), 0)"
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
UNEXPLAINED = """
select e.id::text, e.user_id, e.usage, e.idempotency_key,
  exists (select from sent s where s.user_id = e.user_id and s.usage = e.usage)
from usage_events e
where e.recorded_at >= cast(:began as timestamptz)
  and e.user_id in (select user_id from sent)
  and not exists (select from sent s where s.key = e.idempotency_key)
  and not exists (select from sent s where s.id = e.id)
"""
ALL = "true"
SENT_TO = "user_id in (select user_id from sent)"
SUMS = """
select user_id, coalesce(e.events, 0), coalesce(e.total, 0), coalesce(u.events, 0), coalesce(u.total, 0)
from (select user_id, count(*) as events, sum(usage) as total from usage_events where {users} group by user_id) e
full join (select user_id, events, total from usage_users where {users}) u using (user_id)
"""
GRAND_TOTALS = """
select e.events, e.users, e.total, t.events, t.users, t.total
from (select count(*) as events, count(distinct user_id) as users, coalesce(sum(usage), 0) as total
      from usage_events) e,
     (select coalesce(sum(events), 0) as events, coalesce(sum(users), 0) as users, coalesce(sum(total), 0) as total
      from usage_totals) t
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


@dataclass(frozen=True)
class UserSums:
    """What is said of a user: by the rows, by the running totals beside them, and by the aggregate in DynamoDB."""

    rows: Sum
    running: Sum
    aggregate: Sum

    @property
    def agree(self) -> bool:
        return self.rows == self.running == self.aggregate

    def __str__(self) -> str:
        running = "" if self.running == self.rows else f", and {self.running} as running totals"
        return f"Postgres has {self.rows}{running}; DynamoDB has {self.aggregate}"


def baseline(stack: StackUnderTest) -> dict[str, Any]:
    """When the run began, by Postgres' clock, and what differed before it."""
    _wait_for_the_last(stack)
    with stack.connect() as connection:
        [[began, repairs]] = connection.run(BEGAN)
        differing = _differing(stack, connection, ALL)
        if differing:  # somebody may have written between the one read and the other
            again = _differing(stack, connection, ALL)
            differing = {user: again[user] for user in differing if user in again}
        return {
            "began": began,
            "drifted": {user: str(sums) for user, sums in differing.items()},
            "wrong_totals": _wrong_totals(connection),
            "totals_repaired": repairs,
        }


def check(journal: Journal, stack: StackUnderTest, before: Mapping[str, Any]) -> Integrity:
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
        unexplained: dict[str, str] = {}
        for key, user, identity, rows, ids in connection.run(WRONG):
            books = f"of {user}; answered {identity or 'nothing'}; stored {ids}"
            if rows > 1:
                doubled[key] = books
            elif identity is None:
                stored[key] = books
            else:
                lost[key] = books
        for identity, user, usage, key, twice in connection.run(UNEXPLAINED, began=before["began"]):
            books = f"of {user}; {usage:f} under {f'the key {key}' if key else 'no key'}, which the run did not send"
            (doubled if twice else unexplained)[f"row {identity}"] = books
        users = {sent.user for sent in keys.values()}
        drifted, reconciled = _drift(stack, connection, Counter(keys[key].user for key in stored))
        wrong_totals, earlier_totals = _totals(connection, before)
    earlier = {user: f"before the run: {books}" for user, books in before["drifted"].items()}
    own = {user: books for user, books in drifted.items() if user not in earlier}
    return Integrity(
        writes=len(keys),
        acknowledged=sum(1 for sent in keys.values() if sent.ids),
        lost=len(lost),
        doubled=len(doubled),
        unexplained=len(unexplained),
        unacknowledged_stored=len(stored),
        users=len(users),
        drifted_users=len(own),
        drifted_totals=len(wrong_totals),
        reconciled_users=reconciled,
        earlier_drift=len(earlier | earlier_totals),
        examples=(
            *examples_of("lost", lost),
            *examples_of("doubled", doubled),
            *examples_of("unexplained", unexplained),
            *examples_of("drifted_users", own),
            *examples_of("drifted_totals", wrong_totals),
            *examples_of("unacknowledged_stored", stored),
            *examples_of("earlier_drift", earlier | earlier_totals),
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


def _drift(stack: StackUnderTest, connection: Any, unacknowledged: Mapping[str, int]) -> tuple[dict[str, str], int]:
    """The users of whom two stores say two things, with what they say, and how many the reconciler put right."""
    differing = _differing(stack, connection, SENT_TO)
    drifted = {
        user: str(sums)
        for user, sums in differing.items()
        if sums.running != sums.rows or not 0 < sums.rows.events - sums.aggregate.events <= unacknowledged.get(user, 0)
    }
    behind = [user for user in differing if user not in drifted]
    if not behind:
        return drifted, 0
    while not stack.functions.invoke(stack.outputs["reconcile_function_name"], {})["complete"]:
        pass  # one run does as much as its time allows
    still = {user: sums for user, sums in _differing(stack, connection, SENT_TO).items() if user in behind}
    return drifted | {user: str(sums) for user, sums in still.items()}, len(behind) - len(still)


def _differing(stack: StackUnderTest, connection: Any, users: str) -> dict[str, UserSums]:
    """Of these users, a condition of SUMS, those of whom not everybody says the same."""
    rows = connection.run(SUMS.format(users=users))
    aggregates = _aggregates(stack, [user for user, *_ in rows])
    sums = {
        user: UserSums(Sum(events, total), Sum(running, running_total), aggregates.get(user, NOTHING))
        for user, events, total, running, running_total in rows
    }
    return {user: of_user for user, of_user in sums.items() if not of_user.agree}


def _wrong_totals(connection: Any) -> str | None:
    """What the grand totals say instead of what the rows do; None when it is the same."""
    [[events, users, total, *said]] = connection.run(GRAND_TOTALS)
    if [events, users, total] == said:
        return None
    return (
        f"the rows are {events} events of {users} users, {total:f}; "
        f"the totals say {said[0]} events of {said[1]} users, {said[2]:f}"
    )


def _totals(connection: Any, before: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """What is wrong with the grand totals: by the run, and from before it."""
    name, wrong = "GET /stats/average", _wrong_totals(connection)
    if before["wrong_totals"] is not None:
        return {}, {name: f"before the run: {before['wrong_totals']}"}
    repairs = connection.run(BEGAN)[0][1] - before["totals_repaired"]
    if wrong is None and repairs > 0:
        wrong = f"the totals were wrong; the reconciler has repaired them, {repairs} times"
    return ({} if wrong is None else {name: wrong}), {}


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
