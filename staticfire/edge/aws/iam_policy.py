"""IAM policies as far as they are evaluated here: effects, actions, resources, and the wildcards in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Statement = Mapping[str, Any]


def allows(
    policy: Mapping[str, Any], action: str, resource: str, holds: Callable[[Statement], bool] = lambda statement: True
) -> bool:
    """Whether the statements that hold allow the action on the resource. A Deny beats every Allow."""
    effects = {
        statement.get("Effect")
        for statement in listed(policy.get("Statement"))
        if any(like(str(pattern).lower(), action.lower()) for pattern in listed(statement.get("Action")))
        and any(like(str(pattern), resource) for pattern in listed(statement.get("Resource")))
        and holds(statement)
    }
    return "Allow" in effects and "Deny" not in effects


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
    return re.compile("".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern), re.DOTALL)
