"""From the record of a run to its figures: the warm-up apart, what counts by route, and each second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from .record import Phase, Record, Tally, total
from .samples import Sample
from .thresholds import rate_of


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of some phases of a run. `rate`: answers a second that were not failures."""

    seconds: int
    requests: int
    failures: int
    rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    @classmethod
    def of(cls, tally: Tally, phases: Sequence[Phase], **more: Any) -> Self:
        return cls(
            seconds=sum(len(phase.seconds) for phase in phases),
            requests=tally.requests,
            failures=tally.failures,
            rate=rate_of(tally, phases),
            max_ms=max(tally.times, default=None),
            **tally.percentiles(),
            **more,
        )


@dataclass(frozen=True, kw_only=True)
class RouteFigures(Figures):
    name: str


@dataclass(frozen=True, kw_only=True)
class MeasuredFigures(Figures):
    """Of all that counts, and of each route."""

    routes: tuple[RouteFigures, ...]


@dataclass(frozen=True, kw_only=True)
class Second:
    """One second of a run. The stack's execution environments and counts are None where the edge did not say."""

    at: int
    phase: str
    users: int
    target_rate: float | None
    rate: float
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    environments: int | None
    cold_starts: int | None
    throttles: int | None


def warm_up_of(record: Record) -> Figures:
    return Figures.of(record.total(record.warm_up), record.warm_up)


def measured_of(record: Record) -> MeasuredFigures:
    phases = record.measured
    tallies = record.routes(phases)
    routes = [RouteFigures.of(tally, phases, name=name) for name, tally in sorted(tallies.items())]
    return MeasuredFigures.of(total(tallies.values()), phases, routes=tuple(routes))


def series_of(record: Record, samples: Mapping[int, Sample]) -> tuple[Second, ...]:
    return tuple(_second(record, phase, second, samples) for phase in record.phases for second in phase.seconds)


def _second(record: Record, phase: Phase, second: int, samples: Mapping[int, Sample]) -> Second:
    tally = total(record.seconds.get(second, {}).values())
    sample = samples.get(second)
    return Second(
        at=second,
        phase=phase.name,
        users=phase.users,
        target_rate=phase.rate,
        rate=tally.requests - tally.failures,
        errors=tally.failures,
        **tally.percentiles(),
        environments=sample.environments if sample else None,
        cold_starts=sample.cold_starts if sample else None,
        throttles=sample.throttles if sample else None,
    )


def latest(record: Record) -> str:
    """One line for a run that goes on: the phase, and its last whole second."""
    if not record.phases or not record.seconds:
        return "starting"
    phase, second = record.phases[-1], max(record.seconds)
    tally = total(record.seconds.get(second - 1, record.seconds[second]).values())
    p95 = tally.percentile(0.95)
    return (
        f"{phase.name}, {phase.users} users: {tally.requests} a second, p95 {p95 or 0:.3g} ms, {tally.failures} failed"
    )


def in_words(measured: Figures) -> str:
    return (
        f"{measured.requests} requests, {measured.rate:.1f} a second, p95 {measured.p95_ms or 0.0:.3g} ms, "
        f"{measured.failures} failed"
    )
