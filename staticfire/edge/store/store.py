"""Documents under (account, region, service, kind, id), and blobs: read at once, written together and for good.

    write -> waits for the writer -> committed with all that wait -> on the disk, and seen by every read

One thread writes. What waits while it commits is committed together next, so that many writers share one wait for the
disk. Reads are the event loop's own: they see whole writes only.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import orjson

from .schema import connect, prepare

log = logging.getLogger(__name__)

# Python's own handlers run between fork and exec (uvloop). A collection of garbage there frees what belongs to SQLite,
# whose lock may be held by the writer of the parent: the child would wait for ever, and with it the edge, for its exec.
os.register_at_fork(before=gc.disable, after_in_parent=gc.enable)

Document = dict[str, Any]
Statements = list[tuple[str, tuple[Any, ...]]]

# Written together at most: a reader of the write-ahead log is not kept waiting by one huge commit.
TOGETHER = 500

_COLUMNS = "account, region, service, kind, id"
_GET = "SELECT document FROM documents WHERE service = ? AND kind = ? AND account = ? AND region = ? AND id = ?"
_LIST = (
    f"SELECT {_COLUMNS}, document FROM documents WHERE service = ? AND kind = ? AND account = ? AND region = ? "
    "AND id >= ? AND id < ? ORDER BY id"
)
_ALL = f"SELECT {_COLUMNS}, document FROM documents WHERE service = ? AND kind = ? ORDER BY account, region, id"
_PUT = f"INSERT OR REPLACE INTO documents ({_COLUMNS}, document) VALUES (?, ?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM documents WHERE account = ? AND region = ? AND service = ? AND kind = ? AND id = ?"
_CLEAR = "DELETE FROM documents"

_PUT_BLOB = (
    "INSERT INTO blobs (name, used, content) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET used = excluded.used"
)
_GET_BLOB = "SELECT content FROM blobs WHERE name = ?"
_DELETE_BLOB = "DELETE FROM blobs WHERE name = ?"
_OLD_BLOBS = "SELECT name FROM blobs WHERE used < ?"

_LAST_CHARACTER = chr(0x10FFFF)


class Key(NamedTuple):
    """A resource's name. What has a parent begins with it (`function:alias`), so that a prefix lists the children."""

    account: str
    region: str
    service: str
    kind: str
    id: str


class StoreFailed(OSError):
    """The disk did not take a write: nothing of it is kept."""


Entries = list[tuple[Key, Document]]


class _Write:
    """What one caller wants written, and whom to tell."""

    def __init__(self, statements: Statements) -> None:
        self.statements = statements
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()

    def tell(self, error: StoreFailed | None) -> None:
        self.loop.call_soon_threadsafe(self._tell, error)

    def _tell(self, error: StoreFailed | None) -> None:
        if self.done.done():
            return  # the caller has gone; what was written stays
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


_Writes = list[_Write]


class Store:
    """The file, opened by one edge. Documents are copies: to change one is not to write it."""

    def __init__(self, path: Path) -> None:
        prepare(path)
        self._path = path
        self._reading = connect(path)
        self._writes: SimpleQueue[_Write | None] = SimpleQueue()
        self._closed = False
        self._writer = threading.Thread(target=self._run, name="store", daemon=True)
        self._writer.start()

    def get(self, key: Key) -> Document | None:
        account, region, service, kind, name = key
        row = self._reading.execute(_GET, (service, kind, account, region, name)).fetchone()
        return None if row is None else orjson.loads(row[0])

    def list(self, account: str, region: str, service: str, kind: str, prefix: str = "") -> Entries:
        """Of one account and region, by id; with a prefix, those whose id begins with it."""
        bounds = (prefix, prefix + _LAST_CHARACTER)
        return list(_entries(self._reading.execute(_LIST, (service, kind, account, region, *bounds))))

    def everywhere(self, service: str, kind: str) -> Entries:
        """Of all accounts and regions."""
        return list(_entries(self._reading.execute(_ALL, (service, kind))))

    def blob(self, name: str) -> bytes | None:
        row = self._reading.execute(_GET_BLOB, (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def blobs_before(self, moment: float) -> Sequence[str]:
        """The names of those that nobody has written since."""
        return [name for (name,) in self._reading.execute(_OLD_BLOBS, (int(moment),))]

    async def write(
        self,
        puts: Mapping[Key, Document] | None = None,
        deletes: Iterable[Key] = (),
        *,
        blobs: Mapping[str, bytes] | None = None,
    ) -> None:
        """Delete, then put: all of it or nothing. It is on the disk when this returns.

        `blobs` are named after their content: one that is there already stays as it is. A caller that is cancelled may
        have written.
        """
        statements: Statements = [(_DELETE, tuple(key)) for key in deletes]
        statements += [(_PUT, (*key, orjson.dumps(document).decode())) for key, document in (puts or {}).items()]
        now = int(time.time())
        statements += [(_PUT_BLOB, (name, now, content)) for name, content in (blobs or {}).items()]
        if statements:
            await self._written(statements)

    async def delete_blobs(self, names: Iterable[str]) -> None:
        statements: Statements = [(_DELETE_BLOB, (name,)) for name in names]
        if statements:
            await self._written(statements)

    def drop_blobs(self, names: Iterable[str]) -> None:
        """The same at once, for who waits for nothing yet: while an edge starts."""
        rows = [(name,) for name in names]
        if rows:
            with contextlib.closing(connect(self._path)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_DELETE_BLOB, rows)
                connection.execute("COMMIT")

    async def clear(self) -> None:
        """Remove every document. Blobs stay."""
        await self._written([(_CLEAR, ())])

    async def close(self) -> None:
        """What was handed over is written first."""
        if not self._closed:
            self._closed = True
            self._writes.put(None)
            await asyncio.to_thread(self._writer.join)
            self._reading.close()

    async def _written(self, statements: Statements) -> None:
        if self._closed:
            raise StoreFailed(f"{self._path} is closed: the edge is stopping")
        write = _Write(statements)
        self._writes.put(write)
        await write.done

    def _run(self) -> None:
        connection = connect(self._path, any_thread=True)
        ending = False
        while not ending:
            write = self._writes.get()
            together: _Writes = []
            while write is not None:
                together.append(write)
                if self._writes.empty() or len(together) == TOGETHER:
                    break
                write = self._writes.get()
            ending = write is None
            if together:
                self._commit(connection, together)
        connection.close()

    def _commit(self, connection: sqlite3.Connection, writes: _Writes) -> None:
        failure = None
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write in writes:
                for statement, values in write.statements:
                    connection.execute(statement, values)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            log.error("%s did not take a write: %s", self._path, error)
            failure = StoreFailed(f"{self._path} did not take a write: {error}")
        for write in writes:
            write.tell(failure)


def _entries(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Key, Document]]:
    for *key, document in rows:
        yield Key(*key), orjson.loads(document)
