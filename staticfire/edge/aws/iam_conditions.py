"""Conditions of IAM policies: whether what a statement asks of a request is so.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .iam_patterns import Facts, arn_like, like, listed, with_variables


class UnknownOperator(ValueError):
    """The condition cannot be evaluated: IAM has no such operator."""


def hold(condition: Mapping[str, Any], facts: Facts) -> bool:
    """Whether every operator holds for every key of it. `facts` are by key, in lower case."""
    for operator, operands in condition.items():
        if not isinstance(operands, Mapping):
            raise UnknownOperator(operator)
        for key, values in operands.items():
            patterns = [with_variables(_text(value), facts) for value in listed(values)]
            if not _holds(operator, patterns, facts.get(key.lower())):
                return False
    return True


def _holds(operator: str, patterns: list[str], fact: str | list[str] | None) -> bool:
    quantifier, _, name = operator.lower().rpartition(":")
    if_exists = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    if name == "null":
        return any((pattern.lower() == "true") == (fact is None) for pattern in patterns)
    negated, matches = _operator(name)
    if fact is None:
        # A key that is not there matches nothing, so that it is also not equal to anything.
        return if_exists or negated or quantifier == "forallvalues"
    texts = fact if isinstance(fact, list) else [fact]

    def one(text: str) -> bool:
        return any(matches(pattern, text) for pattern in patterns) != negated

    if quantifier == "forallvalues":
        return all(map(one, texts))
    if quantifier == "foranyvalue" or not negated:
        return any(map(one, texts))
    return all(map(one, texts))


def _operator(name: str) -> tuple[bool, Callable[[str, str], bool]]:
    """Whether it negates, and how a pattern matches a text."""
    negated = "not" in name
    matches = _OPERATORS.get(name.replace("not", "", 1))
    if matches is None:
        raise UnknownOperator(name)
    return negated, matches


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _address(pattern: str, text: str) -> bool:
    try:
        return ipaddress.ip_address(text) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def matches(pattern: str, text: str) -> bool:
        try:
            return compare(float(text), float(pattern))
        except ValueError:
            return False

    return matches


def _date(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def matches(pattern: str, text: str) -> bool:
        try:
            return compare(_seconds(text), _seconds(pattern))
        except ValueError:
            return False

    return matches


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "equals": lambda fact, value: fact == value,
    "lessthan": lambda fact, value: fact < value,
    "lessthanequals": lambda fact, value: fact <= value,
    "greaterthan": lambda fact, value: fact > value,
    "greaterthanequals": lambda fact, value: fact >= value,
}
# By their names without `Not`.
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda pattern, text: pattern == text,
    "stringequalsignorecase": lambda pattern, text: pattern.lower() == text.lower(),
    "stringlike": like,
    "arnequals": arn_like,
    "arnlike": arn_like,
    "bool": lambda pattern, text: pattern.lower() == text.lower(),
    "binaryequals": lambda pattern, text: pattern == text,
    "ipaddress": _address,
    **{f"numeric{name}": _number(compare) for name, compare in _COMPARISONS.items()},
    **{f"date{name}": _date(compare) for name, compare in _COMPARISONS.items()},
}
