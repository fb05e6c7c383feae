"""The todos in DynamoDB. All that belongs to a user is one item collection, so that every read of it is consistent.

    pk <user>   sk USER          state, open, done                       how many todos there are; or that none may come
    pk <user>   sk TODO#<ulid>   title, done, created_at, updated_at     in the order in which they were made

A todo's id is both of its keys, `<user>-<ulid>`: PUT and DELETE /todos/{id} find it without an index.

    none --open or first todo--> open --close--> closed --TTL--> none

A todo comes, goes and changes its state in one transaction with the user's item, whose condition is that it is open.
So the counts are exact, and what comes at the same time as `close` comes before it, and is deleted, or is refused.
A closed item stays for a day, for those who asked Postgres before the user was deleted and are still under way.
"""

import itertools
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from servicekit.errors import Unavailable
from servicekit.requests import ULID as SEQUENCE
from servicekit.table import Cancelled, ConditionFailed, Item, Table, marshal
from ulid import ULID

PATTERN = re.compile(rf"[0-9a-f]{{32}}-{SEQUENCE}")
OPEN, CLOSED = "open", "closed"
CLOSED_SECONDS = 24 * 60 * 60
ATTEMPTS = 8
PAGE = 1000

USER, TODO = 0, 1  # the actions of every transaction
UNCHANGED = "#done = :seen"
NAMES = {"#done": "done"}
COUNT_NAMES = {"#state": "state", "#open": "open", "#done": "done"}


@dataclass(frozen=True, slots=True)
class TodoId:
    user: uuid.UUID
    sequence: str

    @classmethod
    def parse(cls, text: str) -> "TodoId | None":
        """The id that a path names, if it can be one at all."""
        user, _, sequence = text.partition("-")
        return cls(uuid.UUID(user), sequence) if PATTERN.fullmatch(text) else None

    @property
    def key(self) -> Item:
        return {"pk": str(self.user), "sk": f"TODO#{self.sequence}"}

    def __str__(self) -> str:
        return f"{self.user.hex}-{self.sequence}"


@dataclass(frozen=True, slots=True)
class Todo:
    id: TodoId
    title: str
    done: bool
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, item: Item) -> "Todo":
        identity = TodoId(uuid.UUID(item["pk"]), item["sk"].removeprefix("TODO#"))
        return cls(identity, item["title"], item["done"], item["created_at"], item["updated_at"])


@dataclass(frozen=True, slots=True)
class Counts:
    open: int
    done: int


class NotOpen(Exception):
    """The user's item is missing, or closed."""


class Closed(Exception):
    """The user is being deleted, or was."""


class Board:
    def __init__(self, table: Table) -> None:
        self._table = table

    # The user's item

    def open(self, user: uuid.UUID) -> None:
        """Todos may come, unless this was settled before."""
        with suppress(ConditionFailed):
            self._table.put(
                {**_account(user), "state": OPEN, "open": 0, "done": 0}, condition="attribute_not_exists(pk)"
            )

    def counts(self, user: uuid.UUID) -> Counts | None:
        """How many todos the user has; None when DynamoDB does not know the user. Raises Closed."""
        item = self._table.get(_account(user))
        if item is None:
            return None
        if item["state"] == CLOSED:
            raise Closed
        return Counts(int(item["open"]), int(item["done"]))

    def close(self, user: uuid.UUID) -> None:
        """No todo comes from now on."""
        self._table.update(
            _account(user),
            "SET #state = :closed, expires_at = :expires REMOVE #open, #done",
            values={":closed": CLOSED, ":expires": int(time.time()) + CLOSED_SECONDS},
            names=COUNT_NAMES,
        )

    def clear(self, user: uuid.UUID) -> Iterator[int]:
        """Deletes the todos of a closed user page by page, and tells how many went each time."""
        while items := list(itertools.islice(self._query(user), PAGE)):
            self._table.delete_many([{"pk": item["pk"], "sk": item["sk"]} for item in items])
            yield len(items)

    # The todos

    def add(self, user: uuid.UUID, title: str, done: bool) -> Todo:
        """Raises NotOpen."""
        now = _now()
        todo = Todo(TodoId(user, str(ULID())), title, done, now, now)
        item = {**todo.id.key, "title": title, "done": done, "created_at": now, "updated_at": now}
        try:
            self._transact(
                self._count(user, opened=not done, finished=done),
                self._table.to_put(item, condition="attribute_not_exists(pk)"),
            )
        except Cancelled as cancelled:
            if TODO not in cancelled.failed:  # else it is there already: the answer to a first try was lost
                raise NotOpen from None
        return todo

    def latest(self, user: uuid.UUID, limit: int, before: str | None = None) -> tuple[list[Todo], str | None]:
        """The newest todos, or those before a cursor; and the cursor of what comes after them."""
        options = {"ExclusiveStartKey": marshal(TodoId(user, before).key)} if before else {}
        page = self._query(user, Limit=limit + 1, ScanIndexForward=False, **options)
        items = list(itertools.islice(page, limit + 1))
        todos = [Todo.of(item) for item in items[:limit]]
        return todos, todos[-1].id.sequence if len(items) > limit else None

    def replace(self, identity: TodoId, title: str, done: bool) -> Todo | None:
        """The todo as it is now; None when there is none."""
        for todo in self._attempts(identity):
            try:
                return self._replaced(todo, title, done)
            except ConditionFailed:
                continue
            except Cancelled as cancelled:
                if USER in cancelled.failed:
                    return None
        return None

    def remove(self, identity: TodoId) -> bool:
        """Whether it was there. That it went between two tries, whoever deleted it, is as good."""
        was_there = False
        for todo in self._attempts(identity):
            was_there = True
            try:
                self._transact(
                    self._count(identity.user, opened=-(not todo.done), finished=-todo.done),
                    self._table.to_delete(identity.key, condition=UNCHANGED, values={":seen": todo.done}, names=NAMES),
                )
            except Cancelled as cancelled:
                if USER in cancelled.failed:
                    return False
            else:
                return True
        return was_there

    def _attempts(self, identity: TodoId) -> Iterator[Todo]:
        """The todo as it is, again and again, until it is gone; Unavailable when others change it every time."""
        for _ in range(ATTEMPTS):
            item = self._table.get(identity.key)
            if item is None:
                return
            yield Todo.of(item)
        raise Unavailable(f"the todo was changed by others {ATTEMPTS} times")

    def _replaced(self, todo: Todo, title: str, done: bool) -> Todo:
        now = _now()
        values = {":title": title, ":now": now, ":seen": todo.done}
        key, change = todo.id.key, "SET title = :title, updated_at = :now"
        if done == todo.done:
            return Todo.of(self._table.update(key, change, condition=UNCHANGED, values=values, names=NAMES))
        by = 1 if done else -1
        self._transact(
            self._count(todo.id.user, opened=-by, finished=by),
            self._table.to_update(
                key, f"{change}, #done = :done", condition=UNCHANGED, values={**values, ":done": done}, names=NAMES
            ),
        )
        return replace(todo, title=title, done=done, updated_at=now)

    def _transact(self, account: Item, todo: Item) -> None:
        self._table.transact([account, todo], str(uuid.uuid4()))

    def _count(self, user: uuid.UUID, *, opened: int, finished: int) -> Item:
        return self._table.to_update(
            _account(user),
            "ADD #open :opened, #done :finished",
            condition="#state = :open",
            values={":open": OPEN, ":opened": int(opened), ":finished": int(finished)},
            names=COUNT_NAMES,
        )

    def _query(self, user: uuid.UUID, **options: Any) -> Iterator[Item]:
        values = {":pk": str(user), ":todo": "TODO#"}
        return self._table.query("pk = :pk AND begins_with(sk, :todo)", values, ConsistentRead=True, **options)


def _account(user: uuid.UUID) -> Item:
    return {"pk": str(user), "sk": "USER"}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
