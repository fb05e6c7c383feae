"""What the scenarios of the todos service look at: a user as a client knows it, and what both stores hold of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from staticfire.testing.kit import AccountFunctions, ApiClient, StackUnderTest

USER_ITEM = "USER"


@dataclass(frozen=True)
class User:
    """A user of the service, as a client knows it."""

    id: str
    email: str
    api: ApiClient

    def todo(self, title: str = "a todo", **fields: Any) -> dict[str, Any]:
        answer = self.api.post(f"/users/{self.id}/todos", json={"title": title, **fields})
        assert answer.status == 201, answer
        return dict(answer.json())

    def dashboard(self) -> dict[str, Any]:
        answer = self.api.get(f"/dashboard/{self.id}")
        assert answer.status == 200, answer
        return dict(answer.json())


class Stores:
    """What Postgres and DynamoDB hold of a user, and the reconciler."""

    def __init__(self, stack: StackUnderTest, connection: Any, functions: AccountFunctions) -> None:
        self._connection = connection
        self._dynamodb = stack.aws("dynamodb")
        self._table = stack.outputs["table_name"]
        self._functions = functions
        self._reconciler = stack.outputs["reconcile_function_name"]

    def state(self, user: User) -> str | None:
        """What Postgres says of the user: `active`, `deleted` (not finished yet), or None for no row."""
        rows = self._connection.run("SELECT deleted_at IS NULL FROM todos_users WHERE id = :id", id=user.id)
        return ("active" if rows[0][0] else "deleted") if rows else None

    def todos(self, user: User) -> list[dict[str, Any]]:
        """The items of the user's todos, read past the service."""
        return [item for item in self._items(user) if item["sk"]["S"] != USER_ITEM]

    def account(self, user: User) -> dict[str, Any] | None:
        """The item that counts the user's todos, and lets them come."""
        return next((item for item in self._items(user) if item["sk"]["S"] == USER_ITEM), None)

    def forget_account(self, user: User) -> None:
        """As a table that was restored from before the user was there."""
        self._dynamodb.delete_item(TableName=self._table, Key={"pk": {"S": user.id}, "sk": {"S": USER_ITEM}})

    def reconcile(self) -> Any:
        """Runs the reconciling function now instead of waiting for its schedule."""
        return self._functions.invoke(self._reconciler, {})

    def _items(self, user: User) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": user.id}},
            ConsistentRead=True,
        )
        return [item for page in pages for item in page["Items"]]
