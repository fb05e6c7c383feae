"""What the figures of a run mean: the rate it held, its noise, and what is surely different between two runs.

The held rate is the highest at which a step kept its limits: its 95th percentile and its errors within them, its rate
not less than nine tenths of its target. The true one lies between that step and the lowest above it that failed.

Noise. Seconds of one run are alike: a slow one is followed by a slow one, so many seconds tell less than as many
independent figures would. The series is therefore cut into a few long parts, and how far the medians of these lie apart
tells how far the whole moves by chance: Student's interval over batch means. Two runs of the same profile are compared
second by second (the tenth of a step with the tenth of the same step), so that what the profile does cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median, stdev

from staticfire.load.figures import RouteFigures
from staticfire.load.thresholds import LoadLimits, LoadStep
from staticfire.load.typed_json import json_name

BATCHES = 6
# Student's t for 95 % and BATCHES - 1 degrees of freedom.
STUDENT = 2.571
# Batches of less than five seconds are too much alike.
LEAST_SECONDS = 5 * BATCHES


@dataclass(frozen=True, kw_only=True)
class HeldRate:
    """`met`: some step holds and one above it does not. `holds_at`, `fails_at`: the loads it lies between."""

    met: bool = field(metadata=json_name("found"))
    rate: float | None
    p95_ms: float | None
    limit_ms: float | None
    holds_at: float | None
    fails_at: float | None
    why: str


def held_rate(steps: Sequence[LoadStep], limits: LoadLimits) -> HeldRate | None:
    """The highest that a step held; None without steps. The order of the steps does not matter."""
    if not steps:
        return None
    broken = {step: step.broken_by(limits) for step in steps}
    best = max((step for step in steps if not broken[step]), key=lambda step: step.rate, default=None)
    above = [step for step in steps if broken[step] and (best is None or step.load > best.load)]
    first = min(above, key=lambda step: step.load, default=None)
    if first is None:
        why = "Every step holds: the limit lies above. Ramp up to a higher rate."
    elif best is None:
        why = f"Not even the first step holds: {broken[first]}."
    else:
        why = f"At {first.load:,.0f} {'users' if first.target_rate is None else 'requests/s'}, {broken[first]}."
    return HeldRate(
        met=best is not None and first is not None,
        rate=best.rate if best else None,
        p95_ms=best.p95_ms if best else None,
        limit_ms=limits.p95_ms,
        holds_at=best.load if best else None,
        fails_at=first.load if first else None,
        why=why,
    )


@dataclass(frozen=True)
class Interval:
    """Where a figure lies by chance alone in 95 of 100 runs."""

    low: float
    middle: float
    high: float


def noise(values: Sequence[float]) -> Interval | None:
    """The level of a series of seconds and its noise; None where there are too few."""
    count = len(values)
    if count < LEAST_SECONDS:
        return None
    cuts = [number * count // BATCHES for number in range(BATCHES + 1)]
    medians = [median(values[start:end]) for start, end in pairwise(cuts)]
    middle, reach = fmean(medians), STUDENT * stdev(medians) / math.sqrt(BATCHES)
    return Interval(middle - reach, middle, middle + reach)


def change(pairs: Iterable[tuple[float | None, float | None]], *, relative: bool) -> Interval | None:
    """How much a value changed, second by second; relative: as a share of what it was before."""
    measured = [(old, new) for old, new in pairs if old is not None and new is not None]
    if relative:
        return noise([new / old - 1 for old, new in measured if old])
    return noise([new - old for old, new in measured])


def writes_share(routes: Sequence[RouteFigures]) -> float:
    """Which share of the requests wrote, by the method that a route's name begins with."""
    requests = sum(route.requests for route in routes)
    writes = sum(route.requests for route in routes if route.name.partition(" ")[0] in WRITING)
    return writes / requests if requests else 0.0


WRITING = ("POST", "PUT", "PATCH", "DELETE")
