"""What MiniStack would invoke by itself reaches the edge, from each source, as the type that AWS uses. So does news."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.emulators.ministack import MiniStack
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.http1.server import serve

ARN = "arn:aws:lambda:eu-west-1:100000000001:function:f"
ROLE = "arn:aws:iam::100000000001:role/r"
DEADLINE = 60.0

Answer = Callable[[Any], tuple[int, dict[str, Any]]]


def succeed(event: Any) -> tuple[int, dict[str, Any]]:
    return 200, {"payload": json.dumps({"got": event}), "error": None, "version": "$LATEST", "log": ""}


class Stack:
    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.invocations: list[dict[str, Any]] = []
        self.news: list[tuple[str, dict[str, Any]]] = []
        self.answer: Answer = succeed

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        client = boto3.client(
            service,
            endpoint_url=self._endpoint,
            region_name="eu-west-1",
            aws_access_key_id="100000000001",
            aws_secret_access_key="x",
        )
        return getattr(client, operation)(**parameters)

    async def aws(self, service: str, operation: str, **parameters: Any) -> Any:
        return await asyncio.to_thread(self.call, service, operation, **parameters)

    async def heard(self, what: str, count: int = 1) -> list[dict[str, Any]]:
        """So many news of a kind, once there are that many."""
        deadline = asyncio.get_running_loop().time() + DEADLINE
        while len(heard := [news for name, news in self.news if name == what]) < count:
            assert asyncio.get_running_loop().time() < deadline, f"told: {self.news}"
            await asyncio.sleep(0.02)
        return heard

    async def until(self, count: int) -> list[dict[str, Any]]:
        deadline = asyncio.get_running_loop().time() + DEADLINE
        while len(self.invocations) < count:
            assert asyncio.get_running_loop().time() < deadline, f"handed over: {self.invocations}"
            await asyncio.sleep(0.02)
        return self.invocations


@asynccontextmanager
async def stack(python: str, state: Path) -> AsyncIterator[Stack]:
    """MiniStack, and an edge that has one function, takes invocations and passes calls on."""
    made: list[Stack] = []
    emulators: list[Emulator] = []

    async def take(request: Request) -> Response:
        if not request.path.startswith("/_staticfire/"):
            return await emulators[0].forward(Scope(), "any", request)
        assert request.headers.get("x-staticfire-token") == "t0k3n"
        if request.path.startswith("/_staticfire/lambda/"):
            name = unquote(request.path).removesuffix("/configuration").rpartition("/functions/")[2]
            if name not in ("f", ARN):
                return Response(404, [], b'{"Message": "Function not found"}')
            described = {"FunctionName": "f", "FunctionArn": ARN, "Version": "$LATEST", "Timeout": 3, "State": "Active"}
            return Response(200, [], json.dumps(described).encode())
        wanted = json.loads(await request.body())
        if request.path.startswith("/_staticfire/emulator/"):
            made[0].news.append((request.path.rpartition("/")[2], wanted))
            return Response(200, [], b"{}")
        assert request.path == "/_staticfire/functions/invoke"
        event = json.loads(wanted["payload"])
        made[0].invocations.append({**wanted, "payload": event})
        status, answer = (202, {}) if wanted["type"] == "Event" else made[0].answer(event)
        return Response(status, [], json.dumps(answer).encode())

    server = await serve(take, "127.0.0.1")
    child = MiniStack(python, state, edge_port=server.port, token="t0k3n", public_host="127.0.0.1")
    try:
        emulators.append(await child.start())
        made.append(Stack(f"http://127.0.0.1:{server.port}"))
        yield made[0]
    finally:
        await child.stop()
        await server.close(1)


async def test_a_rules_event_is_an_event_invocation(ministack_python: str, tmp_path: Path) -> None:
    async with stack(ministack_python, tmp_path) as aws:
        await aws.aws("events", "put_rule", Name="r", EventPattern='{"source": ["me"]}')
        await aws.aws("events", "put_targets", Rule="r", Targets=[{"Id": "1", "Arn": ARN}])
        entry = {"Source": "me", "DetailType": "d", "Detail": '{"a": 1}'}
        await aws.aws("events", "put_events", Entries=[entry])
        (taken,) = await aws.until(1)
    assert (taken["function"], taken["type"], taken["payload"]["detail"]) == (ARN, "Event", {"a": 1})


async def test_a_topics_message_is_an_event_invocation(ministack_python: str, tmp_path: Path) -> None:
    async with stack(ministack_python, tmp_path) as aws:
        topic = (await aws.aws("sns", "create_topic", Name="t"))["TopicArn"]
        await aws.aws("sns", "subscribe", TopicArn=topic, Protocol="lambda", Endpoint=ARN)
        await aws.aws("sns", "publish", TopicArn=topic, Message="hello")
        (taken,) = await aws.until(1)
    record = taken["payload"]["Records"][0]["Sns"]
    assert (taken["type"], record["Message"]) == ("Event", "hello")
    assert (record["Subject"], record["MessageAttributes"]) == (None, {})
    assert {"SigningCertUrl", "UnsubscribeUrl"} <= record.keys()
    assert not {"SigningCertURL", "UnsubscribeURL"} & record.keys()


async def test_a_log_groups_lines_are_an_event_invocation(ministack_python: str, tmp_path: Path) -> None:
    async with stack(ministack_python, tmp_path) as aws:
        await aws.aws("logs", "create_log_group", logGroupName="g")
        await aws.aws("logs", "create_log_stream", logGroupName="g", logStreamName="s")
        named = {"filterName": "errors", "filterPattern": "ERROR", "destinationArn": ARN}
        await aws.aws("logs", "put_subscription_filter", logGroupName="g", **named)
        lines = [{"timestamp": int(time.time() * 1000), "message": text} for text in ("fine", "an ERROR")]
        await aws.aws("logs", "put_log_events", logGroupName="g", logStreamName="s", logEvents=lines)
        (taken,) = await aws.until(1)
    data = json.loads(gzip.decompress(base64.b64decode(taken["payload"]["awslogs"]["data"])))
    assert taken["type"] == "Event"
    assert (data["logGroup"], data["subscriptionFilters"]) == ("g", ["errors"])
    assert [event["message"] for event in data["logEvents"]] == ["an ERROR"]
    assert len(data["logEvents"][0]["id"]) == 56


async def test_a_buckets_notification_is_an_event_invocation(ministack_python: str, tmp_path: Path) -> None:
    async with stack(ministack_python, tmp_path) as aws:
        where = {"LocationConstraint": "eu-west-1"}
        await aws.aws("s3", "create_bucket", Bucket="bucket-1", CreateBucketConfiguration=where)
        wanted = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": ARN, "Events": ["s3:ObjectCreated:*"]}]}
        await aws.aws(
            "s3", "put_bucket_notification_configuration", Bucket="bucket-1", NotificationConfiguration=wanted
        )
        await aws.aws("s3", "put_object", Bucket="bucket-1", Key="k", Body=b"x")
        (taken,) = await aws.until(1)
    assert (taken["type"], taken["payload"]["Records"][0]["s3"]["object"]["key"]) == ("Event", "k")


async def test_a_state_machines_task_gets_the_functions_answer(ministack_python: str, tmp_path: Path) -> None:
    async with stack(ministack_python, tmp_path) as aws:
        definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": ARN, "End": True}}}
        machine = await aws.aws(
            "stepfunctions", "create_state_machine", name="m", roleArn=ROLE, definition=json.dumps(definition)
        )
        started = await aws.aws(
            "stepfunctions", "start_execution", stateMachineArn=machine["stateMachineArn"], input='{"a": 1}'
        )
        await aws.until(1)
        while True:
            state = await aws.aws("stepfunctions", "describe_execution", executionArn=started["executionArn"])
            if state["status"] != "RUNNING":
                break
            await asyncio.sleep(0.02)
    assert (state["status"], json.loads(state["output"])) == ("SUCCEEDED", {"got": {"a": 1}})


ALARM = {
    "AlarmName": "a",
    "Namespace": "My",
    "MetricName": "Errors",
    "Statistic": "Sum",
    "Period": 10,
    "EvaluationPeriods": 1,
    "Threshold": 0.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
HERE = {"account": "100000000001", "region": "eu-west-1"}


async def test_alarms_are_left_to_the_edge(ministack_python: str, tmp_path: Path) -> None:
    async with stack(ministack_python, tmp_path) as aws:
        await aws.aws("cloudwatch", "put_metric_alarm", **ALARM)
        assert await aws.heard("alarm") == [HERE]
        await aws.aws(
            "cloudwatch", "put_metric_data", Namespace="My", MetricData=[{"MetricName": "Errors", "Value": 1}]
        )
        described = await aws.aws("cloudwatch", "describe_alarms")
    assert [alarm["StateValue"] for alarm in described["MetricAlarms"]] == ["INSUFFICIENT_DATA"]


async def test_a_change_of_an_alarms_state_is_told_once(ministack_python: str, tmp_path: Path) -> None:
    async with stack(ministack_python, tmp_path) as aws:
        await aws.aws("cloudwatch", "put_metric_alarm", **ALARM)
        for state in ("ALARM", "ALARM", "OK"):
            await aws.aws("cloudwatch", "set_alarm_state", AlarmName="a", StateValue=state, StateReason="because")
        transitions = await aws.heard("transition", 2)
    assert [(news["before"], news["state"]) for news in transitions] == [
        ("INSUFFICIENT_DATA", "ALARM"),
        ("ALARM", "OK"),
    ]
    first = transitions[0]
    assert (first["alarm"]["AlarmName"], first["reason"], first["account"]) == ("a", "because", HERE["account"])


async def test_a_metric_is_measured_by_its_dimensions_and_unit_exactly(ministack_python: str, tmp_path: Path) -> None:
    dimensions = [{"Name": "Of", "Value": "one"}]
    minute = int(time.time()) // 60 * 60 - 120

    def datum(value: float, **fields: Any) -> dict[str, Any]:
        return {"MetricName": "Errors", "Value": value, "Timestamp": minute, **fields}

    asked = {"Namespace": "My", "MetricName": "Errors", "Statistics": ["Sum"], "Period": 60}
    asked |= {"StartTime": minute, "EndTime": minute + 60}
    async with stack(ministack_python, tmp_path) as aws:
        data = [datum(1), datum(2, Dimensions=dimensions), datum(4, Dimensions=dimensions, Unit="Bytes")]
        await aws.aws("cloudwatch", "put_metric_data", Namespace="My", MetricData=data)
        counts = [
            (await aws.aws("cloudwatch", "get_metric_statistics", **asked, **more))["Datapoints"][0]["Sum"]
            for more in ({}, {"Dimensions": dimensions}, {"Dimensions": dimensions, "Unit": "Bytes"})
        ]
    assert counts == [1, 6, 4]


async def test_an_e_mail_subscription_is_told_what_it_would_get(ministack_python: str, tmp_path: Path) -> None:
    policy = {"FilterPolicy": '{"kind": ["loud"]}'}
    async with stack(ministack_python, tmp_path) as aws:
        topic = (await aws.aws("sns", "create_topic", Name="t"))["TopicArn"]
        for protocol, attributes in (("email", {}), ("email-json", {}), ("email", policy)):
            to = f"{protocol}-{len(attributes)}@example.com"
            await aws.aws("sns", "subscribe", TopicArn=topic, Protocol=protocol, Endpoint=to, Attributes=attributes)
        message = json.dumps({"default": "for all", "email": "for people"})
        await aws.aws("sns", "publish", TopicArn=topic, Subject="s", Message=message, MessageStructure="json")
        loud = {"kind": {"DataType": "String", "StringValue": "loud"}}
        await aws.aws("sns", "publish", TopicArn=topic, Message="loud", MessageAttributes=loud)
        notifications = await aws.heard("notification", 5)
    assert [(news["to"], news["subject"]) for news in notifications] == [
        ("email-0@example.com", "s"),
        ("email-json-0@example.com", "s"),
        ("email-0@example.com", ""),
        ("email-json-0@example.com", ""),
        ("email-1@example.com", ""),
    ]
    first = notifications[0]
    assert (first["text"], first["topic"], first["account"]) == ("for people", topic, HERE["account"])
    assert json.loads(notifications[1]["text"])["Message"] == "for all"


async def test_what_ses_sends_is_told(ministack_python: str, tmp_path: Path) -> None:
    async with stack(ministack_python, tmp_path) as aws:
        await aws.aws("ses", "verify_email_identity", EmailAddress="me@example.com")
        message = {"Subject": {"Data": "hello"}, "Body": {"Text": {"Data": "text"}}}
        to = {"ToAddresses": ["you@example.com"], "BccAddresses": ["they@example.com"]}
        await aws.aws("ses", "send_email", Source="me@example.com", Destination=to, Message=message)
        (mail,) = await aws.heard("mail")
    assert (mail["source"], mail["to"]) == ("me@example.com", ["you@example.com", "they@example.com"])
    assert "Subject: hello" in mail["message"]
