"""The books of the usage service, checked after writes to a real Postgres and a real emulator, and after tampering."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from staticfire.load.integrity import Books as BooksFile
from staticfire.load.integrity import Integrity
from staticfire.load.journal import Journal, Writer
from staticfire.testing.kit import StackUnderTest
from tests.integration.service.kit import CREDENTIALS, SERVICE, Api, Stack

BOOKS = BooksFile(SERVICE.parent / "loadtests/books/usage.py")


class Functions:
    """The reconciler, run in this process; nothing is ever under way."""

    def __init__(self, reconcile: Callable[..., dict[str, Any]]) -> None:
        self._reconcile = reconcile

    def execution_environments(self, name: str, *, state: str) -> list[dict[str, Any]]:
        return []

    def invoke(self, name: str, event: Any) -> Any:
        return self._reconcile()


class Books:
    """Writes as a load run does, keeps the journal of it, and has both checked."""

    def __init__(self, stack: Stack, post: Api, functions: Functions, directory: Path) -> None:
        self.stack = stack
        self.functions = functions
        self.outputs = {
            "table_name": stack.name,
            "api_function_name": "api",
            "reconcile_function_name": "reconcile",
        }
        self._post = post
        self._journal = Journal(directory)
        self._writer = Writer(directory)
        self.begin()

    def begin(self) -> None:
        """The run begins: what is there already is not its own."""
        self.before = json.loads(json.dumps(BOOKS.baseline(cast(StackUnderTest, self))))

    def aws(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.stack.endpoint, **CREDENTIALS)

    @contextmanager
    def connect(self) -> Iterator[Any]:
        with closing(self.stack.connect()) as connection:
            yield connection

    def write(self, user: str, usage: str, key: str | None = None, *, acknowledged: bool = True) -> dict[str, Any]:
        """One write that the service does; what is not acknowledged got no answer."""
        key = key or uuid.uuid4().hex
        answer = self._post(user, usage, key=key)
        assert answer["statusCode"] == 201
        self.note(user, usage, key, answer["body"]["id"] if acknowledged else None)
        return {**answer["body"], "key": key}

    def note(self, user: str, usage: str, key: str, identity: str | None) -> None:
        number = self._writer.sending({"key": key, "user": user, "usage": usage}, time.time())
        if identity is not None:
            self._writer.answered(number, time.time(), 201, {"id": identity})

    def set_aggregate(self, user: str, events: int, total: str) -> None:
        item = {"pk": {"S": f"USER#{user}"}, "events": {"N": str(events)}, "total": {"N": total}}
        self.stack.dynamodb.put_item(TableName=self.stack.name, Item=item)

    def check(self) -> Integrity:
        return BOOKS.check(self._journal, cast(StackUnderTest, self), self.before)


@pytest.fixture
def books(stack: Stack, post: Api, reconcile: Callable[..., dict[str, Any]], tmp_path: Path) -> Books:
    return Books(stack, post, Functions(reconcile), tmp_path / "journal")


def test_what_was_acknowledged_is_there_once(books: Books) -> None:
    for user in ("a", "b", 'with "quotes", commas and \\backslashes', "null"):
        for usage in ("0.1", "12.500", "1000000000000"):
            books.write(user, usage)

    integrity = books.check()

    assert integrity == Integrity(writes=12, acknowledged=12, users=4)
    assert integrity.holds


def test_a_replay_is_no_write_of_its_own(books: Books) -> None:
    first = books.write("a", "1")
    again = books.write("a", "1", first["key"])

    assert again["id"] == first["id"]
    assert books.check() == Integrity(writes=1, acknowledged=1, users=1)


def test_what_earlier_runs_and_others_wrote_is_not_counted(books: Books, post: Api) -> None:
    post("a", "5")
    books.begin()
    post("somebody else", "5", key="k")
    books.set_aggregate("somebody else", 77, "77")
    books.write("a", "1")

    assert books.check() == Integrity(writes=1, acknowledged=1, users=1)


def count_again(books: Books, user: str, usage: str) -> None:
    """An event that both stores count, and that nobody sent."""
    sql = "select events, total from record_usage(:id, :user, cast(:usage as numeric), null)"
    [[events, total]] = books.stack.rows(sql, id=uuid.uuid4(), user=user, usage=usage)
    books.set_aggregate(user, events, str(total))


def test_events_that_both_stores_count_twice_are_doubled(books: Books) -> None:
    for number in range(20):
        books.write(f"u-{number % 3}", f"{number}.5")
        count_again(books, f"u-{number % 3}", f"{number}.5")

    integrity = books.check()

    assert (integrity.lost, integrity.doubled, integrity.unexplained, integrity.drifted_users) == (0, 20, 0, 0)
    assert not integrity.holds


def test_rows_that_no_write_explains_are_unexplained_and_named(books: Books, post: Api) -> None:
    books.write("a", "1")
    post("a", "7", key="another-client's")

    integrity = books.check()

    assert (integrity.doubled, integrity.unexplained, integrity.drifted_users) == (0, 1, 0)
    assert not integrity.holds
    [example] = integrity.examples
    assert "of a; 7.000000 under the key another-client's" in example.books


@pytest.mark.parametrize(
    "damage", ["update usage_totals set events = events + 500, total = total + 1000000", "delete from usage_totals"]
)
def test_wrong_totals_behind_the_average_have_drifted_even_once_they_are_repaired(
    books: Books, reconcile: Callable[..., dict[str, Any]], damage: str
) -> None:
    books.write("a", "1")
    books.stack.rows(damage)

    assert books.check().drifted_totals == 1
    assert not books.check().holds
    assert reconcile()["totals_repaired"]
    [example] = books.check().examples
    assert example.what == "GET /stats/average"
    assert "the reconciler has repaired them, 1 times" in example.books


def test_what_had_drifted_before_the_run_is_told_apart(books: Books) -> None:
    books.write("a", "1")
    books.stack.rows("update usage_events set usage = 7")
    books.stack.rows("update usage_totals set events = events + 500")
    books.begin()
    books.write("a", "2")
    books.write("b", "3")

    integrity = books.check()

    assert (integrity.lost, integrity.earlier_drift) == (1, 2), "the row that was changed is in this journal too"
    assert (integrity.drifted_users, integrity.drifted_totals) == (0, 0)
    books.set_aggregate("b", 9, "9")
    assert books.check().drifted_users == 1


def test_a_row_that_is_gone_is_lost_and_its_user_drifts(books: Books) -> None:
    gone = books.write("a", "1")
    books.write("a", "2")
    books.stack.rows("delete from usage_events where id = :id", id=gone["id"])

    integrity = books.check()

    assert (integrity.acknowledged, integrity.lost, integrity.doubled, integrity.drifted_users) == (2, 1, 0, 1)
    assert integrity.drifted_totals == 1
    assert not integrity.holds
    [lost, drifted, _] = integrity.examples
    assert (lost.count, lost.what, gone["id"] in lost.books) == ("lost", gone["key"], True)
    assert (drifted.what, drifted.books) == (
        "a",
        "Postgres has 1 events, 2.000000, and 2 events, 3.000000 as running totals; DynamoDB has 2 events, 3",
    )


@pytest.mark.parametrize("change", ["usage = usage + 1", "user_id = 'x'", "id = gen_random_uuid()"])
def test_a_row_that_is_another_is_lost(books: Books, change: str) -> None:
    written = books.write("a", "1")
    books.stack.rows(f"update usage_events set {change} where id = :id", id=written["id"])

    assert books.check().lost == 1


def test_a_key_with_two_rows_is_doubled(books: Books) -> None:
    written = books.write("a", "1")
    books.stack.rows("drop index usage_events_idempotency_key")
    books.stack.rows(
        "insert into usage_events (id, user_id, usage, idempotency_key) values (gen_random_uuid(), 'a', 1, :key)",
        key=written["key"],
    )

    integrity = books.check()

    assert (integrity.lost, integrity.doubled) == (0, 1)
    assert not integrity.holds


def test_a_key_that_was_answered_two_ids_is_doubled(books: Books, post: Api) -> None:
    written = books.write("a", "1")
    other = post("a", "1")["body"]["id"]
    books.note("a", "1", written["key"], other)

    integrity = books.check()

    assert (integrity.acknowledged, integrity.lost, integrity.doubled) == (1, 0, 1)


def test_what_was_not_answered_may_be_there_or_not(books: Books) -> None:
    books.write("a", "1", acknowledged=False)
    books.note("a", "1", "never-arrived", None)

    integrity = books.check()

    assert integrity.holds
    assert (integrity.writes, integrity.acknowledged, integrity.unacknowledged_stored) == (2, 0, 1)


def test_an_aggregate_that_an_unanswered_write_left_behind_is_reconciled(books: Books) -> None:
    books.write("a", "1")
    books.write("a", "2", acknowledged=False)
    books.set_aggregate("a", 1, "1")

    integrity = books.check()

    assert integrity.holds
    assert (integrity.unacknowledged_stored, integrity.reconciled_users, integrity.drifted_users) == (1, 1, 0)
    assert books.stack.aggregates() == books.stack.truth()


@pytest.mark.parametrize(
    ("events", "total"),
    [(1, "1"), (3, "4"), (2, "4")],
    ids=["behind by an acknowledged event", "ahead", "of another sum"],
)
def test_an_aggregate_that_no_unanswered_write_explains_has_drifted(books: Books, events: int, total: str) -> None:
    books.write("a", "1")
    books.write("a", "2")
    books.write("b", "5")
    books.set_aggregate("a", events, total)

    integrity = books.check()

    assert (integrity.lost, integrity.doubled, integrity.drifted_users, integrity.reconciled_users) == (0, 0, 1, 0)
    assert not integrity.holds


def test_more_writes_and_users_than_one_call_can_ask_for(books: Books) -> None:
    rows = [(str(uuid.uuid4()), f"u-{number % 250}", f"k-{number}") for number in range(2000)]
    books.stack.rows(
        "select record_usage((e->>0)::uuid, e->>1, 1, e->>2) from json_array_elements(cast(:rows as json)) e",
        rows=json.dumps(rows),
    )
    for identity, user, key in rows:
        books.note(user, "1.0", key, identity)
    for user, (events, total) in books.stack.truth().items():
        books.set_aggregate(user, events, str(total))

    assert books.check() == Integrity(writes=2000, acknowledged=2000, users=250)
