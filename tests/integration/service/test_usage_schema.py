from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.service.kit import MIGRATIONS, Api, Context, Stack, get

VERSIONS = len(list(MIGRATIONS.glob("*.sql")))


def init() -> dict[str, Any]:
    from usage.schema.init import handler

    return handler({}, Context())


def test_init_makes_the_schema_once(bare_stack: Stack) -> None:
    first = init()
    assert first["version"] == VERSIONS
    assert len(first["applied"]) == VERSIONS
    assert init() == {"version": VERSIONS, "applied": []}


def test_ten_inits_at_once_leave_one_schema(bare_stack: Stack) -> None:
    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(lambda _: init(), range(10)))
    assert {outcome["version"] for outcome in outcomes} == {VERSIONS}
    assert sorted(len(outcome["applied"]) for outcome in outcomes) == [0] * 9 + [VERSIONS]
    assert bare_stack.rows("select count(*) from schema_migrations") == [[VERSIONS]]


@pytest.mark.parametrize("recorded", [True, False], ids=["migrated", "made by hand"])
def test_an_old_schema_is_carried_forward_without_loss(
    bare_stack: Stack, recorded: bool, new_api: Callable[[], Any], reconcile: Callable[..., Any]
) -> None:
    if recorded:
        bare_stack.migrate(up_to=1)
    else:
        bare_stack.rows((MIGRATIONS / "0001_events.sql").read_text())
    bare_stack.rows(
        "insert into usage_events (id, user_id, usage, recorded_at) "
        "select gen_random_uuid(), 'u' || n % 3, n + 0.000001, now() - interval '1 day' from generate_series(1, 9) n"
    )
    before = bare_stack.truth()
    init()
    assert bare_stack.truth() == before
    assert {user: (events, total) for user, events, total in bare_stack.rows("select * from usage_users")} == before
    average = get(new_api(), "/stats/average")["body"]
    assert average == ('{"average":5.000001,"average_per_user":15.000003,"users":3,"events":9,"total":45.000009}')
    reconcile()
    assert bare_stack.aggregates() == before


def test_a_failing_migration_leaves_the_last_good_schema(bare_stack: Stack, tmp_path: Path) -> None:
    from pg8000.exceptions import DatabaseError
    from servicekit import migrations

    (tmp_path / "0001_good.sql").write_text("create table good (n int)")
    (tmp_path / "0002_bad.sql").write_text("create table half (n int); select 1 / 0")
    connection = bare_stack.connect()
    with pytest.raises(DatabaseError, match="division by zero"):
        migrations.migrate(connection, migrations.read(tmp_path))
    assert connection.run("select to_regclass('good')::text, to_regclass('half')::text") == [["good", None]]
    (tmp_path / "0002_bad.sql").write_text("create table whole (n int)")
    assert migrations.migrate(connection, migrations.read(tmp_path)).applied == ["0002_bad"]
    connection.close()


def test_an_applied_migration_that_was_edited_is_refused(bare_stack: Stack, tmp_path: Path) -> None:
    from servicekit import migrations

    shutil.copytree(MIGRATIONS, tmp_path, dirs_exist_ok=True)
    bare_stack.migrate()
    with (tmp_path / "0002_idempotency_keys.sql").open("a") as file:
        file.write("-- edited\n")
    connection = bare_stack.connect()
    with pytest.raises(migrations.MigrationError, match=r"0002_idempotency_keys\.sql was changed after"):
        migrations.migrate(connection, migrations.read(tmp_path))
    connection.close()


def test_a_gap_between_migrations_is_refused(tmp_path: Path) -> None:
    from servicekit import migrations

    (tmp_path / "0001_a.sql").touch()
    (tmp_path / "0003_b.sql").touch()
    with pytest.raises(migrations.MigrationError, match="without a gap"):
        migrations.read(tmp_path)


def test_the_average_reads_the_same_at_any_size(stack: Stack, post: Api) -> None:
    """Not a question of time: the rows that the statement reads are the shards, however many events there are."""
    from usage.ledger import GRAND_TOTALS

    def rows_read() -> int:
        [[plan]] = stack.rows(f"explain (analyze, format json) {GRAND_TOTALS}")
        return int(plan[0]["Plan"]["Plans"][0]["Actual Rows"])

    post("u", "1")
    stack.rows(
        "select count(*) from generate_series(1, 5000) n, "
        "lateral record_usage(gen_random_uuid(), 'u' || n % 500, 0.5, null)"
    )
    assert rows_read() == 64
    stack.rows(
        "select count(*) from generate_series(1, 5000) n, lateral record_usage(gen_random_uuid(), 'v' || n, 0.5, null)"
    )
    assert rows_read() == 64
    assert stack.rows(GRAND_TOTALS) == [[10_001, 5501, Decimal(5001)]]
