"""Where a stack runs. One interface: start, describe, stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from staticfire.edge_client import EdgeClient, Health
from staticfire.errors import DegradedError, NotRunningError, PrerequisiteError, UsageError
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.postgres.server import RunningPostgres


@dataclass(frozen=True)
class Running:
    """A started target: what callers need to reach it. `notes` say what differs from what was asked for; `revived`: a
    part of it had died alone, so that requests may have ended between one store and the other."""

    endpoint: str
    region: str
    health: Health
    postgres: RunningPostgres | None
    notes: Sequence[str] = ()
    token: str = ""
    revived: bool = False

    def edge(self, *, timeout: float = 10.0) -> EdgeClient:
        """A client of the edge that may steer it."""
        return EdgeClient(self.endpoint, self.token, timeout=timeout)

    @property
    def instance(self) -> str:
        return self.health.instance


class Target(Protocol):
    def start(self, progress: Progress) -> Running:
        """Start what does not run yet, and wait until all of it is well."""

    def describe(self) -> Running | None:
        """What runs, well or not; None when nothing does."""

    def stop(self, progress: Progress) -> bool:
        """End it; whether there was anything to end. Postgres keeps its data."""

    def undo(self, progress: Progress) -> None:
        """After an interrupted `start`: end what it started, and nothing that ran before."""

    def wipe(self) -> Sequence[str]:
        """Forget all data of the stopped target; what was removed."""

    def kill(self, part: str) -> None:
        """Kill `emulator`, `postgres` or `edge` as a crash would, and wait until it is gone."""


TARGETS = ("embedded", "compose", "containers", "external")
ENFORCING = "embedded"
# A test run does not start these: it uses the one that is up.
SHARED = ("compose", "external")


def target(settings: Settings) -> Target:
    """The target that the settings name."""
    if settings.target not in TARGETS:
        raise UsageError(
            f"There is no target {settings.target!r}.",
            checked=[f"the targets are: {', '.join(TARGETS)}"],
            remedy="The target `given` is called `external` now."
            if settings.target == "given"
            else "Correct the setting `target` (STATICFIRE_TARGET, --target).",
        )
    if settings.enforce_iam and settings.target != ENFORCING:
        raise UsageError(
            f"IAM is not enforced on the target {settings.target!r}: LocalStack's free edition does not.",
            remedy=f"Use the target {ENFORCING!r}, or leave the setting `enforce_iam` out.",
        )
    try:
        module = import_module(f"staticfire.targets.{settings.target}")
    except ModuleNotFoundError as error:
        raise PrerequisiteError(
            f"The target {settings.target!r} needs a package that is not installed: {error.name}.",
            remedy="Install staticfire with its extra: `pip install 'staticfire[containers]'`.",
        ) from error
    chosen: Target = getattr(module, settings.target.capitalize())(settings)
    return chosen


def require_running(settings: Settings) -> Running:
    """What runs, well or not; an error that says what to do when nothing does."""
    running = target(settings).describe()
    if running is None:
        raise NotRunningError(
            "Nothing is running.", checked=[str(settings.state_dir)], remedy="Start it with `staticfire up`."
        )
    return running


def require_well(settings: Settings) -> Running:
    """What runs; an error when a part of it is not well."""
    running = require_running(settings)
    if running.health.sick:
        raise degraded(running)
    return running


def degraded(running: Running) -> DegradedError:
    """The error that says which parts are not well, and what to do."""
    parts = [
        f"{name}: {', '.join(f'{key} {value}' for key, value in part.items())}"
        for name, part in running.health.sick.items()
    ]
    return DegradedError(
        "The stack runs, but not all of it.", checked=parts, remedy="`staticfire up` starts what is missing."
    )
