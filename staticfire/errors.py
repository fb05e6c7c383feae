"""Errors as part of the product: what happened, what was checked, what to do."""

from __future__ import annotations

from collections.abc import Sequence


class StaticfireError(Exception):
    """A failure that the user can act on.

    `exit_code` is the process's exit code; README.md documents the codes.
    """

    exit_code = 1

    def __init__(self, what: str, *, checked: Sequence[str] = (), remedy: str = "") -> None:
        self.what = what
        self.checked = tuple(checked)
        self.remedy = remedy
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self.what]
        lines += [f"  checked: {line}" for line in self.checked]
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


class UsageError(StaticfireError):
    """The command or its settings cannot be right (2)."""

    exit_code = 2


class PrerequisiteError(StaticfireError):
    """Something this machine must have is missing or unfit (3)."""

    exit_code = 3


class NotRunningError(StaticfireError):
    """The command needs a running stack and there is none (4)."""

    exit_code = 4


class DegradedError(StaticfireError):
    """The stack runs, but a part of it does not (5)."""

    exit_code = 5


class ApplyError(StaticfireError):
    """Terraform failed (6)."""

    exit_code = 6


class BusyError(StaticfireError):
    """Another staticfire command holds the lock, or a port is taken (7)."""

    exit_code = 7


class UnsupportedError(StaticfireError):
    """The stack holds something that cannot run here; nothing of it was applied (9)."""

    exit_code = 9
