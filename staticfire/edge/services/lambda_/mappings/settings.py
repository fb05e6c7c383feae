"""What a mapping says, as its description in the store has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from staticfire.edge.aws.calls import Scope

from .filters import Filters, patterns_of

# Of an event, so much is sent to a function at once.
PAYLOAD_LIMIT = 6 * 1024 * 1024


@dataclass(frozen=True)
class BatchSettings:
    """How records are gathered: so many, or for so long since the first of them came."""

    size: int
    window: float
    filters: Filters


@dataclass(frozen=True)
class StreamSettings:
    """How a stream is read, and when a record that fails is given up: None is never."""

    position: str
    timestamp: float | None
    lanes: int
    tumbling: int
    most_retries: int | None
    most_age: int | None
    bisects: bool


def batch_settings(mapping: Mapping[str, Any]) -> BatchSettings:
    return BatchSettings(
        size=int(mapping["BatchSize"]),
        window=float(mapping["MaximumBatchingWindowInSeconds"]),
        filters=Filters(patterns_of(mapping.get("FilterCriteria"))),
    )


def stream_settings(mapping: Mapping[str, Any]) -> StreamSettings:
    return StreamSettings(
        position=mapping["StartingPosition"],
        timestamp=mapping.get("StartingPositionTimestamp"),
        lanes=int(mapping["ParallelizationFactor"]),
        tumbling=int(mapping["TumblingWindowInSeconds"]),
        most_retries=_limit(mapping["MaximumRetryAttempts"]),
        most_age=_limit(mapping["MaximumRecordAgeInSeconds"]),
        bisects=bool(mapping["BisectBatchOnFunctionError"]),
    )


def _limit(value: int) -> int | None:
    return None if value < 0 else int(value)


def source_scope(arn: str) -> Scope:
    """Whose the resource of an ARN is."""
    _, _, _, region, account, *_ = arn.split(":")
    return Scope(account, region)
