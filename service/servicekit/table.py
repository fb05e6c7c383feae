"""A DynamoDB table through boto3's client: plain values in and out, a failed condition as a value.

boto3's resource has the first, and costs each cold start a tenth of a second; neither has the second. An answer can be
lost, and then the operation is sent again: a conditional write may find its own first try and fail. ConditionFailed
carries the item that stood in the way: a writer that puts a token of its own into the item knows it.
"""

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from servicekit.clients import code_of, send
from servicekit.errors import Unavailable

Item = dict[str, Any]
Key = Mapping[str, Any]

CONDITION_FAILED = "ConditionalCheckFailed"
MET_OTHERS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
BATCH_ATTEMPTS = 5
MOST_READ, MOST_WRITTEN = 100, 25

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


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


class Table:
    """Conditions and updates are DynamoDB's expressions; `values` (`:name`) are plain, `names` (`#name`) are texts."""

    def __init__(self, client: Any, name: str) -> None:
        self.name = name
        self._client = client

    @classmethod
    def from_environment(cls, client: Any, variable: str = "TABLE_NAME") -> "Table":
        return cls(client, os.environ[variable])

    def get(self, key: Key) -> Item | None:
        answer = send(self._client.get_item, TableName=self.name, Key=marshal(key), ConsistentRead=True)
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """The items that there are, in any order, of MOST_READ keys at the most."""
        items: list[Item] = []
        left: Any = {self.name: {"Keys": [marshal(key) for key in keys], "ConsistentRead": True}}
        for attempt in range(BATCH_ATTEMPTS):
            time.sleep(random.uniform(0.02, 0.06) * attempt)
            answer = send(self._client.batch_get_item, RequestItems=left)
            items += map(unmarshal, answer["Responses"].get(self.name, []))
            left = answer.get("UnprocessedKeys")
            if not left:
                return items
        raise Unavailable(f"DynamoDB left some of {len(keys)} items unread {BATCH_ATTEMPTS} times")

    def put(self, item: Item, **clause: Any) -> None:
        self._write(self._client.put_item, Item=marshal(item), **_expressions(**clause))

    def update(self, key: Key, expression: str, **clause: Any) -> Item:
        """The item after the update."""
        request = {"Key": marshal(key), "UpdateExpression": expression, "ReturnValues": "ALL_NEW"}
        return unmarshal(self._write(self._client.update_item, **request, **_expressions(**clause))["Attributes"])

    def delete(self, key: Key, **clause: Any) -> None:
        self._write(self._client.delete_item, Key=marshal(key), **_expressions(**clause))

    def query(self, condition: str, values: Mapping[str, Any], **options: Any) -> Iterator[Item]:
        """Every item that the key condition finds, page by page; `options` are the operation's other parameters."""
        request = {"KeyConditionExpression": condition, "ExpressionAttributeValues": marshal(values), **options}
        while True:
            page = send(self._client.query, TableName=self.name, **request)
            yield from map(unmarshal, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def delete_many(self, keys: Sequence[Key]) -> None:
        """Items that nobody writes any more: without a condition, in any order."""
        left = [{"DeleteRequest": {"Key": marshal(key)}} for key in keys]
        for attempt in range(BATCH_ATTEMPTS):
            time.sleep(random.uniform(0.02, 0.06) * attempt)
            batches = [left[at : at + MOST_WRITTEN] for at in range(0, len(left), MOST_WRITTEN)]
            answers = [send(self._client.batch_write_item, RequestItems={self.name: batch}) for batch in batches]
            left = [entry for answer in answers for entry in answer.get("UnprocessedItems", {}).get(self.name, [])]
            if not left:
                return
        raise Unavailable(f"DynamoDB left {len(left)} of {len(keys)} items undeleted {BATCH_ATTEMPTS} times")

    # The actions of a transaction.

    def to_put(self, item: Item, **clause: Any) -> Item:
        return {"Put": {"TableName": self.name, "Item": marshal(item), **_expressions(**clause)}}

    def to_update(self, key: Key, expression: str, **clause: Any) -> Item:
        request = {"TableName": self.name, "Key": marshal(key), "UpdateExpression": expression}
        return {"Update": {**request, **_expressions(**clause)}}

    def to_delete(self, key: Key, **clause: Any) -> Item:
        return {"Delete": {"TableName": self.name, "Key": marshal(key), **_expressions(**clause)}}

    def transact(self, actions: Sequence[Item], token: str) -> None:
        """All of the actions or none. The token makes it once for ten minutes: sent again, it does nothing more."""
        for attempt in range(1, BATCH_ATTEMPTS + 1):
            try:
                send(self._client.transact_write_items, TransactItems=list(actions), ClientRequestToken=token)
            except Unavailable as error:
                reasons = _answer_of(error).get("CancellationReasons", [])
                failed = {at: _item_of(why) for at, why in enumerate(reasons) if why.get("Code") == CONDITION_FAILED}
                if failed:
                    raise Cancelled(failed) from None
                if attempt == BATCH_ATTEMPTS or not any(why.get("Code") in MET_OTHERS for why in reasons):
                    raise
                time.sleep(random.uniform(0.01, 0.04) * attempt)
            else:
                return

    def _write(self, operation: Any, **request: Any) -> Item:
        """ConditionFailed when the request's condition does not hold."""
        try:
            answer: Item = send(operation, TableName=self.name, **request)
        except Unavailable as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and code_of(cause) == f"{CONDITION_FAILED}Exception":
                raise ConditionFailed(_item_of(cause.response)) from None
            raise
        return answer


def marshal(item: Mapping[str, Any]) -> Item:
    return {name: _serialize(value) for name, value in item.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    return {name: _deserialize(value) for name, value in item.items()}


def _expressions(
    condition: str | None = None, values: Mapping[str, Any] | None = None, names: Mapping[str, str] | None = None
) -> Item:
    request: Item = {}
    if condition:
        request |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if values:
        request["ExpressionAttributeValues"] = marshal(values)
    return request | ({"ExpressionAttributeNames": names} if names else {})


def _answer_of(error: Unavailable) -> Mapping[str, Any]:
    cause = error.__cause__
    return cause.response if isinstance(cause, ClientError) else {}


def _item_of(answer: Mapping[str, Any]) -> Item | None:
    return unmarshal(answer["Item"]) if answer.get("Item") else None
