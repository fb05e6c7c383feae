"""An open load: what is due is sent whether or not earlier requests were answered, and nothing of it is forgotten."""

from __future__ import annotations

import time
from itertools import pairwise

import gevent
import pytest
from gevent import GreenletExit
from gevent.event import AsyncResult

from staticfire.load.arrivals import WAITING, Arrivals


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def arrivals(clock: Clock) -> Arrivals:
    return Arrivals(1.0, lambda: 1, clock)


def test_what_is_due_goes_to_the_user_that_was_busy_last(arrivals: Arrivals) -> None:
    early, late = arrivals.next(), arrivals.next()
    arrivals.issue(101.0)
    assert late.get(timeout=0) == 101.0
    assert not early.ready()


def test_what_is_due_while_all_are_busy_is_sent_by_the_next_that_is_not_the_oldest_first(arrivals: Arrivals) -> None:
    arrivals.issue(101.0)
    arrivals.issue(102.0)
    assert [arrivals.next().get(timeout=0), arrivals.next().get(timeout=0)] == [101.0, 102.0]
    assert not arrivals.unsent()


def test_what_waited_for_too_long_is_counted_once_and_not_sent(arrivals: Arrivals, clock: Clock) -> None:
    arrivals.issue(100.0)
    arrivals.issue(105.0)
    clock.now = 100.0 + WAITING + 1
    assert arrivals.next().get(timeout=0) == 105.0
    assert [arrivals.unsent().total(), arrivals.unsent().total()] == [1, 0]


def test_what_still_waits_at_the_end_was_never_sent(arrivals: Arrivals) -> None:
    arrivals.issue(101.0)
    arrivals.end()
    assert arrivals.unsent().total() == 1


def test_what_is_given_up_late_was_due_in_the_second_in_which_it_was_due(arrivals: Arrivals, clock: Clock) -> None:
    began = int(time.time())
    arrivals.issue(101.0)
    clock.now += 9
    arrivals.end()  # of a run whose last seconds nobody answered
    (second,) = arrivals.unsent()
    assert began - 8 <= second <= int(time.time()) - 7


def test_what_a_user_that_is_gone_was_to_send_another_one_sends(arrivals: Arrivals) -> None:
    gone = arrivals.next()
    arrivals.issue(101.0)
    arrivals.leave(gone)
    assert arrivals.next().get(timeout=0) == 101.0


def test_a_user_that_left_while_it_waited_is_sent_nothing(arrivals: Arrivals) -> None:
    arrivals.leave(arrivals.next())
    arrivals.issue(101.0)
    assert arrivals.next().get(timeout=0) == 101.0


def test_requests_become_due_evenly_by_the_number_of_users() -> None:
    users = 0
    arrivals = Arrivals(50.0, lambda: users)
    due: list[float] = []

    def user() -> None:
        while True:
            due.append(arrivals.next().get())

    greenlets = [gevent.spawn(arrivals.run), gevent.spawn(user)]
    try:
        gevent.sleep(0.2)
        assert due == []
        users = 4
        while len(due) < 20:
            gevent.sleep(0.01)
    finally:
        gevent.killall(greenlets, exception=GreenletExit)
    gaps = [after - before for before, after in pairwise(due)]
    assert gaps == pytest.approx([1 / 200] * len(gaps))


def test_a_turn_is_taken_once(arrivals: Arrivals) -> None:
    turns = [arrivals.next() for _ in range(3)]
    for second in (1.0, 2.0, 3.0):
        arrivals.issue(second)
    assert sorted(turn.get(timeout=0) for turn in turns if isinstance(turn, AsyncResult)) == [1.0, 2.0, 3.0]
