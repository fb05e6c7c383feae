"""The console's API over a real edge and emulator: what it reads, what it changes, what it refuses to do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from staticfire.cli.main import run
from staticfire.console.openapi import document
from staticfire.console.process import ConsoleProcess
from staticfire.host.ports import free_port
from staticfire.settings import load
from tests.integration.conftest import ROOT
from tests.integration.edge.kit import Edge, eventually

ACCOUNT = "100000000001"
REGION = "eu-west-1"
HERE = {"account": ACCOUNT, "region": REGION}
Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    yield edge
    edge.end()


@pytest.fixture(scope="module")
def address(edge: Edge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    project = tmp_path_factory.mktemp("project")
    (project / "infra").mkdir()
    (project / "infra" / "main.tf").write_text("")
    (project / "shop").mkdir()
    (project / "shop" / "api.py").write_text("def handler(event, context):\n    raise ValueError(event)\n")
    (project / "secret.txt").write_text("not to be read\n")
    (project / "staticfire.toml").write_text(
        '[stacks.shop]\nroot = "infra"\n[stacks.shop.zips.shop]\nsource = "shop"\npackage = "shop"\n'
    )
    settings = load(project, environ={}, overrides={"target": "external"})
    process = ConsoleProcess(replace(settings, endpoint=edge.endpoint, token=edge.token, port=0))
    process.layout.make_state()
    yield process.start()
    process.stop()


@pytest.fixture
def ask(address: str) -> Ask:
    def ask(method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        url = f"{address}api/{path}{f'?{urlencode(query)}' if query else ''}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return ask


def call(ask: Ask, service: str, operation: str, **parameters: Any) -> Any:
    status, answer = ask("POST", f"aws/{service}/{operation}", {**HERE, "parameters": parameters})
    assert status == 200, answer
    return answer


def test_its_document_is_the_one_in_the_repository(ask: Ask) -> None:
    assert ask("GET", "openapi.json") == (200, document())
    written = json.loads((ROOT / "docs" / "console-api.json").read_text(encoding="utf-8"))
    remedy = "python -m staticfire.console.openapi > docs/console-api.json"
    assert {**written, "info": {}} == {**document(), "info": {}}, remedy


def test_the_overview_says_what_runs(ask: Ask, edge: Edge) -> None:
    status, said = ask("GET", "overview", account=ACCOUNT)
    assert status == 200
    assert said["endpoint"] == edge.endpoint
    assert said["parts"]["emulator"]["state"] == "running"
    assert said["not_up"] == ["shop"]


def test_an_aws_call_has_awss_answer_and_awss_error(ask: Ask, edge: Edge) -> None:
    edge.client("dynamodb").create_table(
        TableName="items",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "1"}, "raw": {"B": {"base64": "/wA="}}}
    call(ask, "dynamodb", "PutItem", TableName="items", Item=item)
    assert call(ask, "dynamodb", "Scan", TableName="items")["Items"] == [item]
    status, failure = ask("POST", "aws/dynamodb/Scan", {**HERE, "parameters": {"TableName": "nothing"}})
    assert (status, failure["code"]) == (422, "ResourceNotFoundException")
    status, failure = ask("POST", "aws/dynamodb/Scan", {**HERE, "parameters": {"Table": "nothing"}})
    assert (status, failure["code"]) == (422, "ParamValidationError")


@pytest.mark.parametrize(
    "call_of", ["iam/CreateUser", "dynamodb/DeleteTable", "sts/GetCallerIdentity", "s3/DeleteBucket"]
)
def test_calls_that_the_page_does_not_make_are_refused(ask: Ask, call_of: str) -> None:
    assert ask("POST", f"aws/{call_of}", {**HERE, "parameters": {}})[0] == 400


def test_to_look_into_a_queue_receives_nothing(ask: Ask, edge: Edge) -> None:
    sqs = edge.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    call(ask, "sqs", "SendMessage", QueueUrl=url, MessageBody="first")
    for _ in range(3):
        status, seen = ask("GET", "queues/messages", queue=url, **HERE)
        assert status == 200
        assert [(one["Body"], one["ReceiveCount"], one["IsVisible"]) for one in seen["messages"]] == [
            ("first", 0, True)
        ]
    [message] = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_fault_is_set_seen_to_strike_and_cleared(ask: Ask) -> None:
    fault = {"kind": "error", "service": "sqs", "operation": "ListQueues", "code": "InternalError"}
    status, added = ask("POST", "faults", fault)
    assert status == 200
    status, failure = ask("POST", "aws/sqs/ListQueues", {**HERE, "parameters": {}})
    assert (status, failure["code"]) == (422, "InternalError")
    [seen] = ask("GET", "faults")[1]["faults"]
    assert (seen["id"], seen["hits"]) == (added["id"], 1)
    assert seen["words"].startswith("sqs:ListQueues")
    assert ask("DELETE", f"faults/{added['id']}")[0] == 200
    assert ask("GET", "faults")[1]["faults"] == []
    status, refused = ask("POST", "faults", {**fault, "operation": "ListQueue"})
    assert status == 422
    assert "ListQueues" in refused["message"]


def test_a_request_goes_to_the_stack_and_nowhere_else(ask: Ask, edge: Edge) -> None:
    sent = {"method": "GET", "url": f"{edge.endpoint}/_aws/execute-api/nothing/v1/"}
    status, answer = ask("POST", "send", sent)
    assert (status, answer["status"]) == (200, 404)
    for url in (
        "http://example.com/",
        f"http://127.0.0.1:{free_port()}/",
        f"{edge.endpoint}/_staticfire/functions",
        f"{edge.endpoint}@example.com/",
        "file:///etc/passwd",
    ):
        assert ask("POST", "send", {"method": "GET", "url": url})[0] == 400, url


@pytest.mark.parametrize("file", ["/var/task/shop/api.py", "/a/functions/code/0f-python3.12/shop/api.py"])
def test_a_frame_leads_to_the_source_that_it_was_packed_from(ask: Ask, file: str) -> None:
    status, source = ask("GET", "source", file=file, line=2)
    assert status == 200
    assert source["file"] == "shop/api.py"
    assert source["lines"][2 - source["first"]] == "    raise ValueError(event)"


@pytest.mark.parametrize(
    "file", ["/etc/passwd", "/var/task/../secret.txt", "/var/task/shop/../../secret.txt", "secret.txt"]
)
def test_no_other_file_is_read(ask: Ask, file: str) -> None:
    assert ask("GET", "source", file=file, line=1)[0] == 404


@pytest.mark.parametrize("name", ["..", "%2e%2e", "../infra", "nothing", quote("../../etc", safe="")])
def test_a_load_run_is_one_of_the_projects(ask: Ask, name: str) -> None:
    assert ask("GET", f"loads/{quote(name, safe='')}")[0] == 404


def test_traces_are_listed_and_asked_for(ask: Ask) -> None:
    assert ask("GET", "traces", limit=10)[0] == 200
    assert ask("GET", "traces", outcome="odd")[0] == 400
    assert ask("GET", "traces/1-00000000-000000000000000000000000")[0] == 404


def test_the_command_prints_the_same_objects(
    ask: Ask, edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("STATICFIRE_TARGET", "STATICFIRE_ENDPOINT", "STATICFIRE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    here = f'target = "external"\nendpoint = "{edge.endpoint}"\ntoken = "{edge.token}"\n'
    (tmp_path / "staticfire.toml").write_text(f"[staticfire]\n{here}")

    def printed(*arguments: str) -> Any:
        assert run(["--project", str(tmp_path), *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    mail = {"Source": "from@example.com", "Destination": {"ToAddresses": ["to@example.com"]}}
    body = {"Subject": {"Data": "subject"}, "Body": {"Text": {"Data": "text"}}}
    edge.client("ses").verify_email_identity(EmailAddress="from@example.com")
    edge.client("ses").send_email(**mail, Message=body)
    status, fault = ask("POST", "faults", {"kind": "hang", "service": "sqs"})
    assert status == 200
    try:
        assert printed("fault", "list")["faults"]
        assert printed("fault", "list") == ask("GET", "faults")[1]
    finally:
        ask("DELETE", f"faults/{fault['id']}")
    assert [one["subject"] for one in printed("mail")["mails"]] == ["subject"]
    assert printed("mail") == ask("GET", "mail")[1]
    apis = edge.client("apigatewayv2")
    api = apis.create_api(Name="traced", ProtocolType="HTTP")["ApiId"]
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    sent = {"method": "GET", "url": f"{edge.endpoint}/_aws/execute-api/{api}/nothing"}
    assert ask("POST", "send", sent)[1]["status"] == 404
    listed = eventually(lambda: printed("trace", "--list")["traces"])
    assert listed == ask("GET", "traces", limit=20)[1]["traces"]
    assert printed("trace", listed[-1]["id"]) == ask("GET", f"traces/{quote(listed[-1]['id'])}")[1]


def test_what_is_live_comes_as_events(address: str) -> None:
    with urllib.request.urlopen(f"{address}api/live", timeout=30) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        lines = iter(stream.readline, b"")
        assert eventually(lambda: next(lines) == b"event: state\n")
        state = json.loads(next(lines).removeprefix(b"data: "))
    assert state["state"] == "running"
    assert state["functions"] == []
