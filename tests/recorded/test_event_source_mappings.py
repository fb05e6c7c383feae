"""Where a mapping begins to read, and what AWS says of a place that its source does not have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab, eventually, without_streams
from tests.recorded.answers import Answers
from tests.recorded.functions import active, answers_with, create, invalid

AREA = "Lambda: event source mappings (recorded)"
WRONG = "InvalidParameterValueException"
SINCE = 1741010802
ONLY_THEN = "Timestamp only valid with StartingPosition AT_TIMESTAMP"
NOT_OF_QUEUES = "StartingPosition is not valid for SQS event sources."
NO_MOMENT = (
    "Received Exception while reading from provided stream. class java.lang.Long can not be converted to a Timestamp"
)


@pytest.fixture(autouse=True)
def _served(request: pytest.FixtureRequest, staticfire_target: str, lab: Lab) -> None:
    """LocalStack installs Kinesis and DynamoDB Local where it can, and has no streams elsewhere."""
    kind = request.node.callspec.params["kind"]
    missing = without_streams(lab, kind) if staticfire_target != "embedded" and kind != "sqs" else ""
    if missing:
        pytest.skip(missing)


def source_of(lab: Lab, kind: str) -> str:
    """The ARN of a new source."""
    if kind == "sqs":
        return lab.queue().arn
    if kind == "kinesis":
        client, stream = lab.aws("kinesis"), lab.name("stream")
        client.create_stream(StreamName=stream, ShardCount=1)
        client.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
        return f"arn:aws:kinesis:{lab.region}:{lab.account}:stream/{stream}"
    made = lab.aws("dynamodb").create_table(
        TableName=lab.name("table"),
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return str(made["TableDescription"]["LatestStreamArn"])


@recorded(AREA, "A starting position is checked against the kind of source, and a timestamp against it", "2025-02-17")
@pytest.mark.parametrize(
    ("kind", "early", "negative"),
    [
        ("kinesis", ONLY_THEN, NO_MOMENT),
        ("dynamodb", ONLY_THEN, "Unsupported starting position for arn type: {source}"),
        ("sqs", NOT_OF_QUEUES, NOT_OF_QUEUES),
    ],
)
def test_starting_positions(lab: Lab, name: str, answers: Answers, kind: str, early: str, negative: str) -> None:
    create(lab, name)
    active(lab, name)
    source = source_of(lab, kind)

    def mapping(**changes: Any) -> Any:
        request = {"FunctionName": name, "EventSourceArn": source, **changes}
        return lambda: lab.aws("lambda").create_event_source_mapping(**request)

    invalid(
        answers,
        mapping(StartingPosition="0"),
        "Value '0' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value set: [LATEST, "
        "AT_TIMESTAMP, TRIM_HORIZON]",
    )
    answers_with(answers, mapping(StartingPosition="LATEST", StartingPositionTimestamp=SINCE), WRONG, early)
    answers_with(
        answers,
        mapping(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=-1),
        WRONG,
        negative.format(source=source),
    )


@recorded(AREA, "A Kinesis record is told with its shard, and with the role that read it", "2024-10-12")
@pytest.mark.parametrize("kind", ["kinesis"])
def test_a_record_of_kinesis(lab: Lab, answers: Answers, kind: str) -> None:
    function = lab.function("import json\ndef handler(event, context):\n    print(json.dumps(event))\n")
    source, client = source_of(lab, kind), lab.aws("lambda")
    answers.match(
        client.create_event_source_mapping(
            FunctionName=function, EventSourceArn=source, StartingPosition="TRIM_HORIZON"
        ),
        {
            "BatchSize": 100,
            "BisectBatchOnFunctionError": False,
            "DestinationConfig": {"OnFailure": {}},
            "EventSourceArn": source,
            "EventSourceMappingArn": "arn:aws:lambda:<region>:<account>:event-source-mapping:<uuid:mapping>",
            "FunctionArn": lab.arn(function),
            "FunctionResponseTypes": [],
            "LastModified": "<date>",
            "LastProcessingResult": "No records processed",
            "MaximumBatchingWindowInSeconds": 0,
            "MaximumRecordAgeInSeconds": -1,
            "MaximumRetryAttempts": -1,
            "ParallelizationFactor": 1,
            "StartingPosition": "TRIM_HORIZON",
            "State": "Creating",
            "StateTransitionReason": "User action",
            "TumblingWindowInSeconds": 0,
            "UUID": "<uuid:mapping>",
        },
        202,
    )
    lab.aws("kinesis").put_record(StreamARN=source, Data=b"hello", PartitionKey="test_0")
    lines: list[str] = eventually(
        lambda: [line for line in lab.lines(f"/aws/lambda/{function}") if line.startswith("{")], "an event"
    )
    (record,) = json.loads(lines[0])["Records"]
    kinesis = record.pop("kinesis")
    number = kinesis.pop("sequenceNumber")
    assert isinstance(kinesis.pop("approximateArrivalTimestamp"), float)
    assert kinesis == {"data": "aGVsbG8=", "kinesisSchemaVersion": "1.0", "partitionKey": "test_0"}
    assert record == {
        "awsRegion": lab.region,
        "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record",
        "eventSource": "aws:kinesis",
        "eventSourceARN": source,
        "eventVersion": "1.0",
        "invokeIdentityArn": lab.role(),
    }
