"""The HTTP API's function: create, read, list, replace and delete tasks.

An answer's ETag is the task's version. To replace a task, a client says in If-Match which version it has seen: when the
task has another one by now it is refused (412), and reads again instead of undoing what somebody else did.
"""

import logging
from dataclasses import asdict

from servicekit import aws
from servicekit.app import application
from servicekit.dynamodb import Table
from servicekit.errors import Refused
from servicekit.http import Answer, Event, answer, body_of
from servicekit.validation import read_object, read_query

from tasks.store import Changed, Task, Tasks
from tasks.validation import ANY, BODY_LIMIT, NEW_TASK, PAGE, PAGING, TASK, expected, identity

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

NO_CONTENT: Answer = {"statusCode": 204}

tasks = Tasks(Table.from_environment(aws.dynamodb()))


def post_task(event: Event) -> Answer:
    task = tasks.create(read_object(body_of(event), NEW_TASK, limit=BODY_LIMIT))
    logger.info("task created", extra={"task": task.id})
    return _told(201, task, {"location": f"{event['rawPath'].rstrip('/')}/{task.id}"})


def get_tasks(event: Event) -> Answer:
    query = read_query(event, PAGING)
    page, after = tasks.newest(query.get("status"), int(query.get("limit", PAGE)), query.get("cursor"))
    return answer(200, {"tasks": [asdict(task) for task in page], "next": after})


def get_task(event: Event) -> Answer:
    return _told(200, tasks.read(_identity(event)))


def put_task(event: Event) -> Answer:
    task = _identity(event)
    content = read_object(body_of(event), TASK, limit=BODY_LIMIT)
    versions = expected(event["headers"].get("if-match"))
    if versions is None:
        raise Refused(428, "If-Match is missing: say which version of the task is replaced, as its ETag tells it.")
    try:
        return _told(200, tasks.replace(task, content, versions))
    except Changed as changed:
        raise _failed(changed) from None


def delete_task(event: Event) -> Answer:
    try:
        tasks.delete(_identity(event), expected(event["headers"].get("if-match")) or ANY)
    except Changed as changed:
        raise _failed(changed) from None
    return NO_CONTENT


def _identity(event: Event) -> str:
    return identity(event["pathParameters"]["id"])


def _told(status: int, task: Task, headers: dict[str, str] | None = None) -> Answer:
    return answer(status, asdict(task), {"etag": f'"{task.version}"', **(headers or {})})


def _failed(changed: Changed) -> Refused:
    message = f"The task was changed: it has version {changed.version} now."
    return Refused(412, message, headers={"etag": f'"{changed.version}"'})


ROUTES = {
    "POST /tasks": post_task,
    "GET /tasks": get_tasks,
    "GET /tasks/{id}": get_task,
    "PUT /tasks/{id}": put_task,
    "DELETE /tasks/{id}": delete_task,
}

handler = application(ROUTES)
