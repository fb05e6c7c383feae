"""Postgres as the console shows it: databases, tables, and SQL that only reads, unless somebody unlocked it.

SQL that only reads goes through a cursor in a read-only transaction: Postgres itself refuses what is more than one
SELECT, VALUES or TABLE, and what would write; rows that nobody sees are not fetched. SQL that may write is run as it
stands: its further rows come over the connection, and are dropped there.
"""

from __future__ import annotations

import re
import ssl
import time
from typing import Any

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from staticfire.targets.postgres.server import RunningPostgres

from .aws import CallFailed, to_json

ROWS = 500
SYNTAX, READ_ONLY = "42601", "25006"
LOCKED = ". While it is locked, it takes one SELECT, VALUES, TABLE, EXPLAIN or SHOW"
STATEMENT_MS = 5000
CELL = 20_000  # characters of a value
ROW_BYTES = 8 * 1024 * 1024  # of all rows together
DATA_ROW = b"D"  # of Postgres' protocol
DATABASES = "SELECT datname, pg_database_size(datname) FROM pg_database WHERE NOT datistemplate ORDER BY datname"
TABLES = """
SELECT n.nspname, c.relname, c.reltuples::bigint, pg_total_relation_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1, 2 LIMIT 500
"""
# What a cursor cannot be declared for, and answers little.
_ITSELF = re.compile(r"\s*(explain|show)\b", re.IGNORECASE)


def databases(server: RunningPostgres) -> list[dict[str, Any]]:
    with _connected(server, "postgres") as connection:
        return [{"name": name, "bytes": size} for name, size in connection.run(DATABASES)]


def tables(server: RunningPostgres, database: str) -> list[dict[str, Any]]:
    with _connected(server, database) as connection:
        rows = connection.run(TABLES)
    return [
        {"schema": schema, "name": name, "rows": max(0, count), "bytes": size} for schema, name, count, size in rows
    ]


def query(server: RunningPostgres, database: str, sql: str, *, unlocked: bool) -> dict[str, Any]:
    """At most ROWS rows, of ROW_BYTES. `unlocked`: it may write, and its changes stay."""
    sql = sql.strip().removesuffix(";")
    began = time.monotonic()
    with _connected(server, database) as connection:
        try:
            connection.run(f"SET statement_timeout = {STATEMENT_MS}")
            rest = _Bounded(connection)
            if unlocked:
                columns, rows = _fetched(connection, sql)
            else:
                columns, rows = _read(connection, sql)
        except (DatabaseError, InterfaceError) as error:
            raise _failed(error, "" if unlocked else LOCKED) from error
    return {
        "columns": columns,
        "rows": [[_cell(value) for value in row] for row in rows[:ROWS]],
        "more": len(rows) > ROWS or rest.dropped > 0,
        "note": rest.says(len(rows)),
        "milliseconds": round((time.monotonic() - began) * 1000, 1),
    }


class _Bounded:
    """Drops rows beyond ROWS and ROW_BYTES as they arrive: pg8000 gathers all rows that a statement has."""

    def __init__(self, connection: Connection) -> None:
        self._take = connection.message_types[DATA_ROW]
        self._bytes = 0
        self.dropped = 0
        connection.message_types[DATA_ROW] = self._row

    def _row(self, data: bytes, context: Any) -> None:
        self._bytes += len(data)
        if len(context.rows) >= ROWS + 1 or self._bytes > ROW_BYTES:
            self.dropped += 1
        else:
            self._take(data, context)

    def says(self, count: int) -> str:
        if self._bytes > ROW_BYTES and count <= ROWS:
            return f"The first {count} rows: more are over {ROW_BYTES // 1024 // 1024} MiB."
        return f"The first {ROWS} rows." if count > ROWS else ""


def _read(connection: Connection, sql: str) -> tuple[list[str], list[list[Any]]]:
    connection.run("START TRANSACTION READ ONLY")
    try:
        if _ITSELF.match(sql):
            return _fetched(connection, sql)
        _alone(connection, f"DECLARE staticfire_console NO SCROLL CURSOR FOR {sql}")
        return _fetched(connection, f"FETCH {ROWS + 1} FROM staticfire_console")
    finally:
        connection.run("ROLLBACK")


def _fetched(connection: Connection, sql: str) -> tuple[list[str], list[list[Any]]]:
    result = _alone(connection, sql)
    return [column["name"] for column in result.columns or ()], result.rows or []


def _alone(connection: Connection, sql: str) -> Any:
    """One statement as it stands: Postgres' extended protocol refuses several, and pg8000 looks for no parameters."""
    return connection.execute_unnamed(sql)


class _connected:
    def __init__(self, server: RunningPostgres, database: str) -> None:
        self._server = server
        self._database = database

    def __enter__(self) -> Connection:
        try:
            self._connection = self._server.connect(self._database)
        except (DatabaseError, InterfaceError, OSError, ssl.SSLError) as error:
            raise _failed(error) from error
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _failed(error: Exception, beside: str = "") -> CallFailed:
    said = error.args[0] if error.args else str(error)
    if isinstance(said, dict):
        code = said.get("C", "Postgres")
        return CallFailed(code, said.get("M", str(said)) + (beside if code in (SYNTAX, READ_ONLY) else ""))
    return CallFailed("Postgres", str(said))


def _cell(value: Any) -> Any:
    shown = to_json(value)
    return f"{shown[:CELL]}…" if isinstance(shown, str) and len(shown) > CELL else shown
