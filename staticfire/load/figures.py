"""From the record of a run to the figures of report.json: the warm-up apart, what counts, each second, each step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .record import Phase, Record, Tally, total
from .thresholds import rate_of
from .watch import Sample

STEPPED = ("ramp", "spike")


def figures(record: Record, samples: Mapping[int, Sample], profile: str) -> dict[str, Any]:
    measured = record.routes(record.measured)
    routes = [{"name": name, **_summary(tally, record.measured)} for name, tally in sorted(measured.items())]
    return {
        "warm_up": _summary(record.total(record.warm_up), record.warm_up),
        "measured": {**_summary(total(measured.values()), record.measured), "routes": routes},
        "series": [_second(record, phase, second, samples) for phase in record.phases for second in phase.seconds],
        "steps": [_step(record, phase) for phase in record.measured] if profile in STEPPED else [],
    }


def _summary(tally: Tally, phases: Sequence[Phase]) -> dict[str, Any]:
    return {
        "seconds": seconds_of(phases),
        "requests": tally.requests,
        "failures": tally.failures,
        "rate": round(rate_of(tally, phases), 2),
        **percentiles(tally),
        "max_ms": max(tally.times, default=None),
    }


def _second(record: Record, phase: Phase, second: int, samples: Mapping[int, Sample]) -> dict[str, Any]:
    tally = total(record.seconds.get(second, {}).values())
    sample = samples.get(second)
    return {
        "at": second,
        "phase": phase.name,
        "users": phase.users,
        "target_rate": phase.rate,
        "rate": tally.requests - tally.failures,
        "errors": tally.failures,
        **percentiles(tally),
        "environments": sample and sample.environments,
        "cold_starts": sample and sample.cold_starts,
        "throttles": sample and sample.throttles,
    }


def _step(record: Record, phase: Phase) -> dict[str, Any]:
    tally = record.total([phase])
    return {
        "name": phase.name,
        "users": phase.users,
        "target_rate": phase.rate,
        "rate": round(rate_of(tally, [phase]), 2),
        "requests": tally.requests,
        "errors": tally.failures,
        "seconds": seconds_of([phase]),
        **percentiles(tally),
    }


def percentiles(tally: Tally) -> dict[str, float | None]:
    return {f"p{percent}_ms": tally.percentile(percent / 100) for percent in (50, 95, 99)}


def seconds_of(phases: Iterable[Phase]) -> int:
    return sum(len(phase.seconds) for phase in phases)


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


def summary(record: Record) -> str:
    tally = record.total(record.measured)
    rate = rate_of(tally, record.measured)
    p95 = tally.percentile(0.95) or 0.0
    return f"{tally.requests} requests, {rate:.1f} a second, p95 {p95:.3g} ms, {tally.failures} failed"
