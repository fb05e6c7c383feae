"""What `stats` counts over the rows of a group."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from .events import Value, milliseconds_of, number, text

# An aggregate gets the values of its argument, in the order of the rows, and the moments of these rows.
Aggregate = Callable[[Sequence[Value], Sequence[Value], float], Value]


def _of_numbers(function: Callable[[list[float]], float]) -> Aggregate:
    def apply(values: Sequence[Value], moments: Sequence[Value], parameter: float) -> Value:
        numbers = [
            float(one) if not isinstance(one, int) else one for value in values if (one := number(value)) is not None
        ]
        return function(numbers) if numbers else None

    return apply


def _extreme(choose: Callable[..., Value]) -> Aggregate:
    """Numbers by their size, where all are numbers; texts by their order."""

    def apply(values: Sequence[Value], moments: Sequence[Value], parameter: float) -> Value:
        present = [value for value in values if value is not None]
        if not present:
            return None
        numbers = [number(value) for value in present]
        return choose(numbers) if None not in numbers else choose(present, key=text)

    return apply


def _by_moment(choose: Callable[..., int]) -> Aggregate:
    def apply(values: Sequence[Value], moments: Sequence[Value], parameter: float) -> Value:
        present = [place for place, value in enumerate(values) if value is not None]
        return values[choose(present, key=lambda place: milliseconds_of(moments[place]) or 0)] if present else None

    return apply


def _sorted_first(backwards: bool) -> Aggregate:
    def apply(values: Sequence[Value], moments: Sequence[Value], parameter: float) -> Value:
        present = sorted((value for value in values if value is not None), key=text, reverse=backwards)
        return present[0] if present else None

    return apply


def _percentile(values: Sequence[Value], moments: Sequence[Value], parameter: float) -> Value:
    """The nearest rank."""
    numbers = sorted(one for value in values if (one := number(value)) is not None)
    if not numbers:
        return None
    rank = max(1, math.ceil(parameter / 100 * len(numbers)))
    return numbers[min(rank, len(numbers)) - 1]


def _count(values: Sequence[Value], moments: Sequence[Value], parameter: float) -> Value:
    return sum(value is not None for value in values)


def _distinct(values: Sequence[Value], moments: Sequence[Value], parameter: float) -> Value:
    return len({text(value) for value in values if value is not None})


AGGREGATES: Mapping[str, Aggregate] = {
    "count": _count,
    "count_distinct": _distinct,
    "sum": _of_numbers(math.fsum),
    "avg": _of_numbers(statistics.fmean),
    "stddev": _of_numbers(lambda numbers: statistics.stdev(numbers) if len(numbers) > 1 else 0.0),
    "median": _of_numbers(statistics.median),
    "min": _extreme(min),
    "max": _extreme(max),
    "pct": _percentile,
    "percentile": _percentile,
    "earliest": _by_moment(min),
    "latest": _by_moment(max),
    "sortsfirst": _sorted_first(False),
    "sortslast": _sorted_first(True),
}
WITH_PARAMETER = frozenset(("pct", "percentile"))
