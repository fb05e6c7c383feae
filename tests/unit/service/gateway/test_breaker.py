"""The circuit breaker's states."""

from __future__ import annotations

import pytest
from gateway.breaker import FAILURES, Breaker


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def breaker(clock: list[float]) -> Breaker:
    return Breaker(10, lambda: clock[0])


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_it_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    assert (breaker.state, breaker.rest) == ("closed", 0)

    breaker.failed()

    assert (breaker.state, breaker.rest) == ("open", 10)


def test_a_success_in_between_starts_the_count_again(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    breaker.succeeded()
    fail(breaker, FAILURES - 1)

    assert breaker.state == "closed"


def test_after_its_rest_one_success_closes_it(breaker: Breaker, clock: list[float]) -> None:
    fail(breaker, FAILURES)
    clock[0] += 10
    assert (breaker.state, breaker.rest) == ("half-open", 0)

    breaker.succeeded()
    fail(breaker, FAILURES - 1)

    assert breaker.state == "closed"


def test_after_its_rest_one_failure_opens_it_again(breaker: Breaker, clock: list[float]) -> None:
    fail(breaker, FAILURES)
    clock[0] += 11

    breaker.failed()

    assert (breaker.state, breaker.rest) == ("open", 10)
