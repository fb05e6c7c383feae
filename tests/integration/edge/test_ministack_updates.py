"""MiniStack's UpdateItem remembers what it found out about expressions: what it answers is what it answered before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.edge.kit import Edge

TABLE = "table"
SET = "SET #a = :a"
LARGEST = 400 * 1024


@pytest.fixture(scope="module")
def dynamodb(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    client = edge.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    yield client
    edge.end()


def update(dynamodb: Any, key: str, expression: str, values: dict[str, Any], **more: Any) -> Any:
    answer = dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": key}},
        UpdateExpression=expression,
        ExpressionAttributeValues=values,
        ReturnValues="ALL_NEW",
        **more,
    )
    return answer["Attributes"]


def test_one_expression_means_other_attributes_and_values_in_each_call(dynamodb: Any) -> None:
    first = update(dynamodb, "one", SET, {":a": {"N": "1"}}, ExpressionAttributeNames={"#a": "x"})
    second = update(dynamodb, "one", SET, {":a": {"S": "two"}}, ExpressionAttributeNames={"#a": "y"})
    assert first == {"pk": {"S": "one"}, "x": {"N": "1"}}
    assert second == {**first, "y": {"S": "two"}}


def test_a_condition_is_decided_anew_each_time(dynamodb: Any) -> None:
    def advance(version: int) -> None:
        update(
            dynamodb,
            "condition",
            "SET v = :v",
            {":v": {"N": str(version)}},
            ConditionExpression="attribute_not_exists(pk) OR v < :v",
        )

    advance(1)
    advance(2)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        advance(2)
    advance(3)


def test_a_wrong_condition_is_refused_the_second_time_too(dynamodb: Any) -> None:
    for _ in range(2):
        with pytest.raises(ClientError, match="Invalid ConditionExpression: Syntax error"):
            update(dynamodb, "wrong", "SET v = :v", {":v": {"N": "1"}}, ConditionExpression="v < < :v")


def test_an_update_beyond_an_items_size_is_refused_and_one_below_is_not(dynamodb: Any) -> None:
    update(dynamodb, "size", "SET a = :a", {":a": {"S": "x" * (LARGEST - 1000)}})
    with pytest.raises(ClientError, match="Item size to update has exceeded the maximum allowed size"):
        update(dynamodb, "size", "SET a = :a", {":a": {"S": "x" * (LARGEST + 1)}})
    with pytest.raises(ClientError, match="Item size to update has exceeded the maximum allowed size"):
        update(dynamodb, "size", "SET b = :a, c = :a", {":a": {"L": [{"S": "x" * (LARGEST // 2)}]}})


def test_what_was_stored_shares_nothing_with_what_was_sent_or_answered(dynamodb: Any) -> None:
    tree = {"M": {"list": {"L": [{"S": "a"}, {"B": b"\x00"}, {"BOOL": True}, {"NULL": True}]}}}
    assert update(dynamodb, "tree", "SET tree = :tree", {":tree": tree})["tree"] == tree
    changed = update(
        dynamodb, "tree", "SET tree.#list[0] = :b", {":b": {"S": "b"}}, ExpressionAttributeNames={"#list": "list"}
    )
    assert changed["tree"]["M"]["list"]["L"][0] == {"S": "b"}
    with pytest.raises(ClientError):
        update(
            dynamodb,
            "tree",
            "SET tree.#list[0] = :c, pk = :c",
            {":c": {"S": "c"}},
            ExpressionAttributeNames={"#list": "list"},
        )
    kept = dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": "tree"}})["Item"]
    assert kept["tree"]["M"]["list"]["L"][0] == {"S": "b"}
