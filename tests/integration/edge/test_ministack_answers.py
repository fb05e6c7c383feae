"""MiniStack where it does less than AWS: answers of which Terraform would take something away at each apply, and what
schedules and rules deliver."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.edge.kit import Edge, eventually


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    yield edge
    edge.end()


@pytest.fixture(scope="module")
def function(edge: Edge) -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context):\n    return event\n")
    edge.client("lambda").create_function(
        FunctionName="f",
        Runtime="python3.12",
        Handler="handler.handler",
        Role="arn:aws:iam::000000000000:role/f",
        Code={"ZipFile": package.getvalue()},
    )
    return "f"


def test_an_authorizer_has_what_its_type_has(edge: Edge) -> None:
    client = edge.client("apigatewayv2")
    api = client.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    source = ["$request.header.Authorization"]
    jwt = {"Issuer": "https://login.example.com", "Audience": ["a"]}
    made = client.create_authorizer(
        ApiId=api, Name="jwt", AuthorizerType="JWT", IdentitySource=source, JwtConfiguration=jwt
    )
    authorizer = client.get_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
    assert authorizer["JwtConfiguration"] == jwt
    assert "AuthorizerPayloadFormatVersion" not in authorizer.keys() | made.keys()

    made = client.create_authorizer(
        ApiId=api,
        Name="lambda",
        AuthorizerType="REQUEST",
        IdentitySource=source,
        AuthorizerUri="arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations",
        AuthorizerPayloadFormatVersion="2.0",
    )
    authorizer = client.get_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
    assert authorizer["AuthorizerPayloadFormatVersion"] == "2.0"
    assert "JwtConfiguration" not in authorizer.keys() | made.keys()


def test_an_age_that_nobody_gave_is_not_in_the_settings(edge: Edge, function: str) -> None:
    client = edge.client("lambda")
    made = client.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    settings = client.get_function_event_invoke_config(FunctionName=function)
    assert settings["MaximumRetryAttempts"] == 0
    assert "MaximumEventAgeInSeconds" not in settings.keys() | made.keys()
    client.put_function_event_invoke_config(FunctionName=function, MaximumEventAgeInSeconds=60)
    assert client.get_function_event_invoke_config(FunctionName=function)["MaximumEventAgeInSeconds"] == 60


def test_a_stream_is_read_by_the_hundred_and_a_queue_by_ten(edge: Edge, function: str) -> None:
    queue = edge.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    attributes = edge.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    table = edge.client("dynamodb").create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    map_to = edge.client("lambda").create_event_source_mapping
    assert map_to(FunctionName=function, EventSourceArn=attributes["QueueArn"])["BatchSize"] == 10
    stream = map_to(FunctionName=function, EventSourceArn=table["LatestStreamArn"], StartingPosition="LATEST")
    assert stream["BatchSize"] == 100


def make_bucket(client: Any, name: str) -> None:
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": client.meta.region_name})


@pytest.mark.parametrize("versioned", [False, True])
def test_an_object_that_came_in_parts_has_its_tags(edge: Edge, versioned: bool) -> None:
    client, bucket = edge.client("s3"), f"parts-{versioned}".lower()
    make_bucket(client, bucket)
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    address = {"Bucket": bucket, "Key": "layer.zip"}
    upload = client.create_multipart_upload(**address, Tagging="stack=todos&empty=")["UploadId"]
    part = client.upload_part(**address, UploadId=upload, PartNumber=1, Body=b"content")
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    client.complete_multipart_upload(**address, UploadId=upload, MultipartUpload={"Parts": parts})

    tags = {tag["Key"]: tag["Value"] for tag in client.get_object_tagging(**address)["TagSet"]}
    assert tags == {"stack": "todos", "empty": ""}


def test_an_upload_in_parts_with_too_many_tags_is_refused(edge: Edge) -> None:
    client = edge.client("s3")
    make_bucket(client, "tags")
    tagging = "&".join(f"t{number}=x" for number in range(11))
    with pytest.raises(client.exceptions.ClientError, match="cannot be greater than 10"):
        client.create_multipart_upload(Bucket="tags", Key="k", Tagging=tagging)


ROLE = "arn:aws:iam::100000000001:role/r"
OF = "arn:aws:{}:eu-west-1:100000000001:{}"  # as the kit's clients are


def test_a_schedule_delivers_what_it_names_to_a_bus_a_queue_and_a_stream(edge: Edge) -> None:
    sqs, events, kinesis = edge.client("sqs"), edge.client("events"), edge.client("kinesis")
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("of-a-rule", "direct")}
    bus = events.create_event_bus(Name="orders")["EventBusArn"]
    pattern = json.dumps({"source": ["my.app"], "detail-type": ["message"], "detail": {"order": [7]}})
    events.put_rule(Name="r", EventBusName="orders", EventPattern=pattern)
    stream = OF.format("kinesis", "stream/s")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    eventually(lambda: kinesis.describe_stream(StreamName="s")["StreamDescription"]["StreamStatus"] == "ACTIVE")
    targets = [
        {"Id": "q", "Arn": OF.format("sqs", "of-a-rule")},
        {"Id": "k", "Arn": stream, "KinesisParameters": {"PartitionKeyPath": "$.detail.order"}},
    ]
    events.put_targets(Rule="r", EventBusName="orders", Targets=targets)
    once = f"at({datetime.now(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})"
    schedules: dict[str, dict[str, Any]] = {
        "bus": {
            "Arn": bus,
            "EventBridgeParameters": {"Source": "my.app", "DetailType": "message"},
            "Input": json.dumps({"order": 7}),
        },
        "queue": {
            "Arn": OF.format("sqs", "direct"),
            "Input": '{"by": "<aws.scheduler.schedule-arn>", "when": "<aws.scheduler.scheduled-time>"}',
        },
        "stream": {"Arn": stream, "KinesisParameters": {"PartitionKey": "k"}, "Input": "from a schedule"},
    }
    for name, target in schedules.items():
        edge.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression=once,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"RoleArn": ROLE, **target},
        )

    def received(queue: str) -> dict[str, Any]:
        answer = sqs.receive_message(QueueUrl=queues[queue], WaitTimeSeconds=20)
        body: dict[str, Any] = json.loads(answer["Messages"][0]["Body"])
        return body

    event = received("of-a-rule")
    assert (event["source"], event["detail-type"], event["detail"]) == ("my.app", "message", {"order": 7})
    direct = received("direct")
    assert direct["by"].endswith(":schedule/default/queue")
    assert datetime.fromisoformat(direct["when"]) <= datetime.now(UTC)

    def records() -> dict[str, bytes]:
        shard = {"StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(**shard)["ShardIterator"]
        return {one["PartitionKey"]: one["Data"] for one in kinesis.get_records(ShardIterator=iterator)["Records"]}

    eventually(lambda: len(records()) == 2)
    assert records()["k"] == b"from a schedule"
    assert json.loads(records()["7"])["detail"] == {"order": 7}


def dead_letter(edge: Edge, queue: str) -> tuple[str, dict[str, str]]:
    """The next event that could not be delivered: its text, and what is said of it."""
    sqs = edge.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])["Messages"][0]
    return message["Body"], {name: said["StringValue"] for name, said in message["MessageAttributes"].items()}


@pytest.mark.parametrize("missing", ["lambda:{}:function:gone", "sqs:{}:gone", "sns:{}:gone", "kinesis:{}:stream/gone"])
def test_an_event_that_a_rule_cannot_deliver_goes_to_its_dead_letter_queue(edge: Edge, missing: str) -> None:
    events, name = edge.client("events"), f"lost-{missing.partition(':')[0]}"
    edge.client("sqs").create_queue(QueueName=name)
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    target = f"arn:aws:{missing.format('eu-west-1:100000000001')}"
    dead = {"Arn": OF.format("sqs", name)}
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": target, "Input": "1", "DeadLetterConfig": dead}])
    events.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": json.dumps({"order": 7})}])
    body, said = dead_letter(edge, name)
    assert json.loads(body)["detail"] == {"order": 7}
    assert said.pop("ERROR_MESSAGE")
    assert said == {"RULE_ARN": rule, "TARGET_ARN": target, "ERROR_CODE": "NO_RESOURCE", "RETRY_ATTEMPTS": "0"}


def test_a_schedule_tries_again_as_often_as_its_policy_says_and_tells_its_dead_letter_queue(edge: Edge) -> None:
    edge.client("sqs").create_queue(QueueName="late")
    target = OF.format("lambda", "function:gone")
    schedule = edge.client("scheduler").create_schedule(
        Name="lost",
        ScheduleExpression=f"at({datetime.now(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            **{"Arn": target, "RoleArn": ROLE, "Input": '{"attempt": "<aws.scheduler.attempt-number>"}'},
            "RetryPolicy": {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 600},
            "DeadLetterConfig": {"Arn": OF.format("sqs", "late")},
        },
    )["ScheduleArn"]
    body, said = dead_letter(edge, "late")
    assert json.loads(body) == {"attempt": "2"}
    assert datetime.fromisoformat(said.pop("SCHEDULED_TIME")) <= datetime.now(UTC)
    assert said.pop("EXECUTION_ID")
    assert said == {
        **{"SCHEDULE_ARN": schedule, "TARGET_ARN": target, "RETRY_ATTEMPTS": "1", "IS_PAYLOAD_TRUNCATED": "false"},
        **{"EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts", "ERROR_CODE": "ResourceNotFoundException"},
        "ERROR_MESSAGE": f"Function not found: {target}",
    }
