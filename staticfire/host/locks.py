"""Locks: of one file, and of a whole state directory, which one command holds at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from staticfire.errors import BusyError
from staticfire.layout import Layout


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Wait for, then hold, a lock on `path`. The kernel drops it when the holder dies, however it dies.

    A child that is started with `close_fds=False` holds it as well: what it writes is guarded until it has ended.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        os.set_inheritable(file.fileno(), True)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def command_lock(layout: Layout, command: str) -> Iterator[None]:
    """The one lock of a state directory: two commands that change the same stack never run at once."""
    layout.make_state()
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
        with contextlib.suppress(OSError):  # also on a full disk what runs must end
            file.write(holder.encode())
        try:
            yield
        finally:
            file.truncate(0)
