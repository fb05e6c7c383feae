"""Who may invoke a function: its resource policy, as AddPermission writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from staticfire.edge.aws import iam_policy
from staticfire.edge.aws.iam_policy import arn_like, like, listed

ACTION = "lambda:InvokeFunction"


def allows(
    policy: Mapping[str, Any],
    resource: str,
    principal: str,
    source_arn: str | None,
    *,
    action: str = ACTION,
    facts: Mapping[str, str] | None = None,
) -> bool:
    """Whether the resource, a function or one of its versions or aliases, may be invoked.

    A permission holds for its own resource alone: that of an alias is none for the function itself, nor the other way.
    """
    statements = [{"Resource": resource, **statement} for statement in listed(policy.get("Statement"))]
    return iam_policy.allows(
        {"Statement": statements},
        action,
        resource,
        lambda statement: (
            _names(statement, principal) and _holds(statement.get("Condition") or {}, source_arn, facts or {})
        ),
    )


def _names(statement: Mapping[str, Any], principal: str) -> bool:
    named = statement.get("Principal")
    if named == "*":
        return True
    if not isinstance(named, Mapping):
        return False
    return any(name in ("*", principal) for names in named.values() for name in listed(names))


def _holds(condition: Mapping[str, Mapping[str, Any]], source_arn: str | None, more_facts: Mapping[str, str]) -> bool:
    """The conditions that AddPermission can write; one that is not known here does not hold."""
    account = source_arn.split(":")[4] if source_arn and source_arn.count(":") >= 5 else ""
    facts = {"aws:sourcearn": source_arn or "", "aws:sourceaccount": account, **more_facts}
    for operator, operands in condition.items():
        for key, values in operands.items():
            fact = facts.get(key.lower())
            if not fact or not _matches(operator.lower(), listed(values), fact):
                return False
    return True


def _matches(operator: str, patterns: Iterable[str], fact: str) -> bool:
    if operator in ("arnlike", "arnequals"):
        return any(arn_like(pattern, fact) for pattern in patterns)
    if operator == "stringlike":
        return any(like(pattern, fact) for pattern in patterns)
    return operator in ("stringequals", "bool") and fact in patterns
