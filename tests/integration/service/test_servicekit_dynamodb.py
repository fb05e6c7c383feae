"""servicekit.table against a table that is really there."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import boto3
import pytest
from botocore.exceptions import ClientError
from servicekit.errors import Unavailable
from servicekit.table import Cancelled, ConditionFailed, Table

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
def table(emulator: str, name: str) -> Table:
    return Table(boto3.client("dynamodb", endpoint_url=emulator, **CREDENTIALS), name)


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
    table.delete(key)
    table.delete(key)
    assert table.get(key) is None


def test_pages_hold_everything_once_in_either_direction(table: Table, key: dict[str, str]) -> None:
    for number in range(7):
        table.put({"pk": key["pk"], "sk": f"{number}", "even": number % 2 == 0})
    condition, values = "pk = :pk", {":pk": key["pk"]}

    forwards = [item["sk"] for item in table.query(condition, values, Limit=3)]
    backwards = [item["sk"] for item in table.query(condition, values, Limit=2, ScanIndexForward=False)]
    even = table.query(condition, {**values, ":yes": True}, FilterExpression="even = :yes", Limit=2)

    assert forwards == backwards[::-1] == ["0", "1", "2", "3", "4", "5", "6"]
    assert [item["sk"] for item in even] == ["0", "2", "4", "6"]


def test_an_index_is_queried_by_name(table: Table, key: dict[str, str]) -> None:
    state = secrets.token_hex(4)
    table.put({**key, "state": state})
    names = {"#state": "state"}
    items = table.query("#state = :state", {":state": state}, ExpressionAttributeNames=names, IndexName="by-state")
    assert [item["pk"] for item in items] == [key["pk"]]


def test_a_transaction_is_all_or_nothing_and_tells_which_condition_failed(table: Table, key: dict[str, str]) -> None:
    table.put({**key, "owner": "first"})
    other = {**key, "sk": "b"}
    actions = [table.to_put(dict(other)), table.to_put(dict(key), condition="attribute_not_exists(pk)")]
    with pytest.raises(Cancelled) as cancelled:
        table.transact(actions, secrets.token_hex(16))
    assert cancelled.value.failed == {1: {**key, "owner": "first"}}
    assert table.get(other) is None


def test_a_transaction_sent_again_counts_once(table: Table, key: dict[str, str]) -> None:
    token = secrets.token_hex(16)
    for _ in range(2):
        table.transact([table.to_update(key, "ADD n :one", values={":one": 1})], token)
    assert table.get(key) == {**key, "n": 1}


def test_of_many_conditional_puts_at_once_one_wins(table: Table, key: dict[str, str]) -> None:
    def put(number: int) -> bool:
        try:
            table.put({**key, "number": number}, condition="attribute_not_exists(pk)")
        except ConditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(put, range(32))) == 1


def test_a_table_that_is_missing_is_unavailable_and_a_mistake_of_ours_is_not(table: Table, key: dict[str, str]) -> None:
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        Table(table._client, "no-such-table").get(key)
    with pytest.raises(ClientError, match="ValidationException"):
        table.update(key, "this is no expression")
