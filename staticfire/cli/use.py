"""Who uses what runs: commands of `staticfire exec`, the last of which ends what the first one started."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from io import FileIO

from staticfire.layout import Layout
from staticfire.settings import Settings


class Use:
    """One command's use of what runs, from `begin` to `ended`. The kernel ends it when the process dies."""

    def __init__(self, settings: Settings) -> None:
        self._layout = Layout.of(settings)
        self._lock: FileIO | None = None

    @staticmethod
    def of_a_user(settings: Settings) -> None:
        """`up` was asked for: what runs stays, whoever started it."""
        Layout.of(settings).began_by_exec.unlink(missing_ok=True)

    def begin(self, *, starts: bool) -> None:
        """`starts`: nothing runs yet. The state directory is locked."""
        if starts:
            self._layout.began_by_exec.touch()
        self._lock = open(self._layout.in_use, "a+b", buffering=0)  # noqa: SIM115 -- `ended` closes it
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    @contextlib.contextmanager
    def ended(self) -> Iterator[bool]:
        """Whether what runs is to be ended now, which nobody else does or uses meanwhile."""
        lock, self._lock = self._lock, None
        if lock is None:
            yield False
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_UN)  # two that end at once do not wait for each other
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield self._layout.began_by_exec.exists()
