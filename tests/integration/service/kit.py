"""What the tests of the services share: one test's stores, and how to call the service's code on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pg8000 import native

from staticfire.targets.postgres.server import RunningPostgres
from tests.unit.service.events_of import Context as LambdaContext
from tests.unit.service.events_of import event

SERVICE = Path(__file__).parents[3] / "service"
MIGRATIONS = SERVICE / "usage/schema/migrations"

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}

Api = Callable[..., dict[str, Any]]


@dataclass
class Stack:
    """A database without a schema, a table and a secret of one test's own, and how to look into them."""

    server: RunningPostgres
    endpoint: str
    name: str
    secret_arn: str
    dynamodb: Any

    def connect(self) -> native.Connection:
        return self.server.connect(self.name, self.name, self.name)

    def rows(self, sql: str, **parameters: Any) -> list[list[Any]]:
        with closing(self.connect()) as connection:
            rows: list[list[Any]] = connection.run(sql, **parameters)
            return rows

    def migrate(self, *, up_to: int | None = None) -> None:
        from servicekit import migrations

        with closing(self.connect()) as connection:
            migrations.migrate(connection, migrations.read(MIGRATIONS)[:up_to])

    def items(self) -> dict[str, dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return {item["pk"]["S"]: item for page in pages for item in page["Items"]}

    def aggregates(self) -> dict[str, tuple[int, Decimal]]:
        return {
            key.removeprefix("USER#"): (int(item["events"]["N"]), Decimal(item["total"]["N"]))
            for key, item in self.items().items()
            if key.startswith("USER#")
        }

    def truth(self) -> dict[str, tuple[int, Decimal]]:
        sql = "select user_id, count(*), sum(usage) from usage_events group by user_id"
        return {user: (events, total) for user, events, total in self.rows(sql)}


def get(module: Any, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = module.handler(event("usage", "get_average", rawPath=f"/v1{path}"), Context())
    return answer


def poster(module: Any) -> Api:
    def call(user: str = "u", usage: str = "1", key: str | None = None) -> dict[str, Any]:
        headers = {"idempotency-key": key} if key is not None else {}
        body = f'{{"user": {json.dumps(user)}, "usage": {usage}}}'
        answer = module.handler(event("usage", "post_usage", headers=headers, body=body), Context())
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        return {**answer, "headers": headers, "body": json.loads(answer["body"], parse_float=Decimal)}

    return call


class Context(LambdaContext):
    """With little time left: as many milliseconds as are given, one after the other."""

    def __init__(self, *milliseconds: int) -> None:
        self._milliseconds = list(milliseconds)

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds.pop(0) if self._milliseconds else 300_000
