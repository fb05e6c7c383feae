"""`staticfire exec` with a seeded stack: up for one command, seeded after each apply and reset, down again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staticfire.host.ports import free_port

SECONDS = 300
MAIN = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {}
variable "database" { type = any }

resource "aws_dynamodb_table" "plans" {
  name         = "plans"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}
resource "aws_s3_bucket" "pages" {
  bucket = "pages"
}
resource "aws_iam_role" "fill" {
  name               = "fill"
  assume_role_policy = "{}"
}
resource "aws_lambda_function" "fill" {
  function_name    = "fill"
  role             = aws_iam_role.fill.arn
  runtime          = "python3.11"
  handler          = "fill.handler"
  filename         = "${path.module}/fill.zip"
  source_code_hash = filebase64sha256("${path.module}/fill.zip")
}
output "table" { value = aws_dynamodb_table.plans.arn }
"""
FILL = """
import boto3
def handler(event, context):
    table = boto3.resource("dynamodb").Table("plans")
    before = len(table.scan()["Items"])
    table.put_item(Item={"id": event["id"], "before": before})
"""
TOML = """
[stacks.shop]
root = "infra"
database = true

[stacks.shop.seed]
sql = ["seed/users.sql"]
items = { table = "seed/plans.jsonl" }
objects = { pages = "seed/pages" }
function = "fill"
payload = { id = "from the function" }
"""
SQL = """CREATE TABLE IF NOT EXISTS users (id int PRIMARY KEY, seeded int);
INSERT INTO users VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET seeded = users.seeded + 1;
"""
LOOK = """
import json, os, sys
import boto3
from pg8000.native import Connection

database = Connection(os.environ["PGUSER"], os.environ["PGHOST"], os.environ["PGDATABASE"], int(os.environ["PGPORT"]),
                      os.environ["PGPASSWORD"])
s3 = boto3.client("s3")
page = s3.get_object(Bucket="pages", Key="about/index.html")
print(json.dumps({
    "users": database.run("SELECT * FROM users"),
    "items": {item["id"]: int(item["before"]) for item in boto3.resource("dynamodb").Table("plans").scan()["Items"]},
    "page": [page["ContentType"], page["Body"].read().decode()],
    "input": sys.stdin.read(),
}))
sys.exit(5)
"""


class SeededProject:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.save("staticfire.toml", TOML)
        self.save("infra/main.tf", MAIN)
        with zipfile.ZipFile(root / "infra/fill.zip", "w") as package:
            package.writestr("fill.py", FILL)
        self.save("seed/users.sql", SQL)
        self.save("seed/plans.jsonl", '{"id": "plain", "before": 7}\n{"id": {"S": "typed"}, "before": {"N": "8"}}\n')
        self.save("seed/pages/about/index.html", "<p>us")
        self.save("look.py", LOOK)
        ports = {"STATICFIRE_PORT": str(free_port()), "STATICFIRE_CONSOLE": "0"}
        self.variables = {**os.environ, **ports, "AWS_PROFILE": "somebody's own"}

    def save(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "staticfire", "--project", str(self.root), *arguments]
        run = subprocess.run(
            command, env=self.variables, input="mine", capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert run.returncode == code, f"{shlex.join(command)} ended with {run.returncode}\n{run.stderr}"
        return run

    def seen(self) -> Any:
        """What a command of `exec` sees; all that it wrote is that."""
        return json.loads(self.run("exec", "--", sys.executable, str(self.root / "look.py"), code=5).stdout)


def seeded(times: int, before: int) -> Any:
    return {
        "users": [[1, times]],
        "items": {"plain": 7, "typed": 8, "from the function": before},
        "page": ["text/html", "<p>us"],
        "input": "mine",
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeededProject]:
    project = SeededProject(tmp_path_factory.mktemp("seeded"))
    try:
        yield project
    finally:
        project.run("down")


def test_a_stack_is_up_and_seeded_for_one_command_and_down_again(project: SeededProject) -> None:
    assert project.seen() == seeded(1, 2)
    project.run("status", code=4)


def test_what_was_up_before_stays_and_an_apply_that_did_nothing_seeds_nothing(project: SeededProject) -> None:
    project.run("up", "--detach")
    assert project.seen() == seeded(1, 2)
    project.run("status")


def test_init_checks_the_provider_and_no_later_command_hashes_it_again(project: SeededProject) -> None:
    [lock] = project.root.glob(".staticfire/terraform/**/.terraform.lock.hcl")
    assert "h1:" in (lock.parent / ".terraform" / "staticfire.lock.hcl").read_text()
    assert "h1:" not in lock.read_text()


def test_a_reset_seeds_what_it_emptied(project: SeededProject) -> None:
    said = project.run("reset", "--yes").stderr
    assert "seed of shop: users.sql, 2 items in plans, 1 objects in pages, function fill" in said
    assert project.seen() == seeded(1, 2)


def test_a_broken_seed_fails_with_file_and_line_and_the_next_up_seeds(project: SeededProject) -> None:
    project.save("seed/users.sql", f"{SQL}\nSELECT nothing FROM users;\n")
    said = project.run("apply", code=1).stderr
    assert f"{project.root}/seed/users.sql:4: column" in said
    project.save("seed/users.sql", SQL)
    assert "seed: users.sql" in project.run("up", "--detach").stderr
    assert project.seen() == seeded(2, 3)
