"""What a request did, with no change to its code: from the API through functions, calls and queues."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

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
ACCEPT = """
import os, boto3
dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")

def handler(event, context):
    body = event["body"]
    if body == "fail":
        raise ValueError("no such thing")
    dynamodb.update_item(
        TableName="items", Key={"id": {"S": "1"}}, UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    try:
        dynamodb.get_item(TableName="absent", Key={"id": {"S": "1"}})
    except dynamodb.exceptions.ResourceNotFoundException:
        pass
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=body)
    return {"statusCode": 201, "body": context.aws_request_id}
"""
WORK = """
import json
def handler(event, context):
    print(json.dumps(event["Records"][0]["attributes"]))
"""
FOLLOW = "def handler(event, context): return len(event['Records'])\n"


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    settings = load(ROOT, overrides={"runtimes": [RUNTIME]})
    installed = install_runtimes(settings, Layout.of(settings), Progress())
    runtimes = {name: {"python": str(one.python), "version": one.interpreter.minor} for name, one in installed.items()}
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"), runtimes=runtimes)
    yield edge
    edge.end()


def function(edge: Edge, name: str, source: str, **settings: Any) -> str:
    made = edge.client("lambda").create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zipped({"app.py": source})},
        Timeout=30,
        **settings,
    )
    edge.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return str(made["FunctionArn"])


@pytest.fixture(scope="module")
def url(edge: Edge) -> str:
    """An API in front of `accept`, which writes to a table with a reader, and sends to a queue with one."""
    sqs, dynamodb, lambda_ = (edge.client(name) for name in ("sqs", "dynamodb", "lambda"))
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    table = dynamodb.create_table(
        TableName="items",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    accept = function(edge, "accept", ACCEPT, Environment={"Variables": {"QUEUE": queue}})
    function(edge, "work", WORK)
    function(edge, "follow", FOLLOW)
    lambda_.create_event_source_mapping(FunctionName="work", EventSourceArn=arn)
    mapping = lambda_.create_event_source_mapping(
        FunctionName="follow", EventSourceArn=table["LatestStreamArn"], StartingPosition="LATEST"
    )
    eventually(lambda: lambda_.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Enabled")
    gateway = edge.client("apigatewayv2")
    api = gateway.create_api(Name="a", ProtocolType="HTTP", Target=accept)["ApiId"]
    lambda_.add_permission(
        FunctionName="accept", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    return f"{edge.endpoint}/_aws/execute-api/{api}/$default"


def posted(url: str, body: str) -> tuple[int, str, str]:
    """Status, API Gateway's request id, and the answer."""
    request = urllib.request.Request(f"{url}/usage", body.encode(), {"content-type": "text/plain"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers["apigw-requestid"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["apigw-requestid"], error.read().decode()


def trace(edge: Edge, identifier: str) -> dict[str, Any]:
    return dict(edge.control("GET", f"traces/{quote(identifier, safe='')}")[1])


def trace_that(edge: Edge, identifier: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    """It, once it holds; what still runs has no trace yet."""
    try:
        one = trace(edge, identifier)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return None
    return one if holds(one) else None


@pytest.fixture(scope="module")
def first(edge: Edge, url: str) -> dict[str, Any]:
    """The trace of the first request, once what it set off has run."""
    status, request_id, answer = posted(url, "hello")
    assert status == 201, answer
    seen = eventually(lambda: trace_that(edge, request_id, lambda one: len(one["set_off"]) > 1))
    return {**seen, "answer": answer, "apigw": request_id}


def test_a_request_shows_its_function_its_cold_start_and_its_calls(first: dict[str, Any]) -> None:
    spans = [(span["kind"], span["name"], span["depth"], span["status"]) for span in first["waterfall"]]
    assert spans == [
        ("api", "POST /usage", 0, 201),
        ("function", "accept", 1, 200),
        ("init", "accept init", 2, None),
        ("call", "dynamodb UpdateItem items", 2, 200),
        ("call", "dynamodb GetItem absent", 2, 400),
        ("call", "sqs SendMessage work", 2, 200),
    ]
    function_span = first["waterfall"][1]
    assert function_span["facts"]["cold"] is True
    assert function_span["facts"]["init_ms"] > 0
    refused = next(span for span in first["waterfall"] if "absent" in span["name"])
    assert refused["error"].startswith("ResourceNotFoundException")
    assert refused["outcome"] == "error"
    assert first["outcome"] == "ok"


def test_any_id_names_the_trace(edge: Edge, first: dict[str, Any]) -> None:
    for identifier in (first["id"], f"Root={first['id']};Sampled=0", first["answer"], first["apigw"]):
        assert trace(edge, identifier)["id"] == first["id"]


def test_what_a_message_and_an_item_set_off_is_linked_both_ways(edge: Edge, first: dict[str, Any]) -> None:
    links = {link["by"]: link["trace"] for link in first["set_off"]}
    assert set(links) == {"sqs", "dynamodb"}
    for by, name in (("sqs", "work"), ("dynamodb", "follow")):
        root = links[by]
        after = eventually(lambda: trace_that(edge, root, lambda one: bool(one["functions"])))  # noqa: B023
        assert after["functions"] == [name]
        assert after["source"] == by
        assert [link["trace"] for link in after["came_from"]] == [first["id"]]


def test_a_message_carries_its_trace(edge: Edge, first: dict[str, Any]) -> None:
    after = next(link["trace"] for link in first["set_off"] if link["by"] == "sqs")
    worked = eventually(lambda: trace_that(edge, after, lambda one: bool(one["functions"])))
    event = json.loads(worked["waterfall"][0]["facts"]["event"])
    assert event["Records"][0]["attributes"]["AWSTraceHeader"].startswith(f"Root={first['id']}")


def test_an_error_has_its_stack_and_the_edges_reason(edge: Edge, url: str) -> None:
    status, request_id, _ = posted(url, "fail")
    assert status == 500
    failed = eventually(lambda: trace_that(edge, request_id, lambda one: bool(one["functions"])))
    assert failed["outcome"] == "fault"
    span = next(span for span in failed["waterfall"] if span["kind"] == "function")
    assert span["error"] == "ValueError: no such thing"
    assert any("/var/task/app.py" in line for line in span["facts"]["stack"])
    newest = edge.control("GET", "traces?outcome=failed&source=api&limit=1")[1]["traces"][0]
    assert newest["id"] == failed["id"]
    assert "no such thing" in newest["error"]


def test_a_request_to_a_stage_that_is_not_there_says_why(edge: Edge) -> None:
    http = edge.client("apigatewayv2").create_api(Name="no stage", ProtocolType="HTTP")["ApiId"]
    rest = edge.client("apigateway").create_rest_api(name="no stage")["id"]
    for api, status in ((http, 404), (rest, 403)):
        url = f"{edge.endpoint}/_aws/execute-api/{api}/staging/items"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url, timeout=60)
        headers = refused.value.headers
        one = trace(edge, headers["apigw-requestid"] or headers["x-amzn-requestid"])
        assert (one["status"], one["name"]) == (status, "GET /items")
        assert "no stage 'staging'" in one["error"]
