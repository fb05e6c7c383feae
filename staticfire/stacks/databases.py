"""A stack's own database: made before Terraform runs, emptied by `reset`, dropped by `destroy`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from staticfire.postgres_databases import drop, make_database, make_role
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.targets.postgres.server import RunningPostgres

if TYPE_CHECKING:
    from pg8000.native import Connection

KEPT_TABLES = ("schema_migrations",)
NO_SUCH_DATABASE = "3D000"
ADVISORY_LOCK = 5_461_700  # one role or database is made at a time


def database_name(stack: str, account: str) -> str:
    """`shop` in the default account, `shop_gw3` for the test worker gw3, `shop_ACCOUNT` elsewhere."""
    base = stack.replace("-", "_")
    if account == DEFAULT_ACCOUNT:
        return base
    worker = re.fullmatch(r"1000000000(\d\d)", account)
    return f"{base}_gw{int(worker[1])}" if worker else f"{base}_{account}"


@dataclass(frozen=True)
class StackDatabase:
    """A database, and the role of the same name that owns it."""

    server: RunningPostgres = field(repr=False)
    name: str

    @property
    def username(self) -> str:
        return self.name

    @property
    def password(self) -> str:
        return self.server.password_of(self.username)

    @property
    def url(self) -> str:
        """Where this machine reaches it, without the password."""
        return self.server.dsn(self.name, self.username)

    @property
    def variable(self) -> dict[str, Any]:
        """The Terraform variable `database`: where the stack's functions reach it."""
        host, port = self.server.inside or (self.server.host, self.server.port)
        return {"host": host, "port": port, "name": self.name, "username": self.username, "password": self.password}

    def connect(self) -> Connection:
        """A connection as the stack's own role."""
        return self.server.connect(self.name, self.username, self.password)

    def make(self) -> bool:
        """Make the role and the database; whether the database was there before."""
        with self.server.connect() as admin:
            admin.run(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
            make_role(admin, self.username, self.password)
            return make_database(admin, self.name, self.username)

    def empty(self) -> None:
        """Delete every row of its tables; the schema and the record of its migrations stay."""
        from pg8000.native import DatabaseError, identifier  # not at the top: few commands touch Postgres

        try:
            connection = self.server.connect(self.name)
        except DatabaseError as error:
            if error.args[0].get("C") != NO_SUCH_DATABASE:
                raise
            return  # the stack was never up
        with connection:
            rows = connection.run(
                "SELECT schemaname, tablename FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            tables = [f"{identifier(schema)}.{identifier(table)}" for schema, table in rows if table not in KEPT_TABLES]
            if tables:
                connection.run(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")

    def drop(self) -> None:
        """Drop the database and its role; one that is not there is not an error."""
        with self.server.connect() as admin:
            drop(admin, self.name, self.username)
