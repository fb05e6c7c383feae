"""Rooms in DynamoDB: who is connected, and what was said.

    pk ROOM        sk member#CONNECTION   user, expires_at        a client that is connected
    pk ROOM        sk said#ULID           user, text, at, expires_at
    pk CONNECTION  sk room                room, user, expires_at  which room a connection is in

A connection lives two hours at the most, as API Gateway has it: what its `$disconnect` did not remove goes by itself.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from servicekit.table import Table
from ulid import ULID

MEMBER_SECONDS = 3 * 60 * 60
SAID_SECONDS = 30 * 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Said:
    id: str
    user: str
    text: str
    at: str


class Rooms:
    def __init__(self, table: Table) -> None:
        self._table = table

    def join(self, connection: str, room: str, user: str) -> None:
        """Put twice it is the same: an answer may be lost."""
        expires = int(time.time()) + MEMBER_SECONDS
        self._table.put({"pk": connection, "sk": "room", "room": room, "user": user, "expires_at": expires})
        self._table.put({"pk": room, "sk": f"member#{connection}", "user": user, "expires_at": expires})

    def leave(self, connection: str) -> tuple[str, str] | None:
        """The room and the user that the connection was."""
        where = self.of(connection)
        if where is not None:
            self._table.delete({"pk": where[0], "sk": f"member#{connection}"})
            self._table.delete({"pk": connection, "sk": "room"})
        return where

    def of(self, connection: str) -> tuple[str, str] | None:
        item = self._table.get({"pk": connection, "sk": "room"})
        return (item["room"], item["user"]) if item is not None else None

    def members(self, room: str) -> dict[str, str]:
        """The users, by their connections."""
        here = self._of(room, "member#", ConsistentRead=True)
        return {item["sk"].removeprefix("member#"): item["user"] for item in here}

    def say(self, room: str, user: str, text: str) -> Said:
        said = Said(str(ULID()), user, text, datetime.now(UTC).isoformat(timespec="milliseconds"))
        item = {"pk": room, "sk": f"said#{said.id}", "user": user, "text": text, "at": said.at}
        self._table.put({**item, "expires_at": int(time.time()) + SAID_SECONDS})
        return said

    def latest(self, room: str, limit: int) -> list[Said]:
        """What was said last, the newest first."""
        latest: list[Said] = []
        for item in self._of(room, "said#", ScanIndexForward=False, Limit=limit):
            latest.append(Said(item["sk"].removeprefix("said#"), item["user"], item["text"], item["at"]))
            if len(latest) == limit:
                break
        return latest

    def _of(self, room: str, prefix: str, **options: Any) -> Iterable[dict[str, Any]]:
        values = {":room": room, ":prefix": prefix}
        return self._table.query("pk = :room AND begins_with(sk, :prefix)", values, **options)
