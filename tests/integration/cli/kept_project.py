"""A project with a stack that has something in every store, and the command line in it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from staticfire import boto
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
            connection.run("TRUNCATE texts")
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


def greeting(summary: dict[str, Any]) -> str:
    with urllib.request.urlopen(summary["apis"]["shop"], timeout=60) as response:
        body: str = response.read().decode()
    return body
