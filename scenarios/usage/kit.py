"""The books of the usage service: what both stores hold of a user, and of everybody."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from staticfire.testing.kit import StackUnderTest


@dataclass(frozen=True)
class Sum:
    """How often a user used something, and how much in all."""

    events: int
    total: Decimal


NOTHING = Sum(0, Decimal(0))


class Books:
    """Reads what both stores hold."""

    def __init__(self, stack: StackUnderTest, connection: Any) -> None:
        self._connection = connection
        self._functions = stack.functions
        self._reconciler = stack.outputs["reconcile_function_name"]
        self._dynamodb = stack.aws("dynamodb")
        self._table = stack.outputs["table_name"]

    def events(self, user: str) -> list[dict[str, Any]]:
        rows = self._connection.run("SELECT id, usage FROM usage_events WHERE user_id = :user", user=user)
        return [{"id": str(row[0]), "usage": row[1]} for row in rows]

    def in_postgres(self, user: str) -> Sum:
        events = self.events(user)
        return Sum(len(events), sum((event["usage"] for event in events), Decimal(0)))

    def in_dynamodb(self, user: str) -> Sum:
        key = {"pk": {"S": f"USER#{user}"}}
        item = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return Sum(int(item["events"]["N"]), Decimal(item["total"]["N"])) if item else NOTHING

    def all_in_postgres(self) -> dict[str, Sum]:
        rows = self._connection.run("SELECT user_id, count(*), sum(usage) FROM usage_events GROUP BY user_id")
        return {user: Sum(events, total) for user, events, total in rows}

    def all_in_dynamodb(self) -> dict[str, Sum]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        return {
            item["pk"]["S"].removeprefix("USER#"): Sum(int(item["events"]["N"]), Decimal(item["total"]["N"]))
            for page in pages
            for item in page["Items"]
            if item["pk"]["S"].startswith("USER#")
        }

    def reconcile(self, *, full: bool = False) -> Any:
        """Runs the reconciling function now instead of waiting for its schedule."""
        return self._functions.invoke(self._reconciler, {"full": full})


BooksOf = Callable[[StackUnderTest], AbstractContextManager[Books]]
