"""From a saved line to the first answer of the new code, in a stack of one and of fifty functions.

    python -m benchmarks.watch [--rounds N] [--functions 1 50]

A stack is applied, `staticfire watch` runs beside it, and a file in a package of 5 MB is saved again and again; then
its function is invoked until it answers with what was saved. The clock runs from before the save. One more figure tells
the cold start that is a part of it: the function is killed, and invoked.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from staticfire import boto
from staticfire.edge_client import EdgeClient
from staticfire.host.ports import free_port
from staticfire.host.waiting import wait_until

MODULES = 500
MODULE_BYTES = 10_000
MAIN = """
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
provider "aws" {{}}
variable "packages" {{
  type = map(string)
}}
resource "aws_iam_role" "all" {{
  name               = "all"
  assume_role_policy = "{{}}"
}}
resource "aws_s3_bucket" "code" {{
  bucket = "code"
}}
resource "aws_s3_object" "package" {{
  for_each = var.packages
  bucket   = aws_s3_bucket.code.id
  key      = "${{each.key}}/${{filesha256(each.value)}}.zip"
  source   = each.value
}}
resource "aws_lambda_function" "watched" {{
  count            = {functions}
  function_name    = "watched-${{count.index}}"
  role             = aws_iam_role.all.arn
  runtime          = "python3.11"
  handler          = "app.handler"
  timeout          = 10
  s3_bucket        = aws_s3_bucket.code.id
  s3_key           = aws_s3_object.package[count.index == 0 ? "large" : "small"].key
  source_code_hash = filebase64sha256(var.packages[count.index == 0 ? "large" : "small"])
}}
"""
TOML = """
[stacks.watched]
root = "infra"
[stacks.watched.zips.large]
source = "large"
[stacks.watched.zips.small]
source = "small"
"""
APP = "from many import module_0\n\ndef handler(event, context):\n    return {}\n"


class Stack:
    def __init__(self, root: Path, functions: int) -> None:
        self.root = root
        self.port = free_port()
        self.variables = {**os.environ, "STATICFIRE_PORT": str(self.port)}
        for directory in ("infra", "large/many", "small/many"):
            (root / directory).mkdir(parents=True)
        (root / "infra" / "main.tf").write_text(MAIN.format(functions=functions))
        (root / "staticfire.toml").write_text(TOML)
        for number in range(MODULES):
            text = f'NUMBER = {number}\nTEXT = "{"x" * MODULE_BYTES}"\n'
            (root / "large" / "many" / f"module_{number}.py").write_text(text)
        (root / "small" / "many" / "module_0.py").write_text("NUMBER = 0\n")
        for package in ("large", "small"):
            self.save(package, 0)

    def save(self, package: str, value: int) -> None:
        path = self.root / package / "app.py"
        fresh = path.with_name("app.py~")
        fresh.write_text(APP.format(value))
        os.replace(fresh, path)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "staticfire", "--project", str(self.root), *arguments]

    def run(self, *arguments: str) -> None:
        subprocess.run(self.command(*arguments), env=self.variables, check=True, capture_output=True)

    def invoke(self, lambda_client: Any) -> Any:
        return json.load(lambda_client.invoke(FunctionName="watched-0")["Payload"])


def measure(functions: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds from the save to the answer, and of cold starts."""
    with tempfile.TemporaryDirectory(prefix="staticfire-watch-") as directory:
        stack = Stack(Path(directory), functions)
        stack.run("up", "--detach")
        watching = subprocess.Popen(stack.command("watch"), env=stack.variables, stderr=subprocess.PIPE, text=True)
        try:
            return _saves(stack, watching, rounds), _cold_starts(stack, rounds)
        finally:
            watching.terminate()
            watching.wait()
            stack.run("down")


def _client(stack: Stack) -> Any:
    return boto.client(f"http://127.0.0.1:{stack.port}", "us-east-1", "000000000000", "lambda")


def _saves(stack: Stack, watching: subprocess.Popen[str], rounds: int) -> list[float]:
    lines = watching.stderr
    assert lines is not None
    lines.readline()  # it watches
    threading.Thread(target=lambda: list(lines), daemon=True).start()
    client, seconds = _client(stack), []
    time.sleep(2)  # until it has looked once
    for value in range(1, rounds + 2):
        stack.invoke(client)
        begun = time.perf_counter()
        stack.save("large", value)
        if not wait_until(lambda value=value: stack.invoke(client) == value, 30, 0.02):  # type: ignore[misc]
            raise SystemExit(f"What was saved did not run within 30 s: {value}")
        seconds.append(time.perf_counter() - begun)
    return seconds[1:]


def _cold_starts(stack: Stack, rounds: int) -> list[float]:
    client, seconds = _client(stack), []
    token = (stack.root / ".staticfire" / "control-token").read_text()
    edge = EdgeClient(f"http://127.0.0.1:{stack.port}", token)
    for _ in range(rounds):
        for function in edge.functions()["functions"]:
            for environment in function["environments"]:
                edge.kill_execution_environment(environment["id"])
        time.sleep(0.3)
        begun = time.perf_counter()
        stack.invoke(client)
        seconds.append(time.perf_counter() - begun)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watch", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--functions", type=int, nargs="+", default=[1, 50])
    options = parser.parse_args()
    print(
        "| functions in the stack | save to answer, p50 | p95 | of that a cold start, p50 |\n| --- | --- | --- | --- |"
    )
    for functions in options.functions:
        saves, starts = measure(functions, options.rounds)
        p95 = statistics.quantiles(saves, n=20)[-1]
        print(
            f"| {functions} | {_s(statistics.median(saves))} | {_s(p95)} | {_s(statistics.median(starts))} |",
            flush=True,
        )


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"


if __name__ == "__main__":
    main()
