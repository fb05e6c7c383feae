"""Ports: a free one, whether one is taken, and by whom; the error of a port that is taken."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

from staticfire.errors import BusyError, StaticfireError

# Below the ports of outgoing connections (Linux: from 32768, macOS: from 49152).
PORTS = range(20_000, 32_768)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody has. The kernel's own choice could go to an outgoing connection before its user binds it."""
    choose = random.SystemRandom().choice
    while not port_is_free(host, port := choose(PORTS)):
        pass
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
        with contextlib.suppress(OSError):  # it has ended meanwhile
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            return f"pid {pid}: {command}"
    return "a process that this user cannot see"


def port_taken(port: int, variable: str) -> BusyError:
    """The error of a port that somebody else has; `variable` names another one."""
    return BusyError(
        f"The port {port} is taken.",
        checked=[f"it is held by {port_holder(port)}"],
        remedy=f"End that process, or name another port in {variable}; 0 takes a free one.",
    )


def _listeners(port: int) -> Iterator[int]:
    """The processes that listen on `port`; none where there is no /proc."""
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
