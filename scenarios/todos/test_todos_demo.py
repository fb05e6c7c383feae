"""The demo client, as somebody runs it: every endpoint, right and wrong, with what it saw."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pg8000.native import Connection

from staticfire.testing.kit import StackUnderTest

ROOT = Path(__file__).parents[2]
ROUTES = {
    "GET /health",
    "POST /users",
    "GET /users/{id}",
    "DELETE /users/{id}",
    "GET /users/{id}/todos",
    "POST /users/{id}/todos",
    "PUT /todos/{id}",
    "DELETE /todos/{id}",
    "GET /dashboard/{id}",
}


def demo(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scenarios.todos.demo", "--url", url]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_demo_drives_every_endpoint_and_leaves_nothing(
    staticfire_stack: StackUnderTest, postgres: Connection
) -> None:
    before = postgres.run("SELECT count(*) FROM todos_users")

    done = demo(staticfire_stack.url)

    assert (done.returncode, done.stderr) == (0, "")
    requests = re.findall(r"^  ((?:GET|POST|PUT|DELETE) /[^ ?\n]*)", done.stdout, re.MULTILINE)
    assert {re.sub(r"[0-9a-f-]{32,}[0-9A-Z]*", "{id}", request) for request in requests} == ROUTES
    assert done.stdout.rstrip().endswith(f"{len(requests)} answers, all as they should be.")
    assert postgres.run("SELECT count(*) FROM todos_users") == before


def test_the_demo_says_what_is_wrong_with_an_answer(staticfire_stack: StackUnderTest) -> None:
    done = demo(f"{staticfire_stack.url}/nowhere")

    assert done.returncode == 1
    assert "GET /health answered 404; right were 200" in done.stderr
    assert "remedy:" in done.stderr


def test_the_demo_says_that_nobody_answers() -> None:
    done = demo("http://127.0.0.1:9")

    assert done.returncode == 1
    assert "GET http://127.0.0.1:9/health has no answer" in done.stderr
    assert "remedy:" in done.stderr
