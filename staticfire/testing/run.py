"""The stacks of one test run: who starts them, who uses them, who ends them.

A run has a state directory of its own, a *slot*, so that it never meets the stack of `staticfire up` or another run. It
claims the slot with a lock that the kernel drops with its holder: the process of a plain run, the controller of a run
with workers. A later run uses the slot again, which saves it most of Terraform's start and the making of a database
server; what a killed run left there, it finds and uses.

Whoever needs a stack first starts what it runs on, under a lock; all others find it running. Each worker is an account
of its own, with its own Terraform state and its own database. The holder of the slot ends what runs, unless it is to be
kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from staticfire.errors import DegradedError, NotRunningError, StaticfireError, UsageError
from staticfire.host.locks import file_lock
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings, load
from staticfire.stacks.options import remembered
from staticfire.stacks.stack import Stack
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from staticfire.targets.base import SHARED, Running, Target, target
from staticfire.targets.copies import Copies, snapshot_named

from .kit import StackUnderTest

FIRST_ACCOUNT = 100_000_000_000
FIRST_RDS_ACCOUNT = 900_000_000_000
COMMAND_SECONDS = 600


@dataclass
class StateSlot:
    """A state directory that belongs to this process until it is released."""

    state: Path
    claimed: IO[str]

    @classmethod
    def claim(cls, parent: Path) -> StateSlot:
        """The first slot below `parent` that no run holds."""
        for number in itertools.count(1):
            state = parent / str(number)
            state.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as unless_claimed:
                claim = unless_claimed.enter_context(open(state / "claim", "w", encoding="utf-8"))
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    unless_claimed.pop_all()
                    return cls(state, claim)
        raise AssertionError("itertools.count() does not end")

    def release(self) -> None:
        self.claimed.close()


def settings_of(project: Path, state: Path | None, target_name: str | None) -> Settings:
    """The project's settings; in a slot, other state and whatever ports are free. A shared target has no slots."""
    overrides: dict[str, Any] = {"target": target_name or None}
    settings = load(project, overrides=overrides)
    if state is None or settings.target in SHARED:
        return remembered(settings, settings)
    apart = load(project, overrides={**overrides, "state_dir": str(state), "port": 0, "postgres_port": 0})
    return remembered(apart, settings)


def end(project: Path, slot: StateSlot, target_name: str | None, progress: Progress) -> None:
    """End what runs in the slot; it is not an error when nothing does."""
    settings = settings_of(project, slot.state, target_name)
    if settings.target not in SHARED:
        target(settings).stop(progress)


def worker_number(worker: str) -> int:
    """`gw3` is worker 3. A run without workers is its own worker 0."""
    match = re.fullmatch(r"gw(\d+)", worker)
    return int(match[1]) if match else 0


class WorkerStacks:
    """One worker's stacks, in its account. `state` is the slot, or None: use what is up already."""

    def __init__(
        self,
        project: Path,
        state: Path | None,
        target_name: str | None,
        worker: int,
        progress: Progress,
        snapshot: str = "",
    ) -> None:
        """`snapshot`: the run begins with what it holds, in the account that `staticfire up` has."""
        self.settings = settings_of(project, state, target_name)
        self._snapshot = None
        self.account = f"{FIRST_ACCOUNT + worker}"
        if snapshot:
            if state is None:
                raise UsageError("What is attached to is used as it is: no snapshot is loaded into it.")
            self._snapshot = snapshot_named(load(project, overrides={"target": target_name or None}), snapshot)
            self.account = DEFAULT_ACCOUNT
        self._rds_account = f"{FIRST_RDS_ACCOUNT + worker}"
        self._worker = worker
        self._attached = state is None or self.settings.target in SHARED
        self._progress = progress
        self._stacks: dict[tuple[str, bool], StackUnderTest] = {}

    def only_stack(self) -> str:
        defaults = self.settings.chosen()
        if len(defaults) == 1:
            return defaults[0]
        raise UsageError(
            "It is not clear which stack `api`, `postgres` and the other fixtures mean.",
            checked=[f"{self.settings.project} has these stacks: {', '.join(sorted(self.settings.stacks)) or 'none'}"],
            remedy="Override the session fixture `staticfire_stack_name` in the conftest.py of the tests' folder.",
        )

    def stack(self, name: str, *, creates_database: bool = False) -> StackUnderTest:
        """That stack, applied at the first call. `creates_database`: with an RDS instance of its own (slow)."""
        if (name, creates_database) not in self._stacks:
            self._stacks[name, creates_database] = self._apply(name, creates_database)
        return self._stacks[name, creates_database]

    def _apply(self, name: str, creates_database: bool) -> StackUnderTest:
        settings, account = self.settings, self.account
        settings.stack(name)  # a name that is not there is refused before anything is started
        if creates_database:
            changed = replace(settings.stack(name), database=False)
            settings = replace(settings, stacks={**settings.stacks, name: changed})
            account = self._rds_account
        stack = Stack(settings, name, self.running, account)
        if stack.applied is None:
            if self._attached:
                stack.destroy(self._progress)  # what another checkout's run left in this account
            elif stack.database is not None:
                stack.database.drop()  # of an earlier run, whose emulator is gone
        stack.up(self._progress)
        return StackUnderTest(stack, self._progress)

    @cached_property
    def running(self) -> Running:
        place = target(self.settings)
        if not self._attached:
            with file_lock(self.settings.state_dir / "starting"):
                self._begin(place)
                return place.start(self._progress)
        running = place.describe()
        if running is None:
            raise NotRunningError(
                "There is no running stack to attach to.",
                checked=[str(self.settings.state_dir)],
                remedy="Run `staticfire up` first, or leave out --staticfire-attach.",
            )
        if running.health.sick:
            raise DegradedError(
                "The stack to attach to is not well.",
                checked=[f"{name}: {part}" for name, part in running.health.sick.items()],
                remedy="`staticfire up` starts what is missing.",
            )
        return running

    def _begin(self, place: Target) -> None:
        """Where nothing runs yet: with the snapshot, or from nothing."""
        if self._snapshot is not None:
            place.stop(self._progress)
            copies = Copies(self.settings)
            copies.check(self._snapshot)
            copies.stage(self._snapshot)
            copies.put(self._snapshot, "")
            copies.sweep()
            self._snapshot = None
        elif place.describe() is None:
            Layout.of(self.settings).forget_emulator()

    @contextlib.contextmanager
    def own(self, name: str, **changed: Any) -> Iterator[OwnStack]:
        """A stack apart, from nothing, with some settings changed. It ends with the block, whatever became of it."""
        state = self.settings.state_dir / "-".join(["own", *sorted(changed)]) / str(self._worker)
        settings = replace(self.settings, state_dir=state, port=0, **changed)
        variables = {f"STATICFIRE_{key.upper()}": str(value) for key, value in changed.items()}
        own = OwnStack(settings, name, self._progress, variables)
        place = target(settings)
        place.stop(self._progress)
        place.wipe()
        try:
            own.up()
            yield own
        finally:
            place.stop(self._progress)
            place.wipe()


class OwnStack:
    """A stack apart, with an edge, an emulator and a Postgres of its own, driven through the command line as a user
    drives it; its parts may be killed."""

    def __init__(self, settings: Settings, name: str, progress: Progress, variables: Mapping[str, str]) -> None:
        self.settings = settings
        self.name = name
        self._progress = progress
        self._variables = variables

    def beside(self, name: str) -> OwnStack:
        """Another stack on what this one runs on; `up()` applies it."""
        return OwnStack(self.settings, name, self._progress, self._variables)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`staticfire ARGUMENTS`, with this stack's state directory."""
        environ = {
            **os.environ,
            "STATICFIRE_STATE_DIR": str(self.settings.state_dir),
            "STATICFIRE_TARGET": self.settings.target,
            "STATICFIRE_PORT": "0",
            "STATICFIRE_POSTGRES_PORT": "0",
            "STATICFIRE_CONSOLE": "0",
            **self._variables,
        }
        return subprocess.run(
            [sys.executable, "-m", "staticfire", *arguments],
            cwd=self.settings.project,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def up(self) -> dict[str, Any]:
        """Bring it up from whatever state it is in; what `up --json` prints."""
        with self._progress.step(f"staticfire up {self.name}, apart"):
            done = self.command("up", "--json", self.name)
        if done.returncode:
            raise StaticfireError(f"`staticfire up` ended with {done.returncode}:\n{done.stderr}")
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def status(self) -> tuple[int, dict[str, Any]]:
        """The exit code of `status --json`, and what it prints."""
        done = self.command("status", "--json")
        return done.returncode, json.loads(done.stdout or "{}")

    @property
    def stack(self) -> StackUnderTest:
        """The stack as it runs now: after a part was started afresh, ask again."""
        running = target(self.settings).describe()
        if running is None:
            raise NotRunningError(f"The stack in {self.settings.state_dir} is not running.")
        return StackUnderTest(Stack(self.settings, self.name, running), self._progress)

    def kill(self, part: str) -> None:
        """kill -9 `emulator`, `postgres` or `edge`, and wait until it is gone."""
        target(self.settings).kill(part)
