"""The SQL that makes and drops a role and the database that it owns; `admin` is a superuser's connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pg8000.native import Connection


def make_role(admin: Connection, name: str, password: str, *, rights: str = "") -> None:
    """Make the role; one that is there gets this password."""
    from pg8000.native import identifier, literal  # not at the top, here and below: few commands touch Postgres

    if admin.run("SELECT 1 FROM pg_roles WHERE rolname = :name", name=name):
        set_password(admin, name, password)
    else:
        admin.run(f"CREATE ROLE {identifier(name)} LOGIN {rights} PASSWORD {literal(password)}")


def set_password(admin: Connection, role: str, password: str) -> None:
    from pg8000.native import identifier, literal

    admin.run(f"ALTER ROLE {identifier(role)} LOGIN PASSWORD {literal(password)}")


def make_database(admin: Connection, name: str, owner: str) -> bool:
    """Make the database, to which its owner alone may connect; whether it was there before."""
    from pg8000.native import identifier

    was_there = bool(admin.run("SELECT 1 FROM pg_database WHERE datname = :name", name=name))
    if not was_there:
        admin.run(f"CREATE DATABASE {identifier(name)} OWNER {identifier(owner)}")
    admin.run(f"REVOKE CONNECT, TEMPORARY ON DATABASE {identifier(name)} FROM PUBLIC")
    return was_there


def drop(admin: Connection, database: str | None, role: str) -> None:
    """Drop the database, whoever is connected to it, and its role; one that is not there is not an error."""
    from pg8000.native import identifier

    if database:
        admin.run(f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE)")
    admin.run(f"DROP ROLE IF EXISTS {identifier(role)}")
