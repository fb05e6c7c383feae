"""Functions' output in CloudWatch Logs.

Lines are appended in memory and shipped in batches, off the path of an invocation. What cannot be shipped now (the
emulator is down) is kept and tried again; beyond BUFFER_LIMIT the oldest are dropped and the drop is logged. A log
group and a stream are made at the stream's first batch, as Lambda does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..aws import AwsError, Scope
from .model import FunctionConfig
from .process import Record

if TYPE_CHECKING:
    from ..emulator import Emulator

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
        async with self._shipping:
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


class PlatformLog:
    """The lines that Lambda itself writes: text, or JSON where the function's LoggingConfig says so."""

    def __init__(self, config: FunctionConfig, runtime: str) -> None:
        self._config = config
        self._json = config.logging.json
        self._info = config.logging.system_level in ("DEBUG", "INFO")
        self._runtime = runtime

    def init_start(self) -> list[Record]:
        if not self._json:
            return [(None, f"INIT_START Runtime Version: {self._runtime}\tRuntime Version ARN: ")]
        record = {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": self._runtime,
            "functionName": self._config.name,
            "functionVersion": self._config.version,
        }
        return self._event("initStart", record) if self._info else []

    def init_failed(self, seconds: float, phase: str, status: str, error_type: str) -> list[Record]:
        if not self._json:
            kind = f"\tError Type: {error_type}" if error_type else ""
            return [
                (None, f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: {phase}\tStatus: {status}{kind}")
            ]
        metrics = {"durationMs": round(seconds * 1000, 3)}
        record = {"initializationType": "on-demand", "phase": phase, "status": status, "metrics": metrics}
        return self._event("initReport", {**record, "errorType": error_type} if error_type else record)

    def start(self, request_id: str) -> list[Record]:
        if not self._json:
            return [(None, f"START RequestId: {request_id} Version: {self._config.version}")]
        if not self._info:
            return []
        return self._event("start", {"requestId": request_id, "version": self._config.version})

    def timed_out(self, request_id: str) -> list[Record]:
        if self._json:
            return []
        return [(None, f"{_now()} {request_id} Task timed out after {self._config.timeout:.2f} seconds\n")]

    def exited(self, request_id: str, message: str, error_type: str) -> list[Record]:
        return [] if self._json else [(None, f"{message}\n{error_type}")]

    def end(
        self,
        request_id: str,
        seconds: float,
        init_seconds: float | None,
        memory_bytes: int,
        status: str,
        error_type: str,
    ) -> list[Record]:
        """END and REPORT. Since August 2025 AWS bills the time of initialisation too."""
        duration = seconds * 1000
        init = None if init_seconds is None else init_seconds * 1000
        billed = -int(-(duration + (init or 0)) // 1)
        used = min(-(-memory_bytes // (1024 * 1024)), self._config.memory)
        if self._json:
            if not self._info and status == "success":
                return []
            metrics: dict[str, float] = {
                "durationMs": round(duration, 3),
                "billedDurationMs": billed,
                "memorySizeMB": self._config.memory,
                "maxMemoryUsedMB": used,
            }
            if init is not None:
                metrics["initDurationMs"] = round(init, 3)
            record = {"requestId": request_id, "metrics": metrics, "status": status}
            return self._event("report", {**record, "errorType": error_type} if error_type else record)
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\tBilled Duration: {billed} ms\t"
            f"Memory Size: {self._config.memory} MB\tMax Memory Used: {used} MB\t"
        )
        if init is not None:
            report += f"Init Duration: {init:.2f} ms\t"
        if status != "success":
            report += f"Status: {status}" + (f"\tError Type: {error_type}" if error_type else "")
        return [(None, f"END RequestId: {request_id}"), (None, report)]

    @staticmethod
    def _event(kind: str, record: Mapping[str, Any]) -> list[Record]:
        return [(None, json.dumps({"time": _now(), "type": f"platform.{kind}", "record": record}))]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
