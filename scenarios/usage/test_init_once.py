"""The init function makes the schema once: not again on a second apply, nor ten times when ten run together."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from pg8000.native import Connection

from scenarios.usage.kit import Books
from staticfire.testing.kit import AccountFunctions, ApiClient, StackUnderTest


def tables(postgres: Connection) -> Any:
    return postgres.run(
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY table_name, column_name"
    )


def test_applying_twice_runs_init_once(
    staticfire_stack: StackUnderTest, functions: AccountFunctions, postgres: Connection
) -> None:
    init = staticfire_stack.outputs["init_function_name"]
    ran = functions.invocations(init)
    migrations = postgres.run("SELECT * FROM schema_migrations ORDER BY version")

    staticfire_stack.apply()

    assert functions.invocations(init) == ran
    assert migrations
    assert postgres.run("SELECT * FROM schema_migrations ORDER BY version") == migrations


def test_a_second_run_of_init_changes_nothing(
    postgres: Connection, init: Callable[[], Any], books: Books, api: ApiClient, user: str
) -> None:
    assert api.post("/usage", json={"user": user, "usage": 4}).status == 201
    before = tables(postgres), postgres.run("SELECT * FROM schema_migrations ORDER BY version")

    answer = init()

    assert answer["applied"] == []
    assert (tables(postgres), postgres.run("SELECT * FROM schema_migrations ORDER BY version")) == before
    assert books.in_postgres(user).total == Decimal(4)


@pytest.mark.usefixtures("no_schema")
def test_ten_inits_at_the_same_time_leave_one_schema_and_no_error(
    postgres: Connection, init: Callable[[], Any], api: ApiClient, user: str, books: Books
) -> None:
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: init(), range(10)))

    applied = [version for answer in answers for version in answer["applied"]]
    recorded = [row[0] for row in postgres.run("SELECT version FROM schema_migrations ORDER BY version")]
    assert len(recorded) >= 2
    assert len(applied) == len(set(applied)) == len(recorded)
    assert {answer["version"] for answer in answers} == {recorded[-1]}
    assert api.post("/usage", json={"user": user, "usage": 1}).status == 201
    assert books.in_dynamodb(user) == books.in_postgres(user)


@pytest.mark.usefixtures("clean", "no_schema")
@pytest.mark.parametrize("recorded", [False, True], ids=["of the system before this one", "of the first release"])
def test_an_old_schema_is_carried_forward_without_loss(
    postgres: Connection,
    init: Callable[[], Any],
    api: ApiClient,
    books: Books,
    version_1: Callable[..., None],
    recorded: bool,
) -> None:
    usages = {"old-1": [Decimal("0.1"), Decimal("0.2"), Decimal(150)], "old-2": [Decimal("999999999999.999999")]}
    version_1(recorded=recorded)
    for user, amounts in usages.items():
        for usage in amounts:
            postgres.run(
                "INSERT INTO usage_events (id, user_id, usage) VALUES (gen_random_uuid(), :user, :usage)",
                user=user,
                usage=usage,
            )
    before = postgres.run("SELECT id, user_id, usage, recorded_at FROM usage_events ORDER BY id")

    init()

    assert postgres.run("SELECT id, user_id, usage, recorded_at FROM usage_events ORDER BY id") == before
    stats = json.loads(api.get("/stats/average").text, parse_float=Decimal)
    assert (stats["users"], stats["events"], stats["total"]) == (2, 4, Decimal("1000000000150.299999"))
    books.reconcile(full=True)
    assert {user: sums.total for user, sums in books.all_in_dynamodb().items()} == {
        user: sum(amounts, Decimal(0)) for user, amounts in usages.items()
    }
    assert api.post("/usage", json={"user": "old-1", "usage": 1}).status == 201
    assert books.in_dynamodb("old-1") == books.in_postgres("old-1")
    assert books.in_dynamodb("old-1").total == Decimal("151.3")
