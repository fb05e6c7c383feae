"""Filters of event source mappings: only what a pattern takes reaches the function."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, Queue, eventually

AREA = "Event sources: filters"
SEEN = "2025-11-25"
SQS = "lambda/latest/dg/with-sqs-filtering.html"
STREAMS = "lambda/latest/dg/with-ddb-filtering.html"
KINESIS = "lambda/latest/dg/with-kinesis-filtering.html"
RULES = "lambda/latest/dg/invocation-eventfiltering.html"
CREATE = "lambda/latest/api/API_CreateEventSourceMapping.html"

TELL = """
    import json

    import boto3

    def handler(event, context):
        sqs = boto3.client("sqs")
        for record in event["Records"]:
            if record.get("body") == "fail" or '"fail"' in record.get("body", ""):
                raise ValueError("as told")
            sqs.send_message(QueueUrl=URL, MessageBody=json.dumps(record))
"""


class Teller:
    """A function that tells a queue of each record that reached it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.queue = lab.queue()
        self.name = lab.function(TELL.replace("URL", repr(self.queue.url)))

    def maps(self, source: str, *patterns: Any, **settings: Any) -> dict[str, Any]:
        filters = [{"Pattern": json.dumps(pattern)} for pattern in patterns]
        return dict(
            self.lab.aws("lambda").create_event_source_mapping(
                FunctionName=self.name, EventSourceArn=source, FilterCriteria={"Filters": filters}, **settings
            )
        )

    def told(self) -> Any:
        return json.loads(self.queue.receive()["Body"])


@pytest.fixture(scope="module")
def teller(lab: Lab) -> Teller:
    return Teller(lab)


@pytest.fixture
def mapped(lab: Lab) -> Iterator[list[str]]:
    """Mappings of a case, deleted after it."""
    made: list[str] = []
    yield made
    for uuid in made:
        lab.aws("lambda").delete_event_source_mapping(UUID=uuid)


def left(lab: Lab, queue: Queue) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = lab.aws("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in attributes.values())


# What a filter is: the patterns, the bodies that it takes, and those that it leaves.
BODIES: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "equals": ([{"body": {"a": ["x", "y"]}}], [{"a": "y"}], [{"a": "z"}, {"b": "x"}, "x"]),
    "and": ([{"body": {"a": ["x"], "b": {"c": [1]}}}], [{"a": "x", "b": {"c": 1}}], [{"a": "x"}, {"b": {"c": 1}}]),
    "several filters": ([{"body": {"a": ["x"]}}, {"body": {"b": ["y"]}}], [{"a": "x"}, {"b": "y"}], [{"a": "y"}]),
    "$or": (
        [{"body": {"$or": [{"a": ["x"]}, {"b": [{"numeric": [">", 1]}]}]}}],
        [{"a": "x"}, {"b": 2}],
        [{"a": "y"}, {"b": 1}],
    ),
    "numeric": (
        [{"body": {"n": [{"numeric": [">=", 100, "<", 200]}]}}],
        [{"n": 100}, {"n": 199.5}],
        [{"n": 200}, {"n": "150"}, {"n": True}],
    ),
    "prefix and suffix": (
        [{"body": {"a": [{"prefix": "us-"}, {"suffix": ".eu"}]}}],
        [{"a": "us-1"}, {"a": "x.eu"}],
        [{"a": "eu-us-"}],
    ),
    "exists": ([{"body": {"a": [{"exists": True}]}}], [{"a": None}, {"a": 1}], [{"b": 1}, {"a": {"inner": 1}}]),
    "absent": ([{"body": {"a": [{"exists": False}]}}], [{"b": 1}, {"a": {"inner": 1}}], [{"a": 1}]),
    "anything-but": (
        [{"body": {"a": [{"anything-but": ["x", "y"]}]}}],
        [{"a": "z"}],
        [{"a": "x"}, {"a": "y"}, {"b": "z"}],
    ),
    "equals ignoring case": ([{"body": {"a": [{"equals-ignore-case": "ABC"}]}}], [{"a": "aBc"}], [{"a": "abd"}]),
    "null and empty": ([{"body": {"a": [None, ""]}}], [{"a": None}, {"a": ""}], [{"a": 0}, {"b": ""}]),
    "an array's element": ([{"body": {"a": ["x"]}}], [{"a": ["w", "x"]}], [{"a": ["w"]}, {"a": []}]),
    "plain text": ([{"body": ["hello"]}], ["hello"], ["bye", {"hello": "hello"}]),
}


@documented(AREA, "A pattern on an SQS `body` that is JSON: equal, numeric, prefix, exists, anything-but, $or", SQS)
@pytest.mark.parametrize("name", BODIES)
def test_a_filter_of_a_queue(lab: Lab, teller: Teller, mapped: list[str], name: str) -> None:
    patterns, taken, dropped = BODIES[name]
    source = lab.queue()
    bodies = [body if isinstance(body, str) else json.dumps(body) for body in (*dropped, *taken)]
    for body in bodies:
        lab.aws("sqs").send_message(QueueUrl=source.url, MessageBody=body)
    mapped.append(teller.maps(source.arn, *patterns)["UUID"])
    assert {teller.told()["body"] for _ in taken} == set(bodies[len(dropped) :])
    eventually(lambda: left(lab, source) == 0, "an empty queue")
    assert left(lab, teller.queue) == 0


@documented(AREA, "A message that no filter takes is deleted, whatever the function does", SQS)
def test_a_dropped_message_is_gone(lab: Lab, teller: Teller, mapped: list[str]) -> None:
    dead, source = lab.queue(), lab.queue()
    lab.aws("sqs").set_queue_attributes(
        QueueUrl=source.url,
        Attributes={
            "VisibilityTimeout": "10",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": "1"}),
        },
    )
    for body in ({"other": 1}, {"a": "fail"}):
        lab.aws("sqs").send_message(QueueUrl=source.url, MessageBody=json.dumps(body))
    mapped.append(teller.maps(source.arn, {"body": {"a": ["fail"]}})["UUID"])
    assert json.loads(dead.receive()["Body"]) == {"a": "fail"}
    assert left(lab, source) == left(lab, dead) == 0


Item = dict[str, dict[str, Any]]

# The pattern, what is put, and the ids of the changes that it takes: a second put of an id is a MODIFY.
CHANGES: dict[str, tuple[Any, list[Item], list[tuple[str, str]]]] = {
    "eventName": (
        {"eventName": ["MODIFY"]},
        [{"id": {"S": "a"}}, {"id": {"S": "a"}, "n": {"N": "1"}}],
        [("MODIFY", "a")],
    ),
    "NewImage": (
        {"dynamodb": {"NewImage": {"kind": {"S": [{"prefix": "us-"}]}}}},
        [{"id": {"S": "a"}, "kind": {"S": "eu-1"}}, {"id": {"S": "b"}}, {"id": {"S": "c"}, "kind": {"S": "us-1"}}],
        [("INSERT", "c")],
    ),
    "numbers are text": (
        {"dynamodb": {"NewImage": {"n": {"N": [{"numeric": [">", 100]}, {"anything-but": "101"}]}}}},
        [{"id": {"S": "a"}, "n": {"N": "101"}}, {"id": {"S": "b"}, "n": {"N": "42"}}],
        [("INSERT", "b")],
    ),
    "exists": (
        {"dynamodb": {"NewImage": {"n": {"N": [{"exists": True}]}}}},
        [{"id": {"S": "a"}}, {"id": {"S": "b"}, "n": {"N": "1"}}],
        [("INSERT", "b")],
    ),
    "exists sees leaves only": (
        {"dynamodb": {"NewImage": {"n": [{"exists": False}]}}},
        [{"id": {"S": "a"}}, {"id": {"S": "b"}, "n": {"N": "1"}}],
        [("INSERT", "a"), ("INSERT", "b")],
    ),
    "$or": (
        {"$or": [{"eventName": ["REMOVE"]}, {"dynamodb": {"Keys": {"id": {"S": ["b"]}}}}]},
        [{"id": {"S": "a"}}, {"id": {"S": "b"}}],
        [("INSERT", "b")],
    ),
}


@documented(AREA, "A pattern on a stream's `eventName`, `Keys`, `NewImage`, whose numbers are text", STREAMS)
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.streams("dynamodb")
def test_a_filter_of_a_stream(lab: Lab, teller: Teller, mapped: list[str], name: str) -> None:
    pattern, items, taken = CHANGES[name]
    dynamodb, table = lab.aws("dynamodb"), lab.name("table")
    made = dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    mapped.append(teller.maps(made["LatestStreamArn"], pattern, StartingPosition="TRIM_HORIZON")["UUID"])
    for item in items:
        dynamodb.put_item(TableName=table, Item=item)
    records = [teller.told() for _ in taken]
    assert [(record["eventName"], record["dynamodb"]["Keys"]["id"]["S"]) for record in records] == taken
    assert left(lab, teller.queue) == 0


@documented(AREA, "A pattern on a Kinesis record's `data`, JSON or text, and `partitionKey`", KINESIS)
@pytest.mark.parametrize("pattern", [{"data": {"a": ["x"]}}, {"data": ["text"]}, {"partitionKey": ["taken"]}])
@pytest.mark.streams("kinesis")
def test_a_filter_of_a_kinesis_stream(lab: Lab, teller: Teller, mapped: list[str], pattern: dict[str, Any]) -> None:
    kinesis, name = lab.aws("kinesis"), lab.name("stream")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    mapped.append(teller.maps(arn, pattern, StartingPosition="TRIM_HORIZON")["UUID"])
    taken = b"text" if pattern.get("data") == ["text"] else b'{"a": "x"}'
    for key, data in (("dropped", b'{"a": "y"}'), ("dropped", b"other"), ("taken", taken)):
        kinesis.put_record(StreamName=name, PartitionKey=key, Data=data)
    record = teller.told()
    assert base64.b64decode(record["kinesis"]["data"]) == taken
    assert left(lab, teller.queue) == 0


@documented(AREA, "A pattern that is none is refused: InvalidParameterValueException", RULES, recorded=SEEN)
@pytest.mark.parametrize(
    "pattern", ["simple string", '"text"', '[{"eventName": ["INSERT"]}]', '{"eventName": ["INSERT"=123}']
)
def test_a_pattern_that_is_none_is_refused(lab: Lab, teller: Teller, pattern: str) -> None:
    client = lab.aws("lambda")
    with pytest.raises(ClientError) as refused:
        client.create_event_source_mapping(
            FunctionName=teller.name,
            EventSourceArn=lab.queue().arn,
            FilterCriteria={"Filters": [{"Pattern": pattern}]},
        )
    error = refused.value.response
    assert error["Error"] == {"Code": "InvalidParameterValueException", "Message": "Invalid filter pattern definition."}
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


@documented(AREA, "Filters are described as they were given; an empty list takes them away", RULES)
def test_filters_are_described(lab: Lab, teller: Teller, mapped: list[str]) -> None:
    client = lab.aws("lambda")
    made = teller.maps(lab.queue().arn, {"body": {"a": ["x"]}})
    mapped.append(made["UUID"])
    filters = {"Filters": [{"Pattern": '{"body": {"a": ["x"]}}'}]}
    assert client.get_event_source_mapping(UUID=made["UUID"])["FilterCriteria"] == filters
    client.update_event_source_mapping(UUID=made["UUID"], FilterCriteria={"Filters": []})
    assert "FilterCriteria" not in client.get_event_source_mapping(UUID=made["UUID"])


@documented(AREA, "A queue's mapping is Creating, then Enabled, and tells no result of a batch", CREATE, recorded=SEEN)
def test_a_queues_mapping_is_described(lab: Lab, teller: Teller, mapped: list[str]) -> None:
    client = lab.aws("lambda")
    made = client.create_event_source_mapping(FunctionName=teller.name, EventSourceArn=lab.queue().arn)
    mapped.append(made["UUID"])
    assert (made["State"], made["ResponseMetadata"]["HTTPStatusCode"]) == ("Creating", 202)

    def state() -> bool:
        return bool(client.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled")

    eventually(state, "the state Enabled")
    described = client.get_event_source_mapping(UUID=made["UUID"])
    assert set(described) - {"ResponseMetadata"} == {
        *("BatchSize", "EventSourceArn", "EventSourceMappingArn", "FunctionArn", "FunctionResponseTypes"),
        *("LastModified", "MaximumBatchingWindowInSeconds", "State", "StateTransitionReason", "UUID"),
    }
    assert (described["BatchSize"], described["StateTransitionReason"]) == (10, "USER_INITIATED")


@documented(AREA, "A stream's mapping tells its defaults: batches of 100, retries and age -1", CREATE, recorded=SEEN)
@pytest.mark.streams("kinesis")
def test_a_streams_mapping_is_described(lab: Lab, teller: Teller, mapped: list[str]) -> None:
    client, kinesis, name = lab.aws("lambda"), lab.aws("kinesis"), lab.name("stream")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    made = client.create_event_source_mapping(FunctionName=teller.name, EventSourceArn=arn, StartingPosition="LATEST")
    mapped.append(made["UUID"])
    expected = {
        "BatchSize": 100,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "LastProcessingResult": "No records processed",
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "StartingPosition": "LATEST",
        "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0,
    }
    described = client.get_event_source_mapping(UUID=made["UUID"])
    assert {name: described.get(name) for name in expected} == expected
