"""The rate that was held, the noise of a series, and what is surely different."""

from __future__ import annotations

import random

import pytest

from staticfire.load.figures import RouteFigures
from staticfire.load.record import Phase, Record, Tally
from staticfire.load.report.analysis import LEAST_SECONDS, HeldRate, change, held_rate, noise, writes_share
from staticfire.load.thresholds import LoadLimits, LoadStep

LIMITS = LoadLimits(p95_ms=250.0, errors=0.01)


def step(load: float, rate: float | None = None, p95: float | None = 20.0, failed: float = 0.0) -> LoadStep:
    return LoadStep(
        name=f"at {load}",
        users=10,
        target_rate=load,
        rate=load if rate is None else rate,
        requests=1000,
        errors=round(1000 * failed),
        seconds=10,
        p50_ms=p95,
        p95_ms=p95,
        p99_ms=p95,
    )


def held_by(*steps: LoadStep) -> HeldRate:
    held = held_rate(steps, LIMITS)
    assert held is not None
    return held


def test_the_held_rate_is_the_highest_at_which_a_step_held() -> None:
    held = held_by(step(100), step(200, 199), step(400, 396, p95=251), step(800, 500, p95=900))
    assert (held.met, held.rate, held.holds_at, held.fails_at) == (True, 199, 200, 400)
    assert held.why == "At 400 requests/s, p95 was 251 ms (limit 250 ms)."


def test_the_limit_itself_is_kept() -> None:
    assert held_by(step(100), step(200, p95=LIMITS.p95_ms), step(400, p95=300)).rate == 200


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (step(400, 359), "359 of 400 requests/s were carried"),
        (step(400, failed=0.02), "2.0% of the requests failed (limit 1.0%)"),
        (step(400, 0, p95=None), "nothing was answered"),
    ],
)
def test_a_step_also_breaks_by_its_rate_and_its_errors(broken: LoadStep, why: str) -> None:
    held = held_by(step(200), broken)
    assert (held.rate, held.why) == (200, f"At 400 requests/s, {why}.")


def test_one_step_that_breaks_below_others_that_hold_is_not_the_limit() -> None:
    held = held_by(step(100), step(200, p95=300), step(400), step(800, p95=300))
    assert (held.rate, held.fails_at) == (400, 800)


def test_where_every_step_holds_the_limit_lies_above() -> None:
    held = held_by(step(100), step(200))
    assert (held.met, held.rate, held.fails_at) == (False, 200, None)
    assert "lies above" in held.why


def test_where_no_step_holds_there_is_no_rate() -> None:
    held = held_by(step(200, p95=300), step(100, p95=299))
    assert (held.met, held.rate, held.fails_at) == (False, None, 100)
    assert "p95 was 299 ms" in held.why


def test_without_steps_nothing_is_held() -> None:
    assert held_rate([], LIMITS) is None


def test_a_step_counts_its_failures_as_a_share() -> None:
    tally = Tally(10, 1)
    tally.times[5.0] = tally.from_due[5.0] = 10
    phase = Phase("step 1", begun=0.5, ended=2.5, users=4, rate=None)
    counted = LoadStep.of(Record([{"second": 1, "name": "GET /", **tally.line()}]), phase)
    assert (counted.users, counted.load, counted.rate, counted.p95_ms) == (4, 4, 9.0, 5.0)
    assert (counted.requests, counted.errors, counted.failed_share) == (10, 1, 0.1)
    assert LoadStep.of(Record([]), phase).failed_share == 0


def drifting(seed: int, seconds: int = 60, level: float = 100.0) -> list[float]:
    """Seconds of a run on a busy machine: each is like the one before."""
    draw, wave, values = random.Random(seed), 0.0, []
    for _ in range(seconds):
        wave = 0.7 * wave + draw.gauss(0, 0.08)
        values.append(level * (1 + wave))
    return values


def test_the_noise_of_a_series_holds_its_true_level_most_of_the_time() -> None:
    intervals = [noise(drifting(seed)) for seed in range(40)]
    missed = [interval for interval in intervals if interval is None or not interval.low <= 100 <= interval.high]
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
    interval = change([(float(second), 1.2 * second) for second in range(1, 61)], relative=True)
    assert interval is not None
    assert interval.low == pytest.approx(0.2)
    assert interval.high == pytest.approx(0.2)


def test_seconds_without_a_figure_are_left_out_of_a_change() -> None:
    interval = change([(None, 10.0), (0.0, 10.0), *[(10.0, 5.0)] * LEAST_SECONDS], relative=True)
    assert interval is not None
    assert interval.middle == -0.5


def test_routes_that_write_are_known_by_their_method() -> None:
    counts = {"POST /a": 60, "DELETE /a/{id}": 15, "GET /POST": 25}
    routes = [RouteFigures.of(Tally(requests), [], name=name) for name, requests in counts.items()]
    assert writes_share(routes) == 0.75
    assert writes_share([]) == 0
