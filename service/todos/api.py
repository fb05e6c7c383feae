"""The HTTP API's function: users, their todos, the dashboard of both, and whether both stores are well."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from servicekit.clients import client
from servicekit.database import Database
from servicekit.errors import Refused, Unavailable
from servicekit.http import Answer, Event
from servicekit.requests import problem, read_body, read_query
from servicekit.resolver import Resolver, answer
from servicekit.table import Table

from todos.board import Board, Closed, Counts, NotOpen, Todo, TodoId
from todos.deletion import Deletion
from todos.users import EmailTaken, User, Users
from todos.validation import BODY_LIMIT, NewTodo, NewUser, Paging, ReplacedTodo, user_id

logger = Logger()
app = Resolver()

STATEMENT_SECONDS = 2  # every statement here finds its row by a key
DELETION_SECONDS = 15
PROBE_SECONDS = 1.0
LATEST = 5

users = Users(Database.from_environment(STATEMENT_SECONDS))
board = Board(Table.from_environment(client("dynamodb")))
# The second attempt is for a kept connection that is gone.
probed = Table.from_environment(client("dynamodb", attempts=2, answer_seconds=PROBE_SECONDS))
deletion = Deletion(users, board)


# Users


@app.post("/users")
def post_user() -> Response[Any]:
    content = read_body(app.current_event.raw_event, NewUser, limit=BODY_LIMIT)
    try:
        user = users.add(content.email, content.name)
    except EmailTaken:
        raise Refused(409, "Another user has this e-mail address.", [problem("email", "is taken")]) from None
    try:
        board.open(user.id)
    except Unavailable as error:  # the user exists; the first todo makes up for it
        logger.warning("the user's todos were not opened", problem=str(error))
    return answer(201, _user(user))


@app.get("/users/<id>")
def get_user(id: str) -> dict[str, Any]:
    user = users.find(_user_id(id))
    if user is None:
        raise no_user()
    return _user(user)


@app.delete("/users/<id>")
def delete_user(id: str) -> Response[Any]:
    user = _user_id(id)
    if not deletion.begin(user):
        raise no_user()
    deletion.finish(user, time.monotonic() + DELETION_SECONDS)
    return Response(204)


# Todos


@app.post("/users/<id>/todos")
def post_todo(id: str) -> Response[Any]:
    user = _user_id(id)
    content = read_body(app.current_event.raw_event, NewTodo, limit=BODY_LIMIT)
    return answer(201, _todo(_added(user, content.title, content.done)))


@app.get("/users/<id>/todos")
def get_todos(id: str) -> dict[str, Any]:
    user = _user_id(id)
    paging = read_query(app.current_event.raw_event, Paging)
    _counts(user)
    todos, after = board.latest(user, paging.limit, paging.cursor)
    return {"todos": [_todo(todo) for todo in todos], "next": after}


@app.put("/todos/<id>")
def put_todo(id: str) -> dict[str, Any]:
    identity = _todo_id(id)
    content = read_body(app.current_event.raw_event, ReplacedTodo, limit=BODY_LIMIT)
    todo = board.replace(identity, content.title, content.done)
    if todo is None:
        raise no_todo()
    return _todo(todo)


@app.delete("/todos/<id>")
def delete_todo(id: str) -> Response[Any]:
    if not board.remove(_todo_id(id)):
        raise no_todo()
    return Response(204)


# Both stores


@app.get("/dashboard/<id>")
def get_dashboard(id: str) -> dict[str, Any]:
    """What there is: a store that is away is named, and what it holds is null. 503 is for when nothing can be said."""
    user = _user_id(id)
    missing = []
    profile = counts = latest = None
    try:
        profile = users.find(user)
    except Unavailable as error:
        missing.append(_missing("user", "Postgres", error))
    else:
        if profile is None:
            raise no_user()
    try:
        counts = _counts(user, is_known=profile is not None)
        latest, _ = board.latest(user, LATEST)
    except Unavailable as error:
        if profile is None:
            raise
        missing += [_missing(missed, "DynamoDB", error) for missed in ("counts", "latest")]
    return {
        "user": _user(profile) if profile else None,
        "counts": _tally(counts) if counts and latest is not None else None,
        "latest": [_todo(todo) for todo in latest] if latest is not None else None,
        "degraded": bool(missing),
        "missing": missing,
    }


@app.get("/health")
def get_health() -> Response[Any]:
    """Both are asked at the same time, so that the answer takes no longer than the slower one's limit."""
    with ThreadPoolExecutor(2) as threads:
        probes = {
            "postgres": threads.submit(_probed, users.ping),
            "dynamodb": threads.submit(_probed, lambda: probed.get({"pk": "-", "sk": "-"})),
        }
    stores = {name: probe.result() for name, probe in probes.items()}
    if all(store["state"] == "up" for store in stores.values()):
        return answer(200, {"state": "up", "stores": stores})
    return answer(503, {"state": "down", "stores": stores}, {"retry-after": "1"})


def _added(user: uuid.UUID, title: str, done: bool) -> Todo:
    with suppress(NotOpen):
        return board.add(user, title, done)
    if users.find(user) is None:
        raise no_user()
    board.open(user)
    try:
        return board.add(user, title, done)
    except NotOpen:  # deleted since it was found
        raise no_user() from None


def _counts(user: uuid.UUID, *, is_known: bool = False) -> Counts:
    """DynamoDB alone knows a user who has, or had, todos; of others Postgres tells whether they exist."""
    try:
        counts = board.counts(user)
    except Closed:
        raise no_user() from None
    if counts is None and not is_known and users.find(user) is None:
        raise no_user()
    return counts or Counts(0, 0)


def _probed(ask: Callable[[], Any]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        ask()
        state = "up"
    except Unavailable as error:
        logger.warning("a store is down", problem=str(error))
        state = "down"
    return {"state": state, "latency_ms": round((time.perf_counter() - started) * 1000, 2)}


def _missing(section: str, store: str, error: Unavailable) -> dict[str, str]:
    logger.warning("the dashboard is degraded", part=section, problem=str(error))
    return {"part": section, "problem": f"{store} does not answer now."}


def _user_id(text: str) -> uuid.UUID:
    user = user_id(text)
    if user is None:
        raise no_user()
    return user


def _todo_id(text: str) -> TodoId:
    identity = TodoId.parse(text)
    if identity is None:
        raise no_todo()
    return identity


def no_user() -> Refused:
    return Refused(404, "There is no such user.")


def no_todo() -> Refused:
    return Refused(404, "There is no such todo.")


def _user(user: User) -> dict[str, Any]:
    return {**asdict(user), "id": str(user.id)}


def _todo(todo: Todo) -> dict[str, Any]:
    return {**asdict(todo), "id": str(todo.id), "user_id": str(todo.id.user)}


def _tally(counts: Counts) -> dict[str, int]:
    return {"open": counts.open, "done": counts.done, "total": counts.open + counts.done}


@logger.inject_lambda_context
def handler(event: Event, context: Any) -> Answer:
    return app.resolve(event, context)
