"""Users: one for each e-mail address, refused by name when wrong, unknown when they are."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from pg8000.native import Connection

from scenarios.todos.kit import User
from staticfire.testing.kit import ApiClient


def test_a_user_is_made_and_found(api: ApiClient, email: str) -> None:
    before = datetime.now(UTC)

    made = api.post("/users", json={"email": email, "name": "Ada Lovelace"})

    assert made.status == 201
    assert set(made.json()) == {"id", "email", "name", "created_at"}
    assert (made.json()["email"], made.json()["name"]) == (email, "Ada Lovelace")
    assert uuid.UUID(made.json()["id"])
    assert abs((datetime.fromisoformat(made.json()["created_at"]) - before).total_seconds()) < 300
    read = api.get(f"/users/{made.json()['id']}")
    assert (read.status, read.json()) == (200, made.json())


@pytest.mark.parametrize("spelt", [str, str.lower, str.upper, str.swapcase], ids=["same", "lower", "upper", "swapped"])
def test_an_address_is_one_users_however_it_is_spelt(api: ApiClient, email: str, spelt: Callable[[str], str]) -> None:
    assert api.post("/users", json={"email": email, "name": "Ada"}).status == 201

    answer = api.post("/users", json={"email": spelt(email), "name": "Somebody else"})

    assert answer.status == 409
    assert answer.json()["message"]
    assert [error["field"] for error in answer.json()["errors"]] == ["email"]


def test_an_accent_is_the_same_as_one_character_and_as_two(api: ApiClient, email: str) -> None:
    assert api.post("/users", json={"email": f"\u00e9{email}", "name": "Ada"}).status == 201

    assert api.post("/users", json={"email": f"E\u0301{email}", "name": "Ada"}).status == 409


def test_32_users_of_one_address_at_the_same_time_leave_one(api: ApiClient, email: str, postgres: Connection) -> None:
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda n: api.post("/users", json={"email": email, "name": str(n)}), range(32)))

    assert Counter(answer.status for answer in answers) == {201: 1, 409: 31}
    made = next(answer.json() for answer in answers if answer.status == 201)
    rows = postgres.run("SELECT id::text, name FROM todos_users WHERE email = :email", email=email)
    assert rows == [[made["id"], made["name"]]]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param("", {"body"}, id="no body"),
        pytest.param("{", {"body"}, id="no JSON"),
        pytest.param("[]", {"body"}, id="a list"),
        pytest.param("{}", {"email", "name"}, id="both missing"),
        pytest.param('{"email": "a@example.com", "name": "a", "role": "admin"}', {"role"}, id="unknown field"),
        pytest.param('{"email": "a@example.com", "name": "a", "name": "b"}', {"name"}, id="name twice"),
        pytest.param('{"email": "a@example.com", "name": ""}', {"name"}, id="name empty"),
        pytest.param('{"email": "a@example.com", "name": " \\t"}', {"name"}, id="name blank"),
        pytest.param('{"email": "a@example.com", "name": 7}', {"name"}, id="name a number"),
        pytest.param('{"email": "a@example.com", "name": "a\\u0000"}', {"name"}, id="name with a NUL"),
        pytest.param(f'{{"email": "a@example.com", "name": "{"x" * 129}"}}', {"name"}, id="name of 129 characters"),
        pytest.param('{"email": null, "name": "a"}', {"email"}, id="address null"),
        pytest.param('{"email": "example.com", "name": "a"}', {"email"}, id="address without @"),
        pytest.param('{"email": "a@b@example.com", "name": "a"}', {"email"}, id="address with two @"),
        pytest.param('{"email": "a b@example.com", "name": "a"}', {"email"}, id="address with a space"),
        pytest.param('{"email": "a@example", "name": "a"}', {"email"}, id="address without a domain"),
        pytest.param('{"email": "a@example..com", "name": "a"}', {"email"}, id="address with two dots"),
        pytest.param(f'{{"email": "a@{"x" * 250}.com", "name": "a"}}', {"email"}, id="address of 256 characters"),
        pytest.param('{"email": 1, "name": null, "b": 1}', {"email", "name", "b"}, id="everything wrong"),
    ],
)
def test_a_wrong_user_is_refused_with_every_problem_named(api: ApiClient, body: str, fields: set[str]) -> None:
    answer = api.post("/users", body=body, headers={"content-type": "application/json"})

    assert answer.status == 400
    assert answer.json()["message"]
    assert {error["field"] for error in answer.json()["errors"]} == fields
    assert all(error["problem"] for error in answer.json()["errors"])


def test_a_body_over_16_KiB_is_refused(api: ApiClient) -> None:
    assert api.post("/users", json={"email": "a@example.com", "name": "x" * 16_384}).status == 413


@pytest.mark.parametrize("path", ["/users/{}", "/users/{}/todos", "/dashboard/{}"])
@pytest.mark.parametrize("unknown", ["{}", "{}0", "ada", "%27%20OR%201=1"])
def test_an_unknown_user_is_nowhere(api: ApiClient, nobody: str, path: str, unknown: str) -> None:
    answer = api.get(path.format(unknown.format(nobody)))

    assert (answer.status, answer.json()) == (404, {"message": "There is no such user."})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/users"),
        ("PUT", "/users/{}"),
        ("PATCH", "/todos/{}"),
        ("POST", "/health"),
        ("DELETE", "/dashboard/{}"),
    ],
)
def test_what_is_no_route_is_not_found(api: ApiClient, user: User, method: str, path: str) -> None:
    answer = api.request(method, path.format(user.id))

    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})
