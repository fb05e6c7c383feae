"""DynamoDB's key conditions: what one compares with, read of its text once, and from where to where in ordered keys."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

EXPRESSION = 4096  # no longer one is remembered

SLOT = "KeyConditionExpression"
_OPERATORS = {"EQ": "=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}


class _Top:
    """More than anything."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True


TOP = _Top()


class Clause(NamedTuple):
    name: str  # of the attribute, or its placeholder
    operator: str
    values: tuple[str, ...]  # placeholders


def key_clauses(dynamodb: Any, condition: str) -> tuple[Clause, ...] | None:
    """The clauses of a condition that says nothing else than how a key is; None where MiniStack must look at it."""
    tokens = dynamodb._tokenize(condition)
    if (
        dynamodb._check_redundant_parens(tokens, SLOT)
        or dynamodb._check_reserved_keyword_usage(tokens)
        or dynamodb._condition_syntax_error(condition, SLOT)
    ):
        return None
    clauses = [_clause(_bare(part)) for part in dynamodb._key_condition_clauses(_bare(tokens[:-1]))]
    if not 1 <= len(clauses) <= 2:
        return None
    return tuple(clause for clause in clauses if clause) if all(clauses) else None


def remember_operands(dynamodb: Any) -> None:
    """Which placeholders a condition compares a key with follows from its text, which MiniStack searches each time."""

    @lru_cache(1024)
    def of_partition(condition: str, reference: str) -> tuple[str, ...]:
        name = re.escape(reference)
        searched = (rf"(?:^|[\s(]){name}\s*=\s*(:\w+)", rf"(:\w+)\s*=\s*{name}(?:$|[\s)])")
        return tuple(match[1] for pattern in searched if (match := re.search(pattern, condition)))

    @lru_cache(1024)
    def of_key(condition: str, reference: str) -> tuple[str, ...]:
        name = re.escape(reference)
        searched = (
            rf"(?:^|[\s(]){name}\s*(?:<=|>=|=|<|>)\s*(:\w+)",
            rf"(:\w+)\s*(?:<=|>=|=|<|>)\s*{name}(?:$|[\s)])",
            rf"begins_with\s*\(\s*{name}\s*,\s*(:\w+)\s*\)",
            rf"{name}\s+BETWEEN\s+(:\w+)",
        )
        return tuple(match[1] for pattern in searched if (match := re.search(pattern, condition, re.IGNORECASE)))

    def operand(operands: Any, condition: str, values: Any, names: Any, key: str) -> Any:
        for reference in (key, *(alias for alias, name in names.items() if name == key)):
            for placeholder in operands(condition, reference):
                if placeholder in values:
                    return values[placeholder]
        return None

    in_partition, in_key = dynamodb._extract_pk_from_condition, dynamodb._key_condition_av

    def partition_value(condition: Any, values: Any, names: Any, key: str) -> Any:
        if not condition or len(condition) > EXPRESSION:
            return in_partition(condition, values, names, key)
        value = operand(of_partition, condition, values, names, key)
        return None if value is None else dynamodb._extract_key_val(value)

    def key_value(condition: Any, key_conditions: Any, values: Any, names: Any, key: str) -> Any:
        if key_conditions or not condition or len(condition) > EXPRESSION:
            return in_key(condition, key_conditions, values, names, key)
        return operand(of_key, condition, values, names, key)

    dynamodb._extract_pk_from_condition, dynamodb._key_condition_av = partition_value, key_value


def _bare(tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without the parentheses around all of it: boto3's conditions have them."""
    if len(tokens) > 1 and tokens[0][0] == "LPAREN" and tokens[-1][0] == "RPAREN":
        depth = 0
        for at, (kind, _) in enumerate(tokens):
            depth += (kind == "LPAREN") - (kind == "RPAREN")
            if depth == 0:
                return tokens[1:-1] if at == len(tokens) - 1 else tokens
    return tokens


def _clause(tokens: list[tuple[str, str]]) -> Clause | None:
    kinds = [kind for kind, _ in tokens]
    words = [text.lower() if kind == "IDENT" else "" for kind, text in tokens]
    if len(kinds) == 3 and kinds[0] in ("IDENT", "NAME_REF") and kinds[1] in _OPERATORS and kinds[2] == "VALUE_REF":
        return Clause(tokens[0][1], _OPERATORS[kinds[1]], (tokens[2][1],))
    if kinds[1:] == ["IDENT", "VALUE_REF", "IDENT", "VALUE_REF"] and (words[1], words[3]) == ("between", "and"):
        if kinds[0] in ("IDENT", "NAME_REF"):
            return Clause(tokens[0][1], "between", (tokens[2][1], tokens[4][1]))
    elif (
        len(kinds) == 6
        and words[0] == "begins_with"
        and (kinds[1], kinds[3], kinds[4], kinds[5]) == ("LPAREN", "COMMA", "VALUE_REF", "RPAREN")
        and kinds[2] in ("IDENT", "NAME_REF")
    ):
        return Clause(tokens[2][1], "begins_with", (tokens[4][1],))
    return None


def bounds_of(operator: str, values: list[Any]) -> tuple[Any, Any]:
    """From where to where, as keys to look for; a prefix stands at the end of what begins with it."""
    low = values[0]
    if operator == "between":
        return (low,), (values[1], TOP)
    if operator == "begins_with":
        return (low,), low
    return {
        "=": ((low,), (low, TOP)),
        "<": (None, (low,)),
        "<=": (None, (low, TOP)),
        ">": ((low, TOP), None),
        ">=": ((low,), None),
    }[operator]


def within(keys: Any, bounds: tuple[Any, Any]) -> tuple[int, int]:
    low, high = bounds
    start = 0 if low is None else keys.bisect_left(low)
    if high is None:
        return start, len(keys)
    if isinstance(high, tuple):
        return start, keys.bisect_left(high)
    return start, keys.bisect_left((_After(high),))


class _After:
    """More than whatever begins with this, and less than all that comes after it."""

    def __init__(self, prefix: Any) -> None:
        self._prefix = prefix

    def __gt__(self, other: Any) -> bool:
        return bool(other.startswith(self._prefix) or other < self._prefix)

    def __lt__(self, other: Any) -> bool:
        return not self > other
