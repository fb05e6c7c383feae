"""Whatever dies, and whenever: nothing acknowledged is lost, nothing is counted twice.

These use faults of this worker's own account; what kills parts that everybody shares is in test_chaos.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from scenarios.usage.kit import Books
from staticfire.testing.kit import AccountFaults, AccountFunctions, ApiClient, StackUnderTest, wait_until

WRITES = ("UpdateItem", "PutItem", "TransactWriteItems")


Body = dict[str, Any]


@pytest.fixture
def killed_in_between(
    api: ApiClient,
    user: str,
    key: str,
    books: Books,
    functions: AccountFunctions,
    faults: AccountFaults,
    staticfire_stack: StackUnderTest,
) -> Body:
    """A post whose function was killed after Postgres had committed and before DynamoDB was written."""
    name = staticfire_stack.outputs["api_function_name"]
    body = {"user": user, "usage": 12.5}
    with ThreadPoolExecutor(1) as thread, faults("dynamodb", *WRITES, kind="hang"):
        answer = thread.submit(api.post, "/usage", json=body, headers={"Idempotency-Key": key})
        wait_until(lambda: books.in_postgres(user).events == 1, "the commit in Postgres")
        assert functions.kill(name, state="busy") == 1
        assert answer.result().status in (500, 503)
        assert books.in_dynamodb(user).events == 0
    return body


def test_a_retry_after_a_kill_between_the_stores_counts_once(
    killed_in_between: Body, api: ApiClient, user: str, key: str, books: Books
) -> None:
    answer = api.post("/usage", json=killed_in_between, headers={"Idempotency-Key": key})

    assert answer.status == 201
    assert [event["id"] for event in books.events(user)] == [answer.json()["id"]]
    assert books.in_dynamodb(user) == books.in_postgres(user)
    assert books.in_dynamodb(user).total == Decimal("12.5")


@pytest.mark.usefixtures("killed_in_between")
def test_reconciling_after_a_kill_between_the_stores_counts_once(user: str, books: Books) -> None:
    books.reconcile()

    assert books.in_dynamodb(user) == books.in_postgres(user)
    assert (books.in_dynamodb(user).events, books.in_dynamodb(user).total) == (1, Decimal("12.5"))


def test_reconciling_twice_changes_nothing(api: ApiClient, user: str, books: Books) -> None:
    assert api.post("/usage", json={"user": user, "usage": 3}).status == 201
    books.reconcile(full=True)
    before = books.all_in_dynamodb()

    books.reconcile(full=True)

    assert books.all_in_dynamodb() == before
    assert books.in_dynamodb(user) == books.in_postgres(user)


def test_a_kill_costs_its_own_invocation_and_no_other(
    killed_in_between: Body, api: ApiClient, user: str, books: Books
) -> None:
    answers = [api.post("/usage", json={"user": user, "usage": 1}) for _ in range(5)]

    assert [answer.status for answer in answers] == [201] * 5
    assert books.in_dynamodb(user) == books.in_postgres(user)
    assert books.in_dynamodb(user).total == Decimal("17.5")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "status": 500, "code": "InternalServerError"},
        {"kind": "drop"},
        {"kind": "drop", "when": "after"},
    ],
    ids=["answers errors", "drops calls", "loses answers"],
)
def test_without_DynamoDB_a_usage_is_refused_for_now_and_its_retry_counts_once(
    api: ApiClient, user: str, key: str, books: Books, faults: AccountFaults, fault: dict[str, Any]
) -> None:
    body = {"user": user, "usage": 8}
    with faults("dynamodb", *WRITES, **fault):
        refused = api.post("/usage", json=body, headers={"Idempotency-Key": key})

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0

    answer = api.post("/usage", json=body, headers={"Idempotency-Key": key})

    assert answer.status == 201
    assert [event["id"] for event in books.events(user)] == [answer.json()["id"]]
    assert books.in_dynamodb(user) == books.in_postgres(user)
    assert books.in_dynamodb(user).total == Decimal(8)


def test_an_older_total_that_arrives_late_does_not_undo_a_newer_one(
    api: ApiClient, user: str, books: Books, faults: AccountFaults
) -> None:
    with ThreadPoolExecutor(1) as thread:
        with faults("dynamodb", *WRITES, kind="hang", times=1) as struck:
            late = thread.submit(api.post, "/usage", json={"user": user, "usage": 1})
            wait_until(struck, "the write that is held back")
            assert api.post("/usage", json={"user": user, "usage": 2}).status == 201
        assert late.result().status == 201

    assert books.in_dynamodb(user) == books.in_postgres(user)
    assert (books.in_dynamodb(user).events, books.in_dynamodb(user).total) == (2, Decimal(3))
