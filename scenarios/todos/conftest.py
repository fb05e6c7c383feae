"""What the scenarios of the todos service share: users nobody else has, and what both stores hold of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scenarios.todos.kit import Stores, User
from staticfire.testing.kit import AccountFunctions, ApiClient, StackUnderTest, wait_until


@pytest.fixture(scope="session", params=["todos", "todos-node"])
def staticfire_stack_name(request: pytest.FixtureRequest) -> str:
    """The service in Python, and the one in JavaScript."""
    return str(request.param)


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
        return User(answer.json()["id"], address, api)

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
