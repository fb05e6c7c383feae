"""The SQL that makes and drops a role and the database that it owns; `admin` is a superuser's connection."""

from __future__ import annotations

from pg8000.native import Connection, identifier, literal


def make_role(admin: Connection, name: str, password: str, *, rights: str = "") -> None:
    """Make the role; one that is there gets this password."""
    if admin.run("SELECT 1 FROM pg_roles WHERE rolname = :name", name=name):
        set_password(admin, name, password)
    else:
        admin.run(f"CREATE ROLE {identifier(name)} LOGIN {rights} PASSWORD {literal(password)}")


def set_password(admin: Connection, role: str, password: str) -> None:
    admin.run(f"ALTER ROLE {identifier(role)} LOGIN PASSWORD {literal(password)}")


def make_database(admin: Connection, name: str, owner: str) -> bool:
    """Make the database, to which its owner alone may connect; whether it was there before."""
    was_there = bool(admin.run("SELECT 1 FROM pg_database WHERE datname = :name", name=name))
    if not was_there:
        admin.run(f"CREATE DATABASE {identifier(name)} OWNER {identifier(owner)}")
    admin.run(f"REVOKE CONNECT, TEMPORARY ON DATABASE {identifier(name)} FROM PUBLIC")
    return was_there


def drop(admin: Connection, database: str | None, role: str) -> None:
    """Drop the database, whoever is connected to it, and its role; one that is not there is not an error."""
    if database:
        admin.run(f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE)")
    admin.run(f"DROP ROLE IF EXISTS {identifier(role)}")
