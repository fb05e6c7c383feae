"""How long a stranger waits, from `pip install` of the wheel to the first answer of a small stack of theirs.

python -m benchmarks.first_answer [--python python3.11]     the exit code is 1 when the bar does not hold

The home directory is empty, so that nothing is in a cache but what pip itself and Terraform were told to use.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from staticfire.host.ports import free_port

from .first_up import KEPT
from .processes import ROOT

BAR = 60.0
HANDLER = (
    'def handler(event, context):\n    return {"statusCode": 200, "body": "hello from " + context.function_name}\n'
)
TERRAFORM = """
resource "aws_iam_role" "hello" {
  name = "hello"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "hello" {
  function_name = "hello"
  role          = aws_iam_role.hello.arn
  runtime       = "python3.13"
  handler       = "hello.handler"
  filename      = "${path.module}/hello.zip"
}

resource "aws_lambda_permission" "api" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.hello.function_name
  principal     = "apigateway.amazonaws.com"
}

resource "aws_apigatewayv2_api" "hello" {
  name          = "hello"
  protocol_type = "HTTP"
  target        = aws_lambda_function.hello.arn
}
"""


class Stranger:
    """An empty home directory with a virtual environment, and a repository with one Terraform root."""

    def __init__(self, directory: Path, python: str) -> None:
        self.directory = directory
        self.python = python
        self.repository = directory / "shop"
        self.repository.mkdir()
        (self.repository / "main.tf").write_text(TERRAFORM, encoding="utf-8")
        with zipfile.ZipFile(self.repository / "hello.zip", "w") as archive:
            archive.writestr("hello.py", HANDLER)
        home = directory / "home"
        home.mkdir()
        kept = {name: value for name, value in os.environ.items() if name.upper().startswith(KEPT)}
        self.variables: Mapping[str, str] = {**kept, "HOME": str(home), "STATICFIRE_PORT": str(free_port())}

    def make_environment(self) -> None:
        self.run([self.python, "-m", "venv", "venv"])

    def first_answer(self, wheel: Path) -> str:
        """Install the wheel in the virtual environment, bring the stack up, and ask it."""
        self.run(["venv/bin/python", "-m", "pip", "install", "--quiet", str(wheel)])
        self.staticfire("up", "--detach")
        with urllib.request.urlopen(self.staticfire("url").strip()) as answer:
            return str(answer.read().decode())

    def staticfire(self, *arguments: str) -> str:
        return self.run(["venv/bin/staticfire", "--project", "shop", *arguments])

    def end(self) -> None:
        if (self.directory / "venv/bin/staticfire").exists():
            self.staticfire("down", "--wipe")

    def run(self, command: Sequence[str]) -> str:
        """What it printed; the program's end when it failed. How long it took is told, with what it said meanwhile."""
        begun = time.monotonic()
        done = subprocess.run(
            command, cwd=self.directory, env=self.variables, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        print(f"{time.monotonic() - begun:6.1f} s  {' '.join(map(str, command))}")
        if steps := done.stderr.strip():
            print(textwrap.indent(steps, " " * 10))
        return done.stdout


def build_wheel(directory: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(directory), str(ROOT)], check=True)
    [wheel] = directory.glob("*.whl")
    return wheel


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="the Python that it is installed for")
    python = parser.parse_args().python
    with tempfile.TemporaryDirectory(prefix="staticfire-first-answer-") as directory:
        wheel = build_wheel(Path(directory, "wheel"))
        stranger = Stranger(Path(directory), python)
        stranger.make_environment()
        begun = time.monotonic()
        try:
            print(stranger.first_answer(wheel))
            seconds = time.monotonic() - begun
        finally:
            stranger.end()
    print(f"{seconds:.1f} s from `pip install` to the first answer; the bar is {BAR:.0f} s")
    return 0 if seconds <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
