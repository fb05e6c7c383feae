"""The tasks stack, and what its scenarios have in common."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture(scope="session")
def staticfire_stack_name():
    return "tasks"


@pytest.fixture
def title():
    """A title that no other scenario uses."""
    return f"task {uuid.uuid4().hex[:12]}"


@pytest.fixture
def task(api, title):
    """A new task, as its answer told it."""
    answer = api.post("/tasks", json={"title": title})
    assert answer.status == 201, answer
    return answer.json


@pytest.fixture
def replace(api):
    def send(task, expected, **changes):
        content = {"title": task["title"], "status": task["status"], **changes}
        headers = {} if expected is None else {"if-match": expected}
        return api.request("PUT", f"/tasks/{task['id']}", json=content, headers=headers)

    return send
