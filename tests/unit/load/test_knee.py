"""The knee: where latency leaves its unloaded level, by worked figures, with an interval that holds it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from staticfire.load.knee import Knee, knee_of
from staticfire.load.record import Record, Tally

SECONDS = 10


def ramp(*steps: tuple[float, float], draw: Callable[[], float] = lambda: 1.0) -> Record:
    """Steps of ten seconds each: rate, and what nearly all requests take; `draw` moves each second by chance."""
    lines: list[dict[str, Any]] = []
    for number, (rate, milliseconds) in enumerate(steps):
        begun = 1 + number * (SECONDS + 1)
        lines.append({"phase": f"step {number + 1}", "at": begun - 0.5, "users": 5, "rate": rate})
        for second in range(begun, begun + SECONDS):
            tally = Tally()
            for _ in range(20):
                tally.add(milliseconds * draw())
            lines.append({"second": second, "name": "GET /", **tally.line()})
    return Record([*lines, {"phase": None, "at": 1 + len(steps) * (SECONDS + 1), "cut": False}])


def knee(*steps: tuple[float, float], draw: Callable[[], float] = lambda: 1.0) -> Knee:
    bend = knee_of(ramp(*steps, draw=draw))
    assert bend is not None
    return bend


def test_the_knee_lies_on_the_line_through_the_steps_around_it() -> None:
    bend = knee((100, 10), (200, 10), (400, 40), (800, 400))
    # From 10 to 40 ms, twice the unloaded level is half of the way: so it is half of the way from 200 to 400.
    assert bend.rate == pytest.approx(math.sqrt(200 * 400))
    assert (bend.unloaded_p95_ms, bend.leaves_at_ms) == (10, 20)
    assert "10 ms at 100/s, 10 ms at 200/s and 40 ms at 400/s" in bend.why


def test_a_slow_step_that_quick_ones_follow_is_not_the_knee() -> None:
    assert knee((100, 10), (200, 50), (400, 12), (800, 48)).rate == pytest.approx(
        400 * 2 ** (math.log(20 / 12) / math.log(4))
    )


def test_where_latency_stays_at_its_level_there_is_no_knee() -> None:
    bend = knee((100, 10), (200, 11), (400, 12))
    assert (bend.rate, bend.low, bend.high) == (None, None, None)
    assert "does not leave its unloaded level" in bend.why


def test_where_nothing_was_unloaded_it_says_so() -> None:
    assert knee((100, 10), (200, 30)).rate == pytest.approx(100 * 2 ** (math.log(2) / math.log(3)))
    assert "no step was unloaded" not in knee((100, 10), (200, 30)).why


def test_one_step_has_no_knee() -> None:
    assert knee_of(ramp((100, 10))) is None


def test_the_interval_holds_the_true_knee_of_a_noisy_machine() -> None:
    held = 0
    for seed in range(5):
        chance = random.Random(seed)
        bend = knee((100, 10), (200, 10), (400, 40), (800, 400), draw=partial(chance.lognormvariate, 0, 0.2))
        assert bend.low is not None
        assert bend.high is not None
        assert bend.low <= (bend.rate or 0) <= bend.high
        held += bend.low <= math.sqrt(200 * 400) <= bend.high
    assert held >= 4


def test_the_same_run_always_has_the_same_interval() -> None:
    chance = random.Random(1)
    record = ramp((100, 10), (200, 12), (400, 50), draw=lambda: chance.lognormvariate(0, 0.3))
    assert knee_of(record) == knee_of(record)
