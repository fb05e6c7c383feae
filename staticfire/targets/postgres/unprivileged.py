"""Run a command as a user that is not root, from root, without giving any file away.

Postgres refuses to run as root. In a user namespace of its own, root's user id is shown to the command as another
one: it reads and writes what root owns, below /root too, and has none of root's powers. Run as `python
unprivileged.py COMMAND...`, by path and with nothing imported but the standard library; it becomes the command.
"""

from __future__ import annotations

import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000
SHOWN_AS = 65534


def enter() -> None:
    """Move this process into a user namespace where it is not root. Raises OSError where the kernel forbids it."""
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{SHOWN_AS} {user} 1"),
        ("gid_map", f"{SHOWN_AS} {group} 1"),
    ):
        with open(f"/proc/self/{file}", "w") as target:
            target.write(line)


if __name__ == "__main__":
    enter()
    os.execv(sys.argv[1], sys.argv[1:])
