"""A stream read shard by shard: batches in their order, tried again until they are taken or given up.

    read -> filtered out: done
         \\-> its lane, by its key -> a batch -> taken: done
                                             \\-> failed -> again, from the first item that failed, or in halves
                                             \\-> too old, or tried too often -> the failure destination: done

A lane has one batch under way. A shard has one lane, or ParallelizationFactor of them. What is done, up to where
nothing is left out, is the shard's checkpoint. It is durable, and after a crash reading goes on from there: every
record is taken at least once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from staticfire.edge.aws.calls import AwsError

from .failures import FailureDestination
from .settings import PAYLOAD_LIMIT, BatchSettings, StreamSettings
from .streams import EXPIRED, Shard, Stream, StreamRecord, is_gone
from .taking import Attempt, Taker
from .trouble import Trouble
from .windows import Window

log = logging.getLogger(__name__)

# So many records of a shard are held at most, whatever its lanes wait for.
HELD = 10_000
LOOK_SECONDS = 10.0
IDLE_FIRST = 0.1
IDLE_LONGEST = 1.0
AGAIN_FIRST = 0.1
AGAIN_LONGEST = 10.0

OK = "OK"
FAILED = "PROBLEM: Function call failed"

Checkpoint = dict[str, Any]


class Checkpoints(Protocol):
    """Where a mapping's shards are. A checkpoint is durable when `put` returns."""

    def get(self, shard: str) -> Checkpoint | None: ...

    async def put(self, checkpoints: Mapping[str, Checkpoint]) -> None: ...

    def empty(self) -> bool: ...


class Bell:
    """Wakes all that wait for it."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)


class StreamPoller:
    """Reads until it is stopped. `note` hears what the last batch came to."""

    def __init__(
        self,
        stream: Stream,
        batches: BatchSettings,
        settings: StreamSettings,
        taker: Taker,
        checkpoints: Checkpoints,
        *,
        destination: FailureDestination | None = None,
        note: Callable[[str], None] = lambda result: None,
    ) -> None:
        self.stream = stream
        self.batches = batches
        self.settings = settings
        self.taker = taker
        self.checkpoints = checkpoints
        self.destination = destination
        self.note = note
        self.bell = Bell()
        self._stopped = asyncio.Event()

    @property
    def stopping(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        """Begin no further batch: `run` ends once those under way have."""
        self._stopped.set()
        self.bell.ring()

    async def pause(self, seconds: float) -> None:
        """Before another attempt, unless the reader is stopped."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    async def begin(self) -> None:
        """LATEST is where the stream ends now: it is kept, so that nothing is left out after a crash."""
        if self.settings.position == "LATEST" and self.checkpoints.empty():
            shards = await self.stream.shards()
            ends = {shard.id: await self.stream.last_sequence(shard.id) or "" for shard in shards}
            await self.checkpoints.put({shard: {"after": end} for shard, end in ends.items()})

    async def run(self) -> None:
        """Ends when it is stopped. An AwsError says why the stream cannot be read."""
        readers: dict[str, asyncio.Task[None]] = {}
        trouble = Trouble(f"The reader of {self.stream.arn}")
        try:
            while not self.stopping:
                try:
                    shards = await self.stream.shards()
                except AwsError as error:
                    if error.status < 500:
                        raise
                    await trouble.wait(error)
                    continue
                trouble.over()
                for shard in self._due(shards, readers):
                    readers[shard.id] = asyncio.create_task(ShardReader(self, shard.id).run())
                running = [reader for reader in readers.values() if not reader.done()]
                if running:
                    done, _ = await asyncio.wait(running, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                    for reader in done:
                        reader.result()
                else:
                    await self.bell.wait(LOOK_SECONDS)
        finally:
            for reader in readers.values():
                reader.cancel()
            await asyncio.gather(*readers.values(), return_exceptions=True)

    def _due(self, shards: Sequence[Shard], readers: Mapping[str, asyncio.Task[None]]) -> Iterable[Shard]:
        """Shards that are not read yet; a shard waits for those that it continues."""
        here = {shard.id for shard in shards}
        for shard in shards:
            if shard.id in readers or self._ended(shard.id):
                continue
            if all(parent not in here or self._ended(parent) for parent in shard.parents):
                yield shard

    def _ended(self, shard: str) -> bool:
        return bool((self.checkpoints.get(shard) or {}).get("ended"))


class ShardReader:
    """Reads one shard, and spreads what it reads over its lanes."""

    def __init__(self, poller: StreamPoller, shard: str) -> None:
        self.poller = poller
        self.shard = shard
        checkpoint = poller.checkpoints.get(shard) or {}
        self._after: str = checkpoint.get("after", "")
        self._read_up_to = self._after
        # Every record that was read and is not part of the checkpoint yet: whether it is done.
        self._open: dict[str, bool] = {}
        self._changed = asyncio.Event()
        windows = checkpoint.get("windows") or []
        self._lanes = [
            Lane(self, Window(**windows[number]) if number < len(windows) and windows[number] else None)
            for number in range(poller.settings.lanes)
        ]

    async def run(self) -> None:
        """Ends with the shard."""
        lanes = [asyncio.create_task(lane.run()) for lane in self._lanes]
        reading = asyncio.create_task(self._read())
        try:
            done, _ = await asyncio.wait([reading, *lanes], return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            if not self.poller.stopping:
                await self._save(ended=True)
        finally:
            for task in (reading, *lanes):
                task.cancel()
            await asyncio.gather(reading, *lanes, return_exceptions=True)

    async def done(self, records: Iterable[StreamRecord]) -> None:
        """These need not come again, once this returns."""
        for record in records:
            self._open[record.sequence] = True
        await self._save()

    async def _save(self, *, ended: bool = False) -> None:
        while self._open:
            sequence = next(iter(self._open))
            if not self._open[sequence]:
                break
            del self._open[sequence]
            self._after = sequence
        self._changed.set()
        checkpoint: Checkpoint = {"after": self._after}
        if ended:
            checkpoint["ended"] = True
        if any(lane.window for lane in self._lanes):
            checkpoint["windows"] = [lane.window.document() if lane.window else None for lane in self._lanes]
        await self.poller.checkpoints.put({self.shard: checkpoint})

    async def _read(self) -> None:
        trouble = Trouble(f"The reader of {self.poller.stream.arn}")
        iterator = None
        pause = IDLE_FIRST
        while not self.poller.stopping:
            if len(self._open) >= HELD:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                if iterator is None:
                    iterator = await self._iterator()
                records, following = await self.poller.stream.read(self.shard, iterator)
            except AwsError as error:
                if error.code.endswith(EXPIRED):
                    if error.code.endswith("TrimmedDataAccessException"):
                        self._read_up_to = ""
                    iterator = None
                elif is_gone(error) and await self._left_out():
                    break
                elif error.status < 500:
                    raise
                await trouble.wait(error)
                continue
            trouble.over()
            await self._spread(records)
            if following is None:
                break
            iterator = following
            if records:
                pause = IDLE_FIRST
            else:
                await self.poller.bell.wait(pause)
                pause = min(1.5 * pause, IDLE_LONGEST)
        for lane in self._lanes:
            lane.put(None)

    async def _left_out(self) -> bool:
        """Whether the stream is there, and the shard is not any longer: it has been split or merged."""
        return self.shard not in {shard.id for shard in await self.poller.stream.shards()}

    async def _iterator(self) -> str:
        """After what was read; from the start of what is left where that is gone."""
        stream, settings = self.poller.stream, self.poller.settings
        if self._read_up_to:
            try:
                return await stream.iterator(self.shard, "AFTER_SEQUENCE_NUMBER", after=self._read_up_to)
            except AwsError as error:
                if error.status >= 500 or is_gone(error):
                    raise
                log.warning("%s has lost its position in %s: %s", stream.arn, self.shard, error)
            return await stream.iterator(self.shard, "TRIM_HORIZON")
        if settings.position == "AT_TIMESTAMP":
            return await stream.iterator(self.shard, "AT_TIMESTAMP", timestamp=settings.timestamp)
        return await stream.iterator(self.shard, "TRIM_HORIZON")

    async def _spread(self, records: Sequence[StreamRecord]) -> None:
        dropped = []
        for record in records:
            self._read_up_to = record.sequence
            if record.sequence in self._open:
                continue  # read again after its position was lost
            self._open[record.sequence] = False
            if self.poller.batches.filters.take(record.record):
                self._lanes[zlib.crc32(record.key.encode()) % len(self._lanes)].put(record)
            else:
                dropped.append(record)
        if dropped:
            await self.done(dropped)


class Lane:
    """Takes its part of a shard's records to the function, one batch after the other."""

    def __init__(self, reader: ShardReader, window: Window | None) -> None:
        self.window = window
        self._reader = reader
        self._poller = reader.poller
        self._waiting: deque[StreamRecord] = deque()
        self._ended = False
        self._news = asyncio.Event()

    def put(self, record: StreamRecord | None) -> None:
        """None is the shard's end."""
        if record is None:
            self._ended = True
        else:
            self._waiting.append(record)
        self._news.set()

    async def run(self) -> None:
        while not self._poller.stopping:
            batch = await self._gather()
            if self._poller.stopping:
                return
            if batch:
                await self._process(batch)
            await self._close_window()
            if self._ended and not self._waiting:
                return

    async def _gather(self) -> list[StreamRecord]:
        """A batch: what there is, or until its window is over, counted from its first record."""
        settings = self._poller.batches
        batch: list[StreamRecord] = []
        size = 0
        end = None
        while len(batch) < settings.size:
            if self._waiting:
                record = self._waiting[0]
                if not self._enters_window(record, begins=not batch):
                    break
                size += len(orjson.dumps(record.record))
                if batch and size > PAYLOAD_LIMIT:
                    break
                end = end or time.monotonic() + settings.window
                batch.append(self._waiting.popleft())
                continue
            left = end - time.monotonic() if end is not None else None
            if self._ended or (left is not None and left <= 0):
                break
            if self.window is not None:
                until = self.window.end - time.time()
                if until <= 0:
                    break
                left = until if left is None else min(left, until)
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)
        return batch

    def _enters_window(self, record: StreamRecord, *, begins: bool) -> bool:
        """Whether the record belongs to the window that is open; one that begins a batch may open it."""
        seconds = self._poller.settings.tumbling
        if not seconds:
            return True
        if self.window is None and begins:
            self.window = Window.of(record.arrival, seconds)
        return self.window is not None and self.window.holds(record.arrival)

    async def _close_window(self) -> None:
        """The last invocation of a window that is over carries its state, and no records."""
        window = self.window
        if window is None:
            return
        over = self._ended if not self._waiting else not window.holds(self._waiting[0].arrival)
        if over or (not self._waiting and time.time() >= window.end):
            await self._end_window(window)

    async def _end_window(self, window: Window, *, early: bool = False) -> None:
        pause = AGAIN_FIRST
        retries = self._poller.settings.most_retries
        count = 0
        while True:
            try:
                attempt = await self._invoke([], final=True, early=early)
                count += 1
                if attempt.error is None:
                    break
                if retries is not None and count > retries:
                    log.warning("The last invocation of a window of %s failed: it is given up", self._poller.stream.arn)
                    break
            except AwsError as error:
                self._poller.note(FAILED)
                log.info("A window of %s cannot end now: %s", self._poller.stream.arn, error)
            await self._poller.pause(pause)
            if self._poller.stopping:
                return
            pause = min(2 * pause, AGAIN_LONGEST)
        # A window that ended early goes on with an empty state.
        self.window = Window(window.start, window.seconds) if early else None
        await self._reader.done(())

    async def _invoke(self, records: Sequence[StreamRecord], *, final: bool = False, early: bool = False) -> Attempt:
        fields: Mapping[str, Any] = {}
        if self.window is not None:
            fields = self.window.fields(self._reader.shard, self._poller.stream.arn, final=final, early=early)
        items = [record.sequence for record in records]
        return await self._poller.taker.take([record.record for record in records], items, fields)

    async def _process(self, batch: Sequence[StreamRecord]) -> None:
        """Parts of a batch follow one another: what comes first is done, or given up, before what comes next."""
        parts = [batch]
        while parts and not self._poller.stopping:
            parts[:1] = await self._try(parts[0])

    async def _try(self, part: Sequence[StreamRecord]) -> list[Sequence[StreamRecord]]:
        """Hand a part over until it is done; what is to be handed over instead of it."""
        settings = self._poller.settings
        attempt: Attempt | None = None
        count = 0
        pause = AGAIN_FIRST
        while True:
            expired = self._expired(part)
            if expired:
                await self._give_up(part[:expired], "RecordAgeExceeded", count, attempt)
                part = part[expired:]
            if not part:
                return []
            try:
                attempt = await self._invoke(part)
            except AwsError as error:
                # It was not invoked (throttled, deleted): that does not count, and age alone ends it.
                log.info("%d records of %s wait: %s", len(part), self._poller.stream.arn, error)
                self._poller.note(FAILED)
            else:
                count += 1
                first = _first_failed(part, attempt)
                if first == len(part):
                    self._poller.note(OK)
                    await self._taken(part, attempt)
                    return []
                self._poller.note(FAILED)
                if first:
                    await self._taken(part[:first], attempt)
                    return [part[first:]]
                if settings.bisects and len(part) > 1:
                    half = len(part) // 2
                    return [part[:half], part[half:]]
                if settings.most_retries is not None and count > settings.most_retries:
                    await self._give_up(part, "RetryAttemptsExhausted", count, attempt)
                    return []
            await self._poller.pause(pause)
            if self._poller.stopping:
                return [part]
            pause = min(2 * pause, AGAIN_LONGEST)

    async def _taken(self, records: Sequence[StreamRecord], attempt: Attempt) -> None:
        too_large = self.window is not None and self.window.hand_on(attempt.answer)
        await self._reader.done(records)
        if too_large and self.window is not None:
            await self._end_window(self.window, early=True)

    def _expired(self, part: Sequence[StreamRecord]) -> int:
        """How many of the first records are too old."""
        oldest = self._poller.settings.most_age
        if oldest is None:
            return 0
        limit = time.time() - oldest
        return next((number for number, record in enumerate(part) if record.arrival >= limit), len(part))

    async def _give_up(
        self, records: Sequence[StreamRecord], condition: str, count: int, attempt: Attempt | None
    ) -> None:
        stream, destination = self._poller.stream, self._poller.destination
        trouble = Trouble(f"The failure record of {len(records)} records of {stream.arn}")
        while destination is not None:
            try:
                await destination.send(
                    stream, self._reader.shard, records, condition=condition, count=count, attempt=attempt
                )
                break
            except AwsError as error:
                if error.status < 500:
                    log.error("%d records of %s were given up, and told nobody: %s", len(records), stream.arn, error)
                    break
                await trouble.wait(error)
        else:
            log.warning(
                "%d records of %s were given up (%s), without a destination", len(records), stream.arn, condition
            )
        await self._reader.done(records)


def _first_failed(part: Sequence[StreamRecord], attempt: Attempt) -> int:
    """The record from which on all come again: the number of records where none failed."""
    if attempt.failed is None:
        return 0
    failed = set(attempt.failed)
    return next((number for number, record in enumerate(part) if record.sequence in failed), len(part))
