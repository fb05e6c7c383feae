"""Correct under load: whatever fails meanwhile, nothing acknowledged is lost or counted twice, errors are explained.

Locust's own processes hold a steady rate and keep a journal; something fails under them; then the books are checked:
every acknowledged write in Postgres exactly once and nothing besides, every user's aggregate in DynamoDB equal to the
sum in Postgres. What was refused may be in Postgres alone: then the reconciler, which runs every minute by itself, is
run to bring the aggregate there. Where the refused clients ask again, as they are told to, nothing is left for it.

All of them have one whole stack apart, since some kill parts that everybody shares; each leaves everything up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from staticfire.load.integrity import Books, Integrity
from staticfire.load.journal import Journal, Write, Writer
from staticfire.load.locust_processes import Plan, locust_run
from staticfire.load.profiles import CLOSED, PACE, LoadOptions
from staticfire.testing.kit import AccountFaults, AccountFunctions, StackUnderTest, wait_until
from staticfire.testing.run import OwnStack

pytestmark = [pytest.mark.load, pytest.mark.chaos]

ROOT = Path(__file__).parents[2]
BOOKS = Books(ROOT / "loadtests/books/usage.py")

RATE = 40
CLIENTS = math.ceil(RATE / PACE)
# Each client waits for its answer: so many writes at the most are under way when a load ends.
CLOSED_LOAD = LoadOptions(rate=RATE, seconds=600, warm_up=0, model=CLOSED)
WRITES = 240
KILLS = 6
# How often the service sends a call that is refused, and one that is not answered in time, before it gives up.
SENT_WHEN_REFUSED = 3
SENT_WHEN_LATE = 2


class Load:
    """Steady loads of one test, one after the other, and the one journal of all of them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ends = 0
        self._before: Any = None
        self.journal = Journal(directory / "journal")

    @contextmanager
    def on(self, stack: StackUnderTest) -> Iterator[None]:
        """Load for the length of the block."""
        self._ends += 1
        self._before = self._before or BOOKS.baseline(stack)
        plan = Plan(ROOT / "loadtests/usage.py", stack.url, "steady", CLOSED_LOAD)
        with locust_run(plan, self._directory, ROOT) as run:
            yield
            assert run.running, run.problem

    @property
    def writes(self) -> list[Write]:
        """All but those, one a client at the most, that were under way when the load ended."""
        every = list(self.journal)
        answered = [write for write in every if write.answer is not None]
        assert len(every) - len(answered) <= self._ends * CLIENTS
        return answered

    def answered(self, status: int | None = None) -> int:
        """How many writes were answered so, or at all."""
        return sum(write.status is not None and status in (None, write.status) for write in self.journal)

    def wait_for(self, writes: int, status: int | None = None) -> None:
        """Until so many more writes were answered."""
        enough = self.answered(status) + writes
        wait_until(lambda: self.answered(status) >= enough, f"{writes} more answers {status or ''}")

    def check(self, stack: StackUnderTest) -> Integrity:
        integrity = BOOKS.check(self.journal, stack, self._before)
        assert integrity.holds, integrity
        assert integrity.acknowledged, "nothing was acknowledged: this would show nothing"
        return integrity

    def ask_again(self, stack: StackUnderTest) -> None:
        """What a client does that was not answered 201: the same once more, with the same key."""
        acknowledged = {write.sent["key"] for write in self.journal if write.status == 201}
        refused = {write.sent["key"]: write.sent for write in self.journal if write.sent["key"] not in acknowledged}
        writer = Writer(self.journal.directory)
        for key, sent in refused.items():
            number = writer.sending(sent, time.time())
            body = f'{{"user": "{sent["user"]}", "usage": {sent["usage"]}}}'
            answer = stack.api.post("/usage", body=body, headers={"idempotency-key": key})
            writer.answered(number, time.time(), answer.status, answer.json())


@pytest.fixture
def staticfire_stack(staticfire_own: OwnStack) -> StackUnderTest:
    """Every other fixture means the stack apart."""
    return staticfire_own.stack


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return Load(tmp_path)


def statuses(writes: list[Write]) -> set[int | None]:
    return {write.status for write in writes}


def assert_explained(refused: int, writes: int, chance: float) -> None:
    """As many were refused as independent draws of this chance give, within five standard deviations."""
    assert abs(refused - writes * chance) <= 5 * math.sqrt(writes * chance * (1 - chance)), (refused, writes, chance)


@pytest.mark.parametrize(
    ("fault", "chance"),
    [
        ({"kind": "error", "code": "ProvisionedThroughputExceededException", "share": 0.1}, 0.1**SENT_WHEN_REFUSED),
        ({"kind": "error", "code": "ProvisionedThroughputExceededException", "share": 0.5}, 0.5**SENT_WHEN_REFUSED),
        ({"kind": "reset", "share": 0.5}, 0.5**SENT_WHEN_REFUSED),
        ({"kind": "reset", "share": 0.5, "when": "after"}, 0.5**SENT_WHEN_REFUSED),
        ({"kind": "delay", "share": 0.5, "seconds": 0.2}, 0),
        ({"kind": "delay", "share": 0.1, "seconds": 2.5}, 0.1**SENT_WHEN_LATE),
    ],
    ids=["a tenth throttled", "half throttled", "reset", "done and reset", "late", "later than is waited for"],
)
def test_with_calls_to_DynamoDB_that_fail_nothing_is_lost_and_retries_leave_few_refusals(
    load: Load, staticfire_stack: StackUnderTest, faults: AccountFaults, fault: dict[str, Any], chance: float
) -> None:
    with faults("dynamodb", "UpdateItem", **fault) as struck:
        with load.on(staticfire_stack):
            load.wait_for(WRITES)
        assert struck()

    writes = load.writes
    assert statuses(writes) <= {201, 503}
    assert_explained(sum(write.status == 503 for write in writes), len(writes), chance)

    load.ask_again(staticfire_stack)

    integrity = load.check(staticfire_stack)
    assert integrity.acknowledged == integrity.writes
    assert (integrity.unacknowledged_stored, integrity.reconciled_users) == (0, 0)


def test_with_an_environment_killed_each_second_nothing_is_lost_and_a_kill_costs_one_answer(
    load: Load, staticfire_stack: StackUnderTest, functions: AccountFunctions, faults: AccountFaults
) -> None:
    name = staticfire_stack.outputs["api_function_name"]

    # Between the two stores for longer, so that this is where most are killed.
    with faults("dynamodb", "UpdateItem", kind="delay", seconds=0.1), load.on(staticfire_stack):
        for _ in range(KILLS):
            load.wait_for(RATE)
            wait_until(lambda: functions.kill(name, state="busy", at_most=1), "a busy environment")
        load.wait_for(RATE)

    writes = load.writes
    assert statuses(writes) == {201, 500}
    failed = sum(write.status != 201 for write in writes)
    assert failed <= KILLS

    integrity = load.check(staticfire_stack)
    assert integrity.unacknowledged_stored <= failed


def test_with_Postgres_restarted_nothing_is_lost_and_only_what_came_meanwhile_is_refused(
    load: Load, staticfire_own: OwnStack
) -> None:
    with load.on(staticfire_own.stack):
        load.wait_for(RATE)
        before = load.writes
        staticfire_own.kill("postgres")
        load.wait_for(1, status=503)
        staticfire_own.up()
        back = time.time()
        wait_until(lambda: sum(write.at > back for write in load.writes) >= 2 * RATE, "writes after the restart")

    assert statuses(before) == {201}
    assert statuses(load.writes) == {201, 503}
    assert statuses([write for write in load.writes if write.at > back]) == {201}
    load.check(staticfire_own.stack)


def test_with_the_emulator_restarted_up_rebuilds_the_aggregates_and_nothing_is_lost(
    load: Load, staticfire_own: OwnStack
) -> None:
    with load.on(staticfire_own.stack):
        load.wait_for(RATE)
        before = load.writes
        staticfire_own.kill("emulator")
        load.wait_for(RATE)
    staticfire_own.up()
    back = time.time()
    with load.on(staticfire_own.stack):
        load.wait_for(2 * RATE)

    assert statuses(before) == {201}
    assert statuses(load.writes) == {201, 503}
    assert statuses([write for write in load.writes if write.at > back]) == {201}
    load.check(staticfire_own.stack)
