"""The rate limiter against a table that is really there: exact, whatever the clocks of its environments say."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from gateway.configuration import Limit
from gateway.limits import Limiter
from servicekit.table import Table

from tests.integration.service.kit import CREDENTIALS

START = 1_800_000_000  # where windows of a minute and of an hour begin


NewTable = Callable[[], Table]


@pytest.fixture(scope="module")
def name(emulator: str) -> str:
    made = f"rate-limits-{secrets.token_hex(4)}"
    boto3.client("dynamodb", endpoint_url=emulator, **CREDENTIALS).create_table(
        TableName=made,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "limiter_key", "KeyType": "HASH"},
            {"AttributeName": "window_start", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "limiter_key", "AttributeType": "S"},
            {"AttributeName": "window_start", "AttributeType": "N"},
        ],
    )
    return made


@pytest.fixture
def table(emulator: str, name: str) -> NewTable:
    """The table as one more environment has it."""
    dynamodb = boto3.client("dynamodb", endpoint_url=emulator, **CREDENTIALS)
    return lambda: Table(dynamodb, name)


@pytest.fixture
def client() -> str:
    """One that nobody else is."""
    return secrets.token_hex(8)


def limit(requests: int, seconds: int = 60) -> Limit:
    return Limit(requests=requests, seconds=seconds, by="user")


class Environment:
    def __init__(self, table: Table, now: float) -> None:
        self.now = now
        self._limiter = Limiter(table, lambda: self.now)

    def passes(self, limit: Limit, client: str) -> bool:
        return self._limiter.hit("test", limit, client).passes


def test_of_200_calls_at_once_exactly_50_pass(table: NewTable, client: str) -> None:
    environments = [Environment(table(), START + 30) for _ in range(200)]

    with ThreadPoolExecutor(200) as threads:
        passed = list(threads.map(lambda environment: environment.passes(limit(50), client), environments))

    assert sum(passed) == 50


def test_exactly_50_pass_although_the_clocks_are_on_both_sides_of_a_windows_end(table: NewTable, client: str) -> None:
    clocks = random.Random(7)
    environments = [Environment(table(), START + 3600 + clocks.uniform(-30, 30)) for _ in range(200)]

    with ThreadPoolExecutor(64) as threads:
        passed = list(threads.map(lambda environment: environment.passes(limit(50, 3600), client), environments))

    assert sum(passed) == 50


def test_an_environment_whose_clock_is_behind_cannot_add_to_a_window_that_is_over(table: NewTable, client: str) -> None:
    late, early = Environment(table(), START + 59), Environment(table(), START + 60)
    assert [late.passes(limit(3), client) for _ in range(2)] == [True, True]
    assert early.passes(limit(3), client)

    assert not late.passes(limit(3), client)
    assert not early.passes(limit(3), client)


def test_as_the_previous_windows_weight_falls_hits_pass_one_by_one(table: NewTable, client: str) -> None:
    environment = Environment(table(), START)
    assert sum(environment.passes(limit(10), client) for _ in range(20)) == 10

    passed = {}
    for second in range(60, 120):
        environment.now = START + second
        passed[second] = sum(environment.passes(limit(10), client) for _ in range(5))

    assert sum(passed.values()) == 9
    assert all(count <= 1 for count in passed.values())
    assert [second for second, count in passed.items() if count] == list(range(66, 120, 6))


def test_a_refused_client_passes_at_the_second_that_it_is_told_and_not_before(table: NewTable, client: str) -> None:
    limiter_now = [START + 10.0]
    limiter = Limiter(table(), lambda: limiter_now[0])
    for _ in range(4):
        assert limiter.hit("test", limit(4), client).passes
    wait = limiter.hit("test", limit(4), client).reset

    limiter_now[0] += wait - 1
    assert not limiter.hit("test", limit(4), client).passes
    limiter_now[0] += 1
    assert limiter.hit("test", limit(4), client).passes


def test_after_two_windows_nothing_is_left_of_what_was(table: NewTable, client: str) -> None:
    environment = Environment(table(), START)
    assert sum(environment.passes(limit(5), client) for _ in range(9)) == 5

    environment.now = START + 120

    assert sum(environment.passes(limit(5), client) for _ in range(9)) == 5


def test_what_remains_is_counted_down(table: NewTable, client: str) -> None:
    limiter = Limiter(table(), lambda: START)

    verdicts = [limiter.hit("test", limit(3), client) for _ in range(4)]

    assert [(verdict.passes, verdict.remaining) for verdict in verdicts] == [
        (True, 2),
        (True, 1),
        (True, 0),
        (False, 0),
    ]
    assert verdicts[0].headers == {"ratelimit-policy": '"test";q=3;w=60', "ratelimit": '"test";r=2;t=60'}
    assert int(verdicts[3].headers["retry-after"]) == verdicts[3].reset


def test_a_refused_client_costs_no_write_while_it_cannot_pass(table: NewTable, client: str) -> None:
    class Counting(Table):
        updates = 0

        def update(self, *arguments: Any, **clause: Any) -> Any:
            self.updates += 1
            return super().update(*arguments, **clause)

    plain = table()
    counting = Counting(plain._client, plain.name)
    limiter = Limiter(counting, lambda: START)
    for _ in range(2):
        limiter.hit("test", limit(1), client)
    before = counting.updates

    assert not any(limiter.hit("test", limit(1), client).passes for _ in range(20))
    assert counting.updates == before
