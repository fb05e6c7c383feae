"""Lines on their way to CloudWatch Logs: what functions write, and the access logs of HTTP APIs.

Lines are gathered in memory and sent in batches. What cannot be sent now (the emulator is down) is kept and tried
again; beyond BUFFER_LIMIT the oldest are dropped, and the drop is logged. A stream is made at its first batch, and made
again when it is gone; its log group is made too where the service does that on AWS.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator

from .background import Background
from .embedded_metrics import EmbeddedMetrics

log = logging.getLogger(__name__)

NOT_FOUND = "ResourceNotFoundException"
BUFFER_LIMIT = 100_000
BATCH_EVENTS = 10_000
BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26
EVENT_BYTES = 256 * 1024 - EVENT_OVERHEAD

# When it was written, in milliseconds, and its text.
Line = tuple[int, str]


@dataclass(slots=True, eq=False)
class LogStream:
    """One log stream, and what waits to be sent to it. `makes_group`: its log group need not be there."""

    writer: LogWriter
    scope: Scope
    group: str
    name: str
    makes_group: bool = False
    made: bool = False
    waiting: deque[Line] = field(default_factory=deque)

    def add(self, when: int, text: str) -> None:
        self.waiting.append((when, text))
        self.writer.note(self, 1)


class LogWriter(Background):
    """Sends what streams gathered. `lines` is what messages call it: `lines of function logs`."""

    def __init__(self, emulator: Emulator, lines: str, *, interval: float = 0.25) -> None:
        super().__init__(interval)
        self._emulator = emulator
        self._lines = lines
        self._pending: dict[LogStream, None] = {}
        self._held = 0
        self._failing = False
        self._sending = asyncio.Lock()
        self._metrics = EmbeddedMetrics(emulator)

    def note(self, stream: LogStream, count: int) -> None:
        """Lines were added to the stream."""
        self._pending[stream] = None
        self._held += count
        if self._held > BUFFER_LIMIT:
            self._drop()
        if not self._due:
            self.wake()

    async def flush(self) -> bool:
        async with self._sending:
            for stream in list(self._pending):
                try:
                    await self._send(stream)
                except AwsError as error:
                    if not self._failing:
                        log.warning("%s cannot be sent now, trying on: %s", self._lines, error.message)
                    self._failing = True
                else:
                    self._failing = False
                    if not stream.waiting:
                        del self._pending[stream]
        return bool(self._pending)

    async def close(self) -> None:
        await super().close()
        await self._metrics.close()
        if self._held:
            log.warning("%d %s were not sent: the emulator did not take them", self._held, self._lines)

    async def _send(self, stream: LogStream) -> None:
        # What comes meanwhile goes with the next round: else a busy stream is sent in calls of a few lines each.
        due = len(stream.waiting)
        while due > 0 and (batch := _take_batch(stream.waiting)):
            due -= len(batch)
            try:
                await self._put(stream, batch)
            except BaseException as error:
                if not isinstance(error, AwsError) or error.status >= 500:
                    stream.waiting.extendleft(reversed(batch))
                    raise
                # Gone with its log group (a destroyed stack), or refused: another try would fail alike.
                place = f"{stream.group} {stream.name}"
                log.warning("%d %s for %s were refused: %s", len(batch), self._lines, place, error.message)
            else:
                for _, text in batch:
                    self._metrics.read(stream.scope, text)
            self._held -= len(batch)

    async def _put(self, stream: LogStream, batch: Sequence[Line]) -> None:
        if not stream.made:
            await self._make(stream, stream.makes_group)
            stream.made = True
        # CloudWatch Logs wants a batch in the order of time, and refuses an empty message.
        events = [{"timestamp": when, "message": text or " "} for when, text in sorted(batch, key=itemgetter(0))]
        try:
            await self._call(stream, "PutLogEvents", logEvents=events)
        except AwsError as error:
            if error.code != NOT_FOUND:
                raise
            await self._make(stream, False)
            await self._call(stream, "PutLogEvents", logEvents=events)

    async def _make(self, stream: LogStream, with_group: bool) -> None:
        try:
            await self._call(stream, "CreateLogStream")
        except AwsError as error:
            if error.code == NOT_FOUND and with_group:
                await self._make_group(stream)
                await self._make(stream, False)
            elif error.code != "ResourceAlreadyExistsException":
                raise

    async def _make_group(self, stream: LogStream) -> None:
        try:
            await self._emulator.json(
                stream.scope, "logs", "Logs_20140328.CreateLogGroup", {"logGroupName": stream.group}
            )
        except AwsError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise

    async def _call(self, stream: LogStream, operation: str, **more: object) -> None:
        body = {"logGroupName": stream.group, "logStreamName": stream.name, **more}
        await self._emulator.json(stream.scope, "logs", f"Logs_20140328.{operation}", body)

    def _drop(self) -> None:
        dropped = 0
        for stream in self._pending:
            while stream.waiting and self._held > BUFFER_LIMIT // 2:
                stream.waiting.popleft()
                self._held -= 1
                dropped += 1
        log.warning("%d %s were dropped: the emulator does not take them fast enough", dropped, self._lines)


def _take_batch(waiting: deque[Line]) -> list[Line]:
    batch: list[Line] = []
    size = 0
    while waiting:
        when, text = waiting[0]
        length = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if length > EVENT_BYTES:
            text = text.encode("utf-8", "replace")[:EVENT_BYTES].decode("utf-8", "ignore")
            length = EVENT_BYTES
        size += length + EVENT_OVERHEAD
        if batch and (len(batch) == BATCH_EVENTS or size > BATCH_BYTES):
            break
        waiting.popleft()
        batch.append((when, text))
    return batch
