"""Writes to streams that pass through the edge: readers of streams look at once, and not only in their time."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call
from staticfire.edge.http1.messages import Response

from .service import EventSourceMappings

WRITES = frozenset(
    (
        *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"),
        *("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction", "PutRecord", "PutRecords"),
    )
)


class StreamWrites:
    """The `dynamodb` or the `kinesis` service: the emulator answers all of it."""

    def __init__(self, mappings: EventSourceMappings, service: str) -> None:
        self._mappings = mappings
        self._service = service

    async def answer(self, call: Call) -> Response | None:
        return None

    async def passed(self, call: Call, status: int) -> None:
        if call.operation in WRITES:
            self._mappings.wrote(self._service, call.scope)
