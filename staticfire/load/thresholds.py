"""What a load run must keep, and whether it did: the 95th percentile, the share of errors, the rate.

`steady` and `soak` must keep all three; the rate, where none is given, to nine tenths of the one that was asked for. A
`spike` must keep the errors, and the others after it. A `ramp` goes on until a step does not hold: what counts is the
rate of the last step that did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .record import Phase, Record, Tally

HELD_SHARE = 0.9


@dataclass(frozen=True)
class Limits:
    """`rate` None: nine tenths of what was asked for."""

    p95_ms: float = 1000.0
    errors: float = 0.01
    rate: float | None = None


@dataclass(frozen=True)
class Threshold:
    """A limit, what was measured, and whether it holds; `value` None: nothing was measured."""

    name: str
    limit: float
    value: float | None
    holds: bool

    def __str__(self) -> str:
        shown = "nothing measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.name}: {shown}, {BOUNDS[self.name]} {self.limit:.4g}: {'holds' if self.holds else 'FAILS'}"


BOUNDS = {"p95_ms": "at most", "errors": "at most", "rate": "at least"}


@dataclass(frozen=True)
class Step:
    """A time at one load. `rate`: answers a second that were no failure; `failed`: the share that was one."""

    users: int
    target_rate: float | None
    rate: float
    p95_ms: float | None
    failed: float

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> Step:
        """From the report's `steps`."""
        failed = step["errors"] / step["requests"] if step["requests"] else 0.0
        return cls(step["users"], step["target_rate"], step["rate"], step["p95_ms"], failed)

    @property
    def load(self) -> float:
        """What was offered: what steps are ordered by."""
        return self.users if self.target_rate is None else self.target_rate

    def broken_by(self, limit_ms: float, most_errors: float) -> str:
        """Why it does not hold; empty when it does."""
        if self.p95_ms is None:
            return "nothing was answered"
        if self.failed > most_errors:
            return f"{self.failed:.1%} of the requests failed (limit {most_errors:.1%})"
        if self.p95_ms > limit_ms:
            return f"p95 was {self.p95_ms:,.0f} ms (limit {limit_ms:,.0f} ms)"
        if self.target_rate is not None and self.rate < HELD_SHARE * self.target_rate:
            return f"{self.rate:,.0f} of {self.target_rate:,.0f} requests/s were carried"
        return ""


def rate_of(tally: Tally, phases: Iterable[Phase]) -> float:
    """Answers a second that were no failure, over the whole seconds of these phases."""
    seconds = sum(len(phase.seconds) for phase in phases)
    return (tally.requests - tally.failures) / seconds if seconds else 0.0


def step_holds(record: Record, phase: Phase, limits: Limits) -> bool:
    """Whether a step of a ramp kept its rate, the percentile and the errors."""
    tally = record.total([phase])
    step = Step(phase.users, phase.rate, rate_of(tally, [phase]), tally.percentile(0.95), tally.failed_share)
    return not step.broken_by(limits.p95_ms, limits.errors)


def judge(record: Record, profile: str, limits: Limits) -> list[Threshold]:
    """Every threshold that the profile must keep."""
    phases = record.measured
    if profile == "ramp":
        rates = [rate_of(record.total([phase]), [phase]) for phase in phases if step_holds(record, phase, limits)]
        best = max(rates, default=None)
        return [_at_least("rate", limits.rate or 0.0, best)]
    spike = record.total(phases)
    if profile == "spike":
        phases = phases[-1:]
    tally = record.total(phases)
    asked = min((phase.rate or 0.0 for phase in phases), default=0.0)
    measured = rate_of(tally, phases) if tally.requests else None
    return [
        _at_most("p95_ms", limits.p95_ms, tally.percentile(0.95)),
        _at_most("errors", limits.errors, spike.failed_share if spike.requests else None),
        _at_least("rate", HELD_SHARE * asked if limits.rate is None else limits.rate, measured),
    ]


def _at_most(name: str, limit: float, value: float | None) -> Threshold:
    return Threshold(name, limit, value, value is not None and value <= limit)


def _at_least(name: str, limit: float, value: float | None) -> Threshold:
    return Threshold(name, limit, value, value is not None and value >= limit)
