"""Functions' output in CloudWatch Logs.

Lines are appended in memory and shipped in batches, off the path of an invocation. What cannot be shipped now (the
emulator is down) is kept and tried again; beyond BUFFER_LIMIT the oldest are dropped and the drop is logged. A log
group and a stream are made at the stream's first batch, as Lambda does.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from staticfire.edge.aws.calls import AwsError, Scope

from .model import FunctionConfig
from .output_parser import Record

if TYPE_CHECKING:
    from staticfire.edge.aws.emulator import Emulator

log = logging.getLogger(__name__)

TARGET = "Logs_20140328"
BUFFER_LIMIT = 100_000
BATCH_EVENTS = 10_000
BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26
EVENT_BYTES = 256 * 1024 - EVENT_OVERHEAD


class LogStream:
    """One log stream, and what waits to be shipped to it."""

    __slots__ = ("_last", "_shipper", "group", "made", "name", "scope", "waiting")

    def __init__(self, shipper: LogShipper, scope: Scope, group: str, name: str) -> None:
        self._shipper = shipper
        self.scope = scope
        self.group = group
        self.name = name
        self.made = False
        self._last = 0
        self.waiting: deque[tuple[int, str]] = deque()

    def append(self, records: Sequence[Record]) -> None:
        now = int(time.time() * 1000)
        for when, text in records:
            # CloudWatch Logs wants a batch in the order of time: what came later must not look earlier.
            stamp = now if when is None else when
            if stamp > self._last:
                self._last = stamp
            # It refuses an empty message.
            self.waiting.append((self._last, text or " "))
        self._shipper.note(self, len(records))


class LogShipper:
    """Takes what streams gathered to CloudWatch Logs, every `interval` seconds while there is something."""

    def __init__(self, emulator: Emulator, *, interval: float = 0.25) -> None:
        self._emulator = emulator
        self._interval = interval
        self._pending: dict[int, LogStream] = {}
        self._held = 0
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self._shipping = asyncio.Lock()

    def stream(self, config: FunctionConfig) -> LogStream:
        today = datetime.now(UTC).strftime("%Y/%m/%d")
        name = f"{today}/[{config.version}]{secrets.token_hex(16)}"
        if config.logging.group != f"/aws/lambda/{config.name}":
            name = f"{today}/{config.name}[{config.version}]{secrets.token_hex(16)}"
        return LogStream(self, config.scope, config.logging.group, name)

    def note(self, stream: LogStream, count: int) -> None:
        self._pending[id(stream)] = stream
        self._held += count
        if self._held > BUFFER_LIMIT:
            self._drop()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def flush(self) -> None:
        """Ship everything that is here now; what fails stays."""
        await self._shipping.acquire()
        try:
            streams, self._pending = list(self._pending.values()), {}
            for stream in streams:
                try:
                    await self._ship(stream)
                except AwsError as error:
                    self._pending[id(stream)] = stream
                    if not self._failing:
                        log.warning("Function logs cannot be shipped now, trying on: %s", error.message)
                    self._failing = True
                    continue
                self._failing = False
                if stream.waiting:
                    self._pending[id(stream)] = stream
        finally:
            self._shipping.release()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()
        if self._held:
            log.warning("%d lines of function logs were not shipped: the emulator did not take them", self._held)

    async def _run(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(self._interval)
                await self.flush()
        finally:
            self._task = None

    async def _ship(self, stream: LogStream) -> None:
        if not stream.made:
            await self._make(stream)
            stream.made = True
        # What comes meanwhile goes with the next round: else a busy stream is shipped in calls of a few lines each.
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
                log.warning("%d lines for %s %s were refused: %s", len(batch), stream.group, stream.name, error.message)
            self._held -= len(batch)

    async def _put(self, stream: LogStream, batch: Sequence[tuple[int, str]]) -> None:
        events = [{"timestamp": when, "message": text} for when, text in batch]
        body = {"logGroupName": stream.group, "logStreamName": stream.name, "logEvents": events}
        await self._emulator.json(stream.scope, "logs", f"{TARGET}.PutLogEvents", body)

    async def _make(self, stream: LogStream) -> None:
        names = {"logGroupName": stream.group, "logStreamName": stream.name}
        for operation in ("CreateLogStream", "CreateLogGroup", "CreateLogStream"):
            body = names if operation == "CreateLogStream" else {"logGroupName": stream.group}
            try:
                await self._emulator.json(stream.scope, "logs", f"{TARGET}.{operation}", body)
            except AwsError as error:
                if error.code == "ResourceNotFoundException" and operation == "CreateLogStream":
                    continue
                if error.code != "ResourceAlreadyExistsException":
                    raise
            if operation == "CreateLogStream":
                return

    def _drop(self) -> None:
        dropped = 0
        for stream in self._pending.values():
            while stream.waiting and self._held > BUFFER_LIMIT // 2:
                stream.waiting.popleft()
                self._held -= 1
                dropped += 1
        log.warning("%d lines of function logs were dropped: the emulator does not take them fast enough", dropped)


def _take_batch(waiting: deque[tuple[int, str]]) -> list[tuple[int, str]]:
    batch: list[tuple[int, str]] = []
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
