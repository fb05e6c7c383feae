"""What became of the writes of a load run: each acknowledged one is looked up in the stores.

What a store must hold is the service's own business, so a project's `integrity` file (`[stacks.NAME.load]`) defines

    def check(journal: Journal, stack: StackUnderTest) -> Integrity

and this module defines what it answers, and loads it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from staticfire.errors import StaticfireError, UsageError

from .journal import Journal
from .typed_json import json_name

if TYPE_CHECKING:
    from staticfire.testing.kit import StackUnderTest

FUNCTION = "check"
EXAMPLES = 5


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

    `unacknowledged_stored` is not a failure: whoever got no answer cannot know, and asks again with the same key. Nor
    are `reconciled_users`: an unacknowledged write had left their aggregate behind, and the service's own repair mended
    it.
    """

    writes: int
    acknowledged: int
    lost: int = 0
    doubled: int = 0
    unacknowledged_stored: int = 0
    users: int = 0
    drifted_users: int = 0
    reconciled_users: int = 0
    examples: tuple[Example, ...] = ()
    holds: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "holds", not (self.lost or self.doubled or self.drifted_users))

    def __str__(self) -> str:
        counts = ("lost", "doubled", "drifted_users", "unacknowledged_stored", "reconciled_users")
        lines = [f"{self.acknowledged} of {self.writes} writes of {self.users} users were acknowledged"]
        lines += [f"{getattr(self, name)} {name.replace('_', ' ')}" for name in counts]
        return ", ".join(lines) + "".join(f"\n  {example}" for example in self.examples)


BooksCheck = Callable[[Journal, "StackUnderTest"], Integrity]


def check_of(path: Path) -> BooksCheck:
    """The function `check` of a project's file."""
    specification = importlib.util.spec_from_file_location(f"staticfire_integrity_{path.stem}", path)
    if specification is None or specification.loader is None or not path.is_file():
        raise UsageError(
            f"There is no Python file {path}.",
            remedy="Correct `integrity` in [stacks.NAME.load] of staticfire.toml.",
        )
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their own module up
    specification.loader.exec_module(module)
    function = getattr(module, FUNCTION, None)
    if not callable(function):
        raise UsageError(
            f"{path} defines no function `{FUNCTION}`.",
            remedy=f"Define `def {FUNCTION}(journal, stack) -> Integrity` in it.",
        )

    def check(journal: Journal, stack: StackUnderTest) -> Integrity:
        try:
            verdict: Integrity = function(journal, stack)
        except AssertionError as error:  # of the test kit: a function that failed, something that never came
            raise StaticfireError(f"Integrity cannot be judged: {error}", checked=[str(path)]) from error
        return verdict

    return check


def examples_of(count: str, wrong: Mapping[str, str]) -> tuple[Example, ...]:
    """The first few of what is wrong; a report with a hundred thousand of them helps nobody."""
    return tuple(Example(count, what, wrong[what]) for what in sorted(wrong)[:EXAMPLES])
