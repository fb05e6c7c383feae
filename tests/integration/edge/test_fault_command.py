"""`staticfire fault` on a running edge, as its user and as boto3 meet it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from staticfire.cli.main import run
from tests.integration.edge.kit import Edge

Fault = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    yield edge
    edge.end()


@pytest.fixture
def fault(
    edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Fault]:
    """`staticfire fault ARGUMENTS`: its exit code, what it printed, and what it complained of."""
    external = {"target": "external", "endpoint": edge.endpoint, "token": edge.token}
    settings = "\n".join(f"{name} = '{value}'" for name, value in external.items())
    (tmp_path / "staticfire.toml").write_text(f"[staticfire]\n{settings}\n")
    for name in ("STATICFIRE_TARGET", "STATICFIRE_ENDPOINT", "STATICFIRE_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run(["--project", str(tmp_path), "fault", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    yield command
    command("clear")


def refusal(call: Callable[[], object]) -> tuple[str, int]:
    """The error's code and HTTP status, as boto3 understood them."""
    with pytest.raises(ClientError) as raised:
        call()
    return raised.value.response["Error"]["Code"], raised.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_throttled_operation_is_the_error_that_boto3_knows(edge: Edge, fault: Fault) -> None:
    code, said, _ = fault("add", "dynamodb:ListTables", "--error", "ProvisionedThroughputExceededException")
    dynamodb = edge.client("dynamodb")

    with pytest.raises(dynamodb.exceptions.ProvisionedThroughputExceededException) as raised:
        dynamodb.list_tables()

    assert code == 0
    assert "dynamodb:ListTables  error ProvisionedThroughputExceededException (400); struck 0 of 0" in said
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert dynamodb.list_backups()["BackupSummaries"] == []


@pytest.mark.parametrize(
    ("service", "calls", "error", "operation", "status"),
    [
        ("s3", "s3:ListBuckets", "SlowDown", "list_buckets", 503),
        ("lambda", "lambda:ListFunctions", "TooManyRequestsException", "list_functions", 429),
        ("ec2", "ec2:DescribeVpcs", "RequestLimitExceeded", "describe_vpcs", 503),
        ("sns", "sns:ListTopics", "Throttling", "list_topics", 400),
        ("cloudwatch", "cloudwatch:ListMetrics", "InternalServiceError", "list_metrics", 500),
        ("sqs", "sqs", "ThrottlingException", "list_queues", 400),
        ("apigatewayv2", "apigateway:GetApis", "TooManyRequestsException", "get_apis", 429),
    ],
)
def test_every_protocol_has_the_error_in_its_own_shape(
    edge: Edge, fault: Fault, service: str, calls: str, error: str, operation: str, status: int
) -> None:
    assert fault("add", calls, "--error", error)[0] == 0

    assert refusal(getattr(edge.client(service), operation)) == (error, status)


def test_a_reset_is_a_lost_connection(edge: Edge, fault: Fault) -> None:
    fault("add", "s3:ListBuckets", "--reset")

    with pytest.raises(ConnectionClosedError):
        edge.client("s3").list_buckets()


def test_another_account_is_spared(edge: Edge, fault: Fault) -> None:
    fault("add", "sns", "--error", "Throttling", "--account", "100000000002")

    assert edge.client("sns").list_topics()["Topics"] == []


def test_the_list_tells_what_is_set_and_how_often_it_struck(edge: Edge, fault: Fault) -> None:
    assert fault("list") == (0, "No faults are set.\n", "")
    fault("add", "sns:ListTopics", "--latency", "1ms", "--share", "0.5", "--times", "100")
    for _ in range(10):
        edge.client("sns").list_topics()

    _, line, _ = fault("list")
    [listed] = json.loads(fault("list", "--json")[1])["faults"]

    assert (listed["kind"], listed["seconds"], listed["share"], listed["calls"]) == ("delay", 0.001, 0.5, 10)
    assert 0 < listed["hits"] < 10
    assert "sns:ListTopics  delay, 0.001 s late, 0.5 of the calls, 100 times at most" in line
    assert f"struck {listed['hits']} of 10" in line


def test_one_fault_is_cleared_or_all(edge: Edge, fault: Fault) -> None:
    for operation in ("ListTopics", "ListSubscriptions", "CreateTopic"):
        fault("add", f"sns:{operation}", "--drop")
    [first, *_] = json.loads(fault("list", "--json")[1])["faults"]

    assert fault("clear", first["id"]) == (0, f"Fault cleared: {first['id']}.\n", "")
    assert edge.client("sns").list_topics()["Topics"] == []
    assert fault("clear") == (0, "Faults cleared: 2.\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "dynamo:UpdateItem", "--drop"], "the nearest is 'dynamodb'"),
        (["add", "dynamodb:UpdateItm", "--drop"], "the nearest is 'UpdateItem'"),
        (["add", "dynamodb", "--error", "Provisioned"], "dynamodb has no error 'Provisioned'"),
        (["add", "dynamodb", "--drop", "--share", "2"], "share is over 0 and at most 1"),
        (["add", "dynamodb", "--drop", "--status", "500"], "are of the kind error"),
        (["add", "dynamodb"], "--error CODE"),
        (["clear", "none"], "There is no fault 'none'"),
    ],
)
def test_what_cannot_be_meant_is_2_and_says_why(fault: Fault, arguments: list[str], said: str) -> None:
    code, _, complaint = fault(*arguments)

    assert code == 2
    assert said in complaint


@pytest.mark.parametrize("arguments", [["--drop", "--reset"], ["--latency", "soon"], ["--drop", "--share", "much"]])
def test_options_that_contradict_each_other_are_2(fault: Fault, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        fault("add", "dynamodb", *arguments)
    assert end.value.code == 2


def test_without_a_running_stack_it_is_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATICFIRE_STATE_DIR", raising=False)
    monkeypatch.delenv("STATICFIRE_TARGET", raising=False)
    (tmp_path / "staticfire.toml").write_text("")

    assert run(["--project", str(tmp_path), "fault", "list"]) == 4
