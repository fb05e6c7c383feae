"""Those who wait equally long share one timer, and each still waits as long as it was told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVarTuple

from staticfire.edge.services.lambda_.caller_deadlines import CallerDeadlines

SECONDS = 5.0
Arguments = TypeVarTuple("Arguments")


class Clock(asyncio.BaseEventLoop):
    """A loop of which only the time is used: it passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.set: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def is_closed(self) -> bool:
        return True

    def get_debug(self) -> bool:
        return False

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, callback, args, self)
        self.set.append(handle)
        return handle

    def passes(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [handle for handle in self.set if handle.when() <= until]:
            first = min(due, key=lambda handle: handle.when())
            self.set.remove(first)
            self.now = first.when()
            first._run()
        self.now = until


def waiting() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


def gave_up(done: asyncio.Future[Any]) -> bool:
    return done.done() and isinstance(done.exception(), TimeoutError)


async def test_who_gets_no_answer_gets_a_timeout_error_and_not_before() -> None:
    clock, done = Clock(), waiting()
    CallerDeadlines(clock, SECONDS).begin(done)
    clock.passes(SECONDS - 0.1)
    assert not done.done()
    clock.passes(0.1)
    assert gave_up(done)


async def test_each_waits_from_when_it_came() -> None:
    clock, several = Clock(), [waiting() for _ in range(4)]
    deadlines = CallerDeadlines(clock, SECONDS)
    for done in several:
        deadlines.begin(done)
        clock.passes(1.0)
    for number in range(4):
        clock.passes(1.0)
        assert [gave_up(done) for done in several] == [place <= number for place in range(4)]


async def test_all_share_one_timer_and_none_is_left_when_nobody_waits() -> None:
    clock = Clock()
    deadlines = CallerDeadlines(clock, SECONDS)
    for _ in range(100):
        done = waiting()
        deadlines.begin(done)
        deadlines.end(done)
        assert len(clock.set) == 1
        clock.passes(0.01)
    clock.passes(SECONDS)
    assert clock.set == []


async def test_an_answer_that_came_stays_one() -> None:
    clock, answered, late = Clock(), waiting(), waiting()
    deadlines = CallerDeadlines(clock, SECONDS)
    deadlines.begin(answered)
    deadlines.begin(late)
    answered.set_result("answer")
    clock.passes(SECONDS)
    assert gave_up(late)
    assert answered.result() == "answer"


async def test_who_has_left_is_told_nothing() -> None:
    clock, left = Clock(), waiting()
    deadlines = CallerDeadlines(clock, SECONDS)
    deadlines.begin(left)
    deadlines.end(left)
    clock.passes(2 * SECONDS)
    assert not left.done()


async def test_it_rings_again_after_a_time_in_which_nobody_waited() -> None:
    clock = Clock()
    deadlines = CallerDeadlines(clock, SECONDS)
    for _ in range(2):
        done = waiting()
        deadlines.begin(done)
        clock.passes(SECONDS)
        assert gave_up(done)
        deadlines.end(done)
        clock.passes(SECONDS)
