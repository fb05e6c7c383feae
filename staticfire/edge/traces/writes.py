"""Which trace wrote an item of a table whose stream somebody reads: a record of the stream names the item only."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

OF_A_TABLE = 500
KEY_LENGTH = 2736  # a key has 2048 bytes at the most, and base64 a third more
Writes = deque[tuple[float, str, Mapping[str, Any]]]


class ItemWrites:
    """The last writes of each table that is followed; nothing is read of a write to any other."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str, str], Writes] = {}

    def follow(self, account: str, region: str, table: str) -> None:
        self._tables.setdefault((account, region, table), deque(maxlen=OF_A_TABLE))

    def __bool__(self) -> bool:
        return bool(self._tables)

    def wrote(self, account: str, region: str, root: str, body: bytes) -> None:
        """A write by DynamoDB's JSON went well."""
        try:
            request = orjson.loads(body)
        except ValueError:
            return  # of a longer body only the beginning may be in hand
        for table, attributes in _items(request):
            writes = self._tables.get((account, region, table))
            if writes is not None:
                writes.append((time.time(), root, _keys_among(attributes)))

    def writer(self, account: str, region: str, table: str, keys: Mapping[str, Any], created: float) -> str:
        """The root of the newest write of an item at or before the second in which its record was made."""
        writes: Writes = self._tables.get((account, region, table)) or deque()
        for when, root, attributes in reversed(writes):
            if when <= created + 2 and all(attributes.get(name) == value for name, value in keys.items()):
                return root
        return ""


def _items(request: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(request, dict):
        return
    if isinstance(attributes := request.get("Item") or request.get("Key"), dict):
        yield _table(request.get("TableName")), attributes
    for name, puts in (request.get("RequestItems") or {}).items():
        for put in puts:
            for one in put.values():
                yield _table(name), one.get("Item") or one.get("Key") or {}
    for step in request.get("TransactItems") or ():
        for one in step.values():
            yield _table(one.get("TableName")), one.get("Item") or one.get("Key") or {}


def _keys_among(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """What may be a key: of its types and its length. All else of an item is not held on to."""
    return {
        name: value
        for name, value in attributes.items()
        if all(kind in ("S", "N", "B") and len(text) <= KEY_LENGTH for kind, text in value.items())
    }


def _table(name: Any) -> str:
    """A table may be named by its ARN."""
    return str(name).rpartition("/")[2]
