"""What is kept in DynamoDB: a user's aggregate, and marks of idempotency keys.

    pk USER#<user>   events, total, updated_at             for ever; `events` is the version
    pk KEY#<key>     id, user, usage, recorded_at          a day (`expires_at`); read only while Postgres is away

An aggregate is overwritten by a later version only. "A later one is already there" is success: it contains this event.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from servicekit.aws import CallFailed, JsonService
from servicekit.errors import Unavailable
from servicekit.http import plain

from usage.ledger import Receipt, Totals
from usage.validation import Usage

MARK_SECONDS = 24 * 60 * 60
BATCH = 100
READ_ATTEMPTS = 5
CONDITION_FAILED = "ConditionalCheckFailedException"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a key counted: enough to give its answer again."""

    id: str
    user: str
    usage: Decimal
    recorded_at: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    events: int
    total: Decimal


class Projection:
    def __init__(self, dynamodb: JsonService, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    @classmethod
    def from_environment(cls, dynamodb: JsonService) -> "Projection":
        return cls(dynamodb, os.environ["TABLE_NAME"])

    def put(self, totals: Totals) -> bool:
        """Whether the aggregate was written; if not, this version or a later one was there."""
        return self._write(totals, "attribute_not_exists(pk) OR #events < :events", {})

    def replace(self, totals: Totals, seen: Aggregate) -> bool:
        """Overwrites an aggregate of another history (a restored database), unless it has changed since it was seen."""
        return self._write(
            totals,
            "#events = :seen_events AND #total = :seen_total",
            {":seen_events": {"N": str(seen.events)}, ":seen_total": {"N": plain(seen.total)}},
        )

    def read(self, users: list[str]) -> dict[str, Aggregate]:
        """The aggregates there are of at most BATCH users, consistently."""
        keys = [{"pk": {"S": f"USER#{user}"}} for user in users]
        aggregates = {}
        for attempt in range(READ_ATTEMPTS):
            time.sleep(0.05 * attempt)
            request = {self._table: {"Keys": keys, "ConsistentRead": True}}
            answer = self._call("BatchGetItem", {"RequestItems": request})
            for item in answer["Responses"].get(self._table, []):
                aggregate = Aggregate(int(item["events"]["N"]), Decimal(item["total"]["N"]))
                aggregates[item["pk"]["S"].removeprefix("USER#")] = aggregate
            keys = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys")
            if not keys:
                return aggregates
        raise Unavailable(f"DynamoDB left {len(keys)} of {len(users)} aggregates unread {READ_ATTEMPTS} times")

    def put_mark(self, key: str, usage: Usage, receipt: Receipt) -> None:
        item = {
            "pk": {"S": f"KEY#{key}"},
            "id": {"S": receipt.id},
            "user": {"S": usage.user},
            "usage": {"N": plain(usage.usage)},
            "recorded_at": {"S": receipt.recorded_at},
            "expires_at": {"N": str(int(time.time()) + MARK_SECONDS)},
        }
        self._call("PutItem", {"TableName": self._table, "Item": item})

    def mark(self, key: str) -> Mark | None:
        answer = self._call(
            "GetItem", {"TableName": self._table, "Key": {"pk": {"S": f"KEY#{key}"}}, "ConsistentRead": True}
        )
        item = answer.get("Item")
        if item is None:
            return None
        return Mark(item["id"]["S"], item["user"]["S"], Decimal(item["usage"]["N"]), item["recorded_at"]["S"])

    def _write(self, totals: Totals, condition: str, values: dict[str, dict[str, str]]) -> bool:
        request = {
            "TableName": self._table,
            "Key": {"pk": {"S": f"USER#{totals.user}"}},
            "UpdateExpression": "SET #events = :events, #total = :total, #updated_at = :now",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#events": "events", "#total": "total", "#updated_at": "updated_at"},
            "ExpressionAttributeValues": {
                ":events": {"N": str(totals.events)},
                ":total": {"N": plain(totals.total)},
                ":now": {"S": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
                **values,
            },
        }
        try:
            self._dynamodb.call("UpdateItem", request)
        except CallFailed as error:
            if error.code != CONDITION_FAILED:
                raise Unavailable(str(error)) from error
            return False
        return True

    def _call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._dynamodb.call(operation, request)
        except CallFailed as error:
            raise Unavailable(str(error)) from error
