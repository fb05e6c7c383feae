"""IAM policies evaluated: effects, actions, resources, principals, conditions, and the wildcards in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .iam_conditions import UnknownOperator, hold
from .iam_patterns import Facts, arn_like, like, listed, with_variables

__all__ = ["ALLOW", "DENY", "Facts", "Inquiry", "Statement", "allows", "arn_like", "decide", "like", "listed"]

Statement = Mapping[str, Any]

ALLOW, DENY = "Allow", "Deny"


@dataclass(frozen=True)
class Inquiry:
    """May one of these principals do that to this? `facts` are condition keys in lower case, and what they are."""

    action: str
    resource: str
    principals: tuple[str, ...] = ()
    facts: Facts = field(default_factory=dict)


def allows(
    policy: Mapping[str, Any], action: str, resource: str, holds: Callable[[Statement], bool] = lambda statement: True
) -> bool:
    """Whether the statements that hold allow the action on the resource. A Deny beats every Allow."""
    effect = _verdict(
        statement.get("Effect")
        for statement in listed(policy.get("Statement"))
        if _covers(statement, action, resource, {}) and holds(statement)
    )
    return effect == ALLOW


def decide(policies: Iterable[Mapping[str, Any]], inquiry: Inquiry, *, of_resource: bool = False) -> str | None:
    """`Allow` or `Deny` as the policies say, None where none of them says anything. A Deny beats every Allow.

    The policy of a resource names principals, that of an identity does not.
    """
    return _verdict(
        str(statement.get("Effect"))
        for policy in policies
        for statement in listed(policy.get("Statement"))
        if isinstance(statement, Mapping)
        and _covers(statement, inquiry.action, inquiry.resource, inquiry.facts)
        and (not of_resource or _is_for(statement, inquiry.principals))
        and _applies(statement, inquiry.facts)
    )


def _verdict(effects: Iterable[str | None]) -> str | None:
    seen = set(effects)
    return DENY if DENY in seen else ALLOW if ALLOW in seen else None


def _covers(statement: Statement, action: str, resource: str, facts: Facts) -> bool:
    """Whether the statement is about the action and the resource."""
    lowered = action.lower()
    if "NotAction" in statement:
        if any(like(str(pattern).lower(), lowered) for pattern in listed(statement["NotAction"])):
            return False
    elif not any(like(str(pattern).lower(), lowered) for pattern in listed(statement.get("Action"))):
        return False
    if "NotResource" in statement:
        return not any(like(with_variables(pattern, facts), resource) for pattern in listed(statement["NotResource"]))
    return any(like(with_variables(pattern, facts), resource) for pattern in listed(statement.get("Resource")))


def _is_for(statement: Statement, principals: tuple[str, ...]) -> bool:
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], principals)
    return _names(statement.get("Principal"), principals)


def _names(principal: Any, principals: tuple[str, ...]) -> bool:
    """A principal of a policy is `*`, or lists by their kind: accounts, ARNs, services."""
    if principal == "*":
        return True
    if not isinstance(principal, Mapping):
        return False
    return any(name == "*" or name in principals for names in principal.values() for name in listed(names))


def _applies(statement: Statement, facts: Facts) -> bool:
    """A Deny whose condition nobody here understands is taken to hold, an Allow is not."""
    try:
        return hold(statement.get("Condition") or {}, facts)
    except UnknownOperator:
        return statement.get("Effect") == DENY
