"""Opaque sessions in DynamoDB. The client holds 256 random bits; the table holds their SHA-256, and no way back.

    none --log in--> live --its time is up, log out, or log out everywhere--> ended

Time-to-live deletes an ended session some day; until then its `expires_at` is what counts. To log out everywhere one
number rises, the user's generation, in an item of its own: a session of an older generation is ended from that write
on, wherever it is. Deleting the items, which the index on user_id finds, only tidies up after it, so neither the
index's lag nor a crash in between lets a session live on. A generation never expires: it would have to outlive its
sessions."""

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from aws_lambda_powertools import Logger
from servicekit.errors import Unavailable
from servicekit.table import Table

logger = Logger()

PREFIX = "s_"
INDEX = "user_id"


@dataclass(frozen=True, slots=True)
class Session:
    user: str
    expires_at: int


class Sessions:
    def __init__(self, table: Table, clock: Callable[[], float]) -> None:
        self._table = table
        self._clock = clock

    def log_in(self, user: str, seconds: int) -> tuple[str, Session]:
        """The session's token, which is nowhere else, and the session."""
        now = int(self._clock())
        token = PREFIX + base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        session = Session(user, now + seconds)
        self._table.put(
            {
                "session_id": _id_of(token),
                "user_id": user,
                "generation": self._generation(user),
                "created_at": now,
                "expires_at": session.expires_at,
            }
        )
        return token, session

    def find(self, token: str) -> Session | None:
        """The live session of the token."""
        item = self._table.get({"session_id": _id_of(token)})
        if item is None or item["expires_at"] <= self._clock():
            return None
        if item["generation"] != self._generation(item["user_id"]):
            return None
        return Session(item["user_id"], int(item["expires_at"]))

    def log_out(self, token: str) -> None:
        self._table.delete({"session_id": _id_of(token)})

    def log_out_everywhere(self, user: str) -> None:
        current = self._table.update(_marker(user), "ADD generation :one", values={":one": 1})["generation"]
        try:
            for item in self._table.query("user_id = :user", {":user": user}, IndexName=INDEX):
                if item["generation"] < current:
                    self._table.delete({"session_id": item["session_id"]})
        except Unavailable as error:
            logger.warning("ended sessions are left to their time-to-live", problem=str(error))

    def _generation(self, user: str) -> int:
        marker = self._table.get(_marker(user))
        return int(marker["generation"]) if marker else 0


def _marker(user: str) -> dict[str, str]:
    """The key of the user's own item. A session's is a hexadecimal number, so they never meet."""
    return {"session_id": f"user#{user}"}


def _id_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
