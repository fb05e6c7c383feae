"""Java's regular expressions of strangers (selection patterns, models, templates), matched within bounds.

Python's `re` cannot be interrupted. `regex` can, and knows possessive quantifiers and the set operations that Java has.
What does not end within a moment goes on in a thread that leaves the event loop alone, for a second at the most.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache

import regex

MOMENT = 0.002
SECONDS = 0.5
MAX_PATTERN = 4096

_QUOTED = re.compile(r"\\Q(.*?)(?:\\E|$)", re.DOTALL)
# The names of character classes that `regex` spells otherwise.
_CLASSES = {r"\p{Alpha}": "[A-Za-z]", r"\p{Digit}": "[0-9]", r"\p{Alnum}": "[A-Za-z0-9]", r"\p{Punct}": r"\p{P}"}
_GROUP = re.compile(r"\\(.)|\$(\d+)|\$\{(\w+)\}", re.DOTALL)

_threads = ThreadPoolExecutor(2, thread_name_prefix="patterns")


class PatternFailed(Exception):
    """The pattern is not valid, or takes too long on this text: the text says which."""


class PatternTooSlow(PatternFailed):
    """It takes too long."""


class _Limit(threading.local):
    seconds = SECONDS


_limit = _Limit()


@contextmanager
def for_a_moment() -> Iterator[None]:
    """What this thread matches meanwhile has a moment for it: the event loop's has no more."""
    before, _limit.seconds = _limit.seconds, MOMENT
    try:
        yield
    finally:
        _limit.seconds = before


@lru_cache(512)
def compiled(pattern: str) -> regex.Pattern[str]:
    if len(pattern) > MAX_PATTERN:
        raise PatternFailed(f"a pattern is {len(pattern)} characters long, more than {MAX_PATTERN}")
    text = _QUOTED.sub(lambda quoted: re.escape(quoted[1]), pattern)
    for name, characters in _CLASSES.items():
        text = text.replace(name, characters)
    try:
        return regex.compile(text, regex.VERSION1, cache_pattern=False)
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise PatternFailed(f"the pattern {pattern[:200]!r} is not valid: {error}") from error


async def full_match(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text, as Java's `matches`."""
    expression = compiled(pattern)
    try:
        return expression.fullmatch(text, timeout=MOMENT) is not None
    except TimeoutError:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_threads, matches, pattern, text)


def matches(pattern: str, text: str) -> bool:
    """The same, without an event loop to care for."""
    seconds = _limit.seconds
    try:
        return compiled(pattern).fullmatch(text, timeout=seconds, concurrent=True) is not None
    except TimeoutError as error:
        raise _too_long(pattern, seconds) from error


def search(pattern: str, text: str) -> bool:
    """Whether the pattern matches somewhere in the text."""
    seconds = _limit.seconds
    try:
        return compiled(pattern).search(text, timeout=seconds, concurrent=True) is not None
    except TimeoutError as error:
        raise _too_long(pattern, seconds) from error


def split(pattern: str, text: str) -> list[str]:
    seconds = _limit.seconds
    try:
        return [piece or "" for piece in compiled(pattern).split(text, timeout=seconds, concurrent=True)]
    except TimeoutError as error:
        raise _too_long(pattern, seconds) from error


def substitute(pattern: str, replacement: str, text: str, count: int, made: Callable[[int], None]) -> str:
    """Java's `replaceAll`: `$1` is a group, a backslash makes what follows literal. `made` hears of the length."""
    pieces: list[str] = []
    length = end = 0
    seconds = _limit.seconds
    try:
        for number, match in enumerate(compiled(pattern).finditer(text, timeout=seconds, concurrent=True)):
            if count and number >= count:
                break
            new = _GROUP.sub(lambda group, match=match: _group(group, match), replacement)  # type: ignore[misc]
            pieces += (text[end : match.start()], new)
            length += match.start() - end + len(new)
            end = match.end()
            made(length)
    except TimeoutError as error:
        raise _too_long(pattern, seconds) from error
    pieces.append(text[end:])
    made(length + len(text) - end)
    return "".join(pieces)


def _group(group: re.Match[str], match: regex.Match[str]) -> str:
    if group[1] is not None:
        return group[1]
    try:
        return str(match[int(group[2])] if group[2] else match[group[3]] or "") or ""
    except IndexError as error:
        raise PatternFailed(f"the pattern has no group {group[2] or group[3]}") from error


def _too_long(pattern: str, seconds: float) -> PatternTooSlow:
    return PatternTooSlow(f"the pattern {pattern[:200]!r} has not ended within {seconds:g} s")
