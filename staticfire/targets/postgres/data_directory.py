"""Postgres' data directory, and the user that the server runs as: not root.

From root the server runs in a user namespace where it is not root (see unprivileged.py), else under an existing system
user.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staticfire.errors import PrerequisiteError


@dataclass(frozen=True)
class DataDirectory:
    """Where the data is, and who owns it. `prefix` begins every command that works on it."""

    path: Path
    prefix: Sequence[str] = ()
    user: int | None = None
    group: int | None = None

    @classmethod
    def below(cls, home: Path) -> DataDirectory:
        """The one below `home`; outside the project when the server's user may not go there."""
        data = home / "data"
        if os.geteuid() != 0:
            return cls(data)
        helper = [sys.executable, "-I", str(Path(__file__).with_name("unprivileged.py"))]
        if _succeeds([*helper, "/bin/true"]):
            return cls(data, prefix=helper)
        for name in ("postgres", "nobody"):
            try:
                user = pwd.getpwnam(name)
            except KeyError:
                continue
            directory = cls(data, user=user.pw_uid, group=user.pw_gid)
            directory.give(home)
            if directory.run(["/bin/ls", str(home)]).returncode == 0:
                return directory
            # The project lies where no other user may go, such as below /root.
            outside = Path("/var/lib/staticfire") / str(home.resolve()).strip("/").replace("/", "-")
            outside.mkdir(parents=True, exist_ok=True)
            directory = cls(outside / "data", user=user.pw_uid, group=user.pw_gid)
            directory.give(outside)
            return directory
        raise PrerequisiteError(
            "Postgres does not run as root, and there is not another user to run it as.",
            checked=["user namespaces: not allowed here", "the users postgres and nobody: not there"],
            remedy="Run staticfire as a user that is not root, or add one: `useradd --system postgres`.",
        )

    @property
    def process_options(self) -> dict[str, Any]:
        """What `subprocess` needs to run a command as the owner."""
        groups: list[int] | None = None if self.user is None else []
        return {"cwd": "/", "user": self.user, "group": self.group, "extra_groups": groups}

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        options |= self.process_options
        return subprocess.run([*self.prefix, *command], capture_output=True, text=True, check=False, **options)

    def give(self, *paths: Path) -> None:
        if self.user is not None:
            for path in paths:
                os.chown(path, self.user, self.group or 0)


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
