"""Thresholds: what each profile must keep, and what it is told when it does not."""

from __future__ import annotations

from typing import Any

from staticfire.load.record import Record, Tally
from staticfire.load.thresholds import LoadLimits, Threshold, judge, steps_of

LIMITS = LoadLimits(p95_ms=100, errors=0.01)


def record(*parts: tuple[str, float | None, int, float, float]) -> Record:
    """Parts of ten seconds each: name, asked rate, answers a second, how long each took, share of failures."""
    lines: list[dict[str, Any]] = []
    for number, (name, asked, rate, milliseconds, failed) in enumerate(parts):
        begun = number * 10
        lines.append({"phase": name, "at": begun + 0.5, "users": 5, "rate": asked})
        tally = Tally(rate, round(rate * failed))
        tally.times[milliseconds] = tally.from_due[milliseconds] = rate
        lines += [{"second": begun + second, "name": "POST /usage", **tally.line()} for second in range(1, 10)]
    return Record([*lines, {"phase": None, "at": len(parts) * 10 + 0.5, "cut": False}])


def judged(run: Record, profile: str, limits: LoadLimits) -> list[Threshold]:
    return judge(run, steps_of(run), profile, limits)


def verdicts(run: Record, profile: str, limits: LoadLimits = LIMITS) -> dict[str, bool]:
    return {threshold.name: threshold.holds for threshold in judged(run, profile, limits)}


def test_a_run_that_keeps_all_holds() -> None:
    kept = record(("warm-up", 50, 50, 900, 0.5), ("steady", 50, 50, 20, 0))
    assert verdicts(kept, "steady") == {"p95_ms": True, "errors": True, "rate": True}


def test_each_threshold_fails_alone() -> None:
    assert verdicts(record(("steady", 50, 50, 101, 0)), "steady") == {"p95_ms": False, "errors": True, "rate": True}
    assert verdicts(record(("steady", 50, 50, 20, 0.02)), "steady") == {"p95_ms": True, "errors": False, "rate": True}
    assert verdicts(record(("steady", 50, 40, 20, 0)), "steady") == {"p95_ms": True, "errors": True, "rate": False}


def test_a_rate_that_was_named_counts_instead_of_the_profiles() -> None:
    slow = record(("steady", 50, 40, 20, 0))
    assert verdicts(slow, "steady", LoadLimits(100, 0.01, rate=39))["rate"]
    assert not verdicts(slow, "steady", LoadLimits(100, 0.01, rate=41))["rate"]


def test_nothing_measured_holds_nothing() -> None:
    assert verdicts(record(("warm-up", 50, 50, 20, 0)), "steady") == {"p95_ms": False, "errors": False, "rate": False}


def test_a_ramp_counts_by_its_last_step_that_held() -> None:
    ramp = record(("step 1", 20, 20, 20, 0), ("step 2", 40, 40, 90, 0), ("step 3", 80, 60, 300, 0.2))
    assert verdicts(ramp, "ramp") == {"rate": True}
    [threshold] = judged(ramp, "ramp", LoadLimits(100, 0.01, rate=50))
    assert (threshold.value, threshold.holds) == (40, False)
    assert str(threshold) == "rate: 40, at least 50: FAILS"


def test_a_ramp_none_of_whose_steps_holds_fails() -> None:
    assert verdicts(record(("step 1", 20, 20, 500, 0)), "ramp") == {"rate": False}


def test_a_spike_may_be_slow_but_loses_nothing_and_is_over_afterwards() -> None:
    calm, peak = ("before", 20, 20, 20, 0), ("spike", 100, 70, 900, 0)
    assert all(verdicts(record(calm, peak, ("after", 20, 20, 20, 0)), "spike").values())
    assert not verdicts(record(calm, peak, ("after", 20, 20, 900, 0)), "spike")["p95_ms"]
    assert not verdicts(record(calm, ("spike", 100, 70, 900, 0.1), ("after", 20, 20, 20, 0)), "spike")["errors"]
