"""What the service says while a store is away, and that it is well again as soon as the store is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scenarios.todos.kit import User
from staticfire.testing.kit import AccountFaults, AccountFunctions, ApiAnswer, ApiClient, StackUnderTest, wait_until

DYNAMODB = [
    {"kind": "error", "status": 500, "code": "InternalServerError"},
    {"kind": "drop"},
    {"kind": "hang"},
]
KINDS = ["answers errors", "drops calls", "hangs"]


def states(answer: ApiAnswer) -> dict[str, str]:
    return {name: store["state"] for name, store in answer.json()["stores"].items()}


def test_both_stores_are_well(api: ApiClient) -> None:
    answer = api.get("/health")

    assert answer.status == 200
    assert answer.json()["state"] == "up"
    assert states(answer) == {"postgres": "up", "dynamodb": "up"}
    assert all(store["latency_ms"] > 0 for store in answer.json()["stores"].values())


@pytest.mark.parametrize("fault", DYNAMODB, ids=KINDS)
def test_health_tells_that_DynamoDB_is_down(api: ApiClient, faults: AccountFaults, fault: dict[str, Any]) -> None:
    with faults("dynamodb", **fault):
        answer = api.get("/health")

    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["state"] == "down"
    assert states(answer) == {"postgres": "up", "dynamodb": "down"}
    assert answer.json()["stores"]["dynamodb"]["latency_ms"] > 0
    assert api.get("/health").status == 200


def test_health_tells_that_Postgres_is_down(api: ApiClient, no_postgres: Callable[[], None]) -> None:
    no_postgres()

    answer = api.get("/health")

    assert answer.status == 503
    assert states(answer) == {"postgres": "down", "dynamodb": "up"}


def test_nothing_internal_is_in_the_answers_of_an_outage(
    api: ApiClient, user: User, no_postgres: Callable[[], None]
) -> None:
    no_postgres()

    answers = [api.get(path) for path in ("/health", f"/users/{user.id}", f"/dashboard/{user.id}")]

    for text in (answer.text.lower() for answer in answers):
        assert not any(inner in text for inner in ("traceback", "errno", "connection", "secret", "127.0.0.1", "pg8000"))


def test_without_Postgres_users_are_refused_for_now_and_todos_go_on(
    api: ApiClient, user: User, email: str, no_postgres: Callable[[], None]
) -> None:
    todo = user.todo("before")
    no_postgres()

    made = api.post("/users", json={"email": email, "name": "Ada"})
    read = api.get(f"/users/{user.id}")
    deleted = api.request("DELETE", f"/users/{user.id}")

    for refused in (made, read, deleted):
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) > 0
    listed = [user.todo("while it is away"), todo]
    assert api.get(f"/users/{user.id}/todos").json()["todos"] == listed
    assert api.request("PUT", f"/todos/{todo['id']}", json={"title": "t", "done": True}).status == 200


def test_the_dashboard_without_Postgres_lacks_the_profile_and_says_so(
    user: User, no_postgres: Callable[[], None]
) -> None:
    todo = user.todo()
    no_postgres()

    assert user.dashboard() == {
        "user": None,
        "counts": {"open": 1, "done": 0, "total": 1},
        "latest": [todo],
        "degraded": True,
        "missing": [{"part": "user", "problem": "Postgres does not answer now."}],
    }


@pytest.mark.parametrize("fault", DYNAMODB, ids=KINDS)
def test_the_dashboard_without_DynamoDB_lacks_the_todos_and_says_so(
    api: ApiClient, user: User, faults: AccountFaults, fault: dict[str, Any]
) -> None:
    user.todo()
    with faults("dynamodb", **fault):
        dashboard = user.dashboard()

    assert dashboard == {
        "user": api.get(f"/users/{user.id}").json(),
        "counts": None,
        "latest": None,
        "degraded": True,
        "missing": [{"part": section, "problem": "DynamoDB does not answer now."} for section in ("counts", "latest")],
    }
    assert user.dashboard()["degraded"] is False


def test_a_user_is_made_without_DynamoDB_and_may_have_todos_later(
    api: ApiClient, email: str, faults: AccountFaults
) -> None:
    with faults("dynamodb", kind="drop"):
        made = api.post("/users", json={"email": email, "name": "Ada"})

    assert made.status == 201
    assert api.post(f"/users/{made.json()['id']}/todos", json={"title": "first"}).status == 201


def test_the_dashboard_without_both_stores_says_nothing(
    api: ApiClient, user: User, faults: AccountFaults, no_postgres: Callable[[], None]
) -> None:
    no_postgres()
    with faults("dynamodb", kind="drop"):
        answer = api.get(f"/dashboard/{user.id}")

    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_user_whom_nobody_can_look_for_is_not_said_to_be_missing(
    api: ApiClient, nobody: str, no_postgres: Callable[[], None]
) -> None:
    no_postgres()

    assert api.get(f"/dashboard/{nobody}").status == 503
    assert api.get(f"/users/{nobody}/todos").status == 503
    assert api.post(f"/users/{nobody}/todos", json={"title": "whose?"}).status == 503


@pytest.fixture
def one_environment(
    api: ApiClient,
    user: User,
    functions: AccountFunctions,
    staticfire_stack: StackUnderTest,
    sessions: Callable[[], set[int]],
) -> None:
    """One warm environment, whatever ran before."""
    name = staticfire_stack.outputs["api_function_name"]
    functions.kill(name, state="idle")
    wait_until(lambda: not sessions(), "the end of the killed environments' connections")
    assert api.get(f"/users/{user.id}").status == 200
    assert len(functions.execution_environments(name)) == 1


@pytest.mark.usefixtures("one_environment")
def test_a_warm_environment_has_one_connection_and_keeps_it(
    api: ApiClient, user: User, sessions: Callable[[], set[int]]
) -> None:
    [first] = sessions()

    for _ in range(20):
        user.todo()
        assert api.get(f"/users/{user.id}").status == 200
        assert api.get("/health").status == 200

    assert sessions() == {first}


@pytest.mark.usefixtures("one_environment")
def test_a_connection_that_died_is_made_anew_and_no_call_notices(
    api: ApiClient, user: User, sessions: Callable[[], set[int]], end_sessions: Callable[[], None]
) -> None:
    [first] = sessions()
    for _ in range(3):
        end_sessions()

        answers = [api.get(f"/users/{user.id}"), api.get("/health"), api.get(f"/dashboard/{user.id}")]

        assert [answer.status for answer in answers] == [200, 200, 200]
        [now] = sessions()
        assert now != first
        first = now
