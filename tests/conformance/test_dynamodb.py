"""DynamoDB: pages, keys, conditions, updates, transactions and streams, as its developer guide says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually

# A LocalStack that could not install DynamoDB Local answers by a library, which has neither streams nor these.
WITH_DYNAMODB = pytest.mark.streams("dynamodb")
AREA = "DynamoDB"
GUIDE = "amazondynamodb/latest/developerguide/"
API = "amazondynamodb/latest/APIReference/"
ATTRIBUTES = [
    {"AttributeName": "pk", "AttributeType": "S"},
    {"AttributeName": "sk", "AttributeType": "N"},
    {"AttributeName": "place", "AttributeType": "S"},
]
BY_PLACE = {
    "IndexName": "by-place",
    "KeySchema": [{"AttributeName": "place", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["shown"]},
}

Item = dict[str, Any]


@pytest.fixture(scope="module")
def dynamodb(lab: Lab) -> Any:
    return lab.aws("dynamodb")


@pytest.fixture(scope="module")
def table(lab: Lab, dynamodb: Any) -> Iterator[str]:
    """A table with an index and a stream; a case has a partition of its own."""
    name = lab.name("items")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=ATTRIBUTES,
        GlobalSecondaryIndexes=[BY_PLACE],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def put(dynamodb: Any, table: str) -> Callable[..., None]:
    def one(pk: str, sk: int | str, **more: Item) -> None:
        dynamodb.put_item(TableName=table, Item={"pk": {"S": pk}, "sk": {"N": str(sk)}, **more})

    return one


def numbers(answer: Any) -> list[int]:
    return [int(item["sk"]["N"]) for item in answer["Items"]]


@documented(
    AREA,
    "Query answers in the order of the sort key, as numbers, or backwards, and only what the condition says",
    f"{GUIDE}Query.KeyConditionExpressions.html",
)
def test_query_is_in_order(dynamodb: Any, table: str, put: Callable[..., None]) -> None:
    for number in (10, 9, -1, 100, 2, 33, 1, 7, 8, 50, 0):
        put("order", number)

    def answered(condition: str, **values: str) -> list[int]:
        sent = {":p": {"S": "order"}, **{f":{name}": {"N": value} for name, value in values.items()}}
        query = {"TableName": table, "KeyConditionExpression": condition, "ExpressionAttributeValues": sent}
        forward = numbers(dynamodb.query(**query))
        assert numbers(dynamodb.query(**query, ScanIndexForward=False)) == forward[::-1]
        return forward

    assert answered("pk = :p") == [-1, 0, 1, 2, 7, 8, 9, 10, 33, 50, 100]
    assert answered("pk = :p AND sk < :a", a="2") == [-1, 0, 1]
    assert answered("(pk = :p AND sk <= :a)", a="2.0") == [-1, 0, 1, 2]
    assert answered("pk = :p AND sk > :a", a="33") == [50, 100]
    assert answered("sk >= :a AND pk = :p", a="33") == [33, 50, 100]
    assert answered("pk = :p AND sk BETWEEN :a AND :b", a="7", b="1e1") == [7, 8, 9, 10]
    assert answered("pk = :p AND sk = :a", a="33.00") == [33]
    assert answered("pk = :p AND sk = :a", a="34") == []


@documented(
    AREA,
    "Pages follow each other by LastEvaluatedKey until none is left, while items come and go",
    f"{GUIDE}Query.Pagination.html",
)
@WITH_DYNAMODB
def test_pages_follow_each_other(dynamodb: Any, table: str, put: Callable[..., None]) -> None:
    for number in range(30):
        put("pages", number)
    query = {
        "TableName": table,
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": {"S": "pages"}},
        "Limit": 10,
    }
    first = dynamodb.query(**query)
    assert numbers(first) == list(range(10))
    assert first["LastEvaluatedKey"] == {"pk": {"S": "pages"}, "sk": {"N": "9"}}
    dynamodb.delete_item(TableName=table, Key=first["LastEvaluatedKey"])
    dynamodb.delete_item(TableName=table, Key={"pk": {"S": "pages"}, "sk": {"N": "12"}})
    put("pages", "10.5")
    second = dynamodb.query(**query, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [item["sk"]["N"] for item in second["Items"]] == ["10", "10.5", "11", *map(str, range(13, 20))]
    third = dynamodb.query(**query, ExclusiveStartKey=second["LastEvaluatedKey"])
    assert numbers(third) == list(range(20, 30))
    rest = dynamodb.query(**query, ExclusiveStartKey=third["LastEvaluatedKey"])
    assert (rest["Count"], "LastEvaluatedKey" in rest) == (0, False)


@documented(AREA, "A page ends at 1 MB of what was read, before any filter", f"{GUIDE}Query.Pagination.html")
def test_a_page_ends_at_a_megabyte(dynamodb: Any, table: str, put: Callable[..., None]) -> None:
    for number in range(4):
        put("large", number, filling={"S": "x" * 350_000})
    query = {
        "TableName": table,
        "KeyConditionExpression": "pk = :p",
        "FilterExpression": "sk = :last",
        "ExpressionAttributeValues": {":p": {"S": "large"}, ":last": {"N": "3"}},
    }
    first = dynamodb.query(**query)
    assert (first["Count"], first["ScannedCount"]) == (0, 2)
    assert first["LastEvaluatedKey"]["sk"] == {"N": "1"}
    second = dynamodb.query(**query, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert (numbers(second), second["ScannedCount"]) == ([3], 2)


@documented(
    AREA,
    "A number is one key however it is written, and is answered in one form",
    f"{GUIDE}HowItWorks.NamingRulesDataTypes.html",
)
@WITH_DYNAMODB
def test_a_number_is_one_key(dynamodb: Any, table: str, put: Callable[..., None]) -> None:
    put("written", "1.50")
    key = {"pk": {"S": "written"}, "sk": {"N": "01.5"}}
    dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET shown = :s",
        ExpressionAttributeValues={":s": {"S": "once"}},
    )
    item = {"pk": {"S": "written"}, "sk": {"N": "1.5"}, "shown": {"S": "once"}}
    assert dynamodb.get_item(TableName=table, Key=key | {"sk": {"N": "15e-1"}})["Item"] == item
    assert dynamodb.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD")["Attributes"] == item
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key | {"sk": {"N": "1.5"}})


@documented(AREA, "An index has the items with its keys alone, in its order, with what it projects", f"{GUIDE}GSI.html")
def test_an_index_is_sparse_and_projects(dynamodb: Any, table: str, put: Callable[..., None]) -> None:
    query = {
        "TableName": table,
        "IndexName": "by-place",
        "KeyConditionExpression": "place = :p",
        "ExpressionAttributeValues": {":p": {"S": "here"}},
    }

    def answered() -> list[tuple[str, str]]:
        return [(item["pk"]["S"], item["sk"]["N"]) for item in dynamodb.query(**query)["Items"]]

    for number in range(12):
        put(f"index{number % 3}", number, place={"S": "here"}, shown={"S": "s"}, hidden={"S": "h"})
    put("index0", 99)
    expected = [(f"index{number % 3}", str(number)) for number in range(12)]
    eventually(lambda: answered() == expected, "the index with all that was put")
    assert {frozenset(item) for item in dynamodb.query(**query)["Items"]} == {frozenset({"pk", "sk", "place", "shown"})}
    put("index0", 0, place={"S": "elsewhere"})
    dynamodb.delete_item(TableName=table, Key={"pk": {"S": "index1"}, "sk": {"N": "1"}})
    dynamodb.update_item(
        TableName=table, Key={"pk": {"S": "index2"}, "sk": {"N": "2"}}, UpdateExpression="REMOVE place"
    )
    put("index9", 5, place={"S": "here"})
    moved = [*expected[3:6], ("index9", "5"), *expected[6:]]
    eventually(lambda: answered() == moved, "the index after items moved, went and came")
    pages = dynamodb.get_paginator("query").paginate(**query, PaginationConfig={"PageSize": 2})
    assert [(item["pk"]["S"], item["sk"]["N"]) for page in pages for item in page["Items"]] == moved


@documented(
    AREA,
    "An update reads the item as it was before: all of its values at once",
    f"{GUIDE}Expressions.UpdateExpressions.html",
)
@WITH_DYNAMODB
def test_an_update_reads_what_was_before(dynamodb: Any, table: str, put: Callable[..., None]) -> None:
    put(
        "update",
        1,
        one={"M": {"deep": {"N": "1"}}},
        two={"N": "2"},
        letters={"SS": ["a", "b"]},
        row={"L": [{"N": "1"}]},
    )
    key = {"pk": {"S": "update"}, "sk": {"N": "1"}}
    answer = dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET two = two + :n, three = two, four = one, one.deep = :n, #row = list_append(#row, :l) "
        "ADD letters :letters REMOVE gone",
        ExpressionAttributeNames={"#row": "row"},
        ExpressionAttributeValues={":n": {"N": "10"}, ":l": {"L": [{"S": "end"}]}, ":letters": {"SS": ["c"]}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    assert answer["two"] == {"N": "12"}
    assert answer["three"] == {"N": "2"}
    assert answer["one"] == {"M": {"deep": {"N": "10"}}}
    assert answer["four"] == {"M": {"deep": {"N": "1"}}}
    assert answer["row"] == {"L": [{"N": "1"}, {"S": "end"}]}
    assert sorted(answer["letters"]["SS"]) == ["a", "b", "c"]
    # What was copied is its own from now on.
    dynamodb.update_item(
        TableName=table, Key=key, UpdateExpression="SET four.deep = :n", ExpressionAttributeValues={":n": {"N": "5"}}
    )
    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    assert (item["one"], item["four"]) == ({"M": {"deep": {"N": "10"}}}, {"M": {"deep": {"N": "5"}}})


@documented(
    AREA, "A condition that fails changes nothing, and gives the item where that is wanted", f"{API}API_PutItem.html"
)
def test_a_failed_condition_changes_nothing(dynamodb: Any, table: str, put: Callable[..., None]) -> None:
    put("condition", 1, version={"N": "7"})
    item = {"pk": {"S": "condition"}, "sk": {"N": "1"}, "version": {"N": "7"}}
    with pytest.raises(ClientError) as refused:
        dynamodb.put_item(
            TableName=table,
            Item=item | {"version": {"N": "6"}},
            ConditionExpression="attribute_not_exists(pk) OR version < :v",
            ExpressionAttributeValues={":v": {"N": "6"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert refused.value.response["Item"] == item
    assert dynamodb.get_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})["Item"] == item


@documented(
    AREA,
    "A transaction is cancelled as a whole, with a reason for each of its actions",
    f"{API}API_TransactWriteItems.html",
)
def test_a_transaction_is_cancelled_as_a_whole(dynamodb: Any, table: str, put: Callable[..., None]) -> None:
    put("transaction", 1, version={"N": "1"})
    key = {"pk": {"S": "transaction"}, "sk": {"N": "1"}}

    def write(version: str) -> Any:
        newer = {"ConditionExpression": "version = :v", "ExpressionAttributeValues": {":v": {"N": version}}}
        update = {
            "UpdateExpression": "ADD version :one",
            "ConditionExpression": newer["ConditionExpression"],
            "ExpressionAttributeValues": {":v": {"N": version}, ":one": {"N": "1"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": table, "Item": key | {"sk": {"N": "2"}}}},
                {"Update": {"TableName": table, "Key": key, **update}},
            ]
        )

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as cancelled:
        write("9")
    reasons = cancelled.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert reasons[1]["Item"] == key | {"version": {"N": "1"}}
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key | {"sk": {"N": "2"}})
    write("1")
    gets = [{"Get": {"TableName": table, "Key": key | {"sk": {"N": number}}}} for number in ("1", "2", "3")]
    answers = dynamodb.transact_get_items(TransactItems=gets)["Responses"]
    assert [answer.get("Item", {}).get("version") for answer in answers] == [{"N": "2"}, None, None]
    assert ["Item" in answer for answer in answers] == [True, True, False]


@documented(
    AREA, "What a call consumes is counted by the size of items, of indexes too", f"{GUIDE}read-write-operations.html"
)
@WITH_DYNAMODB
def test_what_is_consumed(dynamodb: Any, table: str) -> None:
    item = {"pk": {"S": "consumed"}, "sk": {"N": "1"}, "place": {"S": "p"}, "filling": {"S": "x" * 2500}}
    consumed = dynamodb.put_item(TableName=table, Item=item, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]
    assert consumed["CapacityUnits"] == 4.0
    assert consumed["Table"]["CapacityUnits"] == 3.0
    assert consumed["GlobalSecondaryIndexes"]["by-place"]["CapacityUnits"] == 1.0


@documented(
    AREA, "A stream has each change of an item once, in order, with the item before and after", f"{GUIDE}Streams.html"
)
@WITH_DYNAMODB
def test_a_stream_has_images_in_order(lab: Lab, dynamodb: Any, table: str, put: Callable[..., None]) -> None:
    key = {"pk": {"S": "stream"}, "sk": {"N": "1"}}
    put("stream", 1, tree={"M": {"leaf": {"N": "0"}}})
    for value in ("1", "2", "2"):
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET tree.leaf = :n",
            ExpressionAttributeValues={":n": {"N": value}},
        )
    dynamodb.delete_item(TableName=table, Key=key)
    streams = lab.aws("dynamodbstreams")
    arn = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]

    def changes() -> list[tuple[str, Any, Any]]:
        """Of this item, from the stream's beginning."""
        records: list[Any] = []
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                page = streams.get_records(ShardIterator=iterator)
                records += page["Records"]
                iterator = page["Records"] and page.get("NextShardIterator")
        return [
            (record["eventName"], *(_leaf(record["dynamodb"].get(image)) for image in ("OldImage", "NewImage")))
            for record in records
            if record["dynamodb"]["Keys"] == key
        ]

    expected = [("INSERT", None, "0"), ("MODIFY", "0", "1"), ("MODIFY", "1", "2"), ("REMOVE", "2", None)]
    eventually(lambda: len(changes()) >= len(expected), "all changes of the item")
    assert changes() == expected


def _leaf(image: Any) -> str | None:
    return image and str(image["tree"]["M"]["leaf"]["N"])
