"""The tasks in DynamoDB: an item a task, with a version that every change raises by one.

    id (partition key), status, version, revision, title, description, due_at, created_at, updated_at
    index by-status: status, id

An id is a ULID, so ids are in the order of creation and lists go from the newest to the oldest. A list of all statuses
is the merge of one list each. The index follows the table within a moment: it is eventually consistent.

`revision` names the write that made an item what it is. A write whose answer was lost is sent again and may find
its own work: it knows it by that.
"""

import heapq
import itertools
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from servicekit.errors import Refused
from servicekit.requests import ULID as PATTERN
from servicekit.requests import invalid, problem
from servicekit.table import ConditionFailed, Item, Table
from ulid import ULID

from tasks.validation import Expected, NewTask, Status, no_task

INDEX = "by-status"
ATTEMPTS = 8
UNCHANGED = "#version = :seen"
NAMES = {"#version": "version"}
CURSOR = re.compile(rf"(all|open|in_progress|done)-({PATTERN})")


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    title: str
    description: str
    status: str
    due_at: str | None
    version: int
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, item: Item) -> "Task":
        return cls(**{name: item[name] for name in cls.__slots__} | {"version": int(item["version"])})


class Changed(Exception):
    """The task has another version than the request has seen."""

    def __init__(self, version: int) -> None:
        super().__init__(f"the task has version {version}")
        self.version = version


class Tasks:
    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, content: NewTask) -> Task:
        now = _now()
        task = Task(str(ULID()), **content.model_dump(), version=1, created_at=now, updated_at=now)
        self._write(task, condition="attribute_not_exists(id)")
        return task

    def read(self, identity: str) -> Task:
        """Refused (404) when there is none."""
        item = self._table.get({"id": identity})
        if item is None:
            raise no_task()
        return Task.of(item)

    def replace(self, identity: str, content: NewTask, expected: Expected) -> Task:
        """The task as it is now. Raises Changed."""
        for _ in range(ATTEMPTS):
            seen = self._expected(identity, expected)
            task = Task(
                identity,
                **content.model_dump(),
                version=seen.version + 1,
                created_at=seen.created_at,
                updated_at=_now(),
            )
            try:
                self._write(task, condition=UNCHANGED, values={":seen": seen.version}, names=NAMES)
            except ConditionFailed:
                continue  # others came first: what is there now tells whether this may go on
            return task
        raise Refused(409, "The task is being changed by many at once. Try again.")

    def delete(self, identity: str, expected: Expected) -> None:
        """Raises Changed. That it went between our look and our try, whoever deleted it, is as good."""
        for _ in range(ATTEMPTS):
            seen = self._expected(identity, expected)
            try:
                self._table.delete({"id": identity}, condition=UNCHANGED, values={":seen": seen.version}, names=NAMES)
            except ConditionFailed as failed:
                if failed.item is not None:
                    continue
            return
        raise Refused(409, "The task is being changed by many at once. Try again.")

    def newest(self, status: Status | None, limit: int, after: str | None) -> tuple[list[Task], str | None]:
        """A page of tasks, of one status or of all, and the cursor of the next page: None after the last task."""
        scope = status or "all"
        before = _before(after, scope) if after is not None else None
        lists = [self._of_status(one, limit + 1, before) for one in ([status] if status else get_args(Status))]
        merged = heapq.merge(*lists, key=lambda task: task.id, reverse=True)
        page = list(itertools.islice(merged, limit + 1))
        return page[:limit], f"{scope}-{page[limit - 1].id}" if len(page) > limit else None

    def _of_status(self, status: Status, count: int, before: str | None) -> list[Task]:
        condition, values = "#status = :status", {":status": str(status)}
        if before:
            condition, values = f"{condition} AND id < :before", {**values, ":before": before}
        items = self._table.query(
            condition,
            values,
            ExpressionAttributeNames={"#status": "status"},
            IndexName=INDEX,
            Limit=count,
            ScanIndexForward=False,
        )
        return [Task.of(item) for item in itertools.islice(items, count)]

    def _expected(self, identity: str, expected: Expected) -> Task:
        task = self.read(identity)
        if not expected.allows(task.version):
            raise Changed(task.version)
        return task

    def _write(self, task: Task, **clause: Any) -> None:
        revision = str(ULID())
        try:
            self._table.put({**asdict(task), "revision": revision}, **clause)
        except ConditionFailed as failed:
            if failed.item is None or failed.item.get("revision") != revision:
                raise


def _before(after: str, scope: str) -> str:
    parts = CURSOR.fullmatch(after)
    if parts is None:
        raise invalid([problem("cursor", "must be the `next` of an answer, unchanged")])
    if parts[1] != scope:
        raise invalid([problem("cursor", "belongs to a list with another status")])
    return parts[2]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
