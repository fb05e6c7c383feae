"""A stream in batches: order, what fails, what is given up, and what a crash leaves."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Sequence
from typing import Any

from staticfire.edge.aws.calls import AwsError
from tests.unit.edge.services.lambda_.mappings.kit import MemoryCheckpoints, MemoryStream, Reading, Work, eventually

THROTTLED = AwsError(429, "TooManyRequestsException", "Rate Exceeded.")


def poison(*names: str) -> Work:
    """Fails with every batch that holds one of these."""
    return Work(lambda items: None if set(items) & set(names) else [])


async def test_batches_in_their_order() -> None:
    work = Work()
    async with Reading(MemoryStream("a1", "a2", "a3"), work, size=2) as reading:
        await eventually(lambda: reading.after() == "a3", "all done")
    assert work.batches == [["a1", "a2"], ["a3"]]
    assert reading.notes == ["OK", "OK"]


async def test_a_batch_that_fails_blocks_its_shard() -> None:
    stream, work = MemoryStream("a1", "a2"), poison("a1")
    async with Reading(stream, work, size=1) as reading:
        await eventually(lambda: len(work.batches) >= 3, "three attempts")
        assert {tuple(batch) for batch in work.batches} == {("a1",)}
        work.tell = lambda items: []
        await eventually(lambda: reading.after() == "a2", "all done")
    assert reading.destination.sent == []
    assert reading.notes[0] == "PROBLEM: Function call failed"


async def test_after_its_retries_a_batch_is_given_up() -> None:
    work = poison("a1")
    async with Reading(MemoryStream("a1", "a2", "a3"), work, size=2, most_retries=1) as reading:
        await eventually(lambda: reading.after() == "a3", "all done")
    assert work.batches == [["a1", "a2"], ["a1", "a2"], ["a3"]]
    assert reading.destination.sent == [(["a1", "a2"], "RetryAttemptsExhausted", 2)]


async def test_halves_isolate_a_poison_record() -> None:
    work = poison("a3")
    async with Reading(MemoryStream("a1", "a2", "a3", "a4"), work, most_retries=1, bisects=True) as reading:
        await eventually(lambda: reading.after() == "a4", "all done")
    assert work.batches == [["a1", "a2", "a3", "a4"], ["a1", "a2"], ["a3", "a4"], ["a3"], ["a3"], ["a4"]]
    assert reading.destination.sent == [(["a3"], "RetryAttemptsExhausted", 2)]


async def test_what_failed_comes_again_and_what_stood_before_it_does_not() -> None:
    """As recorded on AWS: four invocations of what is left, and the record of them."""
    work = Work(lambda items: ["a3"] if "a3" in items else [])
    async with Reading(MemoryStream("a1", "a2", "a3"), work, most_retries=3) as reading:
        await eventually(lambda: reading.after() == "a3", "all done")
    assert work.batches == [["a1", "a2", "a3"], *[["a3"]] * 4]
    assert reading.destination.sent == [(["a3"], "RetryAttemptsExhausted", 4)]


async def test_the_first_item_that_failed_counts() -> None:
    answers: list[Any] = [["a3", "a2"], []]
    work = Work(lambda items: answers.pop(0))
    async with Reading(MemoryStream("a1", "a2", "a3"), work) as reading:
        await eventually(lambda: reading.after() == "a3", "all done")
    assert work.batches == [["a1", "a2", "a3"], ["a2", "a3"]]


async def test_throttling_does_not_count_as_a_retry() -> None:
    answers: list[Any] = [THROTTLED, THROTTLED, None, []]
    work = Work(lambda items: answers.pop(0))
    async with Reading(MemoryStream("a1"), work, most_retries=1) as reading:
        await eventually(lambda: reading.after() == "a1", "all done")
    assert reading.destination.sent == []


async def test_records_that_are_too_old_are_given_up_unseen() -> None:
    stream, work = MemoryStream("a1", arrival=time.time() - 100), Work()
    stream.put("a2")
    async with Reading(stream, work, most_age=60) as reading:
        await eventually(lambda: reading.after() == "a2", "all done")
    assert work.batches == [["a2"]]
    assert reading.destination.sent == [(["a1"], "RecordAgeExceeded", 0)]


async def test_a_batch_that_grows_too_old_is_given_up() -> None:
    work = poison("a1")
    async with Reading(MemoryStream("a1", arrival=time.time() - 59.5), work, most_age=60) as reading:
        await eventually(lambda: reading.after() == "a1", "all done")
    [(names, condition, count)] = reading.destination.sent
    assert (names, condition, count) == (["a1"], "RecordAgeExceeded", len(work.batches))


async def test_what_no_filter_takes_is_done() -> None:
    work = Work()
    async with Reading(MemoryStream("a1", "a2"), work, patterns=['{"name": ["other"]}']) as reading:
        await eventually(lambda: reading.after() == "a2", "all done")
    assert work.batches == []


async def test_lanes_keep_the_order_of_a_key_and_do_not_wait_for_one_another() -> None:
    work = poison("a1")
    stream = MemoryStream("a1", *[f"{key}{number}" for number in (1, 2) for key in "bcdefgh"])
    async with Reading(stream, work, size=1, lanes=8) as reading:

        def taken() -> list[str]:
            return [batch[0] for batch in work.batches]

        others = [name for key in "bcdefgh" for name in (f"{key}1", f"{key}2")]
        elsewhere = [name for name in others if not _same_lane("a", name[0], 8)]
        await eventually(lambda: set(elsewhere) <= set(taken()), "all keys of the other lanes")
        assert reading.after() in (None, "")  # nothing before the poison record is left out
        for key in {name[0] for name in elsewhere}:
            assert taken().index(f"{key}1") < taken().index(f"{key}2")
        work.tell = lambda items: []
        await eventually(lambda: reading.after() == "h2", "all done")


def _same_lane(one: str, other: str, lanes: int) -> bool:
    return zlib.crc32(one.encode()) % lanes == zlib.crc32(other.encode()) % lanes


async def test_after_a_crash_reading_goes_on_behind_the_checkpoint() -> None:
    stream, checkpoints = MemoryStream("a1", "a2", "a3"), MemoryCheckpoints()
    reading = Reading(stream, poison("a2"), size=1, checkpoints=checkpoints)
    async with reading:
        await eventually(lambda: "PROBLEM: Function call failed" in reading.notes, "a failure")
        reading.task.cancel()
        await asyncio.gather(reading.task, return_exceptions=True)
        reading.task = asyncio.create_task(asyncio.sleep(0))
    work = Work()
    async with Reading(stream, work, size=1, checkpoints=checkpoints) as again:
        await eventually(lambda: again.after() == "a3", "all done")
    assert work.batches == [["a2"], ["a3"]]


async def test_a_position_that_is_gone_is_the_start_of_what_is_left() -> None:
    work = Work()
    checkpoints = MemoryCheckpoints(shard={"after": "a0"})
    async with Reading(MemoryStream("a1"), work, checkpoints=checkpoints) as reading:
        await eventually(lambda: reading.after() == "a1", "all done")
    assert work.batches == [["a1"]]


async def test_latest_is_kept_from_the_beginning() -> None:
    """What comes between the creation and a crash is not left out."""
    stream, checkpoints = MemoryStream("a1"), MemoryCheckpoints()
    await Reading(stream, Work(), position="LATEST", checkpoints=checkpoints).poller.begin()
    stream.put("a2")
    work = Work()
    async with Reading(stream, work, position="LATEST", checkpoints=checkpoints) as reading:
        await eventually(lambda: reading.after() == "a2", "all done")
    assert work.batches == [["a2"]]


async def test_a_time_to_start_at() -> None:
    stream, work = MemoryStream("a1", arrival=1000.0), Work()
    stream.put("a2", arrival=2000.0)
    async with Reading(stream, work, position="AT_TIMESTAMP", timestamp=1500.0) as reading:
        await eventually(lambda: reading.after() == "a2", "all done")
    assert work.batches == [["a2"]]


async def test_a_shard_waits_for_the_one_that_it_continues() -> None:
    stream, work = MemoryStream("a1"), poison("a1")
    stream.parents["child"] = ("shard",)
    stream.put("a2", "child")
    stream.closed.add("shard")
    async with Reading(stream, work) as reading:
        await eventually(lambda: len(work.batches) >= 2, "two attempts")
        assert reading.checkpoints.get("child") is None
        work.tell = lambda items: []
        await eventually(lambda: reading.after("child") == "a2", "the child done")
    assert reading.checkpoints.shards["shard"] == {"after": "a1", "ended": True}


async def test_a_record_that_comes_rings_the_bell() -> None:
    stream, work = MemoryStream(), Work()
    async with Reading(stream, work) as reading:
        stream.put("a1")
        reading.poller.bell.ring()
        await eventually(lambda: reading.after() == "a1", "the record done")


async def test_a_tumbling_window_hands_its_state_on_and_ends() -> None:
    """Two records in a window, one in the next: the state of the first window ends with it."""
    stream = MemoryStream()
    for name, arrival in (("a1", 1001.0), ("a2", 1002.0), ("a3", 1011.0)):
        stream.put(name, arrival=arrival)
    work = Work()

    def count(items: Sequence[str]) -> bytes:
        before = work.windows[-1]["state"].get("sum", 0)
        return b'{"state": {"sum": %d}}' % (before + len(items))

    work.tell = count
    async with Reading(stream, work, size=1, tumbling=10) as reading:
        await eventually(lambda: len(work.batches) == 5, "the last window's end")
    assert work.batches == [["a1"], ["a2"], [], ["a3"], []]
    assert [window["state"] for window in work.windows] == [{}, {"sum": 1}, {"sum": 2}, {}, {"sum": 1}]
    assert [window["isFinalInvokeForWindow"] for window in work.windows] == [False, False, True, False, True]
    assert work.windows[0]["window"] == {"start": "1970-01-01T00:16:40Z", "end": "1970-01-01T00:16:50Z"}
    assert {window["shardId"] for window in work.windows} == {"shard"}
    assert reading.after() == "a3"


async def test_a_window_that_is_open_survives_a_crash() -> None:
    now = time.time()
    stream, checkpoints = MemoryStream("a1", arrival=now), MemoryCheckpoints()
    work = Work(lambda items: b'{"state": {"sum": 7}}')
    async with Reading(stream, work, tumbling=900, checkpoints=checkpoints) as reading:
        await eventually(lambda: reading.after() == "a1", "the record done")
    stream.put("a2", arrival=now)
    again = Work(lambda items: b"{}")
    async with Reading(stream, again, tumbling=900, checkpoints=checkpoints) as reading:
        await eventually(lambda: reading.after() == "a2", "the next one done")
    assert again.windows[0]["state"] == {"sum": 7}


async def test_a_state_that_is_too_large_ends_its_window_early() -> None:
    work = Work(lambda items: b'{"state": {"text": "%s"}}' % (b"x" * 1024 * 1024) if items else b"{}")
    async with Reading(MemoryStream("a1"), work, tumbling=900):
        await eventually(lambda: len(work.batches) == 2, "the early end")
    assert work.windows[1]["isWindowTerminatedEarly"]
    assert work.windows[1]["isFinalInvokeForWindow"]
