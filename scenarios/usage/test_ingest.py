"""POST /usage: what is taken is stored in both stores once, what is wrong is refused by name."""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pg8000.native import Connection

from scenarios.usage.kit import Books
from staticfire.testing.kit import ApiAnswer, ApiClient

LIMIT = 16 * 1024


def test_a_usage_is_accepted_and_described(api: ApiClient, user: str) -> None:
    before = datetime.now(UTC)

    answer = api.post("/usage", json={"user": user, "usage": 150})

    assert answer.status == 201
    assert answer.headers["content-type"].startswith("application/json")
    assert set(answer.json()) == {"id", "user", "usage", "recorded_at"}
    assert (answer.json()["user"], answer.json()["usage"]) == (user, 150)
    assert uuid.UUID(answer.json()["id"])
    assert abs((datetime.fromisoformat(answer.json()["recorded_at"]) - before).total_seconds()) < 300
    assert "idempotent-replayed" not in answer.headers


def test_an_accepted_usage_is_in_both_stores(api: ApiClient, user: str, books: Books) -> None:
    answers = [api.post("/usage", json={"user": user, "usage": usage}) for usage in (150, 50.5)]

    assert [answer.status for answer in answers] == [201, 201]
    assert {event["id"]: event["usage"] for event in books.events(user)} == {
        answers[0].json()["id"]: Decimal(150),
        answers[1].json()["id"]: Decimal("50.5"),
    }
    assert books.in_dynamodb(user) == books.in_postgres(user)
    assert books.in_dynamodb(user).total == Decimal("200.5")


@pytest.mark.parametrize(
    "usage", ["0", "0.000001", "1e12", "1E2", "1.500000", "999999999999.999999", "1000000000000.000000"]
)
def test_a_usage_at_the_edge_of_what_is_right_is_stored_exactly(
    api: ApiClient, user: str, books: Books, usage: str
) -> None:
    answer = api.post("/usage", body=f'{{"user": "{user}", "usage": {usage}}}')

    assert answer.status == 201
    assert json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)["usage"] == Decimal(usage)
    assert books.in_postgres(user).total == books.in_dynamodb(user).total == Decimal(usage)


@pytest.mark.parametrize("name", ["a", "x" * 128, "Ænne Østergård", "名前", "🚀" * 128, "a/b#c?d&e", "' OR 1=1 --"])
def test_any_name_of_1_to_128_characters_is_a_user(api: ApiClient, books: Books, name: str) -> None:
    before = books.in_postgres(name)

    answer = api.post("/usage", json={"user": name, "usage": 1})

    assert answer.status == 201
    assert answer.json()["user"] == name
    assert books.in_postgres(name).events == books.in_dynamodb(name).events == before.events + 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param("", {"body"}, id="no body"),
        pytest.param("{", {"body"}, id="no JSON"),
        pytest.param("user=a&usage=1", {"body"}, id="a form"),
        pytest.param(b"\xff\xfe{}", {"body"}, id="not UTF-8"),
        pytest.param('["a", 1]', {"body"}, id="a list"),
        pytest.param('"text"', {"body"}, id="a string"),
        pytest.param("null", {"body"}, id="null"),
        pytest.param("7", {"body"}, id="a number"),
        pytest.param("{}", {"user", "usage"}, id="both missing"),
        pytest.param('{"usage": 1}', {"user"}, id="user missing"),
        pytest.param('{"user": "a", "user": "b", "usage": 1}', {"user"}, id="user twice"),
        pytest.param('{"user": "a"}', {"usage"}, id="usage missing"),
        pytest.param('{"user": "a", "usage": 1, "colour": "red"}', {"colour"}, id="unknown field"),
        pytest.param('{"User": "a", "usage": 1}', {"user", "User"}, id="wrong case"),
        pytest.param('{"user": "", "usage": 1}', {"user"}, id="user empty"),
        pytest.param(f'{{"user": "{"x" * 129}", "usage": 1}}', {"user"}, id="user of 129 characters"),
        pytest.param('{"user": 5, "usage": 1}', {"user"}, id="user a number"),
        pytest.param('{"user": null, "usage": 1}', {"user"}, id="user null"),
        pytest.param('{"user": ["a"], "usage": 1}', {"user"}, id="user a list"),
        pytest.param('{"user": "a\\u0000b", "usage": 1}', {"user"}, id="user with a NUL"),
        pytest.param('{"user": "a\\ud800b", "usage": 1}', {"user"}, id="user with half a surrogate pair"),
        pytest.param('{"user": "a", "usage": "1"}', {"usage"}, id="usage a string"),
        pytest.param('{"user": "a", "usage": null}', {"usage"}, id="usage null"),
        pytest.param('{"user": "a", "usage": true}', {"usage"}, id="usage true"),
        pytest.param('{"user": "a", "usage": false}', {"usage"}, id="usage false"),
        pytest.param('{"user": "a", "usage": [1]}', {"usage"}, id="usage a list"),
        pytest.param('{"user": "a", "usage": -1}', {"usage"}, id="usage negative"),
        pytest.param('{"user": "a", "usage": -0.000001}', {"usage"}, id="usage just negative"),
        pytest.param('{"user": "a", "usage": 1000000000000.000001}', {"usage"}, id="usage just over 1e12"),
        pytest.param('{"user": "a", "usage": 1e400}', {"usage"}, id="usage far over 1e12"),
        pytest.param('{"user": "a", "usage": 1e999999999}', {"usage"}, id="usage with an absurd exponent"),
        pytest.param('{"user": "a", "usage": 0.0000001}', {"usage"}, id="usage with 7 decimals"),
        pytest.param('{"user": "a", "usage": 1e-7}', {"usage"}, id="usage with 7 decimals by exponent"),
        pytest.param('{"user": "a", "usage": NaN}', {"usage"}, id="usage NaN"),
        pytest.param('{"user": "a", "usage": Infinity}', {"usage"}, id="usage Infinity"),
        pytest.param('{"user": "a", "usage": -Infinity}', {"usage"}, id="usage minus Infinity"),
        pytest.param('{"user": 1, "usage": "x", "b": 1, "c": 2}', {"user", "usage", "b", "c"}, id="everything wrong"),
    ],
)
def test_a_wrong_body_is_refused_with_every_problem_named(
    api: ApiClient, postgres: Connection, body: str | bytes, fields: set[str]
) -> None:
    before = postgres.run("SELECT count(*) FROM usage_events")

    answer = api.post("/usage", body=body, headers={"content-type": "application/json"})

    assert answer.status == 400
    assert answer.json()["message"]
    assert {error["field"] for error in answer.json()["errors"]} == fields
    assert all(error["problem"] for error in answer.json()["errors"])
    assert postgres.run("SELECT count(*) FROM usage_events") == before


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("k" * 256, id="256 characters"),
        pytest.param("two words", id="a space"),
        pytest.param("schlüssel", id="not ASCII"),
        pytest.param("", id="empty"),
    ],
)
def test_a_wrong_idempotency_key_is_refused_by_name(api: ApiClient, user: str, books: Books, key: str) -> None:
    answer = api.post("/usage", json={"user": user, "usage": 1}, headers={"Idempotency-Key": key})

    assert answer.status == 400
    assert [error["field"].lower() for error in answer.json()["errors"]] == ["idempotency-key"]
    assert books.in_postgres(user).events == 0


def test_an_idempotency_key_of_255_visible_characters_is_right(api: ApiClient, user: str, key: str) -> None:
    longest = (key + "!~" * 128)[:255]

    assert api.post("/usage", json={"user": user, "usage": 1}, headers={"Idempotency-Key": longest}).status == 201


def test_a_replayed_key_answers_the_same_and_counts_nothing_again(
    api: ApiClient, user: str, key: str, books: Books
) -> None:
    first = api.post("/usage", json={"user": user, "usage": 7}, headers={"Idempotency-Key": key})
    counted = books.in_dynamodb(user)

    again = api.post("/usage", json={"user": user, "usage": 7}, headers={"Idempotency-Key": key})

    assert (first.status, again.status) == (201, 201)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert books.in_postgres(user) == books.in_dynamodb(user) == counted
    assert counted.events == 1


def test_the_same_body_written_differently_is_a_replay(api: ApiClient, user: str, key: str, books: Books) -> None:
    first = api.post("/usage", json={"user": user, "usage": 7}, headers={"Idempotency-Key": key})

    again = api.post("/usage", body=f'{{ "usage": 7.0,\n "user": "{user}" }}', headers={"idempotency-key": key})

    assert again.status == 201
    assert again.json()["id"] == first.json()["id"]
    assert books.in_postgres(user).events == 1


@pytest.mark.parametrize("change", [{"usage": 8}, {"user": "somebody else"}], ids=["usage", "user"])
def test_the_same_key_with_another_body_is_a_conflict(
    api: ApiClient, user: str, key: str, books: Books, change: dict[str, Any]
) -> None:
    body = {"user": user, "usage": 7}
    assert api.post("/usage", json=body, headers={"Idempotency-Key": key}).status == 201
    others = books.in_postgres("somebody else")

    answer = api.post("/usage", json=body | change, headers={"Idempotency-Key": key})

    assert answer.status == 409
    assert answer.json()["message"]
    assert (books.in_postgres(user).events, books.in_dynamodb(user).total) == (1, Decimal(7))
    assert books.in_postgres("somebody else") == others


def test_without_a_key_the_same_body_counts_each_time(api: ApiClient, user: str, books: Books) -> None:
    ids = {api.post("/usage", json={"user": user, "usage": 1}).json()["id"] for _ in range(3)}

    assert len(ids) == 3
    assert books.in_dynamodb(user).events == books.in_postgres(user).events == 3


def test_32_posts_of_one_key_at_the_same_time_count_once(api: ApiClient, user: str, key: str, books: Books) -> None:
    refused: list[ApiAnswer] = []

    def post(_: object) -> ApiAnswer:
        """As a client does: 32 cold starts at once may be too much for the 30 seconds of an API, which is a 503."""
        for _ in range(5):
            answer = api.post("/usage", json={"user": user, "usage": 3}, headers={"Idempotency-Key": key})
            if answer.status != 503:
                break
            refused.append(answer)
        return answer

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(post, range(32)))

    assert Counter(answer.status for answer in answers) == {201: 32}
    assert len({answer.json()["id"] for answer in answers}) == 1
    counted = sum("idempotent-replayed" not in answer.headers for answer in answers)
    assert counted == 1 or (counted == 0 and refused)  # what was counted may be what a 503 did not tell
    assert books.in_postgres(user) == books.in_dynamodb(user)
    assert (books.in_postgres(user).events, books.in_dynamodb(user).total) == (1, Decimal(3))


def test_200_posts_by_8_threads_over_5_users_add_up_exactly_in_both_stores(
    api: ApiClient, user: str, books: Books
) -> None:
    users = [f"{user}-{n}" for n in range(5)]
    posts = [(users[n % 5], Decimal(n) / 100) for n in range(200)]

    def post(sent: tuple[str, str]) -> int:
        name, usage = sent
        return api.post("/usage", body=f'{{"user": "{name}", "usage": {usage}}}').status

    with ThreadPoolExecutor(8) as threads:
        assert Counter(threads.map(post, posts)) == {201: 200}

    for name in users:
        expected = sum((usage for sent, usage in posts if sent == name), Decimal(0))
        assert books.in_postgres(name) == books.in_dynamodb(name)
        assert (books.in_dynamodb(name).events, books.in_dynamodb(name).total) == (40, expected)


def test_a_body_of_exactly_16_KiB_is_taken_and_one_byte_more_is_not(api: ApiClient, user: str, books: Books) -> None:
    body = json.dumps({"user": user, "usage": 1}).encode()

    assert api.post("/usage", body=body.ljust(LIMIT)).status == 201
    refused = api.post("/usage", body=body.ljust(LIMIT + 1))

    assert refused.status == 413
    assert refused.json()["message"]
    assert books.in_postgres(user).events == 1


def test_the_limit_counts_the_bytes_sent_not_their_base64(api: ApiClient, user: str) -> None:
    body = json.dumps({"user": user, "usage": 1}).encode().ljust(LIMIT)

    assert api.post("/usage", body=body, headers={"content-type": "application/octet-stream"}).status == 201


@pytest.mark.parametrize("content_type", ["application/octet-stream", "image/png", "text/plain", "application/json"])
def test_a_right_body_is_taken_whatever_content_type_it_came_with(
    api: ApiClient, user: str, books: Books, content_type: str
) -> None:
    body = json.dumps({"user": user, "usage": 2}).encode()

    answer = api.post("/usage", body=body, headers={"content-type": content_type})

    assert answer.status == 201
    assert books.in_dynamodb(user).total == Decimal(2)


def test_base64_in_the_body_itself_is_no_json(api: ApiClient, user: str) -> None:
    body = base64.b64encode(json.dumps({"user": user, "usage": 2}).encode())

    assert api.post("/usage", body=body).status == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/usage"), ("POST", "/usage/1"), ("POST", "/stats/average")]
)
def test_an_unknown_route_is_not_found(api: ApiClient, method: str, path: str) -> None:
    answer = api.request(method, path)

    assert answer.status == 404
    assert answer.json() == {"message": "Not Found"}
