"""What the scenarios of the usage service share: unique users, and the books of both stores.

The events in Postgres are the truth; the aggregate in DynamoDB must say the same of every user. A scenario works on
users of its own, so that it needs no empty stack; one that speaks of everybody asks for `clean`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from staticfire.testing.kit import AccountFunctions, StackUnderTest


@dataclass(frozen=True)
class Sum:
    """How often a user used something, and how much in all."""

    events: int
    total: Decimal


NOTHING = Sum(0, Decimal(0))


class Books:
    """Reads what both stores hold."""

    def __init__(self, stack: StackUnderTest, connection: Any) -> None:
        self._connection = connection
        self._functions = stack.functions
        self._reconciler = stack.outputs["reconcile_function_name"]
        self._dynamodb = stack.aws("dynamodb")
        self._table = stack.outputs["table_name"]

    def events(self, user: str) -> list[dict[str, Any]]:
        rows = self._connection.run("SELECT id, usage FROM usage_events WHERE user_id = :user", user=user)
        return [{"id": str(row[0]), "usage": row[1]} for row in rows]

    def in_postgres(self, user: str) -> Sum:
        events = self.events(user)
        return Sum(len(events), sum((event["usage"] for event in events), Decimal(0)))

    def in_dynamodb(self, user: str) -> Sum:
        key = {"pk": {"S": f"USER#{user}"}}
        item = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return Sum(int(item["events"]["N"]), Decimal(item["total"]["N"])) if item else NOTHING

    def all_in_postgres(self) -> dict[str, Sum]:
        rows = self._connection.run("SELECT user_id, count(*), sum(usage) FROM usage_events GROUP BY user_id")
        return {user: Sum(events, total) for user, events, total in rows}

    def all_in_dynamodb(self) -> dict[str, Sum]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        return {
            item["pk"]["S"].removeprefix("USER#"): Sum(int(item["events"]["N"]), Decimal(item["total"]["N"]))
            for page in pages
            for item in page["Items"]
            if item["pk"]["S"].startswith("USER#")
        }

    def reconcile(self, *, full: bool = False) -> Any:
        """Runs the reconciling function now instead of waiting for its schedule."""
        return self._functions.invoke(self._reconciler, {"full": full})


@pytest.fixture
def user() -> str:
    """A user nobody else has."""
    return f"user-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def key() -> str:
    """An idempotency key nobody else has."""
    return uuid.uuid4().hex


@pytest.fixture
def books_of() -> Callable[[StackUnderTest], AbstractContextManager[Books]]:
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
