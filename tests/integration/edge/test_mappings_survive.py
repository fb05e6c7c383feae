"""Event source mappings survive a kill -9 of the edge: every record reaches its function at least once.

An emulator that lives on beside the edge, as LocalStack does: a MiniStack of its own stands for it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import load
from staticfire.toolchain.runtimes import install_runtimes
from tests.conformance.lab import zipped
from tests.integration.edge.kit import Edge, eventually

ROOT = Path(__file__).parents[3]
RUNTIME = f"python3.{sys.version_info.minor}"
ROLE = "arn:aws:iam::100000000001:role/r"
COUNT = 12
# Tells a queue of each record a moment after it got its batch: an edge that is killed is killed in the middle of one.
WORK = """
    import os
    import time

    import boto3

    def handler(event, context):
        time.sleep(0.3)
        sqs = boto3.client("sqs")
        url = sqs.get_queue_url(QueueName="done")["QueueUrl"]
        for record in event["Records"]:
            name = record["body"] if "body" in record else record["dynamodb"]["NewImage"]["id"]["S"]
            sqs.send_message(QueueUrl=url, MessageBody=name)
"""


@pytest.fixture(scope="module")
def runtimes() -> dict[str, Any]:
    settings = load(ROOT, overrides={"runtimes": [RUNTIME]})
    installed = install_runtimes(settings, Layout.of(settings), Progress())
    return {name: {"python": str(one.python), "version": one.interpreter.minor} for name, one in installed.items()}


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.fixture
def emulator(ministack_python: str, tmp_path: Path) -> Iterator[str]:
    """Where an emulator listens that no edge ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path / "emulator"
    home.mkdir()
    variables = {"PATH": os.defpath, "HOME": str(home), "TMPDIR": str(home), "GATEWAY_PORT": str(port)}
    command = [str(Path(ministack_python).with_name("ministack"))]
    variables |= {"IOT_MTLS_ENABLED": "0", "LOG_LEVEL": "WARNING", "MINISTACK_HOST": "127.0.0.1"}
    with open(home / "log", "wb") as log:
        process = subprocess.Popen(command, env=variables, cwd=home, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(f"{url}/_ministack/health"))
        yield url
    finally:
        process.terminate()
        process.wait(30)


class Killed:
    """An edge that is killed and started again on the same state."""

    def __init__(self, python: str, state: Path, **settings: Any) -> None:
        self._start = partial(Edge, python, state, **settings)
        state.mkdir()
        self.edge = self._start()
        self.done: set[str] = set()

    def kill(self) -> None:
        self.edge.process.kill()
        self.edge.process.communicate()
        self.edge.announced.unlink()

    def again(self) -> None:
        self.edge = self._start()

    def client(self, service: str) -> Any:
        return self.edge.client(service)

    def url(self, name: str) -> str:
        return str(self.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def look(self) -> set[str]:
        """The records that the function was done with by now."""
        url = self.url("done")
        for message in self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            self.done.add(message["Body"])
            self.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return self.done


def with_work(stack: Killed) -> Killed:
    stack.client("sqs").create_queue(QueueName="done")
    code = {"ZipFile": zipped({"work.py": WORK})}
    client = stack.client("lambda")
    client.create_function(
        FunctionName="work", Runtime=RUNTIME, Role=ROLE, Handler="work.handler", Code=code, Timeout=3
    )
    eventually(lambda: client.get_function(FunctionName="work")["Configuration"]["State"] == "Active")
    return stack


@pytest.fixture
def stack(ministack_python: str, emulator: str, runtimes: dict[str, Any], tmp_path: Path) -> Iterator[Killed]:
    beside = {"emulator": {"url": emulator, "name": "the emulator"}, "filler": {"python": ministack_python}}
    stack = with_work(Killed(ministack_python, tmp_path / "state", **beside, runtimes=runtimes))
    yield stack
    stack.edge.end()


@pytest.fixture
def embedded(ministack_python: str, runtimes: dict[str, Any], tmp_path: Path) -> Iterator[Killed]:
    stack = with_work(Killed(ministack_python, tmp_path / "state", runtimes=runtimes))
    yield stack
    stack.edge.end()


def enabled(stack: Killed, source: str, **settings: Any) -> None:
    client = stack.client("lambda")
    made = client.create_event_source_mapping(FunctionName="work", EventSourceArn=source, **settings)
    eventually(lambda: client.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled")


def table(stack: Killed) -> str:
    made = stack.client("dynamodb").create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    return str(made["LatestStreamArn"])


def test_a_queues_messages_outlive_the_edge(stack: Killed) -> None:
    sqs = stack.client("sqs")
    url = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "3"})["QueueUrl"]
    names = {f"m{number}" for number in range(COUNT)}
    for name in sorted(names):
        sqs.send_message(QueueUrl=url, MessageBody=name)
    enabled(stack, "arn:aws:sqs:eu-west-1:100000000001:jobs", BatchSize=2, ScalingConfig={"MaximumConcurrency": 2})
    eventually(lambda: len(stack.look()) >= 2)
    stack.kill()
    stack.again()
    eventually(lambda: stack.look() == names)


def test_a_streams_records_outlive_the_edge(stack: Killed) -> None:
    arn = table(stack)
    names = {f"r{number}" for number in range(COUNT)}
    for name in sorted(names):
        stack.client("dynamodb").put_item(TableName="table", Item={"id": {"S": name}})
    enabled(stack, arn, BatchSize=2, StartingPosition="TRIM_HORIZON")
    eventually(lambda: len(stack.look()) >= 2)
    stack.kill()
    stack.again()
    eventually(lambda: stack.look() == names)


def test_what_is_written_while_no_edge_reads_is_read_later(stack: Killed, emulator: str) -> None:
    """LATEST is where the stream ended when the mapping was enabled, not where the next edge finds its end."""
    arn = table(stack)
    stack.client("dynamodb").put_item(TableName="table", Item={"id": {"S": "before"}})
    enabled(stack, arn, StartingPosition="LATEST")
    aside = stack.client("dynamodb").meta
    stack.kill()
    target = {"x-amz-target": "DynamoDB_20120810.PutItem", "content-type": "application/x-amz-json-1.0"}
    scope = f"100000000001/20260101/{aside.region_name}/dynamodb/aws4_request"
    target["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    body = json.dumps({"TableName": "table", "Item": {"id": {"S": "between"}}}).encode()
    with urllib.request.urlopen(urllib.request.Request(emulator, body, target), timeout=30) as answer:
        assert answer.status == 200
    stack.again()
    eventually(lambda: stack.look() == {"between"})


def test_a_mapping_is_there_after_down_and_up(embedded: Killed) -> None:
    """MiniStack ends with the edge, and its state is kept: a message that is under way, and the stream."""
    sqs, dynamodb = embedded.client("sqs"), embedded.client("dynamodb")
    url = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "3"})["QueueUrl"]
    enabled(embedded, "arn:aws:sqs:eu-west-1:100000000001:jobs")
    enabled(embedded, table(embedded), StartingPosition="LATEST")
    sqs.send_message(QueueUrl=url, MessageBody="m1")
    dynamodb.put_item(TableName="table", Item={"id": {"S": "r1"}})
    embedded.edge.end()
    embedded.again()
    embedded.client("sqs").send_message(QueueUrl=url, MessageBody="m2")
    embedded.client("dynamodb").put_item(TableName="table", Item={"id": {"S": "r2"}})
    eventually(lambda: embedded.look() == {"m1", "m2", "r1", "r2"})
