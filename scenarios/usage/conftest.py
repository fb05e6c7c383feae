"""What the scenarios of the usage service share: unique users, and the books of both stores.

The events in Postgres are the truth; the aggregate in DynamoDB must say the same of every user. A scenario works on
users of its own, so that it needs no empty stack; one that speaks of everybody asks for `clean`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scenarios.usage.kit import Books, BooksOf
from staticfire.testing.kit import AccountFunctions, StackUnderTest


@pytest.fixture
def user() -> str:
    """A user nobody else has."""
    return f"user-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def key() -> str:
    """An idempotency key nobody else has."""
    return uuid.uuid4().hex


@pytest.fixture
def books_of() -> BooksOf:
    """Opens the books of a given stack."""

    @contextmanager
    def opened(stack: StackUnderTest) -> Iterator[Books]:
        with stack.connect() as connection:
            yield Books(stack, connection)

    return opened


@pytest.fixture
def books(staticfire_stack: StackUnderTest, postgres: Any) -> Books:
    return Books(staticfire_stack, postgres)


@pytest.fixture
def init(staticfire_stack: StackUnderTest, functions: AccountFunctions) -> Callable[[], Any]:
    return lambda: functions.invoke(staticfire_stack.outputs["init_function_name"], {})


@pytest.fixture
def drop_schema(postgres: Any) -> Callable[[], None]:
    """Leaves a database with nothing in it."""

    def drop() -> None:
        postgres.run("DROP SCHEMA public CASCADE")
        postgres.run("CREATE SCHEMA public")

    return drop


@pytest.fixture
def no_schema(drop_schema: Callable[[], None], init: Callable[[], Any]) -> Iterator[None]:
    """A database with nothing in it; the schema is back at the end, whatever the scenario left."""
    drop_schema()
    yield
    drop_schema()
    init()


@pytest.fixture
def version_1(postgres: Any) -> Callable[..., None]:
    """Makes the oldest schema: as the first release left it, or, not `recorded`, as the system before this one did."""
    migration = sorted((Path(__file__).parents[2] / "service/usage/schema/migrations").glob("0001_*.sql"))[0]
    sql = migration.read_text(encoding="utf-8")

    def make(*, recorded: bool) -> None:
        postgres.run(sql)
        if recorded:
            postgres.run(
                "CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL,"
                " digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            postgres.run(
                "INSERT INTO schema_migrations (version, name, digest) VALUES (1, :name, :digest)",
                name=migration.stem,
                digest=hashlib.sha256(sql.encode()).hexdigest(),
            )

    return make
