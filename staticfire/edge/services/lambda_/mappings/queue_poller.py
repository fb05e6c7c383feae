"""A queue read in batches: what was taken is deleted, what failed becomes visible again in its time.

    received -> filtered out: deleted
             \\-> gathered -> taken -> deleted
                          \\-> failed, or refused for as long as it is invisible: it comes again

A FIFO queue keeps the messages of a group back while one of them is under way: batches that are taken at the same time
never hold the same group.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson

from staticfire.edge.aws.calls import AwsError

from .queues import RECEIVE_AT_ONCE, WAIT_SECONDS, Message, Queue
from .records import Record, queue_record
from .settings import PAYLOAD_LIMIT, BatchSettings
from .taking import Taker
from .trouble import Trouble

log = logging.getLogger(__name__)

# Batches under way at once, as AWS begins with.
AT_ONCE = 5
# What is under way may end when the edge is stopped; what does not comes again.
GRACE_SECONDS = 3.0
REFUSED_FIRST = 0.1
REFUSED_LONGEST = 2.0
PAUSE = 0.1


@dataclass(frozen=True)
class Received:
    """A message, the record that is made of it, and its size."""

    message: Message
    record: Record
    size: int

    @property
    def item(self) -> str:
        return str(self.message["MessageId"])


class QueuePoller:
    """Reads until it is stopped."""

    def __init__(
        self, queue: Queue, arn: str, settings: BatchSettings, taker: Taker, *, at_once: int = AT_ONCE
    ) -> None:
        self._queue = queue
        self._arn = arn
        self._settings = settings
        self._taker = taker
        self._free = asyncio.Semaphore(at_once)
        self._left: list[Received] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Ends when it is stopped. An AwsError says why it cannot read; what is under way goes on."""
        trouble = Trouble(f"The reader of {self._arn}")
        while not self._stopping.is_set():
            await self._free.acquire()
            batch: list[Received] = []
            begun = time.monotonic()
            try:
                batch = await self._gather()
                trouble.over()
            except AwsError as error:
                if error.status < 500:
                    raise
                await trouble.wait(error)
            finally:
                if batch and not self._stopping.is_set():
                    task = asyncio.create_task(self._take(batch, begun))
                    self._under_way.add(task)
                    task.add_done_callback(self._done)
                else:
                    self._free.release()
            if self._stopping.is_set():
                with contextlib.suppress(AwsError):  # what cannot be given back comes again by itself
                    await self._queue.give_back([received.message for received in (*batch, *self._left)])

    def stop(self) -> None:
        """Receive no more: `run` ends soon."""
        self._stopping.set()

    async def finish(self) -> None:
        """Wait a little for what is under way."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A batch of %s was not taken; its messages come again", self._arn, exc_info=error)

    async def _gather(self) -> list[Received]:
        """A batch: as many as there are, or until its window is over, counted from its first message."""
        settings = self._settings
        batch: list[Received] = []
        end = 0.0
        while not self._stopping.is_set():
            for received in self._left[: settings.size]:
                if batch and sum(earlier.size for earlier in batch) + received.size > PAYLOAD_LIMIT:
                    return batch
                end = end or time.monotonic() + settings.window
                batch.append(self._left.pop(0))
            left = end - time.monotonic()
            if batch and (len(batch) >= settings.size or left <= 0):
                return batch
            wait = min(int(left), WAIT_SECONDS) if batch else WAIT_SECONDS
            asked = time.monotonic()
            try:
                self._left = await self._receive(settings.size - len(batch), wait)
            except AwsError:
                # What is here already is taken now: it would come again much later.
                if batch:
                    return batch
                raise
            if not self._left and time.monotonic() - asked < PAUSE:
                # Nobody waited for messages: the rest of a window is short, or the emulator does not.
                await asyncio.sleep(min(PAUSE, left) if batch else PAUSE)
        return batch

    async def _receive(self, count: int, wait: int) -> list[Received]:
        """The messages that a filter takes; the others are deleted."""
        taken, dropped = [], []
        for message in await self._queue.receive(min(count, RECEIVE_AT_ONCE), wait):
            record = queue_record(message, self._arn, windowed=self._settings.window > 0)
            if self._settings.filters.take(record):
                taken.append(Received(message, record, len(orjson.dumps(record))))
            else:
                dropped.append(message)
        if dropped:
            await self._queue.delete(dropped)
        return taken

    async def _take(self, batch: Sequence[Received], begun: float) -> None:
        records, items = [received.record for received in batch], [received.item for received in batch]
        until = None
        pause = REFUSED_FIRST
        while True:
            try:
                attempt = await self._taker.take(records, items)
                break
            except AwsError as error:
                # As AWS documents: it is tried again until the messages are visible again.
                if until is None:
                    until = begun + await self._queue.visibility_timeout()
                if self._stopping.is_set() or time.monotonic() + pause > until:
                    log.info("%d messages of %s were not taken, and come again: %s", len(batch), self._arn, error)
                    return
            await asyncio.sleep(pause)
            pause = min(2 * pause, REFUSED_LONGEST)
        if attempt.failed is None:
            log.info("A batch of %d messages of %s failed, and comes again", len(batch), self._arn)
        else:
            await self._delete(batch, attempt.failed)

    async def _delete(self, batch: Sequence[Received], failed: Collection[str]) -> None:
        """What is not deleted would come again: an emulator that is away is waited for, as long as that helps."""
        done = [received.message for received in batch if received.item not in failed]
        trouble = Trouble(f"The deletion of {len(done)} messages of {self._arn}")
        while done:
            try:
                await self._queue.delete(done)
                return
            except AwsError as error:
                if error.status < 500:
                    raise
                await trouble.wait(error)
