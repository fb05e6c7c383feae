"""A real Postgres server: started from binaries of this machine, found again, ended; and how to reach one.

It looks like RDS: TCP, SCRAM passwords, TLS where the binaries have it, and a durable commit. The data directory goes
through three states: absent; `data.unfinished` while initdb works; `data` once it is whole. A server is found again
by its process record. After a kill -9 the stale postmaster.pid is removed, but only once no process is left in the
data directory: the pid in it may belong to a stranger by now, while an orphaned backend may still write.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from staticfire.errors import StaticfireError
from staticfire.host.files import read_json, secret, write_atomically, write_json
from staticfire.host.ports import free_port, port_is_free, port_taken
from staticfire.host.processes import DetachedProcess, ProcessRecord, processes_in
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings

from .binaries import Binaries, binaries_for
from .certificate import self_signed
from .data_directory import DataDirectory

if TYPE_CHECKING:
    from pg8000.native import Connection

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
ADMIN = "postgres"
START_SECONDS = 60.0
WRONG_PASSWORD = "28P01"
CACHE_OF_ALL_USERS = Path("/var/cache/staticfire")  # where a server that is not root's may go


class PasswordRefusedError(StaticfireError):
    """The superuser's password was lost, or is damaged."""


@dataclass(frozen=True)
class RunningPostgres:
    """How to reach a running server. `inside` is its host and port for functions, where these live in a container."""

    host: str
    port: int
    admin_user: str
    admin_password: str
    version: str = "unknown"
    tls: bool = False
    inside: tuple[str, int] | None = None

    def connect(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> Connection:
        """Connect as the role `user`, else as the superuser; when its password is wrong, the error says what to do."""
        from pg8000.native import Connection, DatabaseError  # not at the top: few commands touch it

        try:
            return Connection(
                user or self.admin_user,
                host=self.host,
                port=self.port,
                database=database,
                password=password or self.admin_password,
                timeout=30,
            )
        except DatabaseError as error:
            if user or password or error.args[0].get("C") != WRONG_PASSWORD:
                raise
            raise PasswordRefusedError(
                f"Postgres refuses the password of its superuser {self.admin_user}.",
                checked=[f"{self.host}:{self.port}"],
                remedy="`staticfire up` gives it a new one. A server that Staticfire does not start has its own.",
            ) from error

    def outside(self, host: str, port: int) -> tuple[str, int]:
        """Where this machine reaches the address by which functions reach the server."""
        return (self.host, self.port) if (host, port) == self.inside else (host, port)

    def password_of(self, role: str) -> str:
        """The password of a stack's role: the same for whoever knows the server's own, on every machine."""
        return hmac.new(self.admin_password.encode(), role.encode(), hashlib.sha256).hexdigest()[:40]

    def dsn(self, database: str, user: str, password: str = "***") -> str:
        shown = password if password == "***" else quote(password, safe="")
        return f"postgresql://{user}:{shown}@{self.host}:{self.port}/{database}"

    def inspected(self) -> RunningPostgres:
        """With the version and TLS that it tells; they stay unknown while it does not answer."""
        from pg8000.native import DatabaseError, InterfaceError

        try:
            connection = self.connect()
        except (PasswordRefusedError, InterfaceError, DatabaseError, OSError) as error:
            log.info("Postgres at %s:%d does not answer: %s", self.host, self.port, error)
            return self
        with contextlib.closing(connection):
            query = "SELECT current_setting('server_version'), current_setting('ssl')"
            [[version, tls]] = connection.run(query)
        return replace(self, version=version.split()[0], tls=tls == "on")


_BACKUP = ("pg_backup_start('staticfire', true)", "pg_backup_stop(false)")
_BACKUP_BEFORE_15 = ("pg_start_backup('staticfire', true, false)", "pg_stop_backup(false, false)")


def _copy_if_there(source: str, target: str) -> None:
    """What the server removes meanwhile is in its log, which is copied afterwards."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(source, target)


Launched = Callable[[RunningPostgres], None]


class Postgres:
    """The stack's server: `start`, `running`, `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)
        self.home = self.layout.postgres
        self.log = self.layout.logs / "postgres.log"
        self.begun = False

    @property
    def data(self) -> Path:
        """The data directory; outside the project when root cannot run a server inside (see data_directory.py)."""
        record = read_json(self.home / "server.json", data=str)
        return self.home / "data" if record is None else Path(record["data"])

    def running(self) -> RunningPostgres | None:
        record = read_json(self.home / "server.json", port=int, version=str, tls=bool, data=str)
        if record is None or ProcessRecord.read(self.layout.process("postgres")) is None:
            return None
        return self._server(record)

    def start(self, progress: Progress, launched: Launched = lambda server: None) -> RunningPostgres:
        """The running server; started, and made first, when there is none. `launched` hears where it will answer."""
        with progress.step("Postgres", brief=True) as step:
            server = self.running()
            if server is None or self._takes_password(server) is False:
                self.stop()
                self.begun = True
                server = self._start(launched)
                if not self._takes_password(server):
                    self.stop()
                    self._set_password()
                    server = self._start(launched)
            launched(server)
            tls = "TLS" if server.tls else "no TLS: these binaries were built without it"
            step.done(f"{server.version} on {server.host}:{server.port}, {tls}")
        return server

    def stop(self) -> bool:
        """Whether there was a server to stop."""
        process = ProcessRecord.read(self.layout.process("postgres"))
        if process is None:
            self.end_orphans()
            return False
        # SIGINT is the "fast" shutdown, SIGQUIT the "immediate" one, which costs a recovery at the next start.
        process.stop((signal.SIGINT, 60), (signal.SIGQUIT, 15), (signal.SIGKILL, 5))
        return True

    def copy(self, place: Path) -> None:
        """Copy the data of the running or stopped server as it is now (docs of Postgres: "Low Level API")."""
        if self.running() is None:
            shutil.copytree(self.data, place, symlinks=True)
            return
        with contextlib.closing(self._server(read_json(self.home / "server.json") or {}).connect()) as connection:
            [[number]] = connection.run("SELECT current_setting('server_version_num')::int")
            begin, end = _BACKUP if number >= 150000 else _BACKUP_BEFORE_15
            [[first]] = connection.run(f"SELECT pg_walfile_name({begin})")
            shutil.copytree(self.data, place, symlinks=True, ignore=self._of_the_process, copy_function=_copy_if_there)
            [[last, label]] = connection.run(f"SELECT pg_walfile_name(lsn), labelfile FROM {end}")
        for segment in sorted(os.listdir(self.data / "pg_wal")):
            if first <= segment <= last and len(segment) == len(first):
                shutil.copy2(self.data / "pg_wal" / segment, place / "pg_wal")
        (place / "backup_label").write_text(label)

    def _of_the_process(self, directory: str, names: list[str]) -> list[str]:
        if Path(directory) == self.data:
            return [name for name in names if name in ("postmaster.pid", "postmaster.opts")]
        if Path(directory) == self.data / "pg_wal":
            return [name for name in names if (self.data / "pg_wal" / name).is_file()]
        return [name for name in names if name.startswith("pgsql_tmp")]

    def give(self, place: Path) -> None:
        """Let the server's user have a copy of its data."""
        directory = DataDirectory.below(self.home)
        directory.give(place, *place.rglob("*"))

    def wipe(self) -> None:
        """Remove the data where it lies outside; what is inside goes with the rest of the state."""
        if self.data.parent != self.home and self.data.parent.exists():
            shutil.rmtree(self.data.parent)

    def end_orphans(self) -> None:
        """After a kill -9: end what still runs in the data directory, then drop the stale postmaster.pid."""
        data = self.data
        for number, patience in ((signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
            orphans = processes_in(data)
            if orphans is None:
                return
            for pid in orphans:
                log.warning("process %d of an earlier Postgres is still in %s: %s", pid, data, number.name)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if wait_until(lambda: not processes_in(data), patience):
                (data / "postmaster.pid").unlink(missing_ok=True)
                return

    def _start(self, launched: Launched) -> RunningPostgres:
        self.home.mkdir(parents=True, exist_ok=True)
        directory = DataDirectory.below(self.home)
        binaries = self._binaries(directory)
        if not (directory.path / "PG_VERSION").exists():
            self._initialise(binaries, directory)
        port = self._port()
        options = {
            "listen_addresses": HOST,
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "300",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "ssl": "off",
        }
        if binaries.tls:
            self._make_certificate(directory)
            options |= {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}
        command = [str(binaries.directory / "postgres"), "-D", str(directory.path)]
        command += [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        process = DetachedProcess(
            [*directory.prefix, *command], self.log, self.layout.process("postgres"), **directory.process_options
        )
        record = {"port": port, "version": binaries.version, "tls": binaries.tls, "data": str(directory.path)}
        write_json(self.home / "server.json", record)
        server = self._server(record)
        launched(server)
        if not wait_until(
            lambda: process.ended is not None or self._takes_password(server) is not None, START_SECONDS, 0.05
        ):
            process.child.kill()
            process.child.wait()
        if process.ended is not None:
            raise StaticfireError(
                f"Postgres did not start:\n{process.said}",
                checked=[str(self.log), str(directory.path)],
                remedy="Correct what it names. Data that is damaged can be dropped: `staticfire down --wipe`.",
            )
        return server

    def _server(self, record: Mapping[str, Any]) -> RunningPostgres:
        password = secret(self.home / "admin-password")
        return RunningPostgres(HOST, record["port"], ADMIN, password, record["version"], record["tls"])

    @staticmethod
    def _takes_password(server: RunningPostgres) -> bool | None:
        """Whether it takes the superuser's; None while it does not answer."""
        from pg8000.native import DatabaseError, InterfaceError

        try:
            server.connect().close()
        except PasswordRefusedError:
            return False
        except (InterfaceError, DatabaseError, OSError):
            return None
        return True

    def _set_password(self) -> None:
        """The data has another password than the file: it gets the file's, by a session that needs none."""
        from pg8000.native import literal

        directory = DataDirectory.below(self.home)
        log.warning("the password of Postgres was lost and is set anew; those of the stacks follow from it")
        binaries = self._binaries(directory)
        password = literal(secret(self.home / "admin-password"))
        command = [str(binaries.directory / "postgres"), "--single", "-D", str(directory.path)]
        command += ["-c", "password_encryption=scram-sha-256", "postgres"]
        run = directory.run(command, input=f"ALTER ROLE {ADMIN} PASSWORD {password}\n")
        if run.returncode or "ERROR" in run.stderr:
            raise StaticfireError(
                f"The password of Postgres was lost and cannot be set anew:\n{run.stderr.strip()}",
                checked=[" ".join(command)],
                remedy="Data that is damaged can be dropped: `staticfire down --wipe`.",
            )

    def _binaries(self, directory: DataDirectory) -> Binaries:
        layout = self.layout if directory.user is None else replace(self.layout, cache=CACHE_OF_ALL_USERS)
        return binaries_for(directory.path, self.settings, layout)

    def _port(self) -> int:
        """The port that the settings name, else the one of the last time, else a free one: DSNs should stay right."""
        port = self.settings.postgres_port
        if port and not port_is_free(HOST, port):
            raise port_taken(port, "STATICFIRE_POSTGRES_PORT")
        record = read_json(self.home / "server.json", port=int)
        last = record["port"] if record and 0 < record["port"] < 65536 else 0
        return port or (last if last and port_is_free(HOST, last) else free_port())

    def _initialise(self, binaries: Binaries, directory: DataDirectory) -> None:
        unfinished = directory.path.with_name("data.unfinished")
        password = directory.path.with_name("initdb-password")
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale"]
        locales = [builtin] if int(binaries.major) >= 17 else [["--locale=C.UTF-8"], ["--no-locale"]]
        write_atomically(password, secret(self.home / "admin-password").encode(), 0o600)
        try:
            for locale in locales:
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir(mode=0o700)
                directory.give(unfinished, password)
                command = [
                    str(binaries.directory / "initdb"),
                    "-D",
                    str(unfinished),
                    "-U",
                    ADMIN,
                    "-E",
                    "UTF8",
                    *locale,
                ]
                command += ["--auth=scram-sha-256", f"--pwfile={password}", "--no-instructions"]
                run = directory.run(command)
                if run.returncode == 0:
                    unfinished.rename(directory.path)
                    return
        finally:
            password.unlink(missing_ok=True)
        raise StaticfireError(
            f"initdb failed:\n{run.stderr.strip() or run.stdout.strip()}", checked=[" ".join(command)]
        )

    def _make_certificate(self, directory: DataDirectory) -> None:
        certificate, key = directory.path / "server.crt", directory.path / "server.key"
        if not (certificate.exists() and key.exists()):
            private, signed = self_signed(HOST)
            write_atomically(key, private, 0o600)
            write_atomically(certificate, signed)
            directory.give(key, certificate)
