"""A queue in batches: gathered, taken, deleted, or left to come again."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.services.lambda_.mappings.queue_poller import QueuePoller
from staticfire.edge.services.lambda_.mappings.queues import Queue
from tests.unit.edge.services.lambda_.mappings.kit import QUEUE_ARN, MemoryQueue, Work, batches, eventually

THROTTLED = AwsError(429, "TooManyRequestsException", "Rate Exceeded.")


class Polled:
    def __init__(self, queue: MemoryQueue, work: Work, *settings: Any, at_once: int = 5) -> None:
        self.poller = QueuePoller(cast(Queue, queue), QUEUE_ARN, batches(*settings), work, at_once=at_once)

    async def __aenter__(self) -> QueuePoller:
        self.task = asyncio.create_task(self.poller.run())
        return self.poller

    async def __aexit__(self, *error: object) -> None:
        self.poller.stop()
        await asyncio.wait_for(self.task, 10)
        await self.poller.finish()


async def test_what_was_taken_is_deleted() -> None:
    queue, work = MemoryQueue("a", "b"), Work()
    async with Polled(queue, work):
        await eventually(lambda: queue.deleted == ["a", "b"], "both deleted")
    assert work.batches == [["a", "b"]]


async def test_what_failed_stays() -> None:
    queue, work = MemoryQueue("a", "b"), Work(lambda items: None)
    async with Polled(queue, work):
        await eventually(lambda: work.batches, "a batch")
    assert queue.deleted == []


async def test_only_what_failed_stays() -> None:
    queue, work = MemoryQueue("a", "b", "c"), Work(lambda items: ["b"])
    async with Polled(queue, work):
        await eventually(lambda: queue.deleted, "deletions")
    assert queue.deleted == ["a", "c"]


async def test_a_batch_has_its_size() -> None:
    queue, work = MemoryQueue(*"abcde"), Work()
    async with Polled(queue, work, 2, at_once=1):
        await eventually(lambda: len(queue.deleted) == 5, "all deleted")
    assert [len(batch) for batch in work.batches] == [2, 2, 1]


async def test_a_window_gathers_more_than_is_received_at_once() -> None:
    queue, work = MemoryQueue(*map(str, range(25))), Work()
    async with Polled(queue, work, 25, 60):
        await eventually(lambda: len(queue.deleted) == 25, "all deleted")
    assert [len(batch) for batch in work.batches] == [25]


async def test_a_window_that_is_over_ends_its_batch() -> None:
    queue, work = MemoryQueue("a"), Work()
    async with Polled(queue, work, 10, 0.05):
        await eventually(lambda: queue.deleted == ["a"], "the message deleted")


async def test_what_no_filter_takes_is_deleted_and_does_not_count() -> None:
    queue, work = MemoryQueue('{"a": 1}', '{"a": 2}', "text"), Work()
    async with Polled(queue, work, 10, 0, '{"body": {"a": [2]}}'):
        await eventually(lambda: len(queue.deleted) == 3, "all deleted")
    assert work.batches == [['{"a": 2}']]


async def test_a_throttled_batch_is_taken_later() -> None:
    answers: list[Any] = [THROTTLED, THROTTLED, []]
    queue, work = MemoryQueue("a"), Work(lambda items: answers.pop(0))
    async with Polled(queue, work):
        await eventually(lambda: queue.deleted == ["a"], "the message deleted")
    assert (queue.received, len(work.batches)) == (["a"], 3)


async def test_a_batch_is_left_once_its_messages_are_visible_again() -> None:
    queue, work = MemoryQueue("a", invisible=0.3), Work(lambda items: THROTTLED)
    async with Polled(queue, work, at_once=1) as poller:
        await eventually(lambda: work.batches and not poller._under_way, "the batch left")
    assert queue.deleted == []


async def test_so_many_batches_are_under_way_at_most() -> None:
    queue, work, free = MemoryQueue(*"abcdef"), Work(), asyncio.Event()
    most = 0

    class Slow(Work):
        async def take(self, *arguments: Any) -> Any:
            nonlocal most
            most = max(most, len(poller._under_way))
            await free.wait()
            return await super().take(*arguments)

    work = Slow()
    async with Polled(queue, work, 1, at_once=2) as poller:
        await eventually(lambda: len(queue.received) == 2, "two received")
        await asyncio.sleep(0.05)
        assert queue.received == ["a", "b"]
        free.set()
        await eventually(lambda: len(queue.deleted) == 6, "all deleted")
    assert most == 2


async def test_an_emulator_that_is_away_is_waited_for() -> None:
    queue, work = MemoryQueue("a"), Work()
    queue.down = True
    async with Polled(queue, work):
        await asyncio.sleep(0.05)
        queue.down = False
        await eventually(lambda: queue.deleted == ["a"], "the message deleted")


async def test_what_is_received_while_it_stops_is_given_back() -> None:
    queue, work = MemoryQueue("a"), Work()
    async with Polled(queue, work, 10, 60) as poller:
        await eventually(lambda: queue.received, "the message received")
        poller.stop()
    assert (queue.returned, work.batches) == (["a"], [])
