"""What a load run must keep, and whether it did: the 95th percentile, the share of errors, the rate.

`steady` and `soak` must keep all three; the rate, where none is given, to nine tenths of the profile's. A `spike` must
keep the errors, and the others after it. A `ramp` goes on until a step does not hold: what counts is the rate of the
last step that did.

Where no limit of latency is chosen, it follows from how quick the service is without load: LIMIT_FACTOR times its 95th
percentile in the unloaded phase, or in a profile's first light one. Below LEAST_LIMIT_MS a caller notices nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import eq, ge, gt, le, lt

from .profiles import Profile
from .record import UNLOADED, Phase, Record, Tally

HELD_SHARE = 0.9
LIMIT_FACTOR = 5.0
LEAST_LIMIT_MS = 50.0


@dataclass(frozen=True)
class LoadLimits:
    """`p95_ms` None: follows from the unloaded level (`limits_of`); `rate` None: nine tenths of the profile's."""

    p95_ms: float | None = None
    errors: float = 0.01
    rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class LoadStep:
    """A phase of a run and what came of it. `rate`: answers a second that were not failures."""

    name: str
    users: int
    target_rate: float | None
    rate: float
    requests: int
    errors: int
    seconds: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @classmethod
    def of(cls, record: Record, phase: Phase) -> LoadStep:
        tally = record.total([phase])
        return cls(
            name=phase.name,
            users=phase.users,
            target_rate=phase.rate,
            rate=rate_of(tally, [phase]),
            requests=tally.requests,
            errors=tally.failures,
            seconds=len(phase.seconds),
            **tally.percentiles(),
        )

    @property
    def load(self) -> float:
        """What was offered: what steps are ordered by."""
        return self.users if self.target_rate is None else self.target_rate

    @property
    def failed_share(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    def broken_by(self, limits: LoadLimits) -> str:
        """Why it does not hold; empty when it does."""
        if self.p95_ms is None:
            return "nothing was answered"
        if self.failed_share > limits.errors:
            return f"{self.failed_share:.1%} of the requests failed (limit {limits.errors:.1%})"
        if limits.p95_ms is not None and self.p95_ms > limits.p95_ms:
            return f"p95 was {self.p95_ms:,.0f} ms (limit {limits.p95_ms:,.0f} ms)"
        if self.target_rate is not None and self.rate < HELD_SHARE * self.target_rate:
            return f"{self.rate:,.0f} of {self.target_rate:,.0f} requests/s were carried"
        return ""


@dataclass(frozen=True)
class Threshold:
    """A limit, what was measured, and whether it holds; `value` None: nothing was measured."""

    name: str
    operator: str
    limit: float
    value: float | None
    holds: bool

    @classmethod
    def of(cls, name: str, operator: str, limit: float, value: float | None) -> Threshold:
        return cls(name, operator, limit, value, value is not None and OPERATORS[operator](value, limit))

    def __str__(self) -> str:
        shown = "nothing measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.name}: {shown}, {WORDS[self.operator]} {self.limit:.4g}: {'holds' if self.holds else 'FAILS'}"


OPERATORS: Mapping[str, Callable[[float, float], bool]] = {"<=": le, ">=": ge, "==": eq, "<": lt, ">": gt}
WORDS = {"<=": "at most", ">=": "at least", "==": "exactly", "<": "below", ">": "above"}


def unloaded_phases(record: Record, profile: Profile) -> list[Phase]:
    """Those that tell how quick the service is without load; none where a profile has none."""
    return record.named(UNLOADED) or (record.measured[:1] if profile.light else [])


def limits_of(record: Record, profile: Profile, limits: LoadLimits) -> LoadLimits:
    """The limits, with that of latency from the unloaded level where none was chosen."""
    if limits.p95_ms is not None:
        return limits
    unloaded = record.total(unloaded_phases(record, profile)).percentile(0.95)
    return replace(limits, p95_ms=None if unloaded is None else max(LIMIT_FACTOR * unloaded, LEAST_LIMIT_MS))


def rate_of(tally: Tally, phases: Iterable[Phase]) -> float:
    """Answers a second that were not failures, over the whole seconds of these phases."""
    seconds = sum(len(phase.seconds) for phase in phases)
    return (tally.requests - tally.failures - tally.after) / seconds if seconds else 0.0


def steps_of(record: Record) -> list[LoadStep]:
    """A step for each phase that counts."""
    return [LoadStep.of(record, phase) for phase in record.measured]


def judge(record: Record, steps: Sequence[LoadStep], profile: str, limits: LoadLimits) -> list[Threshold]:
    """Every threshold that the profile must keep. `steps` are those of the record."""
    if profile == "ramp":
        best = max((step.rate for step in steps if not step.broken_by(limits)), default=None)
        return [Threshold.of("rate", ">=", limits.rate or 0.0, best)]
    whole = record.total(record.measured)
    phases = record.measured[-1:] if profile == "spike" else record.measured
    tally = record.total(phases)
    target = min((phase.rate or 0.0 for phase in phases), default=0.0)
    measured = rate_of(tally, phases) if tally.requests else None
    latency = [] if limits.p95_ms is None else [Threshold.of("p95_ms", "<=", limits.p95_ms, tally.percentile(0.95))]
    return [
        *latency,
        Threshold.of("errors", "<=", limits.errors, whole.failed_share if whole.requests else None),
        Threshold.of("rate", ">=", HELD_SHARE * target if limits.rate is None else limits.rate, measured),
    ]
