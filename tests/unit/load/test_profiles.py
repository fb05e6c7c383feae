"""Profiles: which rate is held when, and by how many users."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from staticfire.load.profiles import CLOSED, OPEN_PACE, PACE, PROFILES, STEPS, LoadOptions, PlannedPhase
from staticfire.load.random_choices import Replays, Zipf
from staticfire.load.record import UNLOADED, WARM_UP


def phases(profile: str, options: LoadOptions) -> list[PlannedPhase]:
    return PROFILES[profile].phases(options)


def test_steady_holds_the_rate_that_was_asked_for() -> None:
    assert phases("steady", LoadOptions(rate=100, seconds=30, warm_up=4, model=CLOSED)) == [
        PlannedPhase(WARM_UP, 4, 100, 20),
        PlannedPhase("steady", 30, 100, 20),
    ]


def test_an_open_load_has_users_for_all_that_is_sent_in_a_second() -> None:
    assert phases("steady", LoadOptions(rate=100, seconds=30, warm_up=0)) == [PlannedPhase("steady", 30, 100, 100)]
    assert phases("steady", LoadOptions(rate=2, seconds=30, warm_up=0)) == [PlannedPhase("steady", 30, 2, 16)]


def test_what_is_not_light_is_measured_unloaded_first_where_its_limit_is_to_follow() -> None:
    options = LoadOptions(rate=100, seconds=30, warm_up=4)
    names = [phase.name for phase in PROFILES["steady"].phases(options, unloaded=True)]
    assert names == [WARM_UP, UNLOADED, "steady"]
    for light in ("ramp", "spike", "flood"):
        assert UNLOADED not in [phase.name for phase in PROFILES[light].phases(options, unloaded=True)]


def test_a_given_number_of_users_shares_the_rate() -> None:
    options = LoadOptions(rate=100, users=400, warm_up=0)
    assert PROFILES["steady"].pace(options) == 0.25
    assert phases("steady", options)[0].users == 400


def test_users_are_enough_for_the_rate_of_every_phase() -> None:
    for name, profile in PROFILES.items():
        options = LoadOptions(rate=333)
        for phase in phases(name, options):
            assert phase.rate is None or phase.users * profile.pace(options) >= phase.rate - 1e-6


def test_a_rate_below_one_users_pace_is_held_too() -> None:
    options = LoadOptions(rate=0.5, warm_up=0, model=CLOSED)
    assert PROFILES["steady"].pace(options) == 0.5
    assert phases("steady", options)[0].users == 1


def test_a_ramp_ends_at_its_rate_and_begins_far_below() -> None:
    steps = phases("ramp", LoadOptions(rate=320, seconds=110, warm_up=0))
    assert [step.name for step in steps] == [f"step {number}" for number in range(1, STEPS + 1)]
    rates = [step.rate or 0 for step in steps]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(10)
    assert rates[-1] == 320
    assert sum(step.seconds for step in steps) == pytest.approx(110)


def test_a_spike_goes_up_and_comes_back() -> None:
    before, spike, after = phases("spike", LoadOptions(rate=100, seconds=30, warm_up=0))
    assert (before.rate, spike.rate, after.rate) == (20, 100, 20)


def test_a_flood_holds_no_rate_and_nobody_waits() -> None:
    assert PROFILES["flood"].pace(LoadOptions(users=4)) == 0
    assert phases("flood", LoadOptions(users=4, warm_up=0)) == [PlannedPhase("flood", 10, None, 4)]


def test_users_pace_themselves_where_nobody_says_how() -> None:
    assert PROFILES["soak"].pace(LoadOptions(model=CLOSED)) == PACE
    assert PROFILES["soak"].pace(LoadOptions()) == OPEN_PACE


def test_the_hottest_user_is_drawn_as_often_as_zipf_says() -> None:
    random.seed(1)
    count, draws, exponent = 100, 20_000, 1.1
    drawn = Counter(Zipf(count, exponent).draw() for _ in range(draws))
    expected = 1 / sum(rank**-exponent for rank in range(1, count + 1))
    assert drawn[0] / draws == pytest.approx(expected, rel=0.1)
    assert drawn[0] > drawn[1] > drawn[10] > drawn[90] > 0
    assert set(drawn) <= set(range(count))


def test_a_share_of_the_draws_is_a_replay() -> None:
    random.seed(1)
    replays: Replays[str] = Replays(0.1)
    assert replays.draw() is None
    replays.remember("first")
    drawn = [replays.draw() for _ in range(10_000)]
    assert set(drawn) == {None, "first"}
    assert drawn.count("first") / len(drawn) == pytest.approx(0.1, rel=0.2)
