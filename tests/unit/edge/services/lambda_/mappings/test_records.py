"""Records, as AWS was recorded to send them."""

from __future__ import annotations

from typing import Any

import pytest

from staticfire.edge.services.lambda_.mappings.records import data_record, queue_record, table_record

QUEUE = "arn:aws:sqs:eu-west-1:000000000000:jobs"
TABLE = "arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/2026-01-01T00:00:00.000"
STREAM = "arn:aws:kinesis:eu-west-1:000000000000:stream/s"
MESSAGE: dict[str, Any] = {"MessageId": "m", "ReceiptHandle": "r", "Body": "b", "MD5OfBody": "d"}


def test_a_message() -> None:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "2", "SenderId": "3"}
    assert queue_record(MESSAGE | {"Attributes": attributes}, QUEUE) == {
        "messageId": "m",
        "receiptHandle": "r",
        "body": "b",
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "d",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE,
        "awsRegion": "eu-west-1",
    }


def test_a_messages_attributes() -> None:
    attributes = {"n": {"DataType": "Number", "StringValue": "6"}, "b": {"DataType": "Binary", "BinaryValue": "Zm8="}}
    record = queue_record(MESSAGE | {"MessageAttributes": attributes, "MD5OfMessageAttributes": "e"}, QUEUE)
    lists: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "n": {"stringValue": "6", "dataType": "Number", **lists},
        "b": {"binaryValue": "Zm8=", "dataType": "Binary", **lists},
    }
    assert record["md5OfMessageAttributes"] == "e"


def test_with_a_window_the_digest_of_no_attributes_is_null() -> None:
    assert queue_record(MESSAGE, QUEUE, windowed=True)["md5OfMessageAttributes"] is None


def change(**inner: Any) -> dict[str, Any]:
    said = {"ApproximateCreationDateTime": 1700000000, "Keys": {"id": {"S": "id_value_1"}}, "SequenceNumber": "1"}
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    return {"eventID": uuid, "eventName": "INSERT", "dynamodb": {**said, "StreamViewType": "NEW_IMAGE", **inner}}


def test_a_change_in_a_table() -> None:
    record = table_record(change(NewImage={"id": {"S": "id_value_1"}}), TABLE)
    assert record == {
        "eventID": "0123456789abcdef0123456789abcdef",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1700000000.0,
            "Keys": {"id": {"S": "id_value_1"}},
            "NewImage": {"id": {"S": "id_value_1"}},
            "SequenceNumber": "1",
            "SizeBytes": 24,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": TABLE,
    }
    assert isinstance(record["dynamodb"]["ApproximateCreationDateTime"], float)


def test_who_removed_an_item_is_told() -> None:
    identity = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    record = table_record(change() | {"userIdentity": identity}, TABLE)
    assert record["userIdentity"] == {"principalId": "dynamodb.amazonaws.com", "type": "Service"}


# The sizes are AWS's, as recorded.
@pytest.mark.parametrize(
    ("keys", "image", "size"),
    [
        (
            {"my_partition_key": {"S": "hello world"}},
            {"binary_key": {"B": "Zm9vYmFy"}, "my_partition_key": {"S": "hello world"}},
            70,
        ),
        ({"id": {"S": "id_value_1"}}, {"numericFilter": {"N": "42"}, "id": {"S": "id_value_1"}}, 39),
        ({"id": {"S": "id_value_2"}}, {"id": {"S": "id_value_2"}, "presentKey": {"S": "presentValue"}}, 46),
        (
            {"my_partition_key": {"S": "testId0"}},
            {"my_partition_key": {"S": "testId0"}, "should_fail": {"BOOL": False}},
            58,
        ),
    ],
)
def test_the_size_of_a_change(keys: Any, image: Any, size: int) -> None:
    assert table_record(change(Keys=keys, NewImage=image), TABLE)["dynamodb"]["SizeBytes"] == size


def test_a_record_of_a_kinesis_stream() -> None:
    data = {"SequenceNumber": "9", "ApproximateArrivalTimestamp": 1700000000, "Data": "eA==", "PartitionKey": "p"}
    assert data_record(data, STREAM, "shardId-1", "arn:role") == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "p",
            "sequenceNumber": "9",
            "data": "eA==",
            "approximateArrivalTimestamp": 1700000000.0,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-1:9",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:role",
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM,
    }
