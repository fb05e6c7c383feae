"""GET /stats/average: usage over events and over users, exact, at the same cost however much was recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from pg8000.native import Connection

from staticfire.testing.kit import AccountFunctions, ApiClient, AwsClients, StackUnderTest, wait_until

FEW, MANY = 1_000, 200_000
Stats = dict[str, Any]


def average(api: ApiClient) -> Stats:
    answer = api.get("/stats/average")
    assert answer.status == 200, answer
    stats: Stats = json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)
    return stats


@pytest.mark.usefixtures("clean")
def test_an_empty_service_has_no_average(api: ApiClient) -> None:
    assert average(api) == {"average": None, "average_per_user": None, "users": 0, "events": 0, "total": 0}


@pytest.mark.usefixtures("clean")
def test_the_average_of_one_user_is_over_the_events(api: ApiClient) -> None:
    for usage in (100, 200, 600):
        assert api.post("/usage", json={"user": "one", "usage": usage}).status == 201

    assert average(api) == {"average": 300, "average_per_user": 900, "users": 1, "events": 3, "total": 900}


@pytest.mark.usefixtures("clean")
def test_the_average_of_several_users_is_over_events_and_over_users(api: ApiClient) -> None:
    for user, usage in (("one", 100), ("one", 200), ("two", 30), ("three", 70)):
        assert api.post("/usage", json={"user": user, "usage": usage}).status == 201

    stats = average(api)

    assert (stats["average"], stats["users"], stats["events"], stats["total"]) == (100, 3, 4, 400)
    assert abs(stats["average_per_user"] - Decimal(400) / 3) < Decimal("0.000001")


@pytest.mark.usefixtures("clean")
def test_decimals_are_exact(api: ApiClient) -> None:
    for usage in ("0.1", "0.2"):
        assert api.post("/usage", body=f'{{"user": "one", "usage": {usage}}}').status == 201

    stats = average(api)

    assert (stats["total"], stats["average"], stats["average_per_user"]) == tuple(map(Decimal, ("0.3", "0.15", "0.3")))


@pytest.mark.usefixtures("clean")
def test_a_replay_does_not_move_the_average(api: ApiClient, key: str) -> None:
    for _ in range(3):
        answer = api.post("/usage", json={"user": "one", "usage": 5}, headers={"Idempotency-Key": key})
        assert answer.status == 201

    assert (average(api)["events"], average(api)["total"]) == (1, 5)


@pytest.mark.usefixtures("clean", "no_schema", "schedule_off")
def test_the_average_costs_the_same_at_a_thousand_events_and_at_200_000(
    api: ApiClient,
    postgres: Connection,
    init: Callable[[], Any],
    version_1: Callable[..., None],
    drop_schema: Callable[[], None],
) -> None:
    work = {}
    for events in (FEW, MANY):
        drop_schema()
        version_1(recorded=True)
        postgres.run(
            "INSERT INTO usage_events (id, user_id, usage)"
            " SELECT gen_random_uuid(), 'bulk-' || n % 1000, n % 7 FROM generate_series(1, :n) AS n",
            n=events,
        )
        init()
        assert average(api)["events"] == events

        work[events] = rows_read_by(lambda: average(api), postgres)

    assert 0 < work[MANY] <= work[FEW]


def rows_read_by(call: Callable[[], object], postgres: Connection) -> int:
    """How many rows of tables and indexes one call made Postgres read."""
    before = rows_read(postgres)
    for _ in range(10):
        call()
    return (rows_read(postgres) - before) // 10


def rows_read(postgres: Connection) -> int:
    """Postgres's own counters. A session reports to them at its end, so the function's is ended."""
    others = "FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"
    postgres.run(f"SELECT pg_terminate_backend(pid) {others}")
    wait_until(lambda: postgres.run(f"SELECT count(*) {others}") == [[0]], "the end of the function's sessions")
    [[rows]] = postgres.run(
        "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_user_tables"
    )
    return int(rows)


@pytest.fixture
def schedule_off(aws: AwsClients, functions: AccountFunctions, staticfire_stack: StackUnderTest) -> Iterator[None]:
    """The reconciler does not start by itself, so that all work in the database is the scenario's."""
    events, reconciler = aws("events"), staticfire_stack.outputs["reconcile_function_name"]
    rules = [rule["Name"] for rule in events.list_rules()["Rules"]]
    assert rules
    for rule in rules:
        events.disable_rule(Name=rule)
    wait_until(lambda: not functions.execution_environments(reconciler, state="busy"), "an idle reconciler")
    yield
    for rule in rules:
        events.enable_rule(Name=rule)
