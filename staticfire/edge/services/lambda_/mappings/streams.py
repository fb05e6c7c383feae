"""A table's stream and a Kinesis stream of whichever emulator is behind, read the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.emulator import Emulator

from .records import Record, data_record, table_record
from .settings import source_scope

READ_AT_ONCE = 1000
EXPIRED = ("ExpiredIteratorException", "TrimmedDataAccessException")


@dataclass(frozen=True)
class Shard:
    """A shard, and the shards that it continues: they are read to their end before it."""

    id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreamRecord:
    """One record, as the function gets it, and what the reader needs of it."""

    record: Record
    sequence: str
    key: str
    arrival: float


class Stream(ABC):
    """`failures` names the part of a failure record that tells of the batch."""

    service: str
    failures: str
    precision: str  # of the times in it

    def __init__(self, emulator: Emulator, arn: str) -> None:
        self.arn = arn
        self._emulator = emulator
        self._scope = source_scope(arn)

    @abstractmethod
    async def shards(self) -> list[Shard]:
        """All shards that can be read now."""

    @abstractmethod
    async def iterator(self, shard: str, kind: str, *, after: str = "", timestamp: float | None = None) -> str:
        """Where to read on from."""

    @abstractmethod
    async def read(self, shard: str, iterator: str) -> tuple[list[StreamRecord], str | None]:
        """What comes next, and where to read on: None after the end of a shard."""

    async def last_sequence(self, shard: str) -> str | None:
        """The newest record that is there; None where there is none."""
        last = None
        iterator: str | None = await self.iterator(shard, "TRIM_HORIZON")
        while iterator:
            records, iterator = await self.read(shard, iterator)
            if not records:
                break
            last = records[-1].sequence
        return last


class TableStream(Stream):
    """The stream of a DynamoDB table."""

    service = "dynamodb"
    failures = "DDBStreamBatchInfo"
    precision = "seconds"

    async def shards(self) -> list[Shard]:
        shards: list[Shard] = []
        request: dict[str, object] = {"StreamArn": self.arn}
        while True:
            described = (await self._call("DescribeStream", request))["StreamDescription"]
            shards += [Shard(shard["ShardId"], _parents(shard)) for shard in described["Shards"]]
            last = described.get("LastEvaluatedShardId")
            if not last:
                return shards
            request["ExclusiveStartShardId"] = last

    async def iterator(self, shard: str, kind: str, *, after: str = "", timestamp: float | None = None) -> str:
        request = {"StreamArn": self.arn, "ShardId": shard, "ShardIteratorType": kind}
        if after:
            request["SequenceNumber"] = after
        return str((await self._call("GetShardIterator", request))["ShardIterator"])

    async def read(self, shard: str, iterator: str) -> tuple[list[StreamRecord], str | None]:
        answer = await self._call("GetRecords", {"ShardIterator": iterator, "Limit": READ_AT_ONCE})
        records = [self._record(change) for change in answer["Records"]]
        return records, answer.get("NextShardIterator")

    def _record(self, change: Mapping[str, Any]) -> StreamRecord:
        record = table_record(change, self.arn)
        inner = record["dynamodb"]
        return StreamRecord(
            record,
            inner["SequenceNumber"],
            repr(sorted(inner["Keys"].items())),
            inner["ApproximateCreationDateTime"],
        )

    async def _call(self, operation: str, request: Mapping[str, object]) -> dict[str, Any]:
        return await self._emulator.json(
            self._scope, "dynamodb", f"DynamoDBStreams_20120810.{operation}", request, "1.0"
        )


class DataStream(Stream):
    """A Kinesis stream, or an enhanced consumer of one, which is read as the stream is."""

    service = "kinesis"
    failures = "KinesisBatchInfo"
    precision = "milliseconds"

    def __init__(self, emulator: Emulator, arn: str, role: str) -> None:
        super().__init__(emulator, arn)
        self._stream = arn.partition("/consumer/")[0]
        self._role = role

    async def shards(self) -> list[Shard]:
        shards: list[Shard] = []
        request: dict[str, object] = {"StreamARN": self._stream}
        while True:
            described = (await self._call("DescribeStream", request))["StreamDescription"]
            shards += [Shard(shard["ShardId"], _parents(shard)) for shard in described["Shards"]]
            if not described.get("HasMoreShards"):
                return shards
            request["ExclusiveStartShardId"] = shards[-1].id

    async def iterator(self, shard: str, kind: str, *, after: str = "", timestamp: float | None = None) -> str:
        request: dict[str, object] = {"StreamARN": self._stream, "ShardId": shard, "ShardIteratorType": kind}
        if after:
            request["StartingSequenceNumber"] = after
        if timestamp is not None:
            request["Timestamp"] = timestamp
        return str((await self._call("GetShardIterator", request))["ShardIterator"])

    async def read(self, shard: str, iterator: str) -> tuple[list[StreamRecord], str | None]:
        answer = await self._call("GetRecords", {"ShardIterator": iterator, "Limit": READ_AT_ONCE})
        records = [
            StreamRecord(
                data_record(record, self.arn, shard, self._role),
                record["SequenceNumber"],
                record["PartitionKey"],
                float(record["ApproximateArrivalTimestamp"]),
            )
            for record in answer["Records"]
        ]
        return records, answer.get("NextShardIterator")

    async def _call(self, operation: str, request: Mapping[str, object]) -> dict[str, Any]:
        return await self._emulator.json(self._scope, "kinesis", f"Kinesis_20131202.{operation}", request)


def _parents(shard: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if shard.get(name))


def is_gone(error: AwsError) -> bool:
    """Whether a stream or a shard does not exist."""
    return error.code.endswith("ResourceNotFoundException")
