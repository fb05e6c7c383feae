"""Patterns of IAM policies: wildcards in texts and ARNs, variables in patterns, and what may be one or a list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# Condition keys in lower case, and what they are of a request.
Facts = Mapping[str, str | list[str]]


def with_variables(pattern: Any, facts: Facts) -> str:
    """`${aws:username}` and its like, in their place; one that is not known matches nothing."""

    def value(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(",")
        if name in ("*", "?", "$"):
            return name
        known_as = facts.get(name.strip().lower())
        if isinstance(known_as, str):
            return known_as
        return default.strip().strip("'") if default else "\0"

    text = str(pattern)
    return re.sub(r"\$\{([^{}]*)\}", value, text) if "${" in text else text


def listed(value: Any) -> list[Any]:
    """A policy has one thing or a list of them wherever there may be several."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def like(pattern: str, text: str) -> bool:
    """`*` and `?`, nothing else: to fnmatch brackets mean something too."""
    return _expression(pattern).fullmatch(text) is not None


def arn_like(pattern: str, arn: str) -> bool:
    """Each of an ARN's six parts is matched by itself, so that no wildcard reaches over a colon of the first five."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) and all(map(like, patterns, parts))


@lru_cache(1024)
def _expression(pattern: str) -> re.Pattern[str]:
    """An atomic group for each piece after a star: a hostile pattern takes no exponential time."""
    first, *pieces = re.split(r"\*+", pattern)
    written = [_piece(first)]
    if pieces:
        *middle, last = pieces
        written += [f"(?>.*?{_piece(piece)})" for piece in middle]
        written.append(f".*{_piece(last)}")
    return re.compile("".join(written), re.DOTALL)


def _piece(text: str) -> str:
    return "".join("." if letter == "?" else re.escape(letter) for letter in text)
