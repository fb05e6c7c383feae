"""The record of a batch that is given up, as AWS was recorded to write it."""

from __future__ import annotations

from staticfire.edge.services.lambda_.mappings.failures import batch_record
from staticfire.edge.services.lambda_.mappings.taking import Attempt
from tests.unit.edge.services.lambda_.mappings.kit import STREAM_ARN, MemoryStream

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:work"


def test_the_record_of_a_batch() -> None:
    stream = MemoryStream("a1", "a2", arrival=1700000000.5)
    record = batch_record(
        stream,
        "shard",
        stream.content["shard"],
        function=FUNCTION,
        condition="RetryAttemptsExhausted",
        count=2,
        attempt=Attempt(None, "request", "$LATEST", "Unhandled"),
    )
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "requestContext": {
            "requestId": "request",
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "KinesisBatchInfo": {
            "shardId": "shard",
            "startSequenceNumber": "a1",
            "endSequenceNumber": "a2",
            "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20.500Z",
            "approximateArrivalOfLastRecord": "2023-11-14T22:13:20.500Z",
            "batchSize": 2,
            "streamArn": STREAM_ARN,
        },
    }


def test_what_was_never_invoked_has_no_response() -> None:
    stream = MemoryStream("a1", arrival=1700000000.0)
    records = stream.content["shard"]
    record = batch_record(
        stream, "shard", records, function=FUNCTION, condition="RecordAgeExceeded", count=0, attempt=None
    )
    assert "responseContext" not in record
    assert record["requestContext"]["approximateInvokeCount"] == 0
