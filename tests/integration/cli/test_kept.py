"""`up`, `down`, `up` and `snapshot`, as a user calls them, with data in every store; and what kill -9 leaves."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staticfire import boto
from staticfire.host.waiting import wait_until
from staticfire.settings import load
from staticfire.stacks.databases import StackDatabase
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.targets.embedded import Embedded

TERRAFORM = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" { region = "us-east-1" }
variable "database" { type = any }

resource "aws_dynamodb_table" "items" {
  name         = "items"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}
resource "aws_s3_bucket" "files" { bucket = "kept-files" }
resource "aws_s3_object" "first" {
  bucket  = aws_s3_bucket.files.bucket
  key     = "first"
  content = "of Terraform"
}
resource "aws_sqs_queue" "jobs" { name = "jobs" }
resource "aws_secretsmanager_secret" "key" { name = "key" }
resource "aws_iam_role" "f" {
  name               = "greeter"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole",
    Principal = { Service = "lambda.amazonaws.com" } }] })
}
resource "aws_lambda_function" "f" {
  function_name    = "greeter"
  role             = aws_iam_role.f.arn
  runtime          = "python3.13"
  handler          = "code.handler"
  filename         = "${path.module}/code.zip"
  source_code_hash = filebase64sha256("${path.module}/code.zip")
}
resource "aws_apigatewayv2_api" "api" {
  name          = "kept"
  protocol_type = "HTTP"
  target        = aws_lambda_function.f.arn
}
resource "aws_lambda_permission" "api" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.f.function_name
  principal     = "apigateway.amazonaws.com"
}
output "api_id" { value = aws_apigatewayv2_api.api.id }
"""
CODE = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello'}\n"
SETTINGS = '[stacks.shop]\nroot = "."\ndatabase = true\ndefault = true\n'


class Project:
    """A Terraform root with a table, a bucket, a queue, a secret, a database and an API."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.variables = {**os.environ, "STATICFIRE_PORT": "0", "STATICFIRE_STATE_DIR": str(directory / ".staticfire")}
        (directory / "main.tf").write_text(TERRAFORM)
        (directory / "staticfire.toml").write_text(SETTINGS)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr(zipfile.ZipInfo("code.py"), CODE)
        (directory / "code.zip").write_bytes(archive.getvalue())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "staticfire", *arguments],
            cwd=self.directory,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        process = self.start(*arguments)
        out, said = process.communicate(timeout=300)
        assert process.returncode == code, said
        return out, said

    def up(self) -> tuple[dict[str, Any], str]:
        out, said = self.run("up", "--json")
        return json.loads(out), said

    @property
    def place(self) -> Embedded:
        return Embedded(load(self.directory, overrides={"state_dir": str(self.directory / ".staticfire"), "port": 0}))

    def kill_all(self, *others: subprocess.Popen[str]) -> None:
        """Every process of it, as when the machine fails."""
        state = str(self.directory / ".staticfire").encode()
        for other in others:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(other.pid, signal.SIGKILL)
            other.communicate()
        for process in Path("/proc").glob("[0-9]*"):
            if int(process.name) != os.getpid():
                with contextlib.suppress(OSError):
                    command = (process / "cmdline").read_bytes() + os.readlink(process / "cwd").encode()
                    if state in command:
                        os.kill(int(process.name), signal.SIGKILL)

    def aws(self, service: str) -> Any:
        running = self.place.describe()
        assert running is not None
        return boto.client(running.endpoint, "us-east-1", DEFAULT_ACCOUNT, service)

    def database(self) -> StackDatabase:
        running = self.place.describe()
        assert running is not None
        assert running.postgres is not None
        return StackDatabase(running.postgres, "shop")

    def fill(self, text: str) -> None:
        """Put it into every store, in the place of what is there."""
        self.aws("dynamodb").put_item(TableName="items", Item={"id": {"S": "a"}, "text": {"S": text}})
        self.aws("s3").put_object(Bucket="kept-files", Key="file", Body=text.encode() * 50_000)
        sqs = self.aws("sqs")
        queue = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody=text)
        self.aws("secretsmanager").put_secret_value(SecretId="key", SecretString=text)
        with self.database().connect() as connection:
            connection.run("CREATE TABLE IF NOT EXISTS texts (text text)")
            connection.run("INSERT INTO texts VALUES (:text)", text=text)

    def held(self) -> dict[str, Any]:
        """What every store holds; messages are only counted."""
        item = self.aws("dynamodb").get_item(TableName="items", Key={"id": {"S": "a"}}).get("Item")
        sqs = self.aws("sqs")
        queue = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
        count = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
        with self.database().connect() as connection:
            rows = connection.run("SELECT text FROM texts ORDER BY text")
        return {
            "item": item,
            "file": self.aws("s3").get_object(Bucket="kept-files", Key="file")["Body"].read(),
            "messages": count["ApproximateNumberOfMessages"],
            "secret": self.aws("secretsmanager").get_secret_value(SecretId="key")["SecretString"],
            "rows": rows,
        }


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    project.run("down", "--wipe")


def greeting(summary: dict[str, Any]) -> str:
    with urllib.request.urlopen(summary["apis"]["shop"], timeout=60) as response:
        body: str = response.read().decode()
    return body


def test_up_down_up_applies_nothing_and_every_store_is_as_it_was(project: Project) -> None:
    project.variables["STATICFIRE_PORT"] = "4793"
    first, _ = project.up()
    project.fill("kept")
    before = project.held()
    assert greeting(first) == "hello"
    project.run("down")
    assert project.place.describe() is None
    second, said = project.up()
    assert "Apply shop: nothing changed" in said
    assert (second["stacks"], second["apis"]) == (first["stacks"], first["apis"])
    assert project.held() == before
    assert greeting(second) == "hello"
    assert second["notes"] == first["notes"]


def test_a_snapshot_brings_every_store_back_and_what_is_refused_changes_nothing(project: Project) -> None:
    project.up()
    project.fill("old")
    old = project.held()
    project.run("snapshot", "save", "one")
    project.fill("new")
    new = project.held()
    assert new != old

    for arguments, code in (
        (("save", "one"), 2),
        (("save", "../out"), 2),
        (("save", ""), 2),
        (("load", "none"), 2),
        (("delete", "none"), 2),
    ):
        assert "remedy" in project.run("snapshot", *arguments, code=code)[1]
    state = project.directory / ".staticfire" / "snapshots" / "one" / "ministack" / "kept" / "state"
    whole = state.read_bytes()
    state.write_bytes(whole[:-1])
    assert "damaged" in project.run("snapshot", "load", "one", code=1)[1]
    state.write_bytes(whole)
    assert project.held() == new

    project.run("snapshot", "load", "one")
    assert project.held() == old
    project.run("snapshot", "save", "two")
    project.run("down")
    project.run("snapshot", "save", "one", "--force")
    listed = json.loads(project.run("snapshot", "list", "--json")[0])["snapshots"]
    assert [row["name"] for row in listed] == ["one", "two"]
    assert "Nothing was running" in project.run("snapshot", "load", "two")[1]
    summary, _ = project.up()
    assert project.held() == old
    assert greeting(summary) == "hello"
    assert "one" in project.run("snapshot", "delete", "one")[0]
    said = project.run("down", "--wipe")[1]
    assert "Snapshots stay" in said
    project.up()
    assert project.aws("dynamodb").scan(TableName="items")["Count"] == 0
    project.run("snapshot", "load", "two")
    assert project.held() == old


RUN = """
def test_begins_with_it(aws, postgres, api):
    assert aws("dynamodb").get_item(TableName="items", Key={"id": {"S": "a"}})["Item"]["text"] == {"S": "kept"}
    assert postgres.run("SELECT text FROM texts") == [["kept"]]
    assert api.get("/").body == b"hello"
    aws("dynamodb").delete_item(TableName="items", Key={"id": {"S": "a"}})
"""


def test_a_pytest_run_begins_with_a_snapshot_and_changes_it_not(project: Project) -> None:
    project.up()
    project.fill("kept")
    project.run("snapshot", "save", "one")
    project.run("down")
    (project.directory / "test_run.py").write_text(RUN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--staticfire-snapshot=one"]
    for _ in range(2):
        run = subprocess.run(
            command,
            cwd=project.directory,
            env=project.variables,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert "1 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize("made", [1, 5, 9])
def test_everything_killed_in_the_middle_of_an_apply_is_applied_by_the_next_up(project: Project, made: int) -> None:
    applying = project.start("up", "--json")
    log = project.directory / ".staticfire" / "logs"

    def complete() -> bool:
        text = "".join(path.read_text(errors="replace") for path in log.rglob("*.log") if "terraform" in str(path))
        return applying.poll() is not None or text.count('"apply_complete"') >= made

    assert wait_until(complete, 200)
    assert applying.poll() is None
    project.kill_all(applying)
    summary, said = project.up()
    assert "cut off" in json.dumps(summary["notes"]) + said
    assert greeting(summary) == "hello"
    assert not (project.directory / ".staticfire" / "before-apply").exists()


def test_everything_killed_under_writes_comes_up_with_what_was_saved(project: Project) -> None:
    project.variables["STATICFIRE_PORT"] = "4794"
    project.up()
    project.fill("saved")
    held = project.held()
    running = project.place.describe()
    assert running is not None
    running.edge(timeout=60).save()
    table = project.aws("dynamodb")
    for number in range(50):
        table.put_item(TableName="items", Item={"id": {"S": f"late-{number}"}})
    project.kill_all()
    time.sleep(0.1)
    summary, _ = project.up()
    assert project.held() == held
    missing = 50 - (project.aws("dynamodb").scan(TableName="items")["Count"] - 1)
    assert not missing or "dynamodb" in json.dumps(summary["notes"])
    assert greeting(summary) == "hello"


def test_where_nothing_is_kept_a_snapshot_is_refused(project: Project) -> None:
    for command in (["save", "a"], ["load", "a"], ["list"], ["delete", "a"]):
        project.variables["STATICFIRE_TARGET"] = "compose"
        assert "embedded" in project.run("snapshot", *command, code=2)[1]
    project.variables["STATICFIRE_TARGET"] = "embedded"
