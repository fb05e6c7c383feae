"""Schema migrations: numbered SQL files; the libraries for it want SQLAlchemy, or a driver with native code.

Each is applied once, in order, in a transaction of its own.

A file is `0001_what_it_does.sql`. What was applied is in the table `schema_migrations`, with the file's digest: an
applied file that was edited later is an error, because databases would differ without anyone knowing. Whoever migrates
holds an advisory lock, so of ten at the same time nine wait and then find nothing to do.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from pg8000 import native

from servicekit.database import Database

logger = Logger()

LOCK = 7_310_577_209_318
TABLE = """
create table if not exists schema_migrations (
  version integer primary key,
  name text not null,
  digest text not null,
  applied_at timestamptz not null default now()
)
"""


class MigrationError(Exception):
    """The migrations do not fit each other or the database; the schema stays as the last good one left it."""


@dataclass(frozen=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    applied: list[str]
    version: int


def init_handler(directory: Path) -> Callable[[Any, Any], dict[str, Any]]:
    """The handler of an init function: it brings the database to what the directory's migrations say."""

    def handler(event: Any, context: Any) -> dict[str, Any]:
        database = Database.from_environment(statement_seconds=None)
        try:
            outcome = migrate(database.connection(), read(directory))
        finally:
            database.close()
        logger.info("schema is up to date", version=outcome.version, applied=outcome.applied)
        return {"version": outcome.version, "applied": outcome.applied}

    return handler


def read(directory: Path) -> list[Migration]:
    migrations = [
        Migration(int(path.name.partition("_")[0]), path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(directory.glob("[0-9]*_*.sql"))
    ]
    versions = [migration.version for migration in migrations]
    if versions != list(range(1, len(versions) + 1)):
        raise MigrationError(f"Migrations must be numbered 1, 2, 3, ... without a gap; {directory} has {versions}.")
    return migrations


def migrate(connection: native.Connection, migrations: list[Migration]) -> Outcome:
    """Applies what is missing. A second call applies nothing."""
    with _lock(connection):
        connection.run(TABLE)
        digests = dict(connection.run("select version, digest from schema_migrations"))
        applied = []
        for migration in migrations:
            if migration.version not in digests:
                _apply(connection, migration)
                applied.append(migration.name)
            elif digests[migration.version] != migration.digest:
                raise MigrationError(
                    f"{migration.name}.sql was changed after it had been applied to this database. "
                    "Restore the file and put the change into a new migration."
                )
        return Outcome(applied, max([*digests, *(migration.version for migration in migrations)], default=0))


def _apply(connection: native.Connection, migration: Migration) -> None:
    connection.run("begin")
    try:
        connection.run(migration.sql)
        connection.run(
            "insert into schema_migrations (version, name, digest) values (:version, :name, :digest)",
            version=migration.version,
            name=migration.name,
            digest=migration.digest,
        )
    except BaseException:
        connection.run("rollback")
        raise
    connection.run("commit")


@contextmanager
def _lock(connection: native.Connection) -> Iterator[None]:
    connection.run("select pg_advisory_lock(:key)", key=LOCK)
    try:
        yield
    finally:
        connection.run("select pg_advisory_unlock(:key)", key=LOCK)
