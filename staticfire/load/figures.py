"""From the record of a run to its figures: the warm-up apart, what counts by route, and each second.

Percentiles are those of one load: over the steps of a ramp there are none. They count from when a request was due; the
service's own (`service_...`) from when it was sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from .profiles import Profile
from .record import InFlight, Phase, Record, Tally, percentile, total
from .samples import NOT_SAMPLED, Sample
from .thresholds import rate_of, unloaded_phases

SHARES = {"50": 0.5, "90": 0.9, "95": 0.95, "99": 0.99, "999": 0.999, "9999": 0.9999}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of some phases of a run. `rate`: answers a second that were not failures."""

    seconds: int
    requests: int
    failures: int
    rate: float
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    p9999_ms: float | None
    max_ms: float | None
    service_p50_ms: float | None
    service_p95_ms: float | None

    @classmethod
    def of(cls, tally: Tally, phases: Sequence[Phase], **more: Any) -> Self:
        one_load = len({(phase.users, phase.rate) for phase in phases}) == 1
        due, sent = (tally.from_due, tally.times) if one_load else (Counter[float](), Counter[float]())
        return cls(
            seconds=sum(len(phase.seconds) for phase in phases),
            requests=tally.requests,
            failures=tally.failures,
            rate=rate_of(tally, phases),
            max_ms=max(due, default=None),
            **{f"p{name}_ms": percentile(due, share) for name, share in SHARES.items()},
            **{f"service_p{name}_ms": percentile(sent, SHARES[name]) for name in ("50", "95")},
            **more,
        )


@dataclass(frozen=True, kw_only=True)
class RouteFigures(Figures):
    name: str


@dataclass(frozen=True, kw_only=True)
class MeasuredFigures(Figures):
    """Of all that counts, and of each route. `unsent`: due, and never sent; `kinds`: why requests failed."""

    unsent: int
    kinds: Mapping[str, int]
    routes: tuple[RouteFigures, ...]


@dataclass(frozen=True, kw_only=True)
class Second:
    """One second of a run. What the edge or the machine did not say is None.

    `cpu`: cores in use by each part of the stack; `routes`: the 95th percentile of each; `kinds`: why requests failed.
    """

    at: int
    phase: str
    users: int
    target_rate: float | None
    rate: float
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    service_p50_ms: float | None
    service_p95_ms: float | None
    in_flight: int | None
    unsent: int
    routes: Mapping[str, float | None]
    kinds: Mapping[str, int]
    cpu: Mapping[str, float]
    environments: int | None
    cold_starts: int | None
    throttles: int | None


@dataclass(frozen=True, kw_only=True)
class DistributionPoint:
    """Within `ms`, `share` of the requests were answered; `service_ms`: the same from when they were sent."""

    share: float
    ms: float
    service_ms: float


def distribution_of(tally: Tally) -> tuple[DistributionPoint, ...]:
    """From the median to as many nines as there are requests for."""
    shares = [1 - 0.5**halves for halves in range(1, 20)]
    return tuple(
        DistributionPoint(share=round(share, 6), ms=due, service_ms=sent)
        for share in shares
        if (1 - share) * tally.requests >= 1
        and (due := percentile(tally.from_due, share)) is not None
        and (sent := percentile(tally.times, share)) is not None
    )


def warm_up_of(record: Record) -> Figures:
    return Figures.of(record.total(record.warm_up), record.warm_up)


def unloaded_of(record: Record, profile: Profile) -> Figures | None:
    """How quick the service is without load; None where no phase tells."""
    phases = unloaded_phases(record, profile)
    tally = record.total(phases)
    return Figures.of(tally, phases) if tally.requests else None


def measured_of(record: Record) -> MeasuredFigures:
    phases = record.measured
    tallies = record.routes(phases)
    routes = [RouteFigures.of(tally, phases, name=name) for name, tally in sorted(tallies.items())]
    every = total(tallies.values())
    return MeasuredFigures.of(
        every, phases, unsent=record.unsent(phases), kinds=dict(every.kinds.most_common()), routes=tuple(routes)
    )


def series_of(record: Record, samples: Mapping[int, Sample]) -> tuple[Second, ...]:
    return tuple(second_of(record, phase, second, samples) for phase in record.phases for second in phase.seconds)


def second_of(record: Record, phase: Phase, second: int, samples: Mapping[int, Sample]) -> Second:
    routes = record.seconds.get(second, {})
    tally = total(routes.values())
    sample = samples.get(second, NOT_SAMPLED)
    flow = record.flows.get(second)
    return Second(
        at=second,
        phase=phase.name,
        users=phase.users,
        target_rate=phase.rate,
        rate=tally.requests - tally.failures,
        errors=tally.failures,
        **tally.percentiles(),
        service_p50_ms=percentile(tally.times, 0.5),
        service_p95_ms=percentile(tally.times, 0.95),
        in_flight=None if flow is None else flow.in_flight,
        unsent=(flow or InFlight()).unsent,
        routes={name: of_route.percentile(0.95) for name, of_route in sorted(routes.items())},
        kinds=dict(tally.kinds),
        cpu=sample.cpu,
        environments=sample.environments,
        cold_starts=sample.cold_starts,
        throttles=sample.throttles,
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
