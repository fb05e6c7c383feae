"""What cannot run here is said before anything is applied, by `up` and `apply`, of a plan by real Terraform."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from staticfire import boto
from staticfire.cli.main import run
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from tests.integration.edge.kit import Edge

PROVIDER = 'provider "aws" { region = "us-east-1" }\n'
ROLE = """
resource "aws_iam_role" "this" {
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{
    Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" }
  }] })
}
resource "aws_lambda_function" "this" {
  function_name    = "greeter"
  role             = aws_iam_role.this.arn
  filename         = "code.zip"
  source_code_hash = filebase64sha256("code.zip")
  handler          = "code.handler"
  %s
}
"""
JAVA = ROLE % 'runtime = "java21"'
# Its layers are known after apply only.
UNKNOWN = ROLE % 'runtime = "python3.13"\n  layers = [aws_lambda_layer_version.own.arn]'
UNKNOWN += 'resource "aws_lambda_layer_version" "own" {\n  layer_name = "own"\n  filename = "code.zip"\n}\n'
LINK = """resource "aws_api_gateway_vpc_link" "own" {
  name = "own"
  target_arns = ["arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/none/1234567890abcdef"]
}
"""

Up = Callable[..., tuple[int, str]]


def aws(edge: Edge, service: str) -> Any:
    return boto.client(edge.endpoint, "us-east-1", DEFAULT_ACCOUNT, service)


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    yield edge
    edge.end()


@pytest.fixture
def command(
    edge: Edge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Up:
    """`staticfire ARGUMENTS` on a Terraform root with this text: its exit code, and all that it said."""
    (tmp_path / "staticfire.toml").write_text(
        f"[staticfire]\ntarget = 'external'\nconsole = false\nendpoint = '{edge.endpoint}'\n"
        "[stacks.shop]\nroot = 'infra'\n"
    )
    (tmp_path / "infra").mkdir()
    with zipfile.ZipFile(tmp_path / "infra" / "code.zip", "w") as archive:
        archive.writestr("code.py", "def handler(event, context):\n    return event\n")
    for name in ("STATICFIRE_TARGET", "STATICFIRE_ENDPOINT", "STATICFIRE_ALLOW_UNSUPPORTED"):
        monkeypatch.delenv(name, raising=False)

    def command(terraform: str, *arguments: str) -> tuple[int, str]:
        (tmp_path / "infra" / "main.tf").write_text(PROVIDER + terraform)
        code = run(["--project", str(tmp_path), *arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err + caplog.text

    return command


def test_a_function_in_java_is_refused_before_anything_is_made(edge: Edge, command: Up) -> None:
    code, said = command(JAVA, "up", "shop")
    assert code == 9
    assert "aws_lambda_function.this has the runtime java21, which cannot run here (greeter). Java's would" in said
    assert "--allow-unsupported" in said
    assert aws(edge, "lambda").list_functions()["Functions"] == []
    assert aws(edge, "iam").list_roles()["Roles"] == []
    assert command(JAVA, "apply", "shop")[0] == 9


def test_who_says_so_gets_it_applied_and_is_told(edge: Edge, command: Up) -> None:
    code, said = command(JAVA, "up", "--allow-unsupported", "shop")
    assert code == 0
    assert "aws_lambda_function.this has the runtime java21" in said
    assert [function["Runtime"] for function in aws(edge, "lambda").list_functions()["Functions"]] == ["java21"]
    assert command(JAVA, "destroy", "shop")[0] == 0


def test_what_is_only_described_is_said_and_applied(edge: Edge, command: Up) -> None:
    code, said = command(UNKNOWN + LINK, "up", "shop")
    assert code == 0
    assert "described only, nothing follows from it (docs/services-of-aws.md): aws_api_gateway_vpc_link" in said
    assert "Apply shop: 4 added" in said
    assert len(aws(edge, "apigateway").get_vpc_links()["items"]) == 1
    code, said = command(UNKNOWN + LINK, "apply", "shop")
    assert (code, "Apply shop: no changes" in said) == (0, True)
    assert command(UNKNOWN, "destroy", "shop")[0] == 0
