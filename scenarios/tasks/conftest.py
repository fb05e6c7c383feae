"""The tasks stack, and what its scenarios have in common."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from scenarios.tasks.kit import Replace, Task
from staticfire.testing.kit import ApiAnswer, ApiClient


@pytest.fixture(scope="session", params=["tasks", pytest.param("tasks-rest", marks=pytest.mark.slow)])
def staticfire_stack_name(request: pytest.FixtureRequest, staticfire_target: str) -> str:
    """The service behind an HTTP API, and behind a REST API; the latter where it costs least."""
    if request.param == "tasks-rest" and staticfire_target != "embedded":
        pytest.skip("the REST API is tried on the embedded target alone")
    return str(request.param)


@pytest.fixture
def title() -> str:
    """A title that no other scenario uses."""
    return f"task {uuid.uuid4().hex[:12]}"


@pytest.fixture
def task(api: ApiClient, title: str) -> Task:
    """A new task, as its answer told it."""
    answer = api.post("/tasks", json={"title": title})
    assert answer.status == 201, answer
    created: Task = answer.json()
    return created


@pytest.fixture
def replace(api: ApiClient) -> Replace:
    def send(task: Task, expected: str | None, **changes: Any) -> ApiAnswer:
        content = {"title": task["title"], "status": task["status"], **changes}
        headers = {} if expected is None else {"if-match": expected}
        return api.request("PUT", f"/tasks/{task['id']}", json=content, headers=headers)

    return send
