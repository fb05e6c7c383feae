"""Sessions: logged in by a token, ended by time, by logging out, and everywhere at once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from scenarios.gateway.lab import Bearer, SessionOf, TokenOf
from staticfire.testing.kit import AccountFaults, ApiClient, AwsClients, StackUnderTest, wait_until

Items = Callable[[], list[dict[str, Any]]]
StatusOf = Callable[[str], int]


@pytest.fixture
def items(staticfire_stack: StackUnderTest, aws: AwsClients) -> Items:
    """Every item of the sessions' table."""
    table = staticfire_stack.outputs["sessions_table_name"]
    return lambda: aws("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]


@pytest.fixture
def status_of(api: ApiClient, bearer: Bearer) -> StatusOf:
    return lambda session: api.get("/auth/session", headers=bearer(session)).status


def test_logging_in_makes_a_session_of_the_tokens_user(
    api: ApiClient, token_of: TokenOf, bearer: Bearer, user: str
) -> None:
    answer = api.post("/auth/login", headers=bearer(token_of(user)))

    assert answer.status == 201
    assert answer.json()["user"] == user
    assert answer.json()["expires_at"] > time.time()
    assert answer.headers["cache-control"] == "no-store"
    described = api.get("/auth/session", headers=bearer(answer.json()["session"]))
    assert described.json() == {"user": user, "expires_at": answer.json()["expires_at"]}


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http(
    api: ApiClient, token_of: TokenOf, bearer: Bearer, user: str
) -> None:
    answer = api.post("/auth/login", headers=bearer(token_of(user)))

    cookie, *rules = answer.headers["set-cookie"].split("; ")
    assert cookie == f"__Host-session={answer.json()['session']}"
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} <= set(rules)
    assert api.get("/auth/session", headers={"cookie": cookie}).json()["user"] == user


def test_the_table_holds_no_session_that_could_be_used(session_of: SessionOf, user: str, items: Items) -> None:
    session = session_of(user)

    text = json.dumps(items())
    assert session not in text
    assert hashlib.sha256(session.encode()).hexdigest() in text


@pytest.mark.parametrize("token", [None, "", "s_made-up", "s_" + "A" * 43, "x.y.z", "user#someone"])
def test_without_a_live_session_there_is_none(api: ApiClient, bearer: Bearer, token: str | None) -> None:
    for method, path in (("GET", "/auth/session"), ("POST", "/auth/logout"), ("POST", "/auth/logout-all")):
        answer = api.request(method, path, headers=bearer(token) if token is not None else {})
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_session_does_not_log_in_again(api: ApiClient, session_of: SessionOf, bearer: Bearer, user: str) -> None:
    assert api.post("/auth/login", headers=bearer(session_of(user))).status == 401


def test_logging_out_ends_this_session_only(
    api: ApiClient, session_of: SessionOf, status_of: StatusOf, bearer: Bearer, user: str
) -> None:
    one, other = session_of(user), session_of(user)

    answer = api.post("/auth/logout", headers=bearer(one))

    assert answer.status == 204
    assert answer.headers["set-cookie"].startswith("__Host-session=; Max-Age=0")
    assert (status_of(one), status_of(other)) == (401, 200)


def test_logging_out_everywhere_ends_all_sessions_of_the_user_and_of_nobody_else(
    api: ApiClient, session_of: SessionOf, status_of: StatusOf, bearer: Bearer, user: str
) -> None:
    mine, stranger = [session_of(user) for _ in range(5)], session_of(f"{user}-2")

    assert api.post("/auth/logout-all", headers=bearer(mine[0])).status == 204

    assert [status_of(session) for session in mine] == [401] * 5
    assert status_of(stranger) == 200
    again = session_of(user)
    assert status_of(again) == 200


def test_logging_out_everywhere_holds_even_if_no_session_could_be_deleted(
    api: ApiClient,
    session_of: SessionOf,
    status_of: StatusOf,
    bearer: Bearer,
    user: str,
    faults: AccountFaults,
    items: Items,
) -> None:
    mine = [session_of(user) for _ in range(3)]

    with faults("dynamodb", "Query", kind="error", status=503, code="ServiceUnavailable"):
        assert api.post("/auth/logout-all", headers=bearer(mine[0])).status == 204

    assert sum(item.get("user_id", {}).get("S") == user for item in items()) == 3
    assert [status_of(session) for session in mine] == [401] * 3


def test_an_expired_session_is_refused_although_its_item_is_still_there(
    session_of: SessionOf, status_of: StatusOf, user: str, items: Items
) -> None:
    session = session_of(user, seconds=1)

    wait_until(lambda: status_of(session) == 401, "the end of a session of one second")

    [item] = [item for item in items() if item.get("user_id", {}).get("S") == user]
    assert int(item["expires_at"]["N"]) <= time.time()


def test_the_index_finds_a_users_sessions(
    session_of: SessionOf, user: str, staticfire_stack: StackUnderTest, aws: AwsClients
) -> None:
    session_of(user), session_of(user)

    sessions = aws("dynamodb").query(
        TableName=staticfire_stack.outputs["sessions_table_name"],
        IndexName="user_id",
        KeyConditionExpression="user_id = :user",
        ExpressionAttributeValues={":user": {"S": user}},
    )

    assert sessions["Count"] == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{", "body"),
        ("[]", "body"),
        ('{"seconds": 0}', "seconds"),
        ('{"seconds": 99999999}', "seconds"),
        ('{"seconds": 1.5}', "seconds"),
        ('{"seconds": true}', "seconds"),
        ('{"seconds": "60"}', "seconds"),
        ('{"user": "root"}', "user"),
        ('{"seconds": 60, "seconds": 61}', "seconds"),
    ],
)
def test_a_wrong_body_is_refused_by_name(
    api: ApiClient, token_of: TokenOf, bearer: Bearer, user: str, body: str, field: str
) -> None:
    answer = api.post("/auth/login", body=body, headers=bearer(token_of(user)))

    assert answer.status == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_while_the_table_is_away_nobody_is_let_in_and_nothing_is_told(
    api: ApiClient, session_of: SessionOf, bearer: Bearer, user: str, faults: AccountFaults
) -> None:
    session = session_of(user)

    with faults("dynamodb", kind="error", status=503, code="ServiceUnavailable"):
        answer = api.get("/auth/session", headers=bearer(session))

    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "dynamo" not in answer.text.lower()
