"""One DynamoDB table: items as plain Python values, conditions that fail as a value of their own.

A string is S, a number (int, Decimal) N, then BOOL, NULL, M and L; bytes are B and a set of strings is SS. Numbers come
back as int where they are whole, else as Decimal.

An answer can be lost, and then the operation is sent again: a conditional write may find its own first try and fail.
ConditionFailed carries the item that stood in the way: a writer that puts a token of its own into the item knows it.
"""

import base64
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from servicekit.aws import CallFailed, JsonService
from servicekit.errors import Unavailable
from servicekit.http import plain

Item = dict[str, Any]
Key = Mapping[str, Any]
Action = dict[str, dict[str, Any]]

CONDITION_FAILED = "ConditionalCheckFailed"
OUR_MISTAKE = {"ValidationException", "SerializationException", "IdempotentParameterMismatchException"}
MET_OTHERS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
TRANSACTION_ATTEMPTS = 5
BATCH = 25
BATCH_ATTEMPTS = 5


class ConditionFailed(Exception):
    """The item is not what the write asked for; `item` is what it is, None when there is none."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition does not hold")
        self.item = item


class Cancelled(Exception):
    """A transaction was not carried out: conditions failed. `failed` tells which actions', with the item of each."""

    def __init__(self, failed: Mapping[int, Item | None]) -> None:
        super().__init__(f"the conditions of the actions {sorted(failed)} do not hold")
        self.failed = failed


@dataclass(frozen=True, slots=True)
class Page:
    """`next` is where the next page begins, None after the last."""

    items: list[Item]
    next: Item | None


class Clause(TypedDict, total=False):
    """What an expression may need: a condition, its values (`:name`), and names (`#name`) for reserved words."""

    condition: str
    values: Mapping[str, Any]
    names: Mapping[str, str]


class Query(TypedDict, total=False):
    """How to look: `limit` counts the items before the filter, `start` is the `next` of the page before."""

    names: Mapping[str, str]
    index: str
    filtered: str
    limit: int
    start: Key | None
    newest_first: bool
    consistent: bool


class Table:
    def __init__(self, client: JsonService, name: str) -> None:
        self.name = name
        self._client = client

    @classmethod
    def from_environment(cls, client: JsonService, variable: str = "TABLE_NAME") -> "Table":
        return cls(client, os.environ[variable])

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        answer = self._call("GetItem", {"Key": marshal(key), "ConsistentRead": consistent})
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def put(self, item: Item, **clause: Unpack[Clause]) -> None:
        """Writes the whole item; ConditionFailed when the condition does not hold."""
        self._call("PutItem", {"Item": marshal(item), **_expressions(clause)})

    def update(self, key: Key, expression: str, **clause: Unpack[Clause]) -> Item:
        """The item after the update; ConditionFailed when the condition does not hold."""
        request = {"Key": marshal(key), "UpdateExpression": expression, "ReturnValues": "ALL_NEW"}
        return unmarshal(self._call("UpdateItem", {**request, **_expressions(clause)})["Attributes"])

    def delete(self, key: Key, **clause: Unpack[Clause]) -> Item | None:
        """The item that is gone now, None when there was none; ConditionFailed when the condition does not hold."""
        request = {"Key": marshal(key), "ReturnValues": "ALL_OLD"}
        answer = self._call("DeleteItem", {**request, **_expressions(clause)})
        return unmarshal(answer["Attributes"]) if "Attributes" in answer else None

    def query(self, condition: str, values: Mapping[str, Any], **query: Unpack[Query]) -> Page:
        """One page of what the key condition finds."""
        answer = self._call("Query", _request_of(condition, values, query))
        last = answer.get("LastEvaluatedKey")
        return Page([unmarshal(item) for item in answer["Items"]], unmarshal(last) if last else None)

    def query_all(self, condition: str, values: Mapping[str, Any], **query: Unpack[Query]) -> Iterator[Item]:
        """Every item that the key condition finds, page by page."""
        while True:
            page = self.query(condition, values, **query)
            yield from page.items
            if page.next is None:
                return
            query["start"] = page.next

    def delete_many(self, keys: Sequence[Key]) -> None:
        """Items that nobody writes any more: without a condition, in any order. Unavailable when some may be left."""
        requests = [{"DeleteRequest": {"Key": marshal(key)}} for key in keys]
        for attempt in range(BATCH_ATTEMPTS):
            time.sleep(random.uniform(0.02, 0.06) * attempt)
            requests = [
                left for at in range(0, len(requests), BATCH) for left in self._delete(requests[at : at + BATCH])
            ]
            if not requests:
                return
        raise Unavailable(f"DynamoDB left {len(requests)} of {len(keys)} items undeleted {BATCH_ATTEMPTS} times")

    # The actions of a transaction.

    def to_put(self, item: Item, **clause: Unpack[Clause]) -> Action:
        return {"Put": {"TableName": self.name, "Item": marshal(item), **_expressions(clause)}}

    def to_update(self, key: Key, expression: str, **clause: Unpack[Clause]) -> Action:
        request = {"TableName": self.name, "Key": marshal(key), "UpdateExpression": expression}
        return {"Update": {**request, **_expressions(clause)}}

    def to_delete(self, key: Key, **clause: Unpack[Clause]) -> Action:
        return {"Delete": {"TableName": self.name, "Key": marshal(key), **_expressions(clause)}}

    def _delete(self, requests: list[Item]) -> list[Item]:
        """Those that were not carried out."""
        answer = self._send("BatchWriteItem", {"RequestItems": {self.name: requests}})
        left: list[Item] = answer.get("UnprocessedItems", {}).get(self.name, [])
        return left

    def _call(self, operation: str, request: Item) -> Item:
        return self._send(operation, {"TableName": self.name, **request})

    def _send(self, operation: str, request: Item) -> Item:
        """Mistakes of ours propagate; what else the table refuses (missing, not permitted, limits) is Unavailable."""
        try:
            return self._client.call(operation, request)
        except CallFailed as error:
            if error.code == f"{CONDITION_FAILED}Exception":
                raise ConditionFailed(_item_of(error.answer)) from None
            if error.code in OUR_MISTAKE:
                raise
            raise Unavailable(str(error)) from error


def transact(client: JsonService, actions: Sequence[Action], token: str) -> None:
    """All of the actions (`Table.to_...`) or none. Cancelled when conditions fail; Unavailable when it cannot be now.

    The token (at most 36 characters) makes it once for ten minutes: sent again, it does nothing more.
    """
    request = {"TransactItems": list(actions), "ClientRequestToken": token}
    for attempt in range(1, TRANSACTION_ATTEMPTS + 1):
        try:
            client.call("TransactWriteItems", request)
        except CallFailed as error:
            if error.code in OUR_MISTAKE:
                raise
            reasons = error.answer.get("CancellationReasons") or []
            failed = {n: _item_of(reason) for n, reason in enumerate(reasons) if reason.get("Code") == CONDITION_FAILED}
            if failed:
                raise Cancelled(failed) from None
            met_others = any(reason.get("Code") in MET_OTHERS for reason in reasons)
            if not met_others or attempt == TRANSACTION_ATTEMPTS:
                raise Unavailable(str(error)) from error
            time.sleep(random.uniform(0.01, 0.04) * attempt)
        else:
            return


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _typed(value) for name, value in item.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    return {name: _value(typed) for name, typed in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, Decimal):
        return {"N": plain(value)}
    if isinstance(value, bytes):
        return {"B": base64.b64encode(value).decode()}
    if isinstance(value, set | frozenset):
        return {"SS": sorted(value)}
    if isinstance(value, Mapping):
        return {"M": marshal(value)}
    if isinstance(value, list | tuple):
        return {"L": [_typed(element) for element in value]}
    raise TypeError(f"DynamoDB has no type for {type(value).__name__}")


def _value(typed: Mapping[str, Any]) -> Any:
    [(kind, value)] = typed.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            number = Decimal(value)
            return int(number) if number == number.to_integral_value() else number
        case "NULL":
            return None
        case "B":
            return base64.b64decode(value)
        case "M":
            return unmarshal(value)
        case "L":
            return [_value(element) for element in value]
        case "SS":
            return set(value)
    raise TypeError(f"items here have no attributes of type {kind}")


def _item_of(answer: Mapping[str, Any]) -> Item | None:
    return unmarshal(answer["Item"]) if answer.get("Item") else None


def _request_of(condition: str, values: Mapping[str, Any], query: Query) -> Item:
    request = {
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": marshal(values),
        "ScanIndexForward": not query.get("newest_first", False),
        "ConsistentRead": query.get("consistent", False),
    }
    start = query.get("start")
    optional = {
        "ExpressionAttributeNames": query.get("names"),
        "IndexName": query.get("index"),
        "FilterExpression": query.get("filtered"),
        "Limit": query.get("limit"),
        "ExclusiveStartKey": marshal(start) if start else None,
    }
    return request | {name: value for name, value in optional.items() if value}


def _expressions(clause: Clause) -> Item:
    request: Item = {}
    if "condition" in clause:
        request |= {"ConditionExpression": clause["condition"], "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if "values" in clause:
        request["ExpressionAttributeValues"] = marshal(clause["values"])
    if "names" in clause:
        request["ExpressionAttributeNames"] = dict(clause["names"])
    return request
