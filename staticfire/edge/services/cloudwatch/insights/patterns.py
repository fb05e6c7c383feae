"""Regular expressions of strangers, within a budget of time: `regex` can be interrupted, Python's `re` cannot."""

from __future__ import annotations

import time

import regex

LONGEST = 4096


class Late(Exception):
    """The query has used up its time."""


class QueryBudget:
    """How long a query may work. It is stopped by `stop`, from another thread too."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True

    def left(self) -> float:
        """How many seconds are left; Late when there are none."""
        left = self._end - time.monotonic()
        if left <= 0 or self.stopped:
            raise Late
        return left


class Pattern:
    """`ignore` groups without a name where there are none with one."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ValueError(f"it is longer than {LONGEST} characters")
        try:
            self._pattern = regex.compile(text, cache_pattern=False)
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise ValueError(str(error)) from error
        self.names = tuple(sorted(self._pattern.groupindex, key=self._pattern.groupindex.__getitem__))
        self.groups: int = self._pattern.groups

    def search(self, text: str, budget: QueryBudget) -> regex.Match[str] | None:
        try:
            return self._pattern.search(text, timeout=budget.left(), concurrent=True)
        except TimeoutError:
            raise Late from None


def of_glob(glob: str) -> str:
    """`user=*, took *ms` as a regular expression with a group for each `*`."""
    parts = [regex.escape(part, literal_spaces=True) for part in glob.split("*")]
    lazily = "(.*?)".join(parts)
    return f"(?s){lazily[: -len('(.*?)')]}(.*)" if glob.endswith("*") else f"(?s){lazily}"
