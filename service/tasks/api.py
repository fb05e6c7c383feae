"""The HTTP API's function: create, read, list, replace and delete tasks.

An answer's ETag is the task's version. To replace a task, a client says in If-Match which version it has seen: when the
task has another one by now it is refused (412), and reads again instead of undoing what somebody else did.
"""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from servicekit.clients import client
from servicekit.errors import Refused
from servicekit.http import Answer, Event
from servicekit.requests import read_body, read_query
from servicekit.resolver import Resolver, answer
from servicekit.table import Table

from tasks.store import Changed, Task, Tasks
from tasks.validation import ANY, BODY_LIMIT, NewTask, Paging, WholeTask, expected, identity

logger = Logger()
metrics = Metrics()
app = Resolver()
tasks = Tasks(Table.from_environment(client("dynamodb")))


@app.post("/tasks")
def post_task() -> Response[Any]:
    event = app.current_event
    task = tasks.create(read_body(event.raw_event, NewTask, limit=BODY_LIMIT))
    logger.info("task created", task=task.id)
    metrics.add_metric("TasksCreated", MetricUnit.Count, 1)
    metrics.flush_metrics()
    return _told(201, task, {"location": f"{event.raw_path.rstrip('/')}/{task.id}"})


@app.get("/tasks")
def get_tasks() -> dict[str, Any]:
    paging = read_query(app.current_event.raw_event, Paging)
    page, after = tasks.newest(paging.status, paging.limit, paging.cursor)
    return {"tasks": [asdict(task) for task in page], "next": after}


@app.get("/tasks/<id>")
def get_task(id: str) -> Response[Any]:
    return _told(200, tasks.read(identity(id)))


@app.put("/tasks/<id>")
def put_task(id: str) -> Response[Any]:
    task, event = identity(id), app.current_event
    content = read_body(event.raw_event, WholeTask, limit=BODY_LIMIT)
    versions = expected(event.headers.get("if-match"))
    if versions is None:
        raise Refused(428, "If-Match is missing: say which version of the task is replaced, as its ETag tells it.")
    return _told(200, tasks.replace(task, content, versions))


@app.delete("/tasks/<id>")
def delete_task(id: str) -> Response[Any]:
    tasks.delete(identity(id), expected(app.current_event.headers.get("if-match")) or ANY)
    return Response(204)


def _changed(error: Changed) -> Response[Any]:
    message = f"The task was changed: it has version {error.version} now."
    return answer(412, {"message": message}, {"etag": f'"{error.version}"'})


app.exception_handler(Changed)(_changed)


def _told(status: int, task: Task, headers: dict[str, Any] | None = None) -> Response[Any]:
    return answer(status, asdict(task), {"etag": f'"{task.version}"', **(headers or {})})


@logger.inject_lambda_context
def handler(event: Event, context: Any) -> Answer:
    return app.resolve(event, context)
