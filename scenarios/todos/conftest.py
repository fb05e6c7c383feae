"""What the scenarios of the todos service share: users nobody else has, and what both stores hold of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from staticfire.testing.kit import AccountFunctions, ApiClient, StackUnderTest, wait_until

USER_ITEM = "USER"


@dataclass(frozen=True)
class User:
    """A user of the service, as a client knows it."""

    id: str
    email: str
    api: ApiClient

    def todo(self, title: str = "a todo", **fields: Any) -> dict[str, Any]:
        answer = self.api.post(f"/users/{self.id}/todos", json={"title": title, **fields})
        assert answer.status == 201, answer
        return answer.json

    def dashboard(self) -> dict[str, Any]:
        answer = self.api.get(f"/dashboard/{self.id}")
        assert answer.status == 200, answer
        return answer.json


class Stores:
    """What Postgres and DynamoDB hold of a user, and the reconciler."""

    def __init__(self, stack: StackUnderTest, connection: Any, functions: AccountFunctions) -> None:
        self._connection = connection
        self._dynamodb = stack.aws("dynamodb")
        self._table = stack.outputs["table_name"]
        self._functions = functions
        self._reconciler = stack.outputs["reconcile_function_name"]

    def state(self, user: User) -> str | None:
        """What Postgres says of the user: `active`, `deleted` (not finished yet), or None for no row."""
        rows = self._connection.run("SELECT deleted_at IS NULL FROM todos_users WHERE id = :id", id=user.id)
        return ("active" if rows[0][0] else "deleted") if rows else None

    def todos(self, user: User) -> list[dict[str, Any]]:
        """The items of the user's todos, read past the service."""
        return [item for item in self._items(user) if item["sk"]["S"] != USER_ITEM]

    def account(self, user: User) -> dict[str, Any] | None:
        """The item that counts the user's todos, and lets them come."""
        return next((item for item in self._items(user) if item["sk"]["S"] == USER_ITEM), None)

    def forget_account(self, user: User) -> None:
        """As a table that was restored from before the user was there."""
        self._dynamodb.delete_item(TableName=self._table, Key={"pk": {"S": user.id}, "sk": {"S": USER_ITEM}})

    def reconcile(self) -> Any:
        """Runs the reconciling function now instead of waiting for its schedule."""
        return self._functions.invoke(self._reconciler, {})

    def _items(self, user: User) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": user.id}},
            ConsistentRead=True,
        )
        return [item for page in pages for item in page["Items"]]


@pytest.fixture(scope="session")
def staticfire_stack_name() -> str:
    return "todos"


@pytest.fixture
def email() -> str:
    """An address nobody else has."""
    return f"Ada.{uuid.uuid4().hex[:12]}@Example.com"


@pytest.fixture
def new_user(api: ApiClient) -> Callable[[], User]:
    def make() -> User:
        address = f"user-{uuid.uuid4().hex[:12]}@example.com"
        answer = api.post("/users", json={"email": address, "name": "Ada"})
        assert answer.status == 201, answer
        return User(answer.json["id"], address, api)

    return make


@pytest.fixture
def user(new_user: Callable[[], User]) -> User:
    return new_user()


@pytest.fixture
def stores(staticfire_stack: StackUnderTest, postgres: Any, functions: AccountFunctions) -> Stores:
    return Stores(staticfire_stack, postgres, functions)


@pytest.fixture
def nobody() -> str:
    """An id that no user has."""
    return str(uuid.uuid4())


@pytest.fixture
def sessions(postgres: Any, staticfire_stack: StackUnderTest) -> Callable[[], set[int]]:
    """The processes of Postgres that serve the API's function."""
    name = staticfire_stack.outputs["api_function_name"]
    sql = "SELECT pid FROM pg_stat_activity WHERE usename = current_user AND application_name = :name"
    return lambda: {row[0] for row in postgres.run(sql, name=name)}


@pytest.fixture
def end_sessions(postgres: Any, sessions: Callable[[], set[int]]) -> Callable[[], None]:
    """Postgres ends the function's connections, as an administrator or a failover does."""

    def end() -> None:
        for pid in sessions():
            postgres.run("SELECT pg_terminate_backend(:pid)", pid=pid)
        wait_until(lambda: not sessions(), "the end of the function's connections")

    return end


@pytest.fixture
def no_postgres(
    postgres: Any, staticfire_stack: StackUnderTest, end_sessions: Callable[[], None]
) -> Iterator[Callable[[], None]]:
    """Call it, and Postgres takes no connection to this stack's database any more, until the scenario's end."""
    name = staticfire_stack.database.name

    def refuse() -> None:
        postgres.run(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
        end_sessions()

    yield refuse
    postgres.run(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
