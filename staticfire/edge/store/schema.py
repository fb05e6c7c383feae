"""The tables of the edge's file by version: an older file is brought up, a newer or a damaged one is refused."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from staticfire.errors import StaticfireError

# Each brings a file of the version before it (0: an empty one) to its own. None is ever changed: the next one is added.
MIGRATIONS = (
    """
    CREATE TABLE documents (
        service TEXT NOT NULL,
        kind TEXT NOT NULL,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        id TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (service, kind, account, region, id)
    );
    """,
    # What belongs to documents and is no JSON: small zips. `used` is when it was written last, in seconds.
    """
    CREATE TABLE blobs (
        name TEXT PRIMARY KEY,
        used INTEGER NOT NULL,
        content BLOB NOT NULL
    );
    """,
)

BUSY_SECONDS = 10.0


def connect(path: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    """The file, opened; each commit is on the disk when it returns, whatever is killed then."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=not any_thread, cached_statements=64
    )
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def prepare(path: Path) -> None:
    """Make the file where there is none, and see that what is there can be used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # It holds functions' variables: it is the user's alone, and so are the files that SQLite makes beside it.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        with contextlib.closing(connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            problems = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
            if problems != ["ok"]:
                raise _unusable(path, "is damaged: " + "; ".join(problems))
            _migrate(connection, path)
    except sqlite3.DatabaseError as error:
        raise _unusable(path, f"cannot be used: {error}") from error


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise _unusable(
            path, f"was written by a newer Staticfire: it has version {version}, this one knows {len(MIGRATIONS)}"
        )
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {number}; COMMIT;")


def _unusable(path: Path, what: str) -> StaticfireError:
    return StaticfireError(
        f"The edge's state {what}.",
        checked=[str(path)],
        remedy=(
            "Functions, versions and aliases are described there. Put a copy of the file back, or let it be made anew: "
            "`staticfire down --wipe`, then `staticfire up`, which applies the stack again."
        ),
    )
