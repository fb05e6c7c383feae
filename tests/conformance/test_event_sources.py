"""Invocations that other services make: they run in the same environments as all others."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, Queue, eventually

AREA = "Event sources"
BUSES = "eventbridge/latest/APIReference/API_PutRule.html"
RULES_TO_LOGS = "eventbridge/latest/userguide/eb-targets.html"
RULES = "eventbridge/latest/userguide/eb-run-lambda-schedule.html"
SCHEDULER = "scheduler/latest/UserGuide/schedule-types.html"
SNS = "lambda/latest/dg/with-sns.html"
SQS = "lambda/latest/dg/with-sqs.html"
SQS_ERRORS = "lambda/latest/dg/services-sqs-errorhandling.html"
STREAMS = "lambda/latest/dg/with-ddb.html"
S3 = "lambda/latest/dg/with-s3.html"

TELL = """
    import json
    import os

    import boto3

    def handler(event, context):
        told = {
            "event": event,
            "stream": context.log_stream_name,
            "function": context.function_name,
            "client": os.environ["AWS_LAMBDA_RUNTIME_API"],
            "pid": os.getpid(),
        }
        boto3.client("sqs").send_message(QueueUrl=QUEUE, MessageBody=json.dumps(told))
        return told
"""


@pytest.fixture
def queue(lab: Lab) -> Queue:
    return lab.queue()


@pytest.fixture
def telling(lab: Lab, queue: Queue) -> str:
    """A function that tells the queue of its invocations, and has one environment already."""
    return lab.function(TELL.replace("QUEUE", repr(queue.url)))


def allow(lab: Lab, function: str, principal: str, source: str) -> None:
    lab.aws("lambda").add_permission(
        FunctionName=function,
        StatementId=lab.name("allow"),
        Action="lambda:InvokeFunction",
        Principal=principal,
        SourceArn=source,
    )


def in_the_same_environment(lab: Lab, function: str, invocation: dict[str, Any]) -> None:
    """The invocation that was told of ran where an `Invoke` runs."""
    assert invocation["function"] == function
    own = lab.result(function, {})
    assert (own["client"], own["stream"], own["pid"]) == (invocation["client"], invocation["stream"], invocation["pid"])


@documented(AREA, "An EventBridge rule invokes its target with the event", RULES)
def test_a_rule_invokes_its_target(lab: Lab, queue: Queue, telling: str) -> None:
    events = lab.aws("events")
    rule = lab.name("rule")
    arn = events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))["RuleArn"]
    allow(lab, telling, "events.amazonaws.com", arn)
    events.put_targets(Rule=rule, Targets=[{"Id": "f", "Arn": lab.arn(telling)}])
    events.put_events(Entries=[{"Source": rule, "DetailType": "order", "Detail": json.dumps({"id": 7})}])
    invocation = json.loads(queue.receive()["Body"])
    event = invocation["event"]
    assert (event["source"], event["detail-type"], event["detail"]) == (rule, "order", {"id": 7})
    assert {"version", "id", "account", "time", "region", "resources"} <= set(event)
    in_the_same_environment(lab, telling, invocation)


@documented(AREA, "Operations on rules and targets take a bus by its ARN", BUSES)
def test_a_bus_is_named_by_its_arn(lab: Lab) -> None:
    events = lab.aws("events")
    queue = lab.queue()
    name, rule = lab.name("bus"), lab.name("rule")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    assert events.describe_event_bus(Name=bus)["Name"] == name
    made = events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps({"source": [rule]}))["RuleArn"]
    assert made == f"arn:aws:events:{lab.region}:{lab.account}:rule/{name}/{rule}"
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "q", "Arn": queue.arn}])
    assert [target["Id"] for target in events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]] == ["q"]
    assert events.list_rule_names_by_target(TargetArn=queue.arn, EventBusName=bus)["RuleNames"] == [rule]
    assert [listed["Name"] for listed in events.list_rules(EventBusName=bus)["Rules"]] == [rule]
    events.disable_rule(Name=rule, EventBusName=bus)
    assert events.describe_rule(Name=rule, EventBusName=bus)["State"] == "DISABLED"
    events.enable_rule(Name=rule, EventBusName=bus)
    events.put_events(Entries=[{"Source": rule, "DetailType": "d", "Detail": "{}", "EventBusName": bus}])
    assert json.loads(queue.receive()["Body"])["source"] == rule
    events.remove_targets(Rule=rule, EventBusName=bus, Ids=["q"])
    events.delete_rule(Name=rule, EventBusName=bus)
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_rule(Name=rule, EventBusName=name)


@documented(AREA, "The ARN of a bus that does not exist: ResourceNotFoundException", BUSES)
def test_an_unknown_bus_is_not_found(lab: Lab) -> None:
    events = lab.aws("events")
    bus = f"arn:aws:events:{lab.region}:{lab.account}:event-bus/nowhere"
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps({"source": ["s"]}))


def logged(lab: Lab, suffix: str = "", **target: Any) -> str:
    """The line in a log group that is a rule's target, after one event."""
    events, logs = lab.aws("events"), lab.aws("logs")
    rule = lab.name("rule")
    group = f"/aws/events/{rule}"
    logs.create_log_group(logGroupName=group)
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    arn = f"arn:aws:logs:{lab.region}:{lab.account}:log-group:{group}{suffix}"
    events.put_targets(Rule=rule, Targets=[{"Id": "logs", "Arn": arn, **target}])
    events.put_events(Entries=[{"Source": rule, "DetailType": "order", "Detail": json.dumps({"id": 7})}])
    [line] = eventually(lambda: lab.lines(group), "a line in the log group")
    return str(line)


@documented(
    AREA,
    "A rule's target may be a log group: each event is a line of it",
    RULES_TO_LOGS,
    "the same, without asking for the log group's resource policy",
)
@pytest.mark.parametrize("suffix", ["", ":*"])
def test_a_rule_writes_to_a_log_group(lab: Lab, suffix: str) -> None:
    event = json.loads(logged(lab, suffix))
    assert (event["detail-type"], event["detail"]) == ("order", {"id": 7})
    assert {"version", "id", "source", "account", "time", "region", "resources"} <= set(event)


@documented(AREA, "An input path chooses what of the event the log group gets", RULES_TO_LOGS)
def test_an_input_path_is_the_line(lab: Lab) -> None:
    assert json.loads(logged(lab, InputPath="$.detail")) == {"id": 7}


@documented(
    AREA,
    "The `message` of an input transformer is the line in the log group",
    RULES_TO_LOGS,
    elsewhere=dict.fromkeys(("compose", "containers"), "LocalStack writes the whole object"),
)
def test_a_transformers_message_is_the_line(lab: Lab) -> None:
    transformer = {
        "InputPathsMap": {"id": "$.detail.id"},
        "InputTemplate": '{"timestamp": 1700000000000, "message": "order <id>"}',
    }
    assert logged(lab, InputTransformer=transformer) == "order 7"


def scheduled(lab: Lab) -> dict[str, Any]:
    """What a function with a schedule of a minute tells, and what an `Invoke` of it tells."""
    queue = lab.queue()
    function = lab.function(TELL.replace("QUEUE", repr(queue.url)))
    events = lab.aws("events")
    rule = lab.name("schedule")
    arn = events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)")["RuleArn"]
    allow(lab, function, "events.amazonaws.com", arn)
    events.put_targets(Rule=rule, Targets=[{"Id": "f", "Arn": lab.arn(function), "Input": json.dumps({"why": "time"})}])
    invocation = json.loads(queue.receive(within=180)["Body"])
    events.remove_targets(Rule=rule, Ids=["f"])
    in_the_same_environment(lab, function, invocation)
    return dict(invocation["event"])


@documented(AREA, "A schedule invokes its target with the input given", RULES)
@pytest.mark.begins(work=scheduled)
def test_a_schedule_invokes_its_target(begun: Callable[[], dict[str, Any]]) -> None:
    assert begun() == {"why": "time"}


@documented(AREA, "A one-time schedule of EventBridge Scheduler invokes its target", SCHEDULER)
def test_a_one_time_schedule_invokes_its_target(lab: Lab, queue: Queue, telling: str) -> None:
    lab.aws("scheduler").create_schedule(
        Name=lab.name("once"),
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": lab.arn(telling), "RoleArn": lab.role(), "Input": json.dumps({"why": "once"})},
    )
    invocation = json.loads(queue.receive()["Body"])
    assert invocation["event"] == {"why": "once"}
    in_the_same_environment(lab, telling, invocation)


@documented(AREA, "A topic invokes its subscribers asynchronously, one record a message", SNS)
def test_a_topic_invokes_its_subscriber(lab: Lab, queue: Queue, telling: str) -> None:
    sns = lab.aws("sns")
    topic = sns.create_topic(Name=lab.name("topic"))["TopicArn"]
    allow(lab, telling, "sns.amazonaws.com", topic)
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=lab.arn(telling))
    sns.publish(TopicArn=topic, Subject="word", Message="hello")
    invocation = json.loads(queue.receive()["Body"])
    [record] = invocation["event"]["Records"]
    assert (record["EventSource"], record["Sns"]["Subject"], record["Sns"]["Message"]) == ("aws:sns", "word", "hello")
    in_the_same_environment(lab, telling, invocation)


@documented(AREA, "A topic's record has every field: `Subject` null, no attributes, `SigningCertUrl`", SNS)
def test_a_topics_record_is_complete(lab: Lab, queue: Queue, telling: str) -> None:
    sns = lab.aws("sns")
    topic = sns.create_topic(Name=lab.name("topic"))["TopicArn"]
    allow(lab, telling, "sns.amazonaws.com", topic)
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=lab.arn(telling))
    sns.publish(TopicArn=topic, Message="hello")
    [record] = json.loads(queue.receive()["Body"])["event"]["Records"]
    named = {"Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature"}
    assert set(record["Sns"]) == named | {"SigningCertUrl", "UnsubscribeUrl", "MessageAttributes"}
    assert (record["Sns"]["Subject"], record["Sns"]["MessageAttributes"]) == (None, {})


@documented(AREA, "A queue's messages arrive as records, and are deleted when the function succeeds", SQS)
def test_a_queues_messages_arrive(lab: Lab, queue: Queue, telling: str) -> None:
    source = lab.queue()
    lab.aws("lambda").create_event_source_mapping(FunctionName=telling, EventSourceArn=source.arn, BatchSize=5)
    lab.aws("sqs").send_message(QueueUrl=source.url, MessageBody="m-1")
    invocation = json.loads(queue.receive()["Body"])
    [record] = invocation["event"]["Records"]
    assert (record["body"], record["eventSource"], record["eventSourceARN"]) == ("m-1", "aws:sqs", source.arn)
    in_the_same_environment(lab, telling, invocation)

    def left() -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = lab.aws("sqs").get_queue_attributes(QueueUrl=source.url, AttributeNames=names)["Attributes"]
        return sum(int(value) for value in attributes.values())

    eventually(lambda: left() == 0, "an empty queue")


@documented(AREA, "A message whose function fails comes again, and goes to the dead-letter queue at last", SQS_ERRORS)
def test_a_failing_message_comes_again(lab: Lab) -> None:
    dead = lab.queue()
    source = lab.queue()
    lab.aws("sqs").set_queue_attributes(
        QueueUrl=source.url,
        Attributes={
            "VisibilityTimeout": "1",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": "2"}),
        },
    )
    function = lab.function("def handler(event, context):\n    raise ValueError('as told')\n", Timeout=1)
    lab.aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=source.arn, BatchSize=1)
    lab.aws("sqs").send_message(QueueUrl=source.url, MessageBody="m-1")
    assert dead.receive()["Body"] == "m-1"


@documented(AREA, "ReportBatchItemFailures returns only the messages that failed", SQS_ERRORS)
def test_only_failed_messages_come_again(lab: Lab) -> None:
    dead, source, seen = lab.queue(), lab.queue(), lab.queue()
    lab.aws("sqs").set_queue_attributes(
        QueueUrl=source.url,
        Attributes={
            "VisibilityTimeout": "6",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": "1"}),
        },
    )
    function = lab.function(
        f"""
        import boto3

        sqs = boto3.client("sqs")

        def handler(event, context):
            bad = [record for record in event["Records"] if record["body"].startswith("bad")]
            for record in event["Records"]:
                sqs.send_message(QueueUrl={seen.url!r}, MessageBody=record["body"])
            return {{"batchItemFailures": [{{"itemIdentifier": record["messageId"]}} for record in bad]}}
        """,
        Timeout=6,
    )
    lab.invoke(function, {"Records": []})  # its start is over before a message's second of invisibility begins
    sqs = lab.aws("sqs")
    for body in ("good", "bad"):
        sqs.send_message(QueueUrl=source.url, MessageBody=body)
    lab.aws("lambda").create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=source.arn,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    assert dead.receive()["Body"] == "bad"
    assert {seen.receive()["Body"], seen.receive()["Body"]} == {"good", "bad"}


@documented(AREA, "A table's stream invokes with the changes", STREAMS)
@pytest.mark.streams("dynamodb")
def test_a_tables_stream_invokes_with_the_changes(lab: Lab, queue: Queue, telling: str) -> None:
    dynamodb = lab.aws("dynamodb")
    table = lab.name("table")
    made = dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    lab.aws("lambda").create_event_source_mapping(
        FunctionName=telling, EventSourceArn=made["LatestStreamArn"], StartingPosition="TRIM_HORIZON", BatchSize=1
    )
    dynamodb.put_item(TableName=table, Item={"id": {"S": "a"}, "n": {"N": "1"}})
    invocation = json.loads(queue.receive()["Body"])
    [record] = invocation["event"]["Records"]
    assert (record["eventName"], record["eventSource"]) == ("INSERT", "aws:dynamodb")
    assert record["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "n": {"N": "1"}}
    in_the_same_environment(lab, telling, invocation)


@documented(AREA, "A bucket's notification invokes with its records", S3)
def test_a_buckets_notification_invokes(lab: Lab, queue: Queue, telling: str) -> None:
    s3 = lab.aws("s3", s3={"addressing_style": "path"})
    bucket = lab.name("bucket")
    s3.create_bucket(Bucket=bucket)
    allow(lab, telling, "s3.amazonaws.com", f"arn:aws:s3:::{bucket}")
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {"LambdaFunctionArn": lab.arn(telling), "Events": ["s3:ObjectCreated:*"]},
            ]
        },
    )
    s3.put_object(Bucket=bucket, Key="a.txt", Body=b"hello")

    def created() -> dict[str, Any] | None:
        invocation = json.loads(queue.receive()["Body"])
        return invocation if "s3" in str(invocation["event"].get("Records", [{}])[0].get("eventSource")) else None

    invocation = eventually(created, "a notification of an object")
    [record] = invocation["event"]["Records"]
    assert (record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]) == (bucket, "a.txt")
    in_the_same_environment(lab, telling, invocation)
