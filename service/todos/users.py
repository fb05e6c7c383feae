"""The users in Postgres, the truth about who exists.

    absent --add--> active --mark_deleted--> deleted --forget--> absent

A deleted user is nobody to everyone but the deletion itself: the row only notes that there is something left to do.
Every statement is safe to send twice, as after a lost connection.
"""

import unicodedata
import uuid
from dataclasses import dataclass

from servicekit.database import Database
from servicekit.errors import Unavailable

_COLUMNS = """id, email, name, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

ADD = f"""
insert into todos_users (id, email, email_key, name) values (:id, :email, :email_key, :name)
on conflict do nothing returning {_COLUMNS}
"""
WITH_EMAIL = f"select {_COLUMNS} from todos_users where email_key = :email_key and deleted_at is null"
FIND = f"select {_COLUMNS} from todos_users where id = :id and deleted_at is null"
MARK_DELETED = "update todos_users set deleted_at = coalesce(deleted_at, now()) where id = :id returning id"
DELETED = "select id from todos_users where deleted_at is not null order by deleted_at limit :limit"
FORGET = "delete from todos_users where id = :id and deleted_at is not null"

ADD_ATTEMPTS = 3


class EmailTaken(Exception):
    """Another user has this address, however it is written."""


@dataclass(frozen=True, slots=True)
class User:
    id: uuid.UUID
    email: str
    name: str
    created_at: str


class Users:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, email: str, name: str) -> User:
        identity, key = uuid.uuid4(), _compared(email)
        for _ in range(ADD_ATTEMPTS):
            rows = self._database.run(ADD, id=identity, email=email, email_key=key, name=name)
            rows = rows or self._database.run(WITH_EMAIL, email_key=key)
            if rows:
                user = User(*rows[0])
                if user.id != identity:
                    raise EmailTaken
                return user
        raise Unavailable("the address was taken and free again, time after time")

    def find(self, user: uuid.UUID) -> User | None:
        rows = self._database.run(FIND, id=user)
        return User(*rows[0]) if rows else None

    def mark_deleted(self, user: uuid.UUID) -> bool:
        """Whether there is something to delete: an active user, or one whose deletion was interrupted."""
        return bool(self._database.run(MARK_DELETED, id=user))

    def deleted(self, limit: int) -> list[uuid.UUID]:
        """Users whose deletion is not finished, the oldest first."""
        return [user for [user] in self._database.run(DELETED, limit=limit)]

    def forget(self, user: uuid.UUID) -> None:
        self._database.run(FORGET, id=user)

    def ping(self) -> None:
        self._database.run("select 1")


def _compared(email: str) -> str:
    """The same text for every spelling of an address: upper and lower case, accents as one character or two."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold())
