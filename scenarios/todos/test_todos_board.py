"""Todos: of users who exist, in the order they were made, counted exactly however many come and go at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from scenarios.todos.kit import Stores, User
from staticfire.testing.kit import AccountFaults, ApiClient, wait_until


def counts(user: User) -> dict[str, int]:
    return dict(user.dashboard()["counts"])


def test_a_todo_is_made_and_described(api: ApiClient, user: User) -> None:
    answer = api.post(f"/users/{user.id}/todos", json={"title": "Write it down: 名前 🚀"})

    assert answer.status == 201
    assert set(answer.json()) == {"id", "user_id", "title", "done", "created_at", "updated_at"}
    assert (answer.json()["user_id"], answer.json()["title"]) == (user.id, "Write it down: 名前 🚀")
    assert answer.json()["done"] is False
    assert answer.json()["created_at"] == answer.json()["updated_at"]


def test_a_todo_of_an_unknown_user_is_refused(api: ApiClient, nobody: str) -> None:
    answer = api.post(f"/users/{nobody}/todos", json={"title": "whose?"})

    assert (answer.status, answer.json()) == (404, {"message": "There is no such user."})


def test_todos_are_listed_newest_first_and_each_once_over_the_pages(api: ApiClient, user: User) -> None:
    made = [user.todo(str(n)) for n in range(7)]

    listed, path = [], f"/users/{user.id}/todos?limit=3"
    while path:
        page = api.get(path).json()
        assert len(page["todos"]) <= 3
        listed += page["todos"]
        path = page["next"] and f"/users/{user.id}/todos?limit=3&cursor={page['next']}"

    assert listed == made[::-1]


def test_a_page_that_holds_all_has_no_next(api: ApiClient, user: User) -> None:
    made = [user.todo(str(n)) for n in range(3)]

    assert api.get(f"/users/{user.id}/todos?limit=3").json() == {"todos": made[::-1], "next": None}


def test_todos_of_one_user_are_not_anothers(api: ApiClient, user: User, new_user: Callable[[], User]) -> None:
    user.todo()

    other = new_user()

    assert api.get(f"/users/{other.id}/todos").json() == {"todos": [], "next": None}
    assert counts(other) == {"open": 0, "done": 0, "total": 0}


def test_a_todo_is_replaced(api: ApiClient, user: User) -> None:
    todo = user.todo("first")

    answer = api.request("PUT", f"/todos/{todo['id']}", json={"title": "second", "done": True})

    assert answer.status == 200
    assert answer.json() == todo | {"title": "second", "done": True, "updated_at": answer.json()["updated_at"]}
    assert answer.json()["updated_at"] > todo["updated_at"]
    assert api.get(f"/users/{user.id}/todos").json()["todos"] == [answer.json()]
    assert counts(user) == {"open": 0, "done": 1, "total": 1}


def test_a_todo_is_deleted_once(api: ApiClient, user: User) -> None:
    kept, todo = user.todo("kept"), user.todo("deleted")

    gone, again = (api.request("DELETE", f"/todos/{todo['id']}") for _ in range(2))

    assert (gone.status, gone.body) == (204, b"")
    assert (again.status, again.json()) == (404, {"message": "There is no such todo."})
    assert api.request("PUT", f"/todos/{todo['id']}", json={"title": "back?", "done": False}).status == 404
    assert api.get(f"/users/{user.id}/todos").json()["todos"] == [kept]
    assert counts(user) == {"open": 1, "done": 0, "total": 1}


@pytest.mark.parametrize("identity", ["x", "0" * 32, "{}-", "{}-01J", "{}-U1M7Y7K2S0Q7XYF5FW4SKFR1C1"])
def test_what_is_no_todos_id_is_not_found(api: ApiClient, user: User, identity: str) -> None:
    path = f"/todos/{identity.format(user.id.replace('-', ''))}"

    assert api.request("DELETE", path).status == 404
    assert api.request("PUT", path, json={"title": "t", "done": True}).status == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param("no JSON", {"body"}, id="no JSON"),
        pytest.param("{}", {"title", "done"}, id="both missing"),
        pytest.param('{"title": "t", "done": 1}', {"done"}, id="done a number"),
        pytest.param('{"title": "t", "done": "true"}', {"done"}, id="done a string"),
        pytest.param('{"title": "", "done": true}', {"title"}, id="title empty"),
        pytest.param('{"title": "\\n", "done": true}', {"title"}, id="title blank"),
        pytest.param(f'{{"title": "{"x" * 257}", "done": true}}', {"title"}, id="title of 257 characters"),
        pytest.param('{"title": 1, "done": null, "id": 2}', {"title", "done", "id"}, id="everything wrong"),
    ],
)
def test_a_wrong_todo_is_refused_with_every_problem_named(
    api: ApiClient, user: User, body: str, fields: set[str]
) -> None:
    todo = user.todo()

    put = api.request("PUT", f"/todos/{todo['id']}", body=body)
    post = api.post(f"/users/{user.id}/todos", body=body)

    assert (put.status, post.status) == (400, 400)
    assert {error["field"] for error in put.json()["errors"]} == fields
    required = {"done"} if "done" not in body else set()  # a new todo is not done, unless it says so
    assert {error["field"] for error in post.json()["errors"]} == fields - required
    assert api.get(f"/users/{user.id}/todos").json()["todos"] == [todo]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]),
        ("limit=101", ["limit"]),
        ("limit=ten", ["limit"]),
        ("limit=1&limit=2", ["limit"]),
        ("cursor=", ["cursor"]),
        ("cursor=TODO", ["cursor"]),
        ("page=2&limit=-1", ["limit", "page"]),
    ],
)
def test_a_wrong_page_is_refused_by_name(api: ApiClient, user: User, query: str, fields: list[str]) -> None:
    answer = api.get(f"/users/{user.id}/todos?{query}")

    assert answer.status == 400
    assert [error["field"] for error in answer.json()["errors"]] == fields


def test_the_dashboard_has_the_profile_the_counts_and_the_five_latest(api: ApiClient, user: User) -> None:
    made = [user.todo(str(n), done=n % 3 == 0) for n in range(7)]

    assert user.dashboard() == {
        "user": api.get(f"/users/{user.id}").json(),
        "counts": {"open": 4, "done": 3, "total": 7},
        "latest": made[:1:-1],
        "degraded": False,
        "missing": [],
    }


def test_counts_are_exact_when_many_come_change_and_go_at_the_same_time(
    api: ApiClient, user: User, stores: Stores
) -> None:
    """Eight clients on one user: each makes ten todos, finishes six of them, and deletes two of either kind.

    A slow emulator makes the service say 503 now and then; a client asks again, as it is told to.
    """

    def settled(method: str, todo: dict[str, Any], **body: Any) -> int:
        def ask() -> int:
            status = api.request(method, f"/todos/{todo['id']}", **body).status
            return 0 if status == 503 else status

        return wait_until(ask, f"an answer to {method} other than 503")

    def client(n: int) -> None:
        todos = [user.todo(f"{n}/{number}") for number in range(10)]
        finished = {settled("PUT", todo, json={"title": "done", "done": True}) for todo in todos[:6]}
        assert finished == {200}
        # Asked again after a 503, it may be gone already.
        assert {settled("DELETE", todo) for todo in todos[4:8]} <= {204, 404}

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(client, range(8)))

    stored = Counter(item["done"]["BOOL"] for item in stores.todos(user))
    assert stored == {True: 32, False: 16}
    assert counts(user) == {"open": 16, "done": 32, "total": 48}


def test_one_todo_that_all_finish_and_delete_at_the_same_time_is_counted_once(
    api: ApiClient, user: User, stores: Stores
) -> None:
    todo = user.todo()

    def client(n: int) -> int:
        if n % 4 == 3:
            return api.request("DELETE", f"/todos/{todo['id']}").status
        return api.request("PUT", f"/todos/{todo['id']}", json={"title": str(n), "done": n % 2 == 0}).status

    with ThreadPoolExecutor(8) as threads:
        statuses = set(threads.map(client, range(16)))

    assert statuses <= {200, 204, 404}
    assert 204 in statuses
    assert stores.todos(user) == []
    assert counts(user) == {"open": 0, "done": 0, "total": 0}


def test_a_todo_whose_answer_is_lost_on_its_way_is_there_once(
    user: User, faults: AccountFaults, stores: Stores
) -> None:
    with faults("dynamodb", "TransactWriteItems", kind="drop", when="after", times=1) as struck:
        todo = user.todo("once")
        assert struck() == 1

    assert [item["title"]["S"] for item in stores.todos(user)] == [todo["title"]]
    assert counts(user) == {"open": 1, "done": 0, "total": 1}


def test_without_DynamoDB_a_todo_is_refused_for_now(
    api: ApiClient, user: User, faults: AccountFaults, stores: Stores
) -> None:
    with faults("dynamodb", "TransactWriteItems", kind="error", status=500, code="InternalServerError"):
        refused = api.post(f"/users/{user.id}/todos", json={"title": "later"})

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    assert stores.todos(user) == []
    assert api.post(f"/users/{user.id}/todos", json={"title": "later"}).status == 201
