"""Postgres and the emulator die under the service: nothing acknowledged is missing, and `staticfire up` recovers.

These kill parts that everybody shares, so they have a whole stack of their own: another state directory, port, Postgres
and emulator. They run one after the other, on one worker (`--dist loadfile`); each leaves everything up.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import botocore.exceptions
import pytest

from scenarios.usage.kit import BooksOf
from staticfire.targets.base import target
from staticfire.testing.kit import AccountFunctions, ApiAnswer, ApiClient, AwsClients, StackUnderTest, wait_until
from staticfire.testing.run import OwnStack

pytestmark = pytest.mark.chaos

DEGRADED = 5


@pytest.fixture
def staticfire_stack(staticfire_own: OwnStack) -> StackUnderTest:
    """Every other fixture means the stack apart."""
    return staticfire_own.stack


def test_the_first_up_ran_init_exactly_once(staticfire_stack: StackUnderTest, functions: AccountFunctions) -> None:
    assert functions.invocations(staticfire_stack.outputs["init_function_name"]) == 1


def test_nothing_acknowledged_is_missing_after_Postgres_was_killed_under_load(
    staticfire_own: OwnStack, api: ApiClient, books_of: BooksOf
) -> None:
    acknowledged: dict[str, Decimal] = {}
    refused: list[int] = []
    enough = threading.Event()

    def post(n: int) -> None:
        while not enough.is_set():
            usage = Decimal(len(acknowledged) % 100) / 100 + n
            answer = api.post("/usage", body=f'{{"user": "load-{n}", "usage": {usage}}}')
            if answer.status == 201:
                acknowledged[answer.json()["id"]] = usage
            else:
                refused.append(answer.status)

    with ThreadPoolExecutor(8) as threads:
        posting = [threads.submit(post, n) for n in range(8)]
        try:
            wait_until(lambda: len(acknowledged) > 50, "the first acknowledged posts")
            staticfire_own.kill("postgres")
            wait_until(lambda: refused, "the first refused post")
            staticfire_own.up()
            before = len(acknowledged)
            wait_until(lambda: len(acknowledged) > before + 50, "acknowledged posts after the restart")
        finally:
            enough.set()
        for task in posting:
            task.result()

    assert set(refused) == {503}
    with books_of(staticfire_own.stack) as books:
        books.reconcile()
        stored = {event["id"]: event["usage"] for n in range(8) for event in books.events(f"load-{n}")}
        assert {identity: stored.get(identity) for identity in acknowledged} == acknowledged
        assert books.all_in_dynamodb() == books.all_in_postgres()


def test_without_Postgres_a_usage_is_refused_for_now_and_a_counted_one_is_replayed(
    staticfire_own: OwnStack, api: ApiClient, user: str, books_of: BooksOf
) -> None:
    def post(key: str) -> ApiAnswer:
        return api.post("/usage", json={"user": user, "usage": 5}, headers={"Idempotency-Key": f"{user}-{key}"})

    counted = post("counted")
    assert counted.status == 201
    staticfire_own.kill("postgres")

    refused, average, replayed = post("not-yet-counted"), api.get("/stats/average"), post("counted")

    assert (refused.status, average.status) == (503, 503)
    assert int(refused.headers["retry-after"]) > 0
    assert (replayed.status, replayed.json(), replayed.headers["idempotent-replayed"]) == (201, counted.json(), "true")
    code, said = staticfire_own.status()
    assert code == DEGRADED
    assert said["parts"]["postgres"]["state"] != "running"

    staticfire_own.up()

    assert post("not-yet-counted").status == 201
    with books_of(staticfire_own.stack) as books:
        assert books.in_postgres(user) == books.in_dynamodb(user)
        assert books.in_postgres(user).events == 2


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "changing"])
def test_after_the_emulator_was_killed_errors_are_clear_and_up_rebuilds_everything(
    staticfire_own: OwnStack,
    staticfire_stack: StackUnderTest,
    api: ApiClient,
    aws: AwsClients,
    user: str,
    books_of: BooksOf,
    saved: bool,
) -> None:
    for usage in (1, 2, 3.5):
        assert api.post("/usage", json={"user": user, "usage": usage}).status == 201
    with books_of(staticfire_own.stack) as books:
        before = books.all_in_postgres()
        assert before[user].total == Decimal("6.5")

    if saved:  # then nothing is lost, but of the request that comes while it is away
        running = target(staticfire_own.settings).describe()
        assert running is not None
        if running.token:  # what is kept is saved by whoever may steer
            running.edge().save()
    staticfire_own.kill("emulator")

    with pytest.raises(botocore.exceptions.ClientError, match="staticfire up"):
        aws("dynamodb").list_tables()
    assert api.post("/usage", json={"user": user, "usage": 1}).status in (500, 503)
    code, said = staticfire_own.status()
    assert code == DEGRADED
    assert said["parts"]["emulator"]["state"] == "dead"
    refused = staticfire_own.command("apply")
    assert refused.returncode == DEGRADED
    assert "staticfire up" in refused.stderr

    staticfire_own.up()

    assert staticfire_own.status()[0] == 0
    with books_of(staticfire_own.stack) as books:
        after = books.all_in_postgres()
        assert {name: after[name] for name in before if name != user} == {
            name: sums for name, sums in before.items() if name != user
        }
        assert after[user].events in (3, 4)  # the post without an emulator was not acknowledged; it may be recorded
        assert books.all_in_dynamodb() == after
        posted = staticfire_own.stack.api.post("/usage", json={"user": user, "usage": 1})
        assert posted.status == 201
        assert books.in_dynamodb(user) == books.in_postgres(user)
