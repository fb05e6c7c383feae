"""Thresholds in words: what they mean, of which load, and what is said of those that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from staticfire.errors import UsageError
from staticfire.load.expressions import ThresholdExpression, answering_phases
from staticfire.load.integrity import Integrity
from staticfire.load.record import Record, Tally
from staticfire.load.thresholds import LoadLimits, steps_of

LIMITS = LoadLimits(p95_ms=100, errors=0.01)


def record(*parts: tuple[str, float, float, int]) -> Record:
    """Phases of nine whole seconds, 20 answers each: name, rate, how long each took, failures a second."""
    lines: list[dict[str, Any]] = []
    for number, (name, rate, milliseconds, failures) in enumerate(parts):
        begun = number * 10
        lines.append({"phase": name, "at": begun + 0.5, "users": 5, "rate": rate})
        for second in range(begun + 1, begun + 10):
            tally = Tally()
            for answer in range(20):
                tally.add(milliseconds, "503: busy" if answer < failures else None, late=5)
            lines.append({"second": second, "name": "POST /orders", **tally.line()})
            lines.append({"second": second, "in_flight": 3, "unsent": 2})
    return Record([*lines, {"phase": None, "at": len(parts) * 10 + 0.5, "cut": False}])


def judged(
    text: str, run: Record, profile: str = "steady", integrity: Integrity | None = None
) -> tuple[float | None, bool]:
    phases = answering_phases(run, steps_of(run), profile, LIMITS)
    threshold = ThresholdExpression.parse(text).judge(run, phases, integrity)
    return threshold.value, threshold.holds


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("p(95)<200", 25, True),
        ("p(99.9) <= 25ms", 25, True),
        ("p(50)<0.02s", 25, False),
        ("avg>30", 25, False),
        ("max==25", 25, True),
        ("rate>=18", 18, True),
        ("error_rate<0.1", 0.1, False),
        ("requests>100", 180, True),
        ("unsent==0", 18, False),
        ("p(95){POST /orders}<200", 25, True),
        ("p(95){GET /none}<200", None, False),
    ],
)
def test_what_a_threshold_means(text: str, value: float | None, holds: bool) -> None:
    assert judged(text, record(("steady", 20, 20, 2))) == (value, holds)


def test_integrity_counts_all_that_is_wrong_and_holds_not_where_nobody_looked() -> None:
    run = record(("steady", 20, 20, 0))
    assert judged("integrity==0", run, integrity=Integrity(10, 10)) == (0, True)
    assert judged("integrity==0", run, integrity=Integrity(10, 10, lost=1, drifted_users=2)) == (3, False)
    assert judged("integrity==0", run) == (None, False)


def test_latencies_of_a_ramp_are_those_of_the_highest_step_that_held() -> None:
    run = record(("step 1", 10, 10, 0), ("step 2", 20, 50, 0), ("step 3", 40, 900, 0))
    assert judged("p(95)<60", run, "ramp") == (55, True)
    assert judged("requests==540", run, "ramp") == (540, True)
    assert judged("p(95)<60", record(("step 1", 20, 900, 0)), "ramp") == (905, False)


def test_latencies_of_a_spike_are_those_after_it() -> None:
    run = record(("before", 20, 10, 0), ("spike", 20, 900, 0), ("after", 20, 20, 0))
    assert judged("p(95)<30", run, "spike") == (25, True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("p(95)", "It must be METRIC OPERATOR NUMBER"),
        ("p95<200", "There is no metric 'p95'"),
        ("median<200", "There is no metric 'median'"),
        ("p(101)<1", "There is no metric 'p(101)'"),
        ("integrity{POST /x}==0", "not known of a single route"),
        ("error_rate<1ms", "error_rate is not a time"),
        ("p(95)<=>1", "It must be METRIC OPERATOR NUMBER"),
        ("p(95)<200; rm -rf /", "It must be METRIC OPERATOR NUMBER"),
    ],
)
def test_what_means_nothing_is_refused_with_an_example(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=r"error_rate<0\.01") as refused:
        ThresholdExpression.parse(text)
    assert why in str(refused.value)
