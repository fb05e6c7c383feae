"""Those who wait equally long share one timer, and each still waits as long as it was told to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from staticfire.edge.functions.patience import Patience


def patience() -> Patience:
    return Patience(asyncio.get_running_loop(), 0.05)


def waiting() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


async def test_who_gets_no_answer_gets_a_timeout_error() -> None:
    waits = patience()
    done = waiting()
    waits.begin(done)
    with pytest.raises(TimeoutError):
        await done


async def test_an_answer_that_came_stays_one() -> None:
    waits = patience()
    answered, late = waiting(), waiting()
    waits.begin(answered)
    waits.begin(late)
    answered.set_result("answer")
    with pytest.raises(TimeoutError):
        await late
    assert await answered == "answer"


async def test_who_has_left_is_told_nothing() -> None:
    waits = patience()
    left, late = waiting(), waiting()
    waits.begin(left)
    waits.end(left)
    waits.begin(late)
    with pytest.raises(TimeoutError):
        await late
    assert not left.done()


async def test_each_waits_from_when_it_came() -> None:
    waits = patience()
    order: list[int] = []
    several = []
    for number in range(5):
        done = waiting()
        done.add_done_callback(lambda _, number=number: order.append(number))
        waits.begin(done)
        several.append(done)
        await asyncio.sleep(0.01)
    assert not several[-1].done()
    results = await asyncio.gather(*several, return_exceptions=True)
    assert [type(result) for result in results] == [TimeoutError] * 5
    assert order == [0, 1, 2, 3, 4]


async def test_it_rings_again_after_a_time_in_which_nobody_waited() -> None:
    waits = patience()
    for _ in range(2):
        done = waiting()
        waits.begin(done)
        with pytest.raises(TimeoutError):
            await done
        waits.end(done)
