"""What became of the writes of a load run: each acknowledged one is looked up in the stores.

What a store must hold is the service's own business, so a project's `integrity` file (`[stacks.NAME.load]`) defines

    def check(journal: Journal, stack: StackUnderTest) -> Integrity

or, where it has to know what was so before the run began,

    def baseline(stack: StackUnderTest) -> dict                                          what JSON can hold
    def check(journal: Journal, stack: StackUnderTest, before: Mapping) -> Integrity

and this module defines what it answers, and loads it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pg8000
from botocore.exceptions import BotoCoreError, ClientError

from staticfire.errors import StaticfireError, UsageError

from .journal import Journal
from .typed_json import json_name

if TYPE_CHECKING:
    from staticfire.testing.kit import StackUnderTest

CHECK, BASELINE = "check", "baseline"
EXAMPLES = 5
FAILURES = ("lost", "doubled", "unexplained", "drifted_users", "drifted_totals")
REMARKS = ("unacknowledged_stored", "reconciled_users", "earlier_drift")


@dataclass(frozen=True)
class Example:
    """One write or user that is not as it should be: which count it is of, and what the books say instead."""

    count: str
    what: str
    books: str = field(metadata=json_name("found"))

    def __str__(self) -> str:
        return f"{self.count.replace('_', ' ')}: {self.what}: {self.books}"


@dataclass(frozen=True)
class Integrity:
    """The verdict. Writes are counted by their idempotency keys, so a write and its replays are one.

    `unexplained`: what was stored since the run began where it wrote, and no write of it explains. `drifted_users` and
    `drifted_totals`: sums of a user, and of everybody, that are not what the events add up to.

    `unacknowledged_stored` is not a failure: whoever got no answer cannot know, and asks again with the same key. Nor
    are `reconciled_users`: an unacknowledged write had left their aggregate behind, and the service's own repair mended
    it. Nor is `earlier_drift`: what had drifted before the run began, so that the run's part in it cannot be told.
    """

    writes: int
    acknowledged: int
    lost: int = 0
    doubled: int = 0
    unexplained: int = 0
    unacknowledged_stored: int = 0
    users: int = 0
    drifted_users: int = 0
    drifted_totals: int = 0
    reconciled_users: int = 0
    earlier_drift: int = 0
    examples: tuple[Example, ...] = ()
    holds: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "holds", not any(getattr(self, name) for name in FAILURES))

    @property
    def wrong(self) -> int:
        """How many writes, users and totals are not as they should be."""
        return sum(getattr(self, name) for name in FAILURES)

    def __str__(self) -> str:
        lines = [f"{self.acknowledged} of {self.writes} writes of {self.users} users were acknowledged"]
        lines += [f"{getattr(self, name)} {name.replace('_', ' ')}" for name in (*FAILURES, *REMARKS)]
        return ", ".join(lines) + "".join(f"\n  {example}" for example in self.examples)


class Books:
    """A project's file that says whether its stores hold what a run sent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        specification = importlib.util.spec_from_file_location(f"staticfire_integrity_{path.stem}", path)
        if specification is None or specification.loader is None or not path.is_file():
            raise UsageError(
                f"There is no Python file {path}.",
                remedy="Correct `integrity` in [stacks.NAME.load] of staticfire.toml.",
            )
        module = importlib.util.module_from_spec(specification)
        sys.modules[specification.name] = module  # dataclasses look their own module up
        specification.loader.exec_module(module)
        check = getattr(module, CHECK, None)
        if not callable(check):
            raise UsageError(
                f"{path} defines no function `{CHECK}`.",
                remedy=f"Define `def {CHECK}(journal, stack) -> Integrity` in it.",
            )
        self._check: Callable[..., Any] = check
        self._baseline: Callable[..., Any] | None = getattr(module, BASELINE, None)

    def baseline(self, stack: StackUnderTest) -> Any:
        """What the stores say before a run; nothing where the file does not ask for it."""
        return {} if self._baseline is None else self._run(self._baseline, stack)

    def check(self, journal: Journal, stack: StackUnderTest, before: Any) -> Integrity:
        """The verdict; `before` is the run's baseline. A StaticfireError when there cannot be one."""
        arguments = (journal, stack) if self._baseline is None else (journal, stack, before)
        verdict: Integrity = self._run(self._check, *arguments)
        return verdict

    def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        # A function that failed and something that never came (of the test kit), and stores that cannot be read.
        except (AssertionError, BotoCoreError, ClientError, pg8000.Error, OSError) as error:
            raise StaticfireError(f"Integrity cannot be judged: {error}", checked=[str(self._path)]) from error


def examples_of(count: str, wrong: Mapping[str, str]) -> tuple[Example, ...]:
    """The first few of what is wrong; a report with a hundred thousand of them helps nobody."""
    return tuple(Example(count, what, wrong[what]) for what in sorted(wrong)[:EXAMPLES])
