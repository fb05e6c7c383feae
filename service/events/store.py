"""The events in DynamoDB.

    event_id (key)           type, source, time, data (JSON text), received_at, request_id, source_ip, schema_version,
                             type_day, expires_at
    index by-type-and-day    type_day: TYPE#DAY#SHARD (key), received_at (sort key), type, source, time

The id is the partition key, and there is no other: ids are many and alike in use, so no partition is hot whatever the
rate. All events of a type on one day would be one partition of the index; it takes a thousand writes a second, and then
holds up the table itself. So they are dealt out to INDEX_SHARDS by their id, and who reads a day asks for each. The day
is that of the receipt, in UTC, so that a day that is over does not change.
"""

import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from servicekit.errors import Refused, Unavailable
from servicekit.http import json_text
from servicekit.requests import read_json
from servicekit.table import ConditionFailed, Item, Table
from ulid import ULID

from events.validation import DATA_LIMIT, Submitted

SCHEMA_VERSION = 1
DAY_SECONDS = 24 * 60 * 60
ABREAST = 8
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from."""

    request_id: str
    source_ip: str


@dataclass(frozen=True, slots=True)
class Receipt:
    event_id: str
    received_at: str
    duplicate: bool


Result = Receipt | Refused | Unavailable


class Store:
    def __init__(self, table: Table, *, retention_days: int, index_shards: int) -> None:
        self._table = table
        self._retention_days = retention_days
        self._index_shards = index_shards
        self._pool: ThreadPoolExecutor | None = None

    def put(self, event: Submitted, origin: Origin) -> Receipt:
        """Refused when another event has this id; Unavailable when the table is. Sent again, it is a duplicate."""
        item = self._item_of(event, origin)
        try:
            self._table.put(item, condition="attribute_not_exists(event_id)")
        except ConditionFailed as failed:
            there = failed.item
            if there is None:
                raise Unavailable("the event was there, and is not any more") from None
            if there == item:  # our own: the answer to the first try was lost
                return Receipt(item["event_id"], item["received_at"], duplicate=False)
            if not _say_the_same(there, item):
                raise Refused(409, "Another event has this id.") from None
            return Receipt(there["event_id"], there["received_at"], duplicate=True)
        return Receipt(item["event_id"], item["received_at"], duplicate=False)

    def put_all(self, events: Sequence[Submitted], origin: Origin) -> list[Result]:
        """Each on its own, several abreast: no batch operation of DynamoDB has a condition for each of many items
        without failing all for one. Those that share an id follow each other."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        groups: dict[str | int, list[int]] = {}
        for at, event in enumerate(events):
            groups.setdefault(event.id or at, []).append(at)
        results: list[Result] = [Unavailable("there was no time left")] * len(events)

        def put_group(group: list[int]) -> None:
            for at in group:
                if time.monotonic() < deadline:
                    results[at] = self._result_of(events[at], origin)

        if self._pool is None:
            self._pool = ThreadPoolExecutor(ABREAST)
        list(self._pool.map(put_group, groups.values()))
        return results

    def _result_of(self, event: Submitted, origin: Origin) -> Result:
        try:
            return self.put(event, origin)
        except (Refused, Unavailable) as error:
            return error

    def _item_of(self, event: Submitted, origin: Origin) -> Item:
        now = datetime.now(UTC)
        event_id = event.id or str(ULID())
        shard = zlib.crc32(event_id.encode()) % self._index_shards
        item = {
            "event_id": event_id,
            "type": event.type,
            "source": event.source,
            "data": event.data,
            "received_at": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "request_id": origin.request_id,
            "source_ip": origin.source_ip,
            "schema_version": SCHEMA_VERSION,
            "type_day": f"{event.type}#{now:%Y-%m-%d}#{shard}",
            "expires_at": int(now.timestamp()) + self._retention_days * DAY_SECONDS,
        }
        return {**item, "time": event.time} if event.time else item


def _say_the_same(stored: Item, sent: Item) -> bool:
    if any(stored.get(name) != sent.get(name) for name in ("type", "source", "time")):
        return False
    return stored["data"] == sent["data"] or _canonical(stored["data"]) == _canonical(sent["data"])


def _canonical(data: str) -> str:
    return json_text(read_json(data.encode(), DATA_LIMIT), sort_keys=True)
