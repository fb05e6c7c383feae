"""The knee, the noise of a series, and what is surely different."""

from __future__ import annotations

import random
from typing import Any

import pytest

from staticfire.load.report.analysis import LEAST_SECONDS, Knee, change, knee, noise, writes_share
from staticfire.load.thresholds import Step

LIMIT_MS = 250.0


def step(load: float, rate: float | None = None, p95: float | None = 20.0, failed: float = 0.0) -> Step:
    return Step(users=10, target_rate=load, rate=load if rate is None else rate, p95_ms=p95, failed=failed)


def knee_of(*steps: Step) -> Knee:
    point = knee(steps, LIMIT_MS, 0.01)
    assert point is not None
    return point


def test_the_knee_is_the_highest_rate_at_which_a_step_held() -> None:
    point = knee_of(step(100), step(200, 199), step(400, 396, p95=251), step(800, 500, p95=900))
    assert (point.found, point.rate, point.holds_at, point.fails_at) == (True, 199, 200, 400)
    assert point.why == "At 400 requests/s, p95 was 251 ms (limit 250 ms)."


def test_the_limit_itself_is_kept() -> None:
    assert knee_of(step(100), step(200, p95=LIMIT_MS), step(400, p95=300)).rate == 200


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (step(400, 359), "359 of 400 requests/s were carried"),
        (step(400, failed=0.02), "2.0% of the requests failed (limit 1.0%)"),
        (step(400, 0, p95=None), "nothing was answered"),
    ],
)
def test_a_step_also_breaks_by_its_rate_and_its_errors(broken: Step, why: str) -> None:
    point = knee_of(step(200), broken)
    assert (point.rate, point.why) == (200, f"At 400 requests/s, {why}.")


def test_one_step_that_breaks_below_others_that_hold_is_not_the_knee() -> None:
    point = knee_of(step(100), step(200, p95=300), step(400), step(800, p95=300))
    assert (point.rate, point.fails_at) == (400, 800)


def test_where_every_step_holds_the_knee_lies_above() -> None:
    point = knee_of(step(100), step(200))
    assert (point.found, point.rate, point.fails_at) == (False, 200, None)
    assert "lies above" in point.why


def test_where_no_step_holds_there_is_no_rate() -> None:
    point = knee_of(step(200, p95=300), step(100, p95=299))
    assert (point.found, point.rate, point.fails_at) == (False, None, 100)
    assert "p95 was 299 ms" in point.why


def test_without_steps_there_is_no_knee() -> None:
    assert knee([], LIMIT_MS, 0.01) is None


def test_a_step_counts_its_failures_as_a_share() -> None:
    line = {"users": 4, "target_rate": None, "rate": 9.0, "p95_ms": 5.0, "errors": 1, "requests": 10}
    assert Step.of(line) == Step(4, None, 9.0, 5.0, 0.1)
    assert Step.of(line | {"requests": 0, "errors": 0}).failed == 0


def drifting(seed: int, seconds: int = 60, level: float = 100.0) -> list[float]:
    """Seconds of a run on a busy machine: each is like the one before."""
    draw, wave, values = random.Random(seed), 0.0, []
    for _ in range(seconds):
        wave = 0.7 * wave + draw.gauss(0, 0.08)
        values.append(level * (1 + wave))
    return values


def test_the_noise_of_a_series_holds_its_true_level_most_of_the_time() -> None:
    intervals = [noise(drifting(seed)) for seed in range(40)]
    missed = [one for one in intervals if one is None or not one.low <= 100 <= one.high]
    assert len(missed) <= 8


def test_the_interval_is_students_over_the_medians_of_six_parts() -> None:
    parts = [10, 12, 11, 13, 9, 11]
    interval = noise([float(value) for part in parts for value in (part, part, part - 5, part, part + 7)])
    assert interval is not None
    # The mean is 11, the standard deviation is sqrt(2), and 2.571 * sqrt(2) / sqrt(6) is 1.4844.
    assert (interval.low, interval.middle, interval.high) == pytest.approx((9.5156, 11, 12.4844), abs=1e-4)


def test_a_few_seconds_tell_no_noise() -> None:
    assert noise(drifting(1)[: LEAST_SECONDS - 1]) is None
    assert noise(drifting(1)[:LEAST_SECONDS]) is not None


def test_a_change_is_told_second_by_second_so_that_a_ramp_does_not_blur_it() -> None:
    before = [{"p95_ms": float(second)} for second in range(1, 61)]
    after = [{"p95_ms": 1.2 * second} for second in range(1, 61)]
    interval = change(before, after, "p95_ms", relative=True)
    assert interval is not None
    assert interval.low == pytest.approx(0.2)
    assert interval.high == pytest.approx(0.2)


def test_seconds_without_a_figure_are_left_out_of_a_change() -> None:
    before: list[dict[str, Any]] = [{"p95_ms": None}, {"p95_ms": 0.0}]
    before += [{"p95_ms": 10.0}] * LEAST_SECONDS
    after = [{"p95_ms": 10.0}, {"p95_ms": 10.0}, *({"p95_ms": 5.0} for _ in range(LEAST_SECONDS))]
    interval = change(before, after, "p95_ms", relative=True)
    assert interval is not None
    assert interval.middle == -0.5


def test_routes_that_write_are_known_by_their_method() -> None:
    routes = [
        {"name": "POST /a", "requests": 60},
        {"name": "DELETE /a/{id}", "requests": 15},
        {"name": "GET /POST", "requests": 25},
    ]
    assert writes_share(routes) == 0.75
    assert writes_share([]) == 0
