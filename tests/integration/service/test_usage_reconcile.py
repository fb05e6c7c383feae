from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.service.kit import Api, Context, Stack

TOTALS = "select sum(events)::bigint, sum(users)::bigint, sum(total) from usage_totals"

Reconcile = Callable[..., dict[str, Any]]


def record(stack: Stack, user: str, usage: str) -> None:
    """What a request leaves that dies between the two stores."""
    stack.rows(
        "select * from record_usage(:id, :user, cast(:usage as numeric), null)", id=uuid.uuid4(), user=user, usage=usage
    )


def record_many(stack: Stack, users: int) -> None:
    stack.rows(
        "select count(*) from generate_series(1, cast(:users as int)) n, "
        "lateral record_usage(gen_random_uuid(), 'u' || n, 0.5, null)",
        users=users,
    )


def test_what_a_dead_request_left_uncounted_is_counted(stack: Stack, reconcile: Reconcile) -> None:
    reconcile()
    record(stack, "a", "1.5")
    record(stack, "a", "1")
    record(stack, "b", "2")
    assert reconcile() == {"checked": 2, "repaired": 2, "totals_repaired": False, "complete": True}
    assert stack.aggregates() == stack.truth() == {"a": (2, Decimal("2.5")), "b": (1, Decimal(2))}


def test_users_whose_names_mean_something_elsewhere_are_found(stack: Stack, reconcile: Reconcile) -> None:
    reconcile()
    names = ["null", "NULL", "{}", "a,b", '"', "'", "\\", "%s", ":user", " ", "\u2028", "\N{ROCKET}", "e\u0301"]
    for name in names:
        record(stack, name, "1")
    assert reconcile()["repaired"] == len(names)
    assert stack.aggregates() == stack.truth()


def test_a_second_run_repairs_nothing(stack: Stack, reconcile: Reconcile) -> None:
    record(stack, "a", "1")
    assert reconcile()["repaired"] == 1
    assert reconcile()["repaired"] == 0


def test_the_first_run_checks_users_from_before_it_existed(stack: Stack, reconcile: Reconcile) -> None:
    record(stack, "old", "1")
    stack.rows("update usage_events set recorded_at = now() - interval '1 year'")
    reconcile()
    assert stack.aggregates() == stack.truth()


def test_more_users_than_a_page_holds_are_all_checked(stack: Stack, reconcile: Reconcile) -> None:
    record_many(stack, 2500)
    assert reconcile(full=True)["complete"]
    assert stack.aggregates() == stack.truth()
    assert len(stack.aggregates()) == 2500


def test_events_of_one_instant_that_fill_pages_are_all_checked(stack: Stack, reconcile: Reconcile) -> None:
    reconcile()
    record_many(stack, 2500)
    assert len(stack.rows("select distinct recorded_at from usage_events")) == 1
    assert reconcile()["complete"]
    assert stack.aggregates() == stack.truth()


def test_a_run_out_of_time_is_continued_by_the_next_one(stack: Stack, reconcile: Reconcile) -> None:
    record_many(stack, 2500)
    report = reconcile(full=True, context=Context(300_000, 0))
    assert (report["checked"], report["repaired"], report["complete"]) == (1000, 1000, False)
    assert len(stack.aggregates()) == 1000
    assert reconcile()["complete"]
    assert stack.aggregates() == stack.truth()


def test_a_full_run_rebuilds_a_lost_table(stack: Stack, post: Api, reconcile: Reconcile) -> None:
    post("a", "1")
    post("b", "2")
    reconcile()
    stack.rows("update usage_reconciliation set checked_at = now() + interval '1 hour'")
    for key in stack.items():
        stack.dynamodb.delete_item(TableName=stack.name, Key={"pk": {"S": key}})
    assert reconcile()["checked"] == 0
    assert reconcile(full=True)["repaired"] == 2
    assert stack.aggregates() == stack.truth()


@pytest.mark.parametrize(("events", "total"), [("9", "90"), ("1", "7")])
def test_a_full_run_corrects_aggregates_of_an_undone_history(
    stack: Stack, post: Api, reconcile: Reconcile, events: str, total: str
) -> None:
    """The database was restored to an earlier time: the aggregate is ahead of it, or counts other events."""
    post("a", "1")
    stack.dynamodb.put_item(
        TableName=stack.name, Item={"pk": {"S": "USER#a"}, "events": {"N": events}, "total": {"N": total}}
    )
    assert reconcile(full=True)["repaired"] == 1
    assert stack.aggregates() == stack.truth() == {"a": (1, Decimal(1))}


def test_concurrent_runs_while_events_come_in_end_in_equality(stack: Stack, post: Api, reconcile: Reconcile) -> None:
    record_many(stack, 300)
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(reconcile, full=True) for _ in range(2)]
        for number in range(100):
            post(f"u{number % 10}", "0.25")
        assert all(run.result()["complete"] for run in runs)
    assert stack.aggregates() == stack.truth()


def test_emptied_tables_start_over(stack: Stack, post: Api, reconcile: Reconcile) -> None:
    post("a", "1")
    reconcile()
    stack.rows("truncate usage_events, usage_users, usage_totals, usage_reconciliation")
    stack.dynamodb.delete_item(TableName=stack.name, Key={"pk": {"S": "USER#a"}})
    post("b", "2")
    assert reconcile()["complete"]
    assert stack.aggregates() == stack.truth() == {"b": (1, Decimal(2))}


@pytest.mark.parametrize(
    "damage",
    [
        "update usage_totals set events = events + 500, total = total + 1000000",
        "update usage_totals set users = users - 1",
        "delete from usage_totals",
        "insert into usage_totals values (99, 1, 0, 0.5)",
    ],
)
def test_wrong_totals_behind_the_average_are_repaired_once(stack: Stack, reconcile: Reconcile, damage: str) -> None:
    record(stack, "a", "1.5")
    record(stack, "b", "2")
    stack.rows(damage)

    assert reconcile()["totals_repaired"]
    assert stack.rows(TOTALS) == [[2, 2, Decimal("3.5")]]
    assert not reconcile()["totals_repaired"]
    assert stack.rows("select totals_repaired from usage_reconciliation") == [[1]]


def test_totals_are_repaired_while_events_come_in_and_by_several_at_once(
    stack: Stack, post: Api, reconcile: Reconcile
) -> None:
    record_many(stack, 100)
    with ThreadPoolExecutor(3) as pool:
        runs = []
        for number in range(60):
            if number % 6 == 0:
                stack.rows("update usage_totals set events = events + 7, total = total - 0.5 where shard = 0")
                runs += [pool.submit(reconcile) for _ in range(3)]
            post(f"u{number % 10}", "0.25")
        assert all(run.result()["complete"] for run in runs)
    reconcile()
    assert stack.rows(TOTALS) == stack.rows("select count(*), count(distinct user_id), sum(usage) from usage_events")
