"""servicekit.dynamodb against a table that is really there."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import boto3
import pytest
from servicekit import aws
from servicekit.dynamodb import Cancelled, ConditionFailed, Table, transact
from servicekit.errors import Unavailable

from tests.integration.service.kit import CREDENTIALS


@pytest.fixture(scope="module")
def name(emulator: str) -> str:
    made = f"things-{secrets.token_hex(4)}"
    boto3.client("dynamodb", endpoint_url=emulator, **CREDENTIALS).create_table(
        TableName=made,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"} for attribute in ("pk", "sk", "state")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-state",
                "KeySchema": [
                    {"AttributeName": "state", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return made


@pytest.fixture
def client(emulator: str) -> aws.JsonService:
    environ = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return aws.JsonService("dynamodb", "DynamoDB_20120810", "1.0", {**environ, "AWS_ENDPOINT_URL": emulator})


@pytest.fixture
def table(client: aws.JsonService, name: str) -> Table:
    return Table(client, name)


@pytest.fixture
def key() -> dict[str, str]:
    """An item that nobody else has."""
    return {"pk": secrets.token_hex(8), "sk": "a"}


def test_an_item_comes_back_as_it_was_put(table: Table, key: dict[str, str]) -> None:
    item = {
        **key,
        "n": 7,
        "d": Decimal("0.10"),
        "yes": True,
        "none": None,
        "of": {"x": ["ü", 1]},
        "b": b"\0",
        "s": {"a"},
    }
    table.put(item)
    assert table.get(key) == item
    assert table.get({**key, "sk": "another"}) is None


def test_a_condition_that_fails_tells_the_item_in_the_way(table: Table, key: dict[str, str]) -> None:
    table.put({**key, "owner": "first"}, condition="attribute_not_exists(pk)")
    with pytest.raises(ConditionFailed) as failed:
        table.put({**key, "owner": "second"}, condition="attribute_not_exists(pk)")
    assert failed.value.item == {**key, "owner": "first"}
    with pytest.raises(ConditionFailed) as failed:
        table.delete({**key, "sk": "b"}, condition="attribute_exists(pk)")
    assert failed.value.item is None


def test_an_update_answers_the_item_after_it(table: Table, key: dict[str, str]) -> None:
    table.put({**key, "version": 1})
    update = "SET #version = #version + :one"
    after = table.update(
        key, update, condition="#version = :seen", values={":one": 1, ":seen": 1}, names={"#version": "version"}
    )
    assert after == {**key, "version": 2}
    assert table.delete(key) == after
    assert table.delete(key) is None


def test_pages_hold_everything_once_in_either_direction(table: Table, key: dict[str, str]) -> None:
    for number in range(7):
        table.put({"pk": key["pk"], "sk": f"{number}", "even": number % 2 == 0})
    condition, values = "pk = :pk", {":pk": key["pk"]}

    first = table.query(condition, values, limit=3)
    second = table.query(condition, values, limit=3, start=first.next)
    sort_keys = [item["sk"] for item in table.query_all(condition, values, limit=2, newest_first=True)]

    assert [item["sk"] for item in first.items + second.items] == ["0", "1", "2", "3", "4", "5"]
    assert sort_keys == ["6", "5", "4", "3", "2", "1", "0"]
    even = table.query_all(condition, {**values, ":yes": True}, filtered="even = :yes", limit=2)
    assert [item["sk"] for item in even] == ["0", "2", "4", "6"]


def test_an_index_is_queried_by_name(table: Table, key: dict[str, str]) -> None:
    state = secrets.token_hex(4)
    table.put({**key, "state": state})
    page = table.query("#state = :state", {":state": state}, names={"#state": "state"}, index="by-state")
    assert [item["pk"] for item in page.items] == [key["pk"]]


def test_a_transaction_is_all_or_nothing_and_tells_which_condition_failed(
    client: aws.JsonService, table: Table, key: dict[str, str]
) -> None:
    table.put({**key, "owner": "first"})
    other = {**key, "sk": "b"}
    actions = [table.to_put(dict(other)), table.to_put(dict(key), condition="attribute_not_exists(pk)")]
    with pytest.raises(Cancelled) as cancelled:
        transact(client, actions, secrets.token_hex(16))
    assert cancelled.value.failed == {1: {**key, "owner": "first"}}
    assert table.get(other) is None


def test_a_transaction_sent_again_counts_once(client: aws.JsonService, table: Table, key: dict[str, str]) -> None:
    token = secrets.token_hex(16)
    for _ in range(2):
        transact(client, [table.to_update(key, "ADD n :one", values={":one": 1})], token)
    assert table.get(key) == {**key, "n": 1}


def test_of_many_conditional_puts_at_once_one_wins(emulator: str, name: str, key: dict[str, str]) -> None:
    environ = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def put(number: int) -> bool:
        client = aws.JsonService("dynamodb", "DynamoDB_20120810", "1.0", {**environ, "AWS_ENDPOINT_URL": emulator})
        try:
            Table(client, name).put({**key, "number": number}, condition="attribute_not_exists(pk)")
        except ConditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(put, range(32))) == 1


def test_a_table_that_is_missing_is_unavailable_and_a_mistake_of_ours_is_not(
    client: aws.JsonService, table: Table, key: dict[str, str]
) -> None:
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        Table(client, "no-such-table").get(key)
    with pytest.raises(aws.CallFailed, match="ValidationException"):
        table.update(key, "this is no expression")
