"""What is described of functions survives a kill -9 of the edge and of MiniStack; it goes with the emulator's state."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.lab import zipped
from tests.integration.edge.kit import Edge, eventually

ROLE = "arn:aws:iam::100000000001:role/r"
Start = Callable[[], Edge]


@pytest.fixture
def start(ministack_python: str, tmp_path: Path) -> Iterator[Start]:
    edges: list[Edge] = []

    def begin() -> Edge:
        if edges:
            edges[-1].announced.unlink(missing_ok=True)
        edges.append(Edge(ministack_python, tmp_path))
        return edges[-1]

    yield begin
    for edge in edges:
        edge.end()


def create(client: Any, name: str, code: bytes | None = None, **settings: Any) -> None:
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": code or zipped({"app.py": f"NAME = {name!r}\n"})},
        **settings,
    )


def code_of(answer: dict[str, Any]) -> bytes:
    with urllib.request.urlopen(answer["Code"].pop("Location"), timeout=30) as fetched:
        code: bytes = fetched.read()
        return code


def described(client: Any, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get_function(FunctionName=name, Qualifier="live")
    answer["code"] = code_of(answer)
    answer.pop("ResponseMetadata")
    return {
        **answer,
        "policy": client.get_policy(FunctionName=name)["Policy"],
        "versions": [one["Version"] for one in client.list_versions_by_function(FunctionName=name)["Versions"]],
    }


def test_what_was_answered_is_there_after_a_kill_9(start: Start) -> None:
    edge = start()
    edge.client("s3").create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    edge.control("POST", "save")
    client = edge.client("lambda")
    create(client, "one", Publish=True, Tags={"team": "a"})
    client.create_alias(FunctionName="one", Name="live", FunctionVersion="1")
    client.add_permission(
        FunctionName="one", StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    client.put_function_concurrency(FunctionName="one", ReservedConcurrentExecutions=3)
    eventually(lambda: client.get_function_configuration(FunctionName="one", Qualifier="1")["State"] == "Active")
    before = described(client, "one")
    codes = {
        "last": zipped({"app.py": "NAME = 'last'\n"}),
        "large": zipped({"app.py": "", "data": os.urandom(300_000).hex()}),
    }
    for name, code in codes.items():
        create(client, name, code)
    edge.process.kill()
    edge.process.wait()

    client = start().client("lambda")
    assert described(client, "one") == before
    assert [one["FunctionName"] for one in client.list_functions()["Functions"]] == ["large", "last", "one"]
    assert {name: code_of(client.get_function(FunctionName=name)) for name in codes} == codes


def test_what_is_described_goes_with_the_emulators_state(start: Start) -> None:
    edge = start()
    client = edge.client("lambda")
    create(client, "one")
    request = urllib.request.Request(
        f"{edge.endpoint}/_ministack/reset", b"", {"x-staticfire-token": edge.token}, method="POST"
    )
    urllib.request.urlopen(request, timeout=60).close()
    assert client.list_functions()["Functions"] == []
    create(client, "two")
    edge.end()
    client = start().client("lambda")
    assert [one["FunctionName"] for one in client.list_functions()["Functions"]] == ["two"]
