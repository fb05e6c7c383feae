"""EventBridge Pipes, with a real emulator and real functions: each source, filter, enrichment, template, target."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import load
from staticfire.toolchain.runtimes import install_runtimes
from tests.conformance.lab import zipped
from tests.integration.edge.kit import Edge, eventually

ROOT = Path(__file__).parents[3]
RUNTIME = f"python3.{sys.version_info.minor}"
ACCOUNT = "100000000001"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
ENRICH = """
    import json

    def handler(event, context):
        return [{"doubled": 2 * json.loads(record["body"])["number"]} for record in event if "0" not in record["body"]]
"""
TELL = """
    import json, boto3

    def handler(event, context):
        sqs = boto3.client("sqs")
        url = sqs.get_queue_url(QueueName="told")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps([json.loads(record["body"]) for record in event]))
        failed = [record["messageId"] for record in event if json.loads(record["body"]).get("fail")]
        return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}
"""


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    settings = load(ROOT, overrides={"runtimes": [RUNTIME]})
    installed = install_runtimes(settings, Layout.of(settings), Progress())
    runtimes = {name: {"python": str(one.python), "version": one.interpreter.minor} for name, one in installed.items()}
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"), runtimes=runtimes)
    yield edge
    edge.end()


def queue(edge: Edge, name: str, **attributes: str) -> tuple[str, str]:
    """Its URL and its ARN."""
    sqs = edge.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def function(edge: Edge, name: str, source: str) -> str:
    client = edge.client("lambda")
    code = {"ZipFile": zipped({"index.py": source})}
    client.create_function(FunctionName=name, Runtime=RUNTIME, Role=ROLE, Handler="index.handler", Code=code)
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return str(client.get_function_configuration(FunctionName=name)["FunctionArn"])


def pipe(edge: Edge, name: str, source: str, target: str, **settings: Any) -> Any:
    client = edge.client("pipes")
    client.create_pipe(Name=name, Source=source, Target=target, RoleArn=ROLE, **settings)
    assert client.describe_pipe(Name=name)["CurrentState"] == "RUNNING"
    return client


def received(edge: Edge, url: str, count: int) -> list[Any]:
    """So many bodies, as soon as they have come."""
    bodies: list[Any] = []
    sqs = edge.client("sqs")

    def look() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(bodies) >= count

    eventually(look)
    return bodies


def test_a_queue_through_filter_enrichment_and_template_to_a_queue(edge: Edge) -> None:
    source, source_arn = queue(edge, "numbers")
    target, target_arn = queue(edge, "doubled")
    pattern = json.dumps({"body": {"number": [{"numeric": [">=", 0]}]}})
    pipe(
        edge,
        "double",
        source_arn,
        target_arn,
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": pattern}]}},
        Enrichment=function(edge, "enrich", ENRICH),
        TargetParameters={"InputTemplate": '{"is": <$.doubled>, "by": "<aws.pipes.pipe-name>"}'},
    )
    for number in (21, -1, 0, 4):  # -1 is filtered out, 0 is left out by the enrichment
        edge.client("sqs").send_message(QueueUrl=source, MessageBody=json.dumps({"number": number}))
    bodies = received(edge, target, 2)
    assert sorted(body["is"] for body in bodies) == [8, 42]
    assert {body["by"] for body in bodies} == {"double"}

    def is_empty() -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = edge.client("sqs").get_queue_attributes(QueueUrl=source, AttributeNames=names)["Attributes"]
        return set(attributes.values()) == {"0"}

    eventually(is_empty)


def test_a_function_names_what_failed_and_that_alone_comes_again(edge: Edge) -> None:
    source, source_arn = queue(edge, "work", VisibilityTimeout="10")
    url, _ = queue(edge, "told")
    size = {"SqsQueueParameters": {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 1}}
    client = pipe(edge, "work", source_arn, function(edge, "tell", TELL), SourceParameters=size)
    for body in ({"id": 1}, {"id": 2, "fail": True}):
        edge.client("sqs").send_message(QueueUrl=source, MessageBody=json.dumps(body))
    seen = [body["id"] for batch in received(edge, url, 3) for body in batch]
    assert seen.count(1) == 1
    assert seen.count(2) >= 2
    client.stop_pipe(Name="work")
    assert client.describe_pipe(Name="work")["CurrentState"] == "STOPPED"


def test_a_tables_stream_to_a_bus(edge: Edge) -> None:
    url, arn = queue(edge, "changes")
    events = edge.client("events")
    bus = events.create_event_bus(Name="changes")["EventBusArn"]
    events.put_rule(Name="all", EventBusName="changes", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="all", EventBusName="changes", Targets=[{"Id": "1", "Arn": arn}])
    table = edge.client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    pipe(
        edge,
        "orders",
        table["LatestStreamArn"],
        bus,
        SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "LATEST"}},
        TargetParameters={
            "InputTemplate": '{"id": <$.dynamodb.NewImage.id.S>}',
            "EventBridgeEventBusParameters": {"Source": "shop", "DetailType": "$.eventName"},
        },
    )
    edge.client("dynamodb").put_item(TableName="orders", Item={"id": {"S": "first"}})
    [event] = received(edge, url, 1)
    assert (event["source"], event["detail-type"], event["detail"]) == ("shop", "INSERT", {"id": "first"})


def test_a_kinesis_stream_to_a_topic_a_log_group_and_a_state_machine(edge: Edge) -> None:
    kinesis = edge.client("kinesis")
    kinesis.create_stream(StreamName="lines", ShardCount=1)
    stream = kinesis.describe_stream_summary(StreamName="lines")["StreamDescriptionSummary"]["StreamARN"]
    position = {"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON"}}
    url, arn = queue(edge, "topics")
    sns = edge.client("sns")
    topic = sns.create_topic(Name="lines")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    logs = edge.client("logs")
    logs.create_log_group(logGroupName="lines")
    group = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:lines"
    states = edge.client("stepfunctions")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    machine = states.create_state_machine(name="lines", definition=definition, roleArn=ROLE)["stateMachineArn"]
    template = {"InputTemplate": '{"line": <$.data.line>}'}
    pipe(edge, "to-topic", stream, topic, SourceParameters=position, TargetParameters=template)
    stream_name = {"CloudWatchLogsParameters": {"LogStreamName": "$.partitionKey"}}
    pipe(edge, "to-logs", stream, group, SourceParameters=position, TargetParameters=template | stream_name)
    pipe(edge, "to-machine", stream, machine, SourceParameters=position, TargetParameters=template)

    kinesis.put_record(StreamName="lines", Data=json.dumps({"line": 1}).encode(), PartitionKey="one")
    assert received(edge, url, 1) == [{"line": 1}]
    eventually(lambda: logs.describe_log_streams(logGroupName="lines")["logStreams"])
    [line] = eventually(lambda: logs.get_log_events(logGroupName="lines", logStreamName="one")["events"])
    assert json.loads(line["message"]) == {"line": 1}
    [execution] = eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    described = states.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"]) == [{"line": 1}]


def test_what_is_described_is_what_was_put_and_changes_with_it(edge: Edge) -> None:
    _, source = queue(edge, "described")
    _, target = queue(edge, "of-described")
    client = pipe(edge, "described", source, target, Description="one", Tags={"a": "1"}, DesiredState="RUNNING")
    described = client.describe_pipe(Name="described")
    assert described["Arn"] == f"arn:aws:pipes:eu-west-1:{ACCOUNT}:pipe/described"
    assert described["SourceParameters"] == {"SqsQueueParameters": {"BatchSize": 10}}
    assert (described["Source"], described["Target"], described["Tags"]) == (source, target, {"a": "1"})
    client.update_pipe(Name="described", RoleArn=ROLE, Description="two", DesiredState="STOPPED")
    described = client.describe_pipe(Name="described")
    assert (described["Description"], described["CurrentState"]) == ("two", "STOPPED")
    client.tag_resource(resourceArn=described["Arn"], tags={"b": "2"})
    client.untag_resource(resourceArn=described["Arn"], tagKeys=["a"])
    assert client.list_tags_for_resource(resourceArn=described["Arn"])["tags"] == {"b": "2"}
    assert [listed["Name"] for listed in client.list_pipes(NamePrefix="desc")["Pipes"]] == ["described"]
    client.delete_pipe(Name="described")
    with pytest.raises(client.exceptions.NotFoundException):
        client.describe_pipe(Name="described")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"Target": f"arn:aws:events:eu-west-1:{ACCOUNT}:api-destination/hook/1"}, "api-destination"),
        ({"Source": f"arn:aws:kafka:eu-west-1:{ACCOUNT}:cluster/c"}, "sqs, dynamodb, kinesis are"),
        ({"Enrichment": f"arn:aws:execute-api:eu-west-1:{ACCOUNT}:a/s/GET/x"}, "lambda, states are"),
        ({"Source": f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/s"}, "StartingPosition"),
        ({"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}}, "Event pattern is not valid"),
    ],
)
def test_a_pipe_that_would_deliver_nothing_is_refused(edge: Edge, settings: dict[str, Any], words: str) -> None:
    arns = {name: f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{name.lower()}" for name in ("Source", "Target")}
    with pytest.raises(ClientError, match=words) as refused:
        edge.client("pipes").create_pipe(Name="never", RoleArn=ROLE, **arns | settings)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
