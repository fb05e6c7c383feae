"""Tasks: made, read, listed, replaced by those only who have seen what they replace, deleted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from scenarios.tasks.kit import Replace, Task
from staticfire.testing.kit import AccountFaults, ApiClient, wait_until

UNKNOWN = "/tasks/01ARZ3NDEKTSV4RRFFQ69G5FAV"


def pages_of(api: ApiClient, query: str = "") -> Iterator[list[Task]]:
    """Each page's tasks, by following the cursor."""
    cursor = ""
    while cursor is not None:
        answer = api.get(f"/tasks?limit=4{query}{cursor and '&cursor=' + cursor}")
        assert answer.status == 200, answer
        yield answer.json()["tasks"]
        cursor = answer.json()["next"]


def test_a_new_task_is_open_has_version_1_and_can_be_read(api: ApiClient, title: str) -> None:
    created = api.post("/tasks", json={"title": title, "due_at": "2026-12-24T18:00:00+01:00"})

    assert (created.status, created.headers["etag"]) == (201, '"1"')
    assert created.json() | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "title": title,
        "description": "",
        "status": "open",
        "due_at": "2026-12-24T18:00:00+01:00",
        "version": 1,
        "created_at": "",
        "updated_at": "",
    }
    assert created.headers["location"].endswith(f"/tasks/{created.json()['id']}")
    read = api.get(f"/tasks/{created.json()['id']}")
    assert (read.status, read.json(), read.headers["etag"]) == (200, created.json(), '"1"')


def test_a_replaced_task_is_wholly_what_the_request_said_one_version_later(
    api: ApiClient, task: Task, replace: Replace
) -> None:
    replaced = replace(task, '"1"', title="another", status="done")

    assert (replaced.status, replaced.headers["etag"]) == (200, '"2"')
    assert (replaced.json()["title"], replaced.json()["status"], replaced.json()["version"]) == ("another", "done", 2)
    assert replaced.json()["created_at"] == task["created_at"]
    assert api.get(f"/tasks/{task['id']}").json() == replaced.json()


def test_who_has_seen_an_older_version_changes_and_deletes_nothing(
    api: ApiClient, task: Task, replace: Replace
) -> None:
    assert replace(task, '"1"', status="in_progress").status == 200

    late = replace(task, '"1"', status="done")
    deleted = api.request("DELETE", f"/tasks/{task['id']}", headers={"if-match": '"1"'})

    assert (late.status, late.headers["etag"]) == (412, '"2"')
    assert (deleted.status, deleted.headers["etag"]) == (412, '"2"')
    assert api.get(f"/tasks/{task['id']}").json()["status"] == "in_progress"


def test_a_replacement_must_say_which_version_it_replaces(task: Task, replace: Replace) -> None:
    assert replace(task, None).status == 428
    assert replace(task, "three").status == 400
    assert replace(task, 'W/"1"').status == 412
    assert replace(task, '"7", "1"').status == 200
    assert replace(task, "*").status == 200


def test_of_16_who_replace_the_same_version_at_once_exactly_one_does(
    api: ApiClient, task: Task, replace: Replace
) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda number: replace(task, '"1"', title=f"by {number}"), range(16)))

    assert Counter(answer.status for answer in answers) == {200: 1, 412: 15}
    [won] = [answer.json() for answer in answers if answer.status == 200]
    assert api.get(f"/tasks/{task['id']}").json() == won


def test_a_deleted_task_is_gone(api: ApiClient, task: Task, replace: Replace) -> None:
    assert api.request("DELETE", f"/tasks/{task['id']}", headers={"if-match": '"1"'}).status == 204

    assert api.get(f"/tasks/{task['id']}").status == 404
    assert replace(task, '"1"').status == 404
    assert api.request("DELETE", f"/tasks/{task['id']}").status == 404


def test_a_list_is_told_in_pages_newest_first_each_task_once(api: ApiClient, clean: None) -> None:
    made = [api.post("/tasks", json={"title": f"number {number}"}).json()["id"] for number in range(9)]

    wait_until(lambda: len(api.get("/tasks").json()["tasks"]) == 9, "all tasks in the index")
    pages = list(pages_of(api))

    assert [len(page) for page in pages] == [4, 4, 1]
    assert [task["id"] for page in pages for task in page] == made[::-1]


def test_a_list_of_one_status_follows_its_tasks(api: ApiClient, clean: None, replace: Replace) -> None:
    for number in range(12):
        status = ("open", "in_progress", "done")[number % 3]
        assert api.post("/tasks", json={"title": f"number {number}", "status": status}).status == 201

    def of(status: str) -> list[Task]:
        return [task for page in pages_of(api, f"&status={status}") for task in page]

    wait_until(lambda: len(of("done")) == 4, "the tasks that are done in the index")
    assert {task["status"] for task in of("done")} == {"done"}
    assert replace(of("done")[0], '"1"', status="open").status == 200
    wait_until(lambda: (len(of("done")), len(of("open"))) == (3, 5), "the task in its new place")


def test_a_cursor_belongs_to_its_list(api: ApiClient, clean: None) -> None:
    for number in range(3):
        api.post("/tasks", json={"title": f"number {number}"})
    wait_until(lambda: len(api.get("/tasks").json()["tasks"]) == 3, "all tasks in the index")
    cursor = api.get("/tasks?limit=1").json()["next"]

    elsewhere = api.get(f"/tasks?status=done&cursor={cursor}")
    invented = api.get("/tasks?cursor=abc")

    for refused in (elsewhere, invented):
        assert (refused.status, [error["field"] for error in refused.json()["errors"]]) == (400, ["cursor"])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["title"]),
        ({"title": ""}, ["title"]),
        ({"title": "x" * 257}, ["title"]),
        (
            {"title": 3, "status": "lost", "due_at": "tomorrow", "colour": "red"},
            ["title", "status", "due_at", "colour"],
        ),
        ([], ["body"]),
    ],
)
def test_every_problem_of_a_task_is_named(api: ApiClient, body: dict[str, Any] | list[Any], fields: list[str]) -> None:
    refused = api.post("/tasks", json=body)

    assert refused.status == 400
    assert [error["field"] for error in refused.json()["errors"]] == fields


def test_every_problem_of_a_list_is_named(api: ApiClient) -> None:
    refused = api.get("/tasks?status=lost&limit=1000&page=2")

    assert (refused.status, [error["field"] for error in refused.json()["errors"]]) == (
        400,
        ["status", "limit", "page"],
    )


def test_a_body_over_16_KiB_is_too_much(api: ApiClient, title: str) -> None:
    body = json.dumps({"title": title}).encode()

    assert api.post("/tasks", body=body.ljust(16 * 1024)).status == 201
    assert api.post("/tasks", body=body.ljust(16 * 1024 + 1)).status == 413


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PATCH", "/tasks"), ("POST", UNKNOWN), ("GET", "/tasks/1/2")]
)
def test_an_unknown_route_is_not_found(api: ApiClient, method: str, path: str, staticfire_stack_name: str) -> None:
    answer = api.request(method, path)

    rest = (403, {"message": "Missing Authentication Token"})  # what a REST API says of it
    expected = rest if staticfire_stack_name == "tasks-rest" else (404, {"message": "Not Found"})
    assert (answer.status, answer.json()) == expected


@pytest.mark.parametrize("path", [UNKNOWN, "/tasks/nonsense"])
def test_there_is_no_task_of_that_id(api: ApiClient, path: str) -> None:
    assert (api.get(path).status, api.get(path).json()) == (404, {"message": "There is no such task."})


def test_while_dynamodb_is_away_the_client_is_told_to_come_again(
    api: ApiClient, faults: AccountFaults, task: Task
) -> None:
    with faults("dynamodb", kind="error", status=500, code="InternalServerError"):
        answer = api.get(f"/tasks/{task['id']}")

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "DynamoDB" not in answer.text


def test_a_write_whose_answer_is_lost_is_made_once(
    api: ApiClient, faults: AccountFaults, task: Task, replace: Replace, title: str
) -> None:
    with faults("dynamodb", "PutItem", kind="drop", when="after", times=1) as struck:
        created = api.post("/tasks", json={"title": title})
        assert (created.status, struck()) == (201, 1)
    with faults("dynamodb", "PutItem", kind="drop", when="after", times=1) as struck:
        replaced = replace(task, '"1"', status="done")
        assert (replaced.status, struck()) == (200, 1)
    with faults("dynamodb", "DeleteItem", kind="drop", when="after", times=1) as struck:
        deleted = api.request("DELETE", f"/tasks/{created.json()['id']}")
        assert (deleted.status, struck()) == (204, 1)

    assert api.get(f"/tasks/{task['id']}").json() == replaced.json()
    assert replaced.json()["version"] == 2
    assert api.get(f"/tasks/{created.json()['id']}").status == 404
