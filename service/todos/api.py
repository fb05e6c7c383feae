"""The HTTP API's function: users, their todos, the dashboard of both, and whether both stores are well."""

import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from servicekit import aws
from servicekit.app import Route, application
from servicekit.database import Database
from servicekit.dynamodb import Table
from servicekit.errors import Refused, Unavailable
from servicekit.http import Answer, Event, answer, body_of
from servicekit.validation import problem, read_object, read_query

from todos.board import Board, Closed, Counts, NotOpen, Todo, TodoId
from todos.deletion import Deletion
from todos.users import EmailTaken, User, Users
from todos.validation import BODY_LIMIT, NEW_TODO, PAGE, PAGING, TODO, USER, user_id

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

STATEMENT_SECONDS = 2  # every statement here finds its row by a key
DELETION_SECONDS = 15
PROBE_SECONDS = 1.0
LATEST = 5
NO_CONTENT: Answer = {"statusCode": 204}

_dynamodb = aws.dynamodb()
_probe = aws.dynamodb(attempts=2, answer_seconds=PROBE_SECONDS)  # the second is for a kept connection that is gone
_database = Database.from_environment(STATEMENT_SECONDS)
users = Users(_database)
board = Board(_dynamodb, Table.from_environment(_dynamodb))
probed = Table.from_environment(_probe)
deletion = Deletion(users, board)


# Users


def post_user(event: Event) -> Answer:
    content = read_object(body_of(event), USER, limit=BODY_LIMIT)
    try:
        user = users.add(content["email"], content["name"])
    except EmailTaken:
        raise Refused(409, "Another user has this e-mail address.", [problem("email", "is taken")]) from None
    try:
        board.open(user.id)
    except Unavailable as error:  # the user exists; the first todo makes up for it
        logger.warning("the user's todos were not opened", extra={"problem": str(error)})
    return answer(201, _user(user))


def get_user(event: Event) -> Answer:
    user = users.find(_user_id(event))
    if user is None:
        raise no_user()
    return answer(200, _user(user))


def delete_user(event: Event) -> Answer:
    user = _user_id(event)
    if not deletion.begin(user):
        raise no_user()
    deletion.finish(user, time.monotonic() + DELETION_SECONDS)
    return NO_CONTENT


# Todos


def post_todo(event: Event) -> Answer:
    user = _user_id(event)
    content = read_object(body_of(event), NEW_TODO, limit=BODY_LIMIT)
    return answer(201, _todo(_added(user, content["title"], content.get("done", False))))


def get_todos(event: Event) -> Answer:
    user = _user_id(event)
    paging = read_query(event, PAGING)
    _counts(user)
    todos, after = board.latest(user, int(paging.get("limit", PAGE)), paging.get("cursor"))
    return answer(200, {"todos": [_todo(todo) for todo in todos], "next": after})


def put_todo(event: Event) -> Answer:
    identity = _todo_id(event)
    content = read_object(body_of(event), TODO, limit=BODY_LIMIT)
    todo = board.replace(identity, content["title"], content["done"])
    if todo is None:
        raise no_todo()
    return answer(200, _todo(todo))


def delete_todo(event: Event) -> Answer:
    if not board.remove(_todo_id(event)):
        raise no_todo()
    return NO_CONTENT


# Both stores


def get_dashboard(event: Event) -> Answer:
    """What there is: a store that is away is named, and what it holds is null. 503 is for when nothing can be said."""
    user = _user_id(event)
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
    return answer(
        200,
        {
            "user": _user(profile) if profile else None,
            "counts": _tally(counts) if counts and latest is not None else None,
            "latest": [_todo(todo) for todo in latest] if latest is not None else None,
            "degraded": bool(missing),
            "missing": missing,
        },
    )


def get_health(event: Event) -> Answer:
    """Both are asked at the same time, so that the answer takes no longer than the slower one's limit."""
    with ThreadPoolExecutor(2) as threads:
        probes = {
            "postgres": threads.submit(_probed, users.ping),
            "dynamodb": threads.submit(_probed, lambda: probed.get({"pk": "-", "sk": "-"})),
        }
    stores = {name: probe.result() for name, probe in probes.items()}
    is_up = all(store["state"] == "up" for store in stores.values())
    content = {"state": "up" if is_up else "down", "stores": stores}
    return answer(200, content) if is_up else answer(503, content, {"retry-after": "1"})


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
        logger.warning("a store is down", extra={"problem": str(error)})
        state = "down"
    return {"state": state, "latency_ms": round((time.perf_counter() - started) * 1000, 2)}


def _missing(section: str, store: str, error: Unavailable) -> dict[str, str]:
    logger.warning("the dashboard is degraded", extra={"part": section, "problem": str(error)})
    return {"part": section, "problem": f"{store} does not answer now."}


def _user_id(event: Event) -> uuid.UUID:
    user = user_id(event["pathParameters"]["id"])
    if user is None:
        raise no_user()
    return user


def _todo_id(event: Event) -> TodoId:
    identity = TodoId.parse(event["pathParameters"]["id"])
    if identity is None:
        raise no_todo()
    return identity


def no_user() -> Refused:
    return Refused(404, "There is no such user.")


def no_todo() -> Refused:
    return Refused(404, "There is no such todo.")


def _user(user: User) -> dict[str, Any]:
    return {"id": str(user.id), "email": user.email, "name": user.name, "created_at": user.created_at}


def _todo(todo: Todo) -> dict[str, Any]:
    return {
        "id": str(todo.id),
        "user_id": str(todo.id.user),
        "title": todo.title,
        "done": todo.done,
        "created_at": todo.created_at,
        "updated_at": todo.updated_at,
    }


def _tally(counts: Counts) -> dict[str, int]:
    return {"open": counts.open, "done": counts.done, "total": counts.open + counts.done}


ROUTES: dict[str, Route] = {
    "GET /health": get_health,
    "POST /users": post_user,
    "GET /users/{id}": get_user,
    "DELETE /users/{id}": delete_user,
    "POST /users/{id}/todos": post_todo,
    "GET /users/{id}/todos": get_todos,
    "PUT /todos/{id}": put_todo,
    "DELETE /todos/{id}": delete_todo,
    "GET /dashboard/{id}": get_dashboard,
}

handler = application(ROUTES)
