"""The knee of a ramp: the rate at which latency leaves its unloaded level, and how surely that is known.

    p95 |                o        unloaded level: p95 of the first, light step
        |             o           leaves it: p95 is LEAVES_BY times that, from there on in every step above
        |  o  o  o  x             knee: on the line through the two steps around it, both scales logarithmic
        +------------------ rate

Its uncertainty is found by drawing: each step's seconds are drawn anew, with replacement, DRAWS times, and the knee is
looked for in each drawing. Where 95 of 100 lie is the interval. A rate that holds a limit is another question: it says
what callers bear (`held` in the report), and this says from where on requests wait for each other.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .record import Phase, Record, percentile

LEAVES_BY = 2.0
DRAWS = 200
TAIL = 0.025
# The same run always has the same interval.
SEED = 20_26


@dataclass(frozen=True, kw_only=True)
class Knee:
    """`rate` None: no step left the unloaded level, or the first did. `low` to `high`: where it lies in 95 of 100
    drawings; `high` None: in some of them it lies above every step."""

    unloaded_p95_ms: float
    leaves_at_ms: float
    rate: float | None
    low: float | None
    high: float | None
    why: str


@dataclass(frozen=True)
class _Point:
    rate: float
    p95_ms: float


def knee_of(record: Record) -> Knee | None:
    """The knee of a ramp's steps; None where fewer than two were answered."""
    steps = [phase for phase in record.measured if record.total([phase]).requests]
    if len(steps) < 2:
        return None
    points = _points(record, steps, lambda seconds: seconds)
    unloaded = points[0].p95_ms
    crossing = _crossing(points)
    drawn = random.Random(SEED)
    drawings = sorted(
        _crossing(_points(record, steps, lambda seconds: drawn.choices(seconds, k=len(seconds)))) for _ in range(DRAWS)
    )
    low, high = drawings[math.ceil(DRAWS * TAIL) - 1], drawings[math.floor(DRAWS * (1 - TAIL)) - 1]
    met = math.isfinite(crossing)
    return Knee(
        unloaded_p95_ms=unloaded,
        leaves_at_ms=LEAVES_BY * unloaded,
        rate=crossing if met else None,
        low=low if met and math.isfinite(low) else None,
        high=high if met and math.isfinite(high) else None,
        why=_why(points, unloaded),
    )


def _points(record: Record, steps: Sequence[Phase], draw: Callable[[Sequence[int]], Sequence[int]]) -> list[_Point]:
    points = []
    for step in steps:
        times: Counter[float] = Counter()
        for second in draw(step.seconds):
            for tally in record.seconds.get(second, {}).values():
                times.update(tally.from_due)
        p95 = percentile(times, 0.95)
        if p95 is not None:
            points.append(_Point(step.rate or float(step.users), max(p95, 1e-3)))
    return points


def _crossing(points: Sequence[_Point]) -> float:
    """Where the line through the points goes above the level for good; infinity where it does not."""
    if not points:
        return math.inf
    level = LEAVES_BY * points[0].p95_ms
    for below, above in reversed(list(pairwise(points))):
        if above.p95_ms <= level:
            return math.inf
        if below.p95_ms <= level:
            share = math.log(level / below.p95_ms) / math.log(above.p95_ms / below.p95_ms)
            return float(below.rate * (above.rate / below.rate) ** share)
    return math.inf


def _why(points: Sequence[_Point], unloaded: float) -> str:
    level = LEAVES_BY * unloaded
    for below, above in reversed(list(pairwise(points))):
        if above.p95_ms <= level:
            return (
                f"p95 is {_ms(unloaded)} at {points[0].rate:,.0f}/s and {_ms(above.p95_ms)} at "
                f"{above.rate:,.0f}/s: it does not leave its unloaded level. Ramp up to a higher rate."
            )
        if below.p95_ms <= level:
            return (
                f"p95 is {_ms(unloaded)} at {points[0].rate:,.0f}/s, {_ms(below.p95_ms)} at "
                f"{below.rate:,.0f}/s and {_ms(above.p95_ms)} at {above.rate:,.0f}/s; "
                f"at {_ms(level)} it has left its unloaded level."
            )
    return "Every step is as slow as the first: no step was unloaded. Ramp up from a lower rate."


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"
