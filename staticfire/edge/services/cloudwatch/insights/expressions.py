"""Expressions of Insights: each is evaluated on a row, and stands under its own text where it has no other name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .aggregates import AGGREGATES
from .events import Row, Value, number, text
from .functions import FUNCTIONS, Function, is_true
from .patterns import Pattern, QueryBudget


@dataclass(frozen=True)
class QueryExpression:
    """`source` is its text in the query: what `stats` named so is looked up by it."""

    source: str

    def value(self, row: Row, budget: QueryBudget) -> Value:
        if self.source in row.computed:
            return row.computed[self.source]
        return self.on(row, budget)

    def on(self, row: Row, budget: QueryBudget) -> Value:
        raise NotImplementedError

    def aggregates(self) -> list[AggregateOf]:
        return []


@dataclass(frozen=True)
class FieldOf(QueryExpression):
    name: str

    def on(self, row: Row, budget: QueryBudget) -> Value:
        return row.get(self.name)


@dataclass(frozen=True)
class LiteralValue(QueryExpression):
    literal: Value

    def on(self, row: Row, budget: QueryBudget) -> Value:
        return self.literal


@dataclass(frozen=True)
class Computed(QueryExpression):
    """A function of other expressions."""

    function: Function
    arguments: tuple[QueryExpression, ...]

    def on(self, row: Row, budget: QueryBudget) -> Value:
        return self.function([argument.value(row, budget) for argument in self.arguments])

    def aggregates(self) -> list[AggregateOf]:
        return [inner for argument in self.arguments for inner in argument.aggregates()]


@dataclass(frozen=True)
class Bin(QueryExpression):
    period: str

    def on(self, row: Row, budget: QueryBudget) -> Value:
        return FUNCTIONS["datefloor"][2]([row.get("@timestamp"), self.period])


@dataclass(frozen=True)
class Junction(QueryExpression):
    """`and`, `or`, `not`."""

    how: str
    parts: tuple[QueryExpression, ...]

    def on(self, row: Row, budget: QueryBudget) -> Value:
        if self.how == "not":
            return int(not is_true(self.parts[0].value(row, budget)))
        hold = (is_true(part.value(row, budget)) for part in self.parts)
        return int(all(hold) if self.how == "and" else any(hold))


@dataclass(frozen=True)
class Matches(QueryExpression):
    """`like`, `=~`: a text holds another, or a pattern is in it."""

    subject: QueryExpression
    pattern: Pattern | None
    part: str
    negated: bool

    def on(self, row: Row, budget: QueryBudget) -> Value:
        subject = self.subject.value(row, budget)
        if subject is None:
            return int(self.negated)
        string = text(subject)
        is_there = self.part in string if self.pattern is None else self.pattern.search(string, budget) is not None
        return int(is_there is not self.negated)


@dataclass(frozen=True)
class Among(QueryExpression):
    subject: QueryExpression
    choices: tuple[QueryExpression, ...]
    negated: bool

    def on(self, row: Row, budget: QueryBudget) -> Value:
        subject = self.subject.value(row, budget)
        if subject is None:
            return int(self.negated)
        is_there = any(_compared(subject, choice.value(row, budget)) == 0 for choice in self.choices)
        return int(is_there is not self.negated)


@dataclass(frozen=True)
class AggregateOf(QueryExpression):
    """Counted by `stats` before a row has it: then it is looked up by its text."""

    name: str
    argument: QueryExpression | None  # None: each row
    parameter: float

    def on(self, row: Row, budget: QueryBudget) -> Value:
        return None

    def aggregates(self) -> list[AggregateOf]:
        return [self]

    def over(self, rows: Sequence[Row], budget: QueryBudget) -> Value:
        budget.left()
        if self.argument is None:
            return len(rows)
        values = [self.argument.value(row, budget) for row in rows]
        moments = [row.get("@timestamp") for row in rows] if self.name in ("earliest", "latest") else ()
        return AGGREGATES[self.name](values, moments, self.parameter)


def _compared(left: Value, right: Value) -> int | None:
    """-1, 0, 1; None where one is not there. Numbers by size where both are, else texts."""
    if left is None or right is None:
        return None
    a, b = number(left), number(right)
    if a is not None and b is not None:
        return (a > b) - (a < b)
    first, second = text(left), text(right)
    return (first > second) - (first < second)


def _comparison(holds: Callable[[int], bool]) -> Function:
    def apply(values: Sequence[Value]) -> Value:
        order = _compared(values[0], values[1])
        return int(order is not None and holds(order))

    return apply


def _unequal(values: Sequence[Value]) -> Value:
    order = _compared(values[0], values[1])
    return int(order is None or order != 0)


COMPARISONS: Mapping[str, Function] = {
    "=": _comparison(lambda order: order == 0),
    "!=": _unequal,
    "<": _comparison(lambda order: order < 0),
    "<=": _comparison(lambda order: order <= 0),
    ">": _comparison(lambda order: order > 0),
    ">=": _comparison(lambda order: order >= 0),
}


def _arithmetic(function: Callable[[float, float], float]) -> Function:
    def apply(values: Sequence[Value]) -> Value:
        left, right = number(values[0]), number(values[1])
        if left is None or right is None:
            return None
        try:
            result = function(left, right)
        except (ZeroDivisionError, OverflowError, ValueError):
            return None
        return None if isinstance(result, complex) or (isinstance(result, float) and math.isnan(result)) else result

    return apply


def _power(base: float, exponent: float) -> float:
    """In floating point: whole numbers would grow without an end."""
    return math.pow(base, exponent)


OPERATIONS: Mapping[str, Function] = {
    "+": _arithmetic(lambda a, b: a + b),
    "-": _arithmetic(lambda a, b: a - b),
    "*": _arithmetic(lambda a, b: a * b if abs(a) < 1e15 and abs(b) < 1e15 else float(a) * float(b)),
    "/": _arithmetic(lambda a, b: a / b),
    "%": _arithmetic(math.fmod),
    "^": _arithmetic(_power),
}
