"""What a run leaves below its state directory: paths, the one lock, and records of the processes it started.

A process record holds the pid and the time at which the kernel started that process. A pid alone proves nothing:
after a crash or a reboot it may belong to a stranger. A record therefore is in one of two states: `alive`, when a
process with that pid and that start time exists, or stale, when it can be dropped without touching anything.

The state directory belongs to one stack. The cache directory (environments, packages) may be shared by several, such
as the stack of `make up` and the one of a test run.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .errors import BusyError, StaticfireError
from .settings import Settings

PR_SET_PDEATHSIG = 1
LONG_LOG = 10 * 1024 * 1024


@dataclass(frozen=True)
class Layout:
    """Every path that staticfire writes."""

    state: Path
    cache: Path

    @classmethod
    def of(cls, settings: Settings) -> Layout:
        return cls(settings.state_dir, settings.cache_dir)

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def edge(self) -> Path:
        """Written by the edge once it serves."""
        return self.state / "edge.json"

    @property
    def edge_config(self) -> Path:
        return self.state / "edge-config.json"

    @property
    def postgres(self) -> Path:
        return self.state / "postgres"

    @property
    def terraform(self) -> Path:
        return self.state / "terraform"

    @property
    def reports(self) -> Path:
        return self.state / "reports"

    @property
    def envs(self) -> Path:
        return self.cache / "envs"

    @property
    def build(self) -> Path:
        return self.cache / "build"

    def process(self, name: str) -> Path:
        return self.state / "processes" / f"{name}.json"

    def applied(self, account: str, stack: str) -> Path:
        return self.state / "applied" / account / f"{stack}.json"

    def planned(self, account: str, stack: str) -> Path:
        """What the stack would be on AWS."""
        return self.state / "planned" / account / f"{stack}.json"


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """All of `data` or nothing: a killed process never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def open_log(path: Path) -> BinaryIO:
    """A program's log, to be appended to. A long one of earlier starts is put aside: two are kept at the most."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LONG_LOG:
            path.replace(path.with_name(f"{path.name}.1"))
    return open(path, "ab")


def write_json(path: Path, value: Any, mode: int = 0o644) -> None:
    write_atomically(path, json.dumps(value, indent=2, sort_keys=True).encode() + b"\n", mode)


def read_json(path: Path, *keys: str) -> dict[str, Any] | None:
    """The object in `path`, with these keys at least; None when there is no file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StaticfireError(f"{path} is damaged: {error}.", remedy=f"Delete {path} and try again.") from error
    if not isinstance(value, dict):
        raise StaticfireError(f"{path} holds no object.", remedy=f"Delete {path} and try again.")
    missing = [key for key in keys if key not in value]
    if missing:
        raise StaticfireError(
            f"{path} is damaged: it does not tell {', '.join(missing)}.", remedy=f"Delete {path} and try again."
        )
    return value


def secret(path: Path) -> str:
    """The password kept in `path`, readable by its owner only; made at the first use."""
    with file_lock(path.with_name(f".{path.name}.lock")):
        if not path.exists():
            write_atomically(path, secrets.token_urlsafe(24).encode(), 0o600)
    return path.read_text()


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Wait for, then hold, a lock on `path`. The kernel drops it when the holder dies, however it dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def command_lock(layout: Layout, command: str) -> Iterator[None]:
    """The one lock of a state directory: two commands that change the same stack never run at once."""
    layout.state.mkdir(parents=True, exist_ok=True)
    with open(layout.lock, "a+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise BusyError(
                f"Another staticfire command is at work on {layout.state}.",
                checked=[f"the lock is held by {file.read().decode().strip() or 'a process that is just starting'}"],
                remedy="Wait until it ends, or end it.",
            ) from error
        file.truncate(0)
        holder = f"pid {os.getpid()}: staticfire {command}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n"
        with contextlib.suppress(OSError):  # a full disk is no reason not to end what runs
            file.write(holder.encode())
        try:
            yield
        finally:
            file.truncate(0)


def start_time(pid: int) -> str | None:
    """When the kernel started `pid`, in the kernel's own words; None when there is no such process."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, *rest = stat.rpartition(")")[2].split()
        return None if state in "ZX" else rest[18]
    listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.strip() or None


@dataclass(frozen=True)
class Process:
    """A process that staticfire started, as recorded in a file."""

    pid: int
    started: str
    path: Path

    @classmethod
    def record(cls, path: Path, pid: int) -> Process:
        started = start_time(pid)
        if started is None:
            raise StaticfireError(f"The process {pid} ended as soon as it had started.")
        write_json(path, {"pid": pid, "started": started})
        return cls(pid, started, path)

    @classmethod
    def read(cls, path: Path) -> Process | None:
        """The recorded process if it is alive; a stale record is dropped."""
        record = read_json(path, "pid", "started")
        if record is None:
            return None
        process = cls(int(record["pid"]), str(record["started"]), path)
        if process.alive:
            return process
        path.unlink(missing_ok=True)
        return None

    @property
    def alive(self) -> bool:
        return start_time(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, *signals: tuple[signal.Signals, float]) -> None:
        """Send each signal in turn until the process is gone, waiting the seconds given with it."""
        for number, patience in signals:
            self.send(number)
            if wait_until(lambda: not self.alive, patience):
                self.path.unlink(missing_ok=True)
                return
        raise StaticfireError(
            f"The process {self.pid} does not end.",
            checked=[f"signals sent: {', '.join(number.name for number, _ in signals)}"],
            remedy=f"Look at it with `ps -p {self.pid} -o pid,stat,wchan,args`.",
        )


def end_with_parent() -> Callable[[], None] | None:
    """For a child's `preexec_fn`: where the kernel can do it, the child ends when this process is killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def wait_until(condition: Callable[[], object], patience: float, interval: float = 0.02) -> bool:
    """Whether `condition()` came true within `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def port_is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise StaticfireError(
                f"Nothing can listen on {host}:{port} here: {error.strerror}.",
                remedy="Choose an address of this machine and a port over 1023: STATICFIRE_HOST, STATICFIRE_PORT.",
            ) from error
    return True


def port_holder(port: int) -> str:
    """Who listens on `port`, as far as this user may see: `pid 17: python -m http.server`."""
    for pid in _listeners(port):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return f"pid {pid}: {command}"
    return "a process that this user cannot see"


def _listeners(port: int) -> Iterator[int]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{columns[9]}]")
    if not inodes:
        return
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.readlink(fd) in inodes for fd in (directory / "fd").iterdir()):
                yield int(directory.name)
