"""The commands of Insights: each takes rows and gives rows; `Columns` says what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .events import Row, Value, number, text
from .expressions import FieldOf, QueryExpression
from .functions import is_true
from .patterns import Pattern, QueryBudget

GROUPS = 100_000
CHECK_EVERY = 1000


@dataclass
class Columns:
    """What is told: what `display` says last, else what `fields` and `stats` named."""

    names: list[str] = field(default_factory=list)
    displayed: list[str] | None = None
    of_stats: bool = False

    def add(self, names: Sequence[str]) -> None:
        self.names += [name for name in names if name not in self.names]


@dataclass(frozen=True)
class Named:
    name: str
    expression: QueryExpression


@dataclass(frozen=True)
class Command:
    def run(self, rows: list[Row], columns: Columns, budget: QueryBudget) -> list[Row]:
        raise NotImplementedError


@dataclass(frozen=True)
class Fields(Command):
    named: tuple[Named, ...]

    def run(self, rows: list[Row], columns: Columns, budget: QueryBudget) -> list[Row]:
        _compute(self.named, rows, budget)
        columns.add([column.name for column in self.named])
        return rows


@dataclass(frozen=True)
class Display(Command):
    named: tuple[Named, ...]

    def run(self, rows: list[Row], columns: Columns, budget: QueryBudget) -> list[Row]:
        _compute(self.named, rows, budget)
        columns.displayed = [column.name for column in self.named]
        return rows


def _compute(named: Sequence[Named], rows: list[Row], budget: QueryBudget) -> None:
    computed = [column for column in named if not _is_itself(column)]
    for place, row in enumerate(rows if computed else ()):
        if place % CHECK_EVERY == 0:
            budget.left()
        for column in computed:
            row.computed[column.name] = column.expression.value(row, budget)


def _is_itself(column: Named) -> bool:
    return isinstance(column.expression, FieldOf) and column.expression.name == column.name


@dataclass(frozen=True)
class Filter(Command):
    condition: QueryExpression

    def run(self, rows: list[Row], columns: Columns, budget: QueryBudget) -> list[Row]:
        kept = []
        for place, row in enumerate(rows):
            if place % CHECK_EVERY == 0:
                budget.left()
            if is_true(self.condition.value(row, budget)):
                kept.append(row)
        return kept


@dataclass(frozen=True)
class Parse(Command):
    """Rows that the pattern does not fit stay, without its fields."""

    subject: QueryExpression
    pattern: Pattern
    names: tuple[str, ...]
    named: bool

    def run(self, rows: list[Row], columns: Columns, budget: QueryBudget) -> list[Row]:
        for row in rows:
            subject = self.subject.value(row, budget)
            match = self.pattern.search(text(subject), budget) if subject is not None else None
            if match is not None:
                for place, name in enumerate(self.names):
                    row.computed[name] = match[name] if self.named else match[place + 1]
        columns.add(self.names)
        return rows


@dataclass(frozen=True)
class Stats(Command):
    named: tuple[Named, ...]
    by: tuple[Named, ...]

    def run(self, rows: list[Row], columns: Columns, budget: QueryBudget) -> list[Row]:
        groups: dict[tuple[Value, ...], list[Row]] = {}
        for place, row in enumerate(rows):
            if place % CHECK_EVERY == 0:
                budget.left()
            key = tuple(column.expression.value(row, budget) for column in self.by)
            if key in groups or len(groups) < GROUPS:
                groups.setdefault(key, []).append(row)
        if not groups and not self.by:
            groups[()] = []
        result = []
        for key, members in groups.items():
            row = Row()
            row.computed |= {column.name: value for column, value in zip(self.by, key, strict=True)}
            row.computed |= {column.expression.source: value for column, value in zip(self.by, key, strict=True)}
            for column in self.named:
                for aggregate in column.expression.aggregates():
                    row.computed[aggregate.source] = aggregate.over(members, budget)
                row.computed[column.name] = column.expression.value(row, budget)
            result.append(row)
        columns.names = [column.name for column in (*self.by, *self.named)]
        columns.displayed, columns.of_stats = None, True
        return result


@dataclass(frozen=True)
class Sort(Command):
    keys: tuple[tuple[QueryExpression, bool], ...]

    def run(self, rows: list[Row], columns: Columns, budget: QueryBudget) -> list[Row]:
        budget.left()
        for expression, descending in reversed(self.keys):
            rows.sort(key=lambda row: _order(expression.value(row, budget)), reverse=descending)
        return rows


def _order(value: Value) -> tuple[int, float, str]:
    """What is not there before texts that are no number, and these before numbers."""
    as_number = number(value)
    if as_number is not None:
        return 2, as_number, ""
    return (0, 0.0, "") if value is None else (1, 0.0, text(value))


@dataclass(frozen=True)
class Limit(Command):
    count: int

    def run(self, rows: list[Row], columns: Columns, budget: QueryBudget) -> list[Row]:
        return rows[: self.count]


@dataclass(frozen=True)
class Dedup(Command):
    """The first row of each; rows in which one of the fields is not there all stay, as AWS documents."""

    keys: tuple[QueryExpression, ...]

    def run(self, rows: list[Row], columns: Columns, budget: QueryBudget) -> list[Row]:
        seen: set[tuple[str, ...]] = set()
        kept = []
        for row in rows:
            values = [key.value(row, budget) for key in self.keys]
            if None not in values:
                identity = tuple(text(value) for value in values)
                if identity in seen:
                    continue
                seen.add(identity)
            kept.append(row)
        return kept
