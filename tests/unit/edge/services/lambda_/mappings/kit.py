"""Queues and streams in memory, and a function that does what it is told to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.lambda_.mappings.filters import Filters
from staticfire.edge.services.lambda_.mappings.records import Record
from staticfire.edge.services.lambda_.mappings.settings import BatchSettings, StreamSettings
from staticfire.edge.services.lambda_.mappings.stream_poller import Checkpoint, StreamPoller
from staticfire.edge.services.lambda_.mappings.streams import Shard, Stream, StreamRecord
from staticfire.edge.services.lambda_.mappings.taking import NOTHING, Attempt

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"
STREAM_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
DEADLINE = 10.0

Told = Callable[[Sequence[str]], Any]


async def eventually(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


def batches(size: int = 100, window: float = 0, *patterns: str) -> BatchSettings:
    return BatchSettings(size, window, Filters(patterns))


class Work:
    """Takes batches as `tell` says of their items: what failed (None is all), an AwsError, or the answer's bytes."""

    def __init__(self, tell: Told = lambda items: []) -> None:
        self.tell = tell
        self.batches: list[list[str]] = []
        self.windows: list[Mapping[str, Any]] = []

    async def take(
        self, records: Sequence[Record], items: Sequence[str], window: Mapping[str, Any] = NOTHING
    ) -> Attempt:
        self.batches.append(list(items))
        self.windows.append(window)
        await asyncio.sleep(0)
        answer = self.tell(items)
        if isinstance(answer, AwsError):
            raise answer
        if isinstance(answer, bytes):
            return Attempt([], "id", "$LATEST", None, answer)
        return Attempt(answer, "id", "$LATEST", "Unhandled" if answer is None else None)


class MemoryQueue:
    """A queue's messages by their bodies. What was given back, or whose invisibility is over, is received again."""

    scope = Scope()

    def __init__(self, *bodies: str, invisible: float = 30.0) -> None:
        self.waiting = [{"MessageId": body, "ReceiptHandle": body, "Body": body} for body in bodies]
        self.received: list[str] = []
        self.deleted: list[str] = []
        self.returned: list[str] = []
        self.down = False
        self._invisible = invisible

    async def receive(self, count: int, wait: int = 0) -> list[dict[str, Any]]:
        if self.down:
            raise AwsError(503, "ServiceUnavailable", "The emulator does not answer")
        if not self.waiting:
            await asyncio.sleep(0.01)
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        self.received += [message["MessageId"] for message in taken]
        return taken

    async def delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self.deleted += [message["MessageId"] for message in messages]

    async def give_back(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self.returned += [message["MessageId"] for message in messages]

    async def visibility_timeout(self) -> float:
        return self._invisible


class MemoryCheckpoints:
    def __init__(self, **shards: Checkpoint) -> None:
        self.shards = dict(shards)

    def get(self, shard: str) -> Checkpoint | None:
        return self.shards.get(shard)

    async def put(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        await asyncio.sleep(0)
        self.shards |= checkpoints

    def empty(self) -> bool:
        return not self.shards


class MemoryStream(Stream):
    """Shards of records, whose names are their sequence numbers. A name's first letter is its key."""

    service = "kinesis"
    failures = "KinesisBatchInfo"
    precision = "milliseconds"

    def __init__(self, *names: str, arrival: float | None = None) -> None:
        self.arn = STREAM_ARN
        self.content: dict[str, list[StreamRecord]] = {"shard": []}
        self.parents: dict[str, tuple[str, ...]] = {}
        self.closed: set[str] = set()
        self.asked: list[tuple[str, str, str]] = []
        for name in names:
            self.put(name, arrival=arrival)

    def put(self, name: str, shard: str = "shard", *, arrival: float | None = None) -> None:
        moment = time.time() if arrival is None else arrival
        record = StreamRecord({"name": name}, name, name[0], moment)
        self.content.setdefault(shard, []).append(record)

    async def shards(self) -> list[Shard]:
        return [Shard(name, self.parents.get(name, ())) for name in self.content]

    async def iterator(self, shard: str, kind: str, *, after: str = "", timestamp: float | None = None) -> str:
        self.asked.append((shard, kind, after))
        names = [record.sequence for record in self.content[shard]]
        if kind == "AFTER_SEQUENCE_NUMBER":
            if after not in names:
                raise AwsError(400, "TrimmedDataAccessException", "It is gone")
            return str(names.index(after) + 1)
        if kind == "AT_TIMESTAMP":
            assert timestamp is not None
            return str(sum(record.arrival < timestamp for record in self.content[shard]))
        return "0"

    async def read(self, shard: str, iterator: str) -> tuple[list[StreamRecord], str | None]:
        await asyncio.sleep(0)
        records = self.content[shard][int(iterator) :]
        following = str(int(iterator) + len(records))
        return records, None if shard in self.closed else following


class Destination:
    """What was given up: its records, why, and after how many invocations."""

    def __init__(self) -> None:
        self.sent: list[tuple[list[str], str, int]] = []

    async def send(
        self,
        stream: Stream,
        shard: str,
        records: Sequence[StreamRecord],
        *,
        condition: str,
        count: int,
        attempt: Attempt | None,
    ) -> None:
        self.sent.append(([record.sequence for record in records], condition, count))


def stream_settings(**changes: Any) -> StreamSettings:
    settings: dict[str, Any] = {
        "position": "TRIM_HORIZON",
        "timestamp": None,
        "lanes": 1,
        "tumbling": 0,
        "most_retries": None,
        "most_age": None,
        "bisects": False,
    }
    return StreamSettings(**settings | changes)


class Reading:
    """A stream that is read until the block ends."""

    def __init__(
        self,
        stream: MemoryStream,
        work: Work,
        *,
        size: int = 100,
        window: float = 0,
        patterns: Sequence[str] = (),
        checkpoints: MemoryCheckpoints | None = None,
        **changes: Any,
    ) -> None:
        self.checkpoints = checkpoints or MemoryCheckpoints()
        self.destination = Destination()
        self.notes: list[str] = []
        self.poller = StreamPoller(
            stream,
            batches(size, window, *patterns),
            stream_settings(**changes),
            work,
            self.checkpoints,
            destination=self.destination,  # type: ignore[arg-type]
            note=self.notes.append,
        )

    async def __aenter__(self) -> Reading:
        await self.poller.begin()
        self.task = asyncio.create_task(self.poller.run())
        return self

    async def __aexit__(self, *error: object) -> None:
        self.poller.stop()
        await asyncio.wait_for(self.task, DEADLINE)

    def after(self, shard: str = "shard") -> str | None:
        return (self.checkpoints.get(shard) or {}).get("after")
