"""Whether Postgres takes writes now: it lets the superuser in, and its disk has room."""

from __future__ import annotations

from pg8000.exceptions import DatabaseError
from pg8000.native import Connection

from staticfire.edge.config import PostgresConfig

SECONDS = 3.0
# A sort that does not fit into memory goes through a file in the data directory. It leaves nothing behind.
SORT = "SELECT count(*) FROM (SELECT n FROM generate_series(1, 5000) n ORDER BY -n OFFSET 0) sorted"


def write_something(server: PostgresConfig) -> None:
    """Have the server write to its disk; raises what pg8000 raises when it cannot."""
    with Connection(
        server.admin_user,
        host=server.host,
        port=server.port,
        database="postgres",
        password=server.admin_password,
        timeout=SECONDS,
        startup_params={"work_mem": "64kB"},
    ) as admin:
        admin.run(SORT)


def said_by_postgres(error: Exception) -> str:
    """The server's own words, with their SQLSTATE; those of any other error as they are."""
    fields = error.args[0] if isinstance(error, DatabaseError) and error.args else None
    return f"{fields['M']} ({fields['C']})" if isinstance(fields, dict) else str(error)
