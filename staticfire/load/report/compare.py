"""Two runs side by side, and a verdict only where it is beyond their noise.

A measure is `better` or `worse` when the whole interval of its change (see analysis.py) is on one side of zero, and the
change is more than SLACK beyond the machine's own drift: two runs on a shared machine differ by more than either run's
noise tells. The drift is that of the first variant, the empty handler, whose code is the same in both.

Of a held rate only the steps around it are known, and the next step is a matter of noise: held rates differ when one
run held a higher load than the one at which the other had failed; knees, when their intervals lie apart. Runs of
another stack, profile or machine, or with other options, are set side by side without a verdict. Other faults are a
difference too, but no reason to say nothing: the load was the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from staticfire.load.figures import MeasuredFigures, Second
from staticfire.load.knee import Knee
from staticfire.load.machine import Machine
from staticfire.load.profiles import PROFILES, LoadOptions
from staticfire.load.record import UNLOADED, WARM_UP
from staticfire.load.typed_json import to_json

from .analysis import LEAST_SECONDS, HeldRate, Interval, change
from .document import Comparison, EarlierRun, LoadRun, Measure, Report

SLACK = 0.05
# Of errors, the share of all requests; relative changes of something near none say nothing.
SLACK_ERRORS = 0.001
SAME, BETTER, WORSE = "no difference beyond noise", "better", "worse"
NOT_COMPARED = (WARM_UP, UNLOADED)
TOO_SHORT = f"fewer than {LEAST_SECONDS} seconds in common"

Pairs = Sequence[tuple[Second, Second]]


def compare(before: Report, after: LoadRun, held: HeldRate | None) -> Comparison:
    """The report's part `comparison`. `held` is that of the run `after`."""
    differences = differing_questions(before, Question.of(after))
    drift = _drift(before, after)
    slack = SLACK + abs(drift or 0.0)
    pairs = _aligned(before, after)
    measures = []
    for name, of, higher_is_better in MEASURES:
        moved = change([(of(old), of(new)) for old, new in pairs], relative=True)
        values = of(before.measured), of(after.measured)
        measures.append(_judged(name, *values, moved, slack, higher_is_better=higher_is_better))
    measures += [_errors(before, after, pairs), *_knees(before.knee, after.knee), *_held_rates(before.held, held)]
    if differences:
        measures = [replace(measure, verdict="not comparable") for measure in measures]
    return Comparison(
        earlier=EarlierRun(before.stack, before.profile, before.started, before.revision),
        differences=(*differences, *_differing_faults(before, after)),
        machine_drift=drift,
        measures=tuple(measures),
    )


MEASURES: Sequence[tuple[str, Callable[[Second | MeasuredFigures], float | None], bool]] = (
    ("requests/s", lambda figures: figures.rate, True),
    ("p50 ms", lambda figures: figures.p50_ms, False),
    ("p95 ms", lambda figures: figures.p95_ms, False),
    ("p99 ms", lambda figures: figures.p99_ms, False),
)


@dataclass(frozen=True)
class Question:
    """What a run asks, which is known before it begins: runs are compared that ask the same."""

    stack: str
    profile: str
    target: str
    options: LoadOptions
    machine: Machine

    @classmethod
    def of(cls, run: LoadRun) -> Question:
        return cls(run.stack, run.profile, run.target, run.options, run.machine)

    def parts(self) -> dict[str, Any]:
        return {
            "stack": self.stack,
            "profile": self.profile,
            "target": self.target,
            "options": to_json(self.options),
            "machine": {"processor": self.machine.processor, "cores": self.machine.cores},
        }


def differing_questions(before: Report, now: Question) -> list[str]:
    """What makes the two runs different questions, instead of two answers to one."""
    then = Question.of(before).parts()
    return [f"{name}: {then[name]} before, {part} now" for name, part in now.parts().items() if then[name] != part]


def foreseen(before: Report, now: Question) -> str:
    """Why a run that has not begun yet will have no verdict beside an earlier one; empty where it can have one."""
    if differences := differing_questions(before, now):
        return "more than the code differs: " + "; ".join(differences)
    earlier = Counter(phase for phase, _ in _numbered(before.series))
    phases = [phase for phase in PROFILES[now.profile].phases(now.options) if phase.name not in NOT_COMPARED]
    # A phase begins and ends within a second, and neither of the two counts.
    common = sum(min(earlier[phase.name], max(0, int(phase.seconds) - 1)) for phase in phases)
    if common >= LEAST_SECONDS:
        return ""
    return f"{TOO_SHORT}: {common} at the most. Both need a `--duration` of at least {LEAST_SECONDS + 2 * len(phases)}s"


def _differing_faults(before: Report, after: LoadRun) -> list[str]:
    if sorted(before.faults) == sorted(after.faults):
        return []
    then, now = ("; ".join(sorted(run.faults)) or "none" for run in (before, after))
    return [f"faults: {then} before, {now} now"]


def gate(comparison: Comparison) -> tuple[list[str], list[str]]:
    """Whether it is worse than the earlier run: the failures, and why it cannot be told."""
    worse = [measure for measure in comparison.measures if measure.verdict == WORSE]
    if worse:
        return [f"worse than the earlier run: {', '.join(map(_in_words, worse))}"], []
    if comparison.differences:
        return [], [f"comparison: more than the code differs: {'; '.join(comparison.differences)}"]
    if not any(measure.verdict in (SAME, BETTER) for measure in comparison.measures):
        return [], [f"comparison: {comparison.measures[0].verdict}"]
    return [], []


def _in_words(measure: Measure) -> str:
    change = "" if measure.change is None else f" ({measure.change:+.1%})"
    before, after = ("-" if value is None else f"{value:.3g}" for value in (measure.before, measure.after))
    return f"{measure.name} {before} before, {after} now{change}"


def _drift(before: Report, after: LoadRun) -> float | None:
    """How much slower the empty handler became, as a share; None where a run has no breakdown, or another."""
    first = [run.breakdown[0] for run in (before, after) if run.breakdown]
    if len(first) < 2 or first[0].name != first[1].name:
        return None
    return first[1].p50_ms / first[0].p50_ms - 1


def _aligned(before: Report, after: LoadRun) -> Pairs:
    """The seconds that both runs have: the first of a step with the first of that step, and so on."""
    then, now = _numbered(before.series), _numbered(after.series)
    return [(then[key], now[key]) for key in then if key in now]


def _numbered(series: Sequence[Second]) -> dict[tuple[str, int], Second]:
    seen: Counter[str] = Counter()
    seconds = {}
    for second in series:
        if second.phase not in NOT_COMPARED:
            seconds[second.phase, seen[second.phase]] = second
            seen[second.phase] += 1
    return seconds


def _errors(before: Report, after: LoadRun, pairs: Pairs) -> Measure:
    moved = change([(_failed(old), _failed(new)) for old, new in pairs], relative=False)
    then, now = (_share(run.measured.failures, run.measured.requests) for run in (before, after))
    return _judged("failed share", then, now, moved, SLACK_ERRORS, higher_is_better=False)


def _failed(second: Second) -> float:
    return _share(second.errors, second.errors + second.rate)


def _share(some: float, whole: float) -> float:
    return some / whole if whole else 0.0


def _judged(
    name: str,
    before: float | None,
    after: float | None,
    moved: Interval | None,
    slack: float,
    *,
    higher_is_better: bool,
) -> Measure:
    if moved is None:
        return Measure(name, before, after, None, None, None, f"no verdict: {TOO_SHORT}")
    verdict = SAME
    if abs(moved.middle) > slack and (moved.low > 0 or moved.high < 0):
        verdict = BETTER if (moved.middle > 0) == higher_is_better else WORSE
    return Measure(name, before, after, moved.middle, moved.low, moved.high, verdict)


def _knees(old: Knee | None, new: Knee | None) -> list[Measure]:
    if old is None or new is None or old.rate is None or new.rate is None:
        return []
    verdict = SAME
    if old.high is not None and new.low is not None and new.low > old.high:
        verdict = BETTER
    elif old.low is not None and new.high is not None and new.high < old.low:
        verdict = WORSE
    return [Measure("knee, requests/s", old.rate, new.rate, new.rate / old.rate - 1, None, None, verdict)]


def _held_rates(old: HeldRate | None, new: HeldRate | None) -> list[Measure]:
    if old is None or new is None:
        return []
    verdict = SAME
    if _above(new, old):
        verdict = BETTER
    elif _above(old, new):
        verdict = WORSE
    relative = new.rate / old.rate - 1 if old.rate and new.rate else None
    return [Measure("held, requests/s", old.rate, new.rate, relative, None, None, verdict)]


def _above(held: HeldRate, other: HeldRate) -> bool:
    """Whether one run held a higher load than the one at which the other had failed."""
    return held.holds_at is not None and other.fails_at is not None and held.holds_at > other.fails_at
