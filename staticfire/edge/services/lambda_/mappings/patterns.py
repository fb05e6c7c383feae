"""Event patterns, as EventBridge rules, pipes and Lambda's filters use them: written here, no library has them all.

A pattern names fields of an event; each has a list of what its value may be: a value, or an operator such as
`{"prefix": "us-"}`. All fields must match, one of a field's alternatives. An array of the event matches where one of
its elements does.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Matcher = Callable[[Any], bool]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_ABSENT = object()


class BadPattern(ValueError):
    """Not a pattern."""


def compile_pattern(text: str) -> Matcher:
    """Whether an event (its JSON value) matches the pattern."""
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise BadPattern(f"it is not JSON: {error}") from error
    if not isinstance(pattern, dict) or not pattern:
        raise BadPattern("it is not a JSON object with fields")
    return _fields(pattern)


def _fields(pattern: Mapping[str, Any]) -> Matcher:
    if not pattern:
        raise BadPattern("an object without fields matches nothing")
    checks = [_either(value) if name == "$or" else _field(name, value) for name, value in pattern.items()]
    return lambda event: all(check(event) for check in checks)


def _either(alternatives: Any) -> Matcher:
    """`$or`: one of several objects."""
    if not isinstance(alternatives, list) or len(alternatives) < 2:
        raise BadPattern("$or takes a list of at least two objects")
    if not all(isinstance(alternative, dict) for alternative in alternatives):
        raise BadPattern("$or takes objects")
    matchers = [_fields(alternative) for alternative in alternatives]
    return lambda event: any(matches(event) for matches in matchers)


def _field(name: str, expected: Any) -> Matcher:
    if isinstance(expected, dict):
        inner = _fields(expected)
        return lambda event: _any_object(event.get(name) if isinstance(event, dict) else None, inner)
    if not isinstance(expected, list) or not expected:
        raise BadPattern(f"{name!r} must be an object or a list that is not empty")
    alternatives = [_alternative(value) for value in expected]

    def check(event: Any) -> bool:
        leaves = _leaves(event.get(name, _ABSENT) if isinstance(event, dict) else _ABSENT)
        return any(matches(leaves) for matches in alternatives)

    return check


def _any_object(value: Any, matches: Matcher) -> bool:
    """One object of an array matches as a whole. What is not an object has none of the fields."""
    if isinstance(value, list) and value:
        return any(_any_object(element, matches) for element in value)
    return matches(value)


def _leaves(value: Any) -> list[Any]:
    """The values that a field's alternatives are tried on: an object is none."""
    if value is _ABSENT or isinstance(value, dict):
        return []
    if isinstance(value, list):
        return [leaf for element in value for leaf in _leaves(element)]
    return [value]


def _alternative(expected: Any) -> Callable[[Sequence[Any]], bool]:
    """One element of a field's list."""
    if isinstance(expected, dict):
        if len(expected) != 1:
            raise BadPattern("an operator stands alone in its object")
        [(name, argument)] = expected.items()
        if name == "exists":
            if not isinstance(argument, bool):
                raise BadPattern("exists takes true or false")
            return lambda leaves: bool(leaves) == argument
        matches = _operator(name, argument)
    elif isinstance(expected, list):
        raise BadPattern("a list holds values and operators, not lists")
    else:
        matches = _equal(expected)
    return lambda leaves: any(matches(leaf) for leaf in leaves)


def _equal(expected: Any) -> Matcher:
    if expected is None or isinstance(expected, bool):
        return lambda leaf: leaf is expected
    if isinstance(expected, str):
        return lambda leaf: isinstance(leaf, str) and leaf == expected
    return lambda leaf: _is_number(leaf) and leaf == expected


def _operator(name: str, argument: Any) -> Matcher:
    if name == "anything-but":
        return _anything_but(argument)
    if name == "numeric":
        return _numeric(argument)
    if name == "cidr":
        return _cidr(argument)
    if name in ("prefix", "suffix") and isinstance(argument, dict):
        if set(argument) != {"equals-ignore-case"}:
            raise BadPattern(f"{name} takes a text, or equals-ignore-case")
        return _text(name, _string(name, argument["equals-ignore-case"]).casefold(), str.casefold)
    if name == "equals-ignore-case":
        return _text("equals", _string(name, argument).casefold(), str.casefold)
    if name in ("prefix", "suffix", "wildcard"):
        return _text(name, _string(name, argument), str)
    raise BadPattern(f"{name!r} is not an operator")


def _text(kind: str, expected: str, form: Callable[[str], str]) -> Matcher:
    if kind == "wildcard":
        if "**" in expected:
            raise BadPattern("a wildcard does not follow another")
        meaning = {"*": ".*", r"\*": r"\*", r"\\": r"\\"}
        parts = re.split(r"(\\[*\\]|\*)", expected)
        pattern = re.compile("".join(meaning.get(part) or re.escape(part) for part in parts), re.DOTALL)
        return lambda leaf: isinstance(leaf, str) and pattern.fullmatch(leaf) is not None
    compare: Callable[[str, str], bool] = {"prefix": str.startswith, "suffix": str.endswith}.get(kind, operator.eq)
    return lambda leaf: isinstance(leaf, str) and compare(form(leaf), expected)


def _anything_but(argument: Any) -> Matcher:
    """Any value but these; the field must be there."""
    if isinstance(argument, dict):
        if len(argument) != 1 or not set(argument) <= {"prefix", "suffix", "wildcard", "equals-ignore-case"}:
            raise BadPattern("anything-but takes values, prefix, suffix, wildcard or equals-ignore-case")
        [(name, values)] = argument.items()
        several = values if isinstance(values, list) else [values]
        refused = [_operator(name, value) for value in several]
    else:
        several = argument if isinstance(argument, list) else [argument]
        if not all(isinstance(value, str) or _is_number(value) or value is None for value in several):
            raise BadPattern("anything-but takes texts and numbers")
        refused = [_equal(value) for value in several]
    if not refused:
        raise BadPattern("anything-but takes at least one value")
    return lambda leaf: not any(matches(leaf) for matches in refused)


def _numeric(argument: Any) -> Matcher:
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        raise BadPattern("numeric takes one comparison, or two that make a range")
    comparisons = []
    for name, limit in zip(argument[::2], argument[1::2], strict=True):
        if not isinstance(name, str) or name not in _COMPARISONS or not _is_number(limit):
            raise BadPattern("numeric takes =, <, <=, > or >=, each with a number")
        comparisons.append((_COMPARISONS[name], limit))
    return lambda leaf: _is_number(leaf) and all(compare(leaf, limit) for compare, limit in comparisons)


def _cidr(argument: Any) -> Matcher:
    try:
        network = ipaddress.ip_network(_string("cidr", argument), strict=False)
    except ValueError as error:
        raise BadPattern(f"cidr takes a block of addresses: {error}") from error

    def matches(leaf: Any) -> bool:
        try:
            return isinstance(leaf, str) and ipaddress.ip_address(leaf) in network
        except ValueError:
            return False

    return matches


def _string(name: str, argument: Any) -> str:
    if not isinstance(argument, str):
        raise BadPattern(f"{name} takes a text")
    return argument


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
