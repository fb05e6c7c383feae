"""What public repositories are made of, a directory each of repositories/parts, all brought up as one root.

A test each that the part does its work; the last one: an empty second apply, a destroy that leaves nothing.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from staticfire.host.waiting import wait_until
from tests.adoption.conftest import Repository

MINIATURE = "parts"
SECONDS = 90  # a rule of one minute is among them


@pytest.fixture(scope="module")
def said(project: Repository) -> str:
    """What `up` said."""
    return project.staticfire("up", "--detach")


@pytest.fixture(scope="module")
def parts(project: Repository, said: str) -> Repository:
    return project


def _made(parts: Repository) -> Mapping[str, Any]:
    return dict(parts.status()["stacks"]["parts"]["outputs"]["made"])


def _get(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def _seen(parts: Repository, name: str, expected: set[str]) -> None:
    """What the function put into its table."""
    client = parts.client("dynamodb")

    def ids() -> set[str]:
        return {item["id"]["S"] for item in client.scan(TableName=f"{name}-seen")["Items"]}

    wait_until(lambda: ids() >= expected, SECONDS, 0.5)
    assert ids() == expected


def test_queue(parts: Repository) -> None:
    """SQS to a function, partial batch answers, a dead-letter queue."""
    client = parts.client("sqs")
    url = client.get_queue_url(QueueName="queue-work")["QueueUrl"]
    client.send_message_batch(
        QueueUrl=url, Entries=[{"Id": body, "MessageBody": body} for body in ("good", "bad", "fine")]
    )
    _seen(parts, "queue", {"good", "fine"})
    dead = client.get_queue_url(QueueName="queue-dead")["QueueUrl"]
    messages = client.receive_message(QueueUrl=dead, WaitTimeSeconds=20)["Messages"]
    assert [message["Body"] for message in messages] == ["bad"]


def test_deployment(parts: Repository, said: str) -> None:
    """A REST API whose deployment does not depend on its integration responses: it serves them, and `up` says it."""
    assert _get(f"{_made(parts)['deployment']}/orders") == (200, json.dumps({"orders": []}, separators=(",", ":")))
    assert "deployment-orders was deployed before all of it was described (GET /orders)" in said


def test_topic(parts: Repository) -> None:
    """SNS to a function, with a filter policy."""
    client, arn = parts.client("sns"), _made(parts)["topic"]
    for kind in ("other", "order"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        client.publish(TopicArn=arn, Message=f"an {kind}", MessageAttributes=attributes)
    _seen(parts, "topic", {"an order"})


def test_upload(parts: Repository) -> None:
    """S3 to a function; the usual resources beside a bucket."""
    client = parts.client("s3")
    for key in ("a.png", "a.txt"):
        client.put_object(Bucket="uploads-000000000000", Key=key, Body=b"content")
    _seen(parts, "upload", {"a.txt"})


def test_bus(parts: Repository) -> None:
    """A bus of its own; a rule with a pattern and an input transformer."""
    event = {"EventBusName": "orders", "Source": "shop.web", "DetailType": "paid"}
    details = [{"id": "small", "amount": 1}, {"id": "large", "amount": 11}]
    entries = [{**event, "Detail": json.dumps(detail)} for detail in details]
    assert parts.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    _seen(parts, "bus", {"large"})


def test_schedule(parts: Repository) -> None:
    """A rule with a schedule."""
    _seen(parts, "schedule", {"on time"})


def _has_ended(client: Any, execution: str) -> bool:
    return bool(client.describe_execution(executionArn=execution)["status"] != "RUNNING")


def test_machine(parts: Repository) -> None:
    """Step Functions with a Lambda task and a choice."""
    client, arn = parts.client("stepfunctions"), _made(parts)["machine"]
    for number, ending in ((1, "FAILED"), (21, "SUCCEEDED")):
        execution = client.start_execution(stateMachineArn=arn, input=json.dumps({"number": number}))["executionArn"]
        wait_until(partial(_has_ended, client, execution), SECONDS, 0.5)
        assert client.describe_execution(executionArn=execution)["status"] == ending
    assert json.loads(client.describe_execution(executionArn=execution)["output"]) == {"doubled": 42}


def test_stream(parts: Repository) -> None:
    """A DynamoDB stream to a function; index, TTL, point in time recovery."""
    item = {"id": {"S": "first"}, "at": {"N": "1"}, "state": {"S": "paid"}}
    parts.client("dynamodb").put_item(TableName="stream-orders", Item=item)
    _seen(parts, "stream", {"first"})


def test_authorizers(parts: Repository) -> None:
    """An HTTP API with Lambda and JWT authorizers."""
    url = parts.staticfire("url", "authorizers").strip()
    assert _get(f"{url}/secret")[0] == 401
    assert _get(f"{url}/secret", Authorization="closed")[0] == 403
    assert _get(f"{url}/secret", Authorization="open") == (200, "ann")
    assert _get(f"{url}/token", Authorization="Bearer a.b.c")[0] == 401


def test_templates(parts: Repository) -> None:
    """Functions by for_each, from a template."""
    assert [parts.invoke(f"templates-{name}") for name in ("hello", "bye")] == ["hello", "bye"]


def test_lookups(parts: Repository) -> None:
    """Data sources of AWS's own: caller, region, partition, zones, policies."""
    assert parts.invoke("lookups") == ["000000000000", "us-east-1", True]


def test_pipe(parts: Repository) -> None:
    """A pipe from a queue to a queue, with a filter, an enrichment and an input template."""
    client = parts.client("sqs")
    url = client.get_queue_url(QueueName="pipe-orders")["QueueUrl"]
    for number, state in enumerate(("new", "paid")):
        client.send_message(QueueUrl=url, MessageBody=json.dumps({"id": number, "state": state}))
    paid = client.get_queue_url(QueueName="pipe-paid")["QueueUrl"]
    [message] = client.receive_message(QueueUrl=paid, WaitTimeSeconds=20)["Messages"]
    assert json.loads(message["Body"]) == {"order": 1, "pipe": "paid"}


def test_layer(parts: Repository) -> None:
    """A layer from a zip; code through aws_s3_object."""
    assert parts.invoke("layer") == "from the layer"


def test_package_program(parts: Repository) -> None:
    """A package that the repository's own program builds."""
    assert parts.invoke("package-program") == "packed"


def test_secrets(parts: Repository) -> None:
    """Secrets and parameters, read by data sources and by the function."""
    assert parts.invoke("secrets") == ["db.internal", "app", 20]


def test_network(parts: Repository) -> None:
    """A function in a VPC."""
    assert parts.invoke("network") == {}


def test_blocks(parts: Repository) -> None:
    """Random names; moved, check, precondition, terraform_data."""
    attributes = parts.client("sqs").get_queue_attributes(QueueUrl=_made(parts)["queue"], AttributeNames=["QueueArn"])
    assert len(attributes["Attributes"]["QueueArn"].split("-")[-1]) == 8


def test_observed(parts: Repository) -> None:
    """Log group, metric filter, dashboard, alarm; JSON logs."""
    assert parts.invoke("observed") == {}
    client = parts.client("logs")

    def lines() -> list[str]:
        events = client.filter_log_events(logGroupName="/aws/lambda/observed")["events"]
        return [event["message"] for event in events]

    wait_until(lambda: any("a line of the function" in line for line in lines()), SECONDS, 0.5)


def test_aliases(parts: Repository) -> None:
    """A version and its alias behind a named stage with CORS and access logs."""
    url = parts.staticfire("url", "aliases").strip()
    assert _get(f"{url}/a/path") == (200, "live/v1/a/path")


def test_keys(parts: Repository) -> None:
    """A KMS key with an alias; an encrypted queue and topic."""
    client = parts.client("kms")
    secret = client.encrypt(KeyId="alias/keys", Plaintext=b"hello")["CiphertextBlob"]
    assert client.decrypt(CiphertextBlob=secret)["Plaintext"] == b"hello"


def test_later(parts: Repository) -> None:
    """Asynchronous invocations with a destination for failures."""
    client = parts.client("lambda")
    for event in ({"id": "first"}, {"fail": True}):
        client.invoke(FunctionName="later", InvocationType="Event", Payload=json.dumps(event))
    _seen(parts, "later", {"first"})
    queues = parts.client("sqs")
    url = queues.get_queue_url(QueueName="later-failed")["QueueUrl"]
    message = queues.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]
    assert json.loads(message["Body"])["requestPayload"] == {"fail": True}


def test_all_stays_and_goes(parts: Repository) -> None:
    """The last of this module."""
    assert "no changes" in parts.staticfire("apply")
    parts.staticfire("destroy")
    assert parts.left("us-east-1") == []
    assert parts.is_untouched(MINIATURE)
