"""Who may invoke a function: its resource policy, as AddPermission writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

ACTION = "lambda:InvokeFunction"


def allows(policy: Mapping[str, Any], resource: str, principal: str, source_arn: str | None) -> bool:
    """Whether the resource, a function or one of its versions or aliases, may be invoked; a denial wins.

    A permission holds for its own resource alone: that of an alias is none for the function itself, nor the other way.
    """
    found = [
        statement
        for statement in _listed(policy.get("Statement"))
        if statement.get("Resource", resource) == resource
        and _names(statement, principal)
        and _acts(statement)
        and _holds(statement.get("Condition") or {}, source_arn)
    ]
    effects = {statement.get("Effect") for statement in found}
    return "Allow" in effects and "Deny" not in effects


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _names(statement: Mapping[str, Any], principal: str) -> bool:
    named = statement.get("Principal")
    if named == "*":
        return True
    if not isinstance(named, Mapping):
        return False
    return any(one in ("*", principal) for value in named.values() for one in _listed(value))


def _acts(statement: Mapping[str, Any]) -> bool:
    return any(like(pattern.lower(), ACTION.lower()) for pattern in _listed(statement.get("Action")))


def _holds(condition: Mapping[str, Mapping[str, Any]], source_arn: str | None) -> bool:
    """The conditions that AddPermission can write; one that is not known here does not hold."""
    account = source_arn.split(":")[4] if source_arn and source_arn.count(":") >= 5 else ""
    facts = {"aws:sourcearn": source_arn or "", "aws:sourceaccount": account}
    for operator, wanted in condition.items():
        for key, values in wanted.items():
            fact = facts.get(key.lower())
            if not fact or not _matches(operator.lower(), _listed(values), fact):
                return False
    return True


def _matches(operator: str, patterns: Iterable[str], fact: str) -> bool:
    if operator in ("arnlike", "arnequals"):
        return any(arn_like(pattern, fact) for pattern in patterns)
    if operator == "stringlike":
        return any(like(pattern, fact) for pattern in patterns)
    return operator == "stringequals" and fact in patterns


def arn_like(pattern: str, arn: str) -> bool:
    """Each of an ARN's six parts is matched by itself, so that no wildcard reaches over a colon of the first five."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) and all(map(like, patterns, parts))


def like(pattern: str, text: str) -> bool:
    """`*` and `?`, nothing else."""
    expression = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None
