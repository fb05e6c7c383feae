from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pg8000.native
import pytest

from staticfire.console import sql
from staticfire.edge_client import Health
from staticfire.errors import StaticfireError
from staticfire.host.files import write_json
from staticfire.host.processes import ProcessRecord
from staticfire.progress import Progress
from staticfire.settings import Settings, StackSettings
from staticfire.stacks.stack import Stack
from staticfire.targets.base import Running
from staticfire.targets.postgres import data_directory
from staticfire.targets.postgres.server import PasswordRefusedError, Postgres


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    state = tmp_path / "state"
    made = Postgres(Settings(project=tmp_path, state_dir=state, cache_dir=state))
    yield made
    made.stop()


def process(server: Postgres) -> ProcessRecord:
    process = ProcessRecord.read(server.layout.process("postgres"))
    assert process is not None
    return process


def kill(server: Postgres) -> None:
    """kill -9, as a power cut would; the process is ours, so it is also waited for."""
    victim = process(server)
    victim.send(signal.SIGKILL)
    os.waitpid(victim.pid, 0)


def test_it_looks_like_rds_tcp_scram_tls_and_durable_commits(server: Postgres) -> None:
    running = server.start(Progress())
    connection = running.connect()
    settings = dict(connection.run("SELECT name, setting FROM pg_settings"))
    connection.close()
    assert settings["password_encryption"] == "scram-sha-256"
    assert settings["fsync"] == settings["synchronous_commit"] == "on"
    assert settings["listen_addresses"] == "127.0.0.1"
    assert settings["server_encoding"] == "UTF8"
    assert (settings["ssl"] == "on") is running.tls
    assert int(settings["max_connections"]) >= 200
    with pytest.raises(pg8000.native.DatabaseError, match="password authentication failed"):
        running.connect(password="wrong")


def test_its_certificate_proves_the_server_to_a_client_that_checks(server: Postgres) -> None:
    running = server.start(Progress())
    if not running.tls:
        pytest.skip("these binaries were built without TLS")
    context = ssl.create_default_context(cafile=str(server.data / "server.crt"))
    connection = pg8000.native.Connection(
        running.admin_user,
        host=running.host,
        port=running.port,
        password=running.admin_password,
        database="postgres",
        ssl_context=context,
    )
    assert connection.run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [[True]]
    connection.close()


def test_a_second_start_finds_it_running(server: Postgres) -> None:
    server.start(Progress())
    pid = process(server).pid
    server.start(Progress())
    assert process(server).pid == pid


def test_data_and_port_stay_across_a_stop(server: Postgres) -> None:
    running = server.start(Progress())
    connection = running.connect()
    connection.run("CREATE TABLE kept AS SELECT 1 AS value")
    connection.close()
    assert server.stop()
    assert not server.stop()
    again = server.start(Progress())
    assert again == running
    connection = again.connect()
    assert connection.run("SELECT value FROM kept") == [[1]]
    connection.close()


def test_after_kill_9_a_recycled_pid_in_the_stale_file_does_not_stop_it(server: Postgres) -> None:
    running = server.start(Progress())
    pid = process(server).pid
    connection = running.connect()
    connection.run("CREATE TABLE kept AS SELECT 1 AS value")
    kill(server)
    stale = server.data / "postmaster.pid"
    stale.write_text(stale.read_text().replace(str(pid), str(os.getpid()), 1))
    connection = server.start(Progress()).connect()
    assert connection.run("SELECT value FROM kept") == [[1]]
    connection.close()


def test_a_lost_process_record_does_not_leave_two_servers_on_one_directory(server: Postgres) -> None:
    server.start(Progress())
    first = process(server)
    server.layout.process("postgres").unlink()
    server.start(Progress())
    assert not first.alive


def test_an_initdb_that_was_killed_is_done_again(server: Postgres) -> None:
    unfinished = server.home / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("")
    server.start(Progress()).connect().close()
    assert not unfinished.exists()


def test_one_that_ends_at_once_shows_what_it_said(server: Postgres) -> None:
    server.start(Progress())
    server.stop()
    with open(server.data / "postgresql.conf", "a") as file:
        file.write("nonsense = on\n")
    with pytest.raises(StaticfireError, match="nonsense"):
        server.start(Progress())


def test_a_port_that_was_taken_meanwhile_is_given_up(server: Postgres) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        write_json(server.home / "server.json", {"port": taken, "version": "0", "tls": False, "data": str(server.data)})
        assert server.start(Progress()).port != taken


@pytest.mark.parametrize("damage", ["lost", "empty", "not text", "another"])
@pytest.mark.parametrize("runs", [True, False])
def test_a_password_that_is_lost_or_damaged_is_set_anew(server: Postgres, damage: str, runs: bool) -> None:
    connection = server.start(Progress()).connect()
    connection.run("CREATE TABLE kept AS SELECT 1 AS value")
    connection.close()
    if not runs:
        server.stop()
    password = server.home / "admin-password"
    if damage == "lost":
        password.unlink()
    else:
        password.write_bytes({"empty": b"", "not text": b"\xff\0", "another": b"x" * 32}[damage])
    if runs and (running := server.running()) is not None:
        with pytest.raises(PasswordRefusedError, match="refuses"):
            running.connect()
    again = server.start(Progress())
    assert again.connect().run("SELECT value FROM kept") == [[1]]
    server.stop()
    assert server.start(Progress()).connect().run("SELECT value FROM kept") == [[1]]


def test_passwords_are_readable_by_their_owner_only(server: Postgres) -> None:
    server.start(Progress())
    assert (server.home / "admin-password").stat().st_mode & 0o077 == 0
    assert not (server.home / "initdb-password").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone must become somebody else")
@pytest.mark.parametrize("namespaces", [True, False])
def test_root_starts_it_where_nobody_else_may_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, namespaces: bool
) -> None:
    if not namespaces:
        monkeypatch.setattr(data_directory, "_succeeds", lambda _: False)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    state = closed / "state"
    server = Postgres(Settings(project=closed, state_dir=state, cache_dir=state))
    try:
        server.start(Progress()).connect().close()
    finally:
        server.stop()
        place = server.data.parent
        server.wipe()
        assert place == server.home or not place.exists()


def test_the_database_of_a_stack_that_was_never_up_is_empty_already(server: Postgres, tmp_path: Path) -> None:
    settings = Settings(
        project=tmp_path,
        state_dir=tmp_path / "state",
        stacks={"shop": StackSettings("shop", tmp_path / "infra", database=True)},
    )
    running = Running("http://127.0.0.1:1", "us-east-1", Health("running", "life-1", {}), server.start(Progress()))
    database = Stack(settings, "shop", running).database
    assert running.postgres is not None
    assert database is not None
    database.empty()
    with pytest.raises(pg8000.native.DatabaseError, match="does not exist"):
        running.postgres.connect("shop")


def test_what_the_console_reads_is_bounded_in_rows_and_bytes_unlocked_too(server: Postgres) -> None:
    running = server.start(Progress())
    for unlocked in (False, True):
        answer = sql.query(running, "postgres", "SELECT n FROM generate_series(1, 20000) n", unlocked=unlocked)
        assert (len(answer["rows"]), answer["more"], answer["note"]) == (sql.ROWS, True, f"The first {sql.ROWS} rows.")
        large = f"SELECT repeat('x', {sql.ROW_BYTES // 4}) FROM generate_series(1, 10)"
        answer = sql.query(running, "postgres", large, unlocked=unlocked)
        assert (len(answer["rows"]), answer["more"], answer["note"]) == (
            3,
            True,
            "The first 3 rows: more are over 8 MiB.",
        )
    made = sql.query(running, "postgres", "CREATE TABLE t AS SELECT generate_series(1, 3) n", unlocked=True)
    assert (made["rows"], made["more"], made["note"]) == ([], False, "")
    returned = sql.query(running, "postgres", "UPDATE t SET n = n + 1 RETURNING n", unlocked=True)
    assert (returned["rows"], returned["more"]) == ([[2], [3], [4]], False)
