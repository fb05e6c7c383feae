"""`staticfire watch` beside a running stack: what is saved is what runs, and Terraform finds its way back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from staticfire import boto
from staticfire.host.leave import INTERRUPTED
from staticfire.host.ports import free_port, port_is_free
from staticfire.host.waiting import wait_until
from tests.unit.edge.services.lambda_.debuggers import PythonDebugger, line_of

SECONDS = 240
MAIN = """
terraform {
  required_providers {
    aws     = { source = "hashicorp/aws" }
    archive = { source = "hashicorp/archive" }
  }
}
provider "aws" {}

variable "packages" {
  type = map(string)
}

resource "aws_iam_role" "all" {
  name               = "all"
  assume_role_policy = "{}"
}

resource "aws_s3_bucket" "code" {
  bucket = "code"
}

resource "aws_s3_object" "shop" {
  bucket = aws_s3_bucket.code.id
  key    = "${filesha256(var.packages.shop)}.zip"
  source = var.packages.shop
}

# From S3, by a zip of staticfire.toml, behind an alias.
resource "aws_lambda_function" "shop" {
  function_name    = "shop"
  role             = aws_iam_role.all.arn
  runtime          = "python3.11"
  handler          = "shop.api.handler"
  s3_bucket        = aws_s3_object.shop.bucket
  s3_key           = aws_s3_object.shop.key
  source_code_hash = filebase64sha256(var.packages.shop)
  layers           = [aws_lambda_layer_version.common.arn]
  publish          = true
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.shop.function_name
  function_version = aws_lambda_function.shop.version
}

data "archive_file" "common" {
  type        = "zip"
  source_dir  = "${path.module}/../layer"
  excludes    = ["**/notes.txt"]
  output_path = "${path.module}/build/common.zip"
}

resource "aws_lambda_layer_version" "common" {
  layer_name          = "common"
  filename            = data.archive_file.common.output_path
  source_code_hash    = data.archive_file.common.output_base64sha256
  compatible_runtimes = ["python3.11"]
}
"""
TOML = """
[stacks.shop]
root = "infra"

[stacks.shop.zips.shop]
source = "src"
package = "shop"
"""
API = """
import common
from shop import prices

def handler(event, context):
    return {"version": 1, "common": common.VERSION, "price": prices.PRICE}
"""


class WatchedProject:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines: list[str] = []
        self.watching: subprocess.Popen[str] | None = None
        files = {
            "staticfire.toml": TOML,
            "infra/main.tf": MAIN,
            "src/api.py": API,
            "src/prices.py": "PRICE = 1\n",
            "layer/python/common.py": "VERSION = 1\n",
            ".gitignore": "*.log\n",
        }
        for name, text in files.items():
            self.save(name, text)
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        self.port = free_port()
        self.variables = {**os.environ, "STATICFIRE_PORT": str(self.port)}

    def save(self, name: str, text: str) -> None:
        """As an editor does it: the file is whole or absent."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / f".{path.name}.swp").write_text("what is being written")
        (path.parent / f"{path.name}~").write_text(text)
        os.replace(path.parent / f"{path.name}~", path)
        (path.parent / f".{path.name}.swp").unlink()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "staticfire", "--project", str(self.root), *arguments]

    def run(self, *arguments: str) -> str:
        run = subprocess.run(
            self.command(*arguments), env=self.variables, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stderr

    def watch(self) -> None:
        self.watching = process = subprocess.Popen(
            self.command("watch"), env=self.variables, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        stream = process.stderr
        threading.Thread(target=lambda: self.lines.extend(iter(stream.readline, "")), daemon=True).start()

    def end_watching(self) -> None:
        if self.watching is not None:
            self.watching.terminate()
            self.watching.wait(SECONDS)

    def said(self, text: str) -> str:
        """The first line with that text which has not been asked for yet."""
        line = wait_until(lambda: next((line for line in self.lines if text in line), ""), 30)
        assert line, f"{text!r} was not said: {self.lines}"
        self.lines.remove(line)
        return line

    def invoke(self, qualifier: str = "$LATEST") -> Any:
        client = boto.client(f"http://127.0.0.1:{self.port}", "us-east-1", "000000000000", "lambda")
        return json.load(client.invoke(FunctionName="shop", Qualifier=qualifier)["Payload"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedProject]:
    project = WatchedProject(tmp_path_factory.mktemp("watched"))
    try:
        project.run("up", "--detach")
        project.watch()
        project.said("watching the code of shop")
        yield project
    finally:
        project.end_watching()
        project.run("down")


def test_a_saved_file_is_what_runs_next_behind_an_alias_too(project: WatchedProject) -> None:
    assert project.invoke() == {"version": 1, "common": 1, "price": 1}
    project.save("src/api.py", API.replace('"version": 1', '"version": 2'))
    line = project.said("shop: updated in")
    # Saved before it watched or after: only then it knows by which file.
    assert line.rstrip().endswith("; alias live -> version 2")
    assert project.invoke()["version"] == project.invoke("live")["version"] == 2
    assert project.invoke("1")["version"] == 1


def test_a_layer_keeps_its_number_and_has_what_was_saved(project: WatchedProject) -> None:
    project.save("layer/python/common.py", "VERSION = 2\n")
    project.said("common:1: updated in")
    assert project.invoke()["common"] == 2


def test_a_broken_file_is_told_with_its_line_and_the_old_code_goes_on(project: WatchedProject) -> None:
    before = project.invoke()
    project.save("src/prices.py", "PRICE = 2\ndef broken(:\n")
    line = project.said("shop.zip: ")
    assert "prices.py:2: invalid syntax. The functions keep the code they have." in line
    assert project.invoke() == before
    project.save("src/api.py", API.replace('"version": 1', '"version": 3'))  # the other one is still broken
    assert "prices.py:2" in project.said("shop.zip: ")
    assert project.invoke() == before
    project.save("src/prices.py", "PRICE = 2\n")
    project.said("shop: updated in")
    after = project.invoke()
    assert (after["version"], after["price"]) == (3, 2)


def test_many_files_at_once_and_files_that_go(project: WatchedProject) -> None:
    for number in range(500):
        project.save(f"src/many/module_{number}.py", f"NUMBER = {number}\n")
    project.save("src/prices.py", "from shop.many import module_499\nPRICE = module_499.NUMBER\n")
    assert wait_until(lambda: project.invoke().get("price") == 499, 60)
    updates = [line for line in project.lines if "shop: updated" in line]
    assert len(updates) < 20
    project.save("src/prices.py", "PRICE = 3\n")
    for path in (project.root / "src/many").iterdir():
        path.unlink()
    (project.root / "src/many").rmdir()
    assert wait_until(lambda: project.invoke().get("price") == 3, 60)
    project.lines.clear()


def test_what_git_ignores_and_what_is_not_packed_changes_nothing(project: WatchedProject) -> None:
    project.lines.clear()
    (project.root / "src/run.log").write_text("a line\n")
    project.save("layer/notes.txt", "to myself\n")
    project.save("src/prices.py", "PRICE = 4\n")
    project.said("shop: updated in")
    assert project.lines == []


def test_a_change_of_the_terraform_is_told(project: WatchedProject) -> None:
    project.save("infra/main.tf", MAIN + "# more\n")
    assert "`staticfire apply shop`" in project.said("main.tf changed")
    project.save("infra/main.tf", MAIN)
    project.said("main.tf changed")


def test_what_was_saved_is_taken_over_or_taken_back_by_terraform(project: WatchedProject) -> None:
    project.save("src/prices.py", "PRICE = 5\n")
    project.said("shop: updated in")
    project.run("up", "--detach")
    assert project.invoke()["price"] == project.invoke("live")["price"] == 5
    assert "nothing changed" in project.run("up", "--detach")


def test_a_breakpoint_in_the_users_file(project: WatchedProject) -> None:
    launch, port = project.root / ".vscode" / "launch.json", free_port()
    arguments = ("debug", "shop", "--write", "--port", str(port))
    debugging = subprocess.Popen(
        project.command(*arguments),
        env=project.variables,
        stdout=subprocess.DEVNULL,
        # As in a terminal, even where the test run was started in the background, with SIGINT ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert wait_until(lambda: launch.exists() and not port_is_free("127.0.0.1", port), SECONDS)
        (configuration,) = json.loads(launch.read_text())["configurations"]
        mappings = {
            pair["remoteRoot"]: pair["localRoot"].replace("${workspaceFolder}", str(project.root))
            for pair in configuration["pathMappings"]
        }
        assert mappings == {"/opt": str(project.root / "layer"), "/var/task/shop": str(project.root / "src")}
        assert asyncio.run(_stopped_at(project, port, mappings)) == str(project.root / "src" / "api.py")
    finally:
        debugging.send_signal(signal.SIGINT)
        assert debugging.wait(SECONDS) == INTERRUPTED
    assert wait_until(lambda: port_is_free("127.0.0.1", port), 30)
    assert "version" in project.invoke()


async def _stopped_at(project: WatchedProject, port: int, mappings: dict[str, str]) -> str:
    """The file that the function stops in, at the line that returns its answer."""
    debugger = await PythonDebugger.connect(port)
    file = str(project.root / "src" / "api.py")
    await debugger.attach(mappings, {file: [line_of(API, "return")]}, [])
    answer = asyncio.create_task(asyncio.to_thread(project.invoke))
    _, thread, stopped_in, _ = await debugger.stopped()
    await debugger.ask("continue", threadId=thread)
    assert "version" in await answer
    await debugger.ask("disconnect")
    await debugger.close()
    return stopped_in


def test_what_was_saved_and_taken_back_while_nobody_watched(project: WatchedProject) -> None:
    """It is the last: the watching ends."""
    project.save("src/prices.py", "PRICE = 6\n")
    project.said("shop: updated in")
    assert project.invoke()["price"] == 6
    project.end_watching()
    project.save("src/prices.py", "PRICE = 5\n")
    said = project.run("up", "--detach")
    assert "nothing changed" in said
    assert "have what Terraform deployed again" in said
    assert project.invoke()["price"] == project.invoke("live")["price"] == 5
