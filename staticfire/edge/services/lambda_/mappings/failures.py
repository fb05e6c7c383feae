"""What becomes of a stream's records that are given up: a record of the batch to a queue, a topic or a bucket.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.host.clock import rfc3339

from .queues import Queue
from .streams import Stream, StreamRecord
from .taking import Attempt

SERVICES = ("sqs", "sns", "s3")


class FailureDestination:
    """Where one mapping sends what it gives up."""

    def __init__(self, emulator: Emulator, scope: Scope, destination: str, *, mapping: str, function: str) -> None:
        self._emulator = emulator
        self._scope = scope
        self._destination = destination
        self._mapping = mapping
        self._function = function

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
        document = batch_record(
            stream, shard, records, function=self._function, condition=condition, count=count, attempt=attempt
        )
        _, _, service, region, account, resource = self._destination.split(":", 5)
        scope = Scope(account or self._scope.account, region or self._scope.region)
        if service == "sqs":
            await (await Queue.named(self._emulator, scope, resource)).send(json.dumps(document))
        elif service == "sns":
            params = {"TopicArn": self._destination, "Message": json.dumps(document)}
            await self._emulator.query(scope, "sns", "Publish", params)
        else:
            # A bucket alone gets the records themselves.
            document["payload"] = {"Records": [record.record for record in records]}
            await self._put(scope, resource, shard, json.dumps(document))

    async def _put(self, scope: Scope, bucket: str, shard: str, text: str) -> None:
        now = datetime.now(UTC)
        key = f"aws/lambda/{self._mapping}/{shard}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        headers = [("content-type", "application/json")]
        answer = await self._emulator.raw(scope, "s3", "PUT", f"/{bucket}/{quote(key)}", headers, text.encode())
        said = await self._emulator.whole(answer)
        if answer.status >= 300:
            raise AwsError(
                answer.status, "S3Error", f"{bucket} did not take {key}: {said[:300].decode(errors='replace')}"
            )


def batch_record(
    stream: Stream,
    shard: str,
    records: Sequence[StreamRecord],
    *,
    function: str,
    condition: str,
    count: int,
    attempt: Attempt | None,
) -> dict[str, Any]:
    """As recorded on AWS, version 1.0. `count` is how often the function was invoked with these records."""
    document: dict[str, Any] = {
        "requestContext": {
            "requestId": attempt.request_id if attempt else str(uuid.uuid4()),
            "functionArn": function,
            "condition": condition,
            "approximateInvokeCount": count,
        }
    }
    if attempt is not None:
        document["responseContext"] = {
            "statusCode": 200,
            "executedVersion": attempt.version,
            "functionError": attempt.error,
        }
    first, last = records[0], records[-1]
    return document | {
        "version": "1.0",
        "timestamp": rfc3339(),
        stream.failures: {
            "shardId": shard,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": _moment(first.arrival, stream.precision),
            "approximateArrivalOfLastRecord": _moment(last.arrival, stream.precision),
            "batchSize": len(records),
            "streamArn": stream.arn,
        },
    }


def _moment(arrival: float, precision: str) -> str:
    return rfc3339(datetime.fromtimestamp(arrival, UTC), precision)
