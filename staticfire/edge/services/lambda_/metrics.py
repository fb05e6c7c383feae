"""The AWS/Lambda metrics of CloudWatch, gathered in memory and published every few seconds."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from staticfire.edge.aws.calls import AwsError, Scope

if TYPE_CHECKING:
    from staticfire.edge.aws.emulator import Emulator

log = logging.getLogger(__name__)

NAMESPACE = "AWS/Lambda"


class Statistics:
    """A metric's values since it was last published."""

    __slots__ = ("count", "least", "most", "total")

    def __init__(self, count: int = 0, total: float = 0.0, least: float = 0.0, most: float = 0.0) -> None:
        self.count = count
        self.total = total
        self.least = least
        self.most = most

    def add(self, value: float) -> None:
        if value < self.least or not self.count:
            self.least = value
        if value > self.most:
            self.most = value
        self.count += 1
        self.total += value

    def merge(self, other: Statistics) -> None:
        if other.count:
            self.least = min(self.least, other.least) if self.count else other.least
            self.most = max(self.most, other.most)
            self.count += other.count
            self.total += other.total


class Gathered:
    """What one qualifier of a function did since the last time."""

    __slots__ = ("busy", "counts", "duration", "errors")

    def __init__(self) -> None:
        self.errors = 0
        self.duration = Statistics()
        self.busy = Statistics()
        self.counts: Counter[str] = Counter()

    def add(self, other: Gathered) -> None:
        self.errors += other.errors
        self.duration.merge(other.duration)
        self.busy.merge(other.busy)
        self.counts += other.counts

    def metrics(self) -> dict[str, Statistics]:
        """As CloudWatch names them."""
        found = {name: Statistics(count, count, 1.0, 1.0) for name, count in self.counts.items()}
        if runs := self.duration.count:
            found["Invocations"] = Statistics(runs, runs, 1.0, 1.0)
            found["Errors"] = Statistics(runs, self.errors, float(self.errors == runs), float(self.errors > 0))
            found["Duration"] = self.duration
            found["ConcurrentExecutions"] = self.busy
        return found


UNITS = {"Duration": "Milliseconds"}

# Which function's, and as which qualifier it was called ("" without one).
Key = tuple[Scope, str, str]

# A metric's name, its dimensions, its values.
Datum = tuple[str, dict[str, str], Statistics]


class Metrics:
    """`finished` is called for each invocation; publishing is a task's business."""

    def __init__(self, emulator: Emulator, *, interval: float = 2.0) -> None:
        self._emulator = emulator
        self._interval = interval
        self._gathered: dict[Key, Gathered] = {}
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def finished(self, scope: Scope, name: str, qualifier: str, failed: bool, seconds: float, busy: int) -> None:
        gathered = self._of(scope, name, qualifier)
        gathered.errors += failed
        gathered.duration.add(seconds * 1000)
        gathered.busy.add(busy)

    def count(self, scope: Scope, name: str, qualifier: str, metric: str) -> None:
        """One of those that are counted only: Throttles, DestinationDeliveryFailures."""
        self._of(scope, name, qualifier).counts[metric] += 1

    async def flush(self) -> None:
        gathered, self._gathered = self._gathered, {}
        data: dict[Scope, list[Datum]] = {}
        whole: dict[tuple[Scope, str], Gathered] = {}
        for (scope, name, qualifier), one in gathered.items():
            if qualifier:
                dimensions = {"FunctionName": name, "Resource": f"{name}:{qualifier}"}
                data.setdefault(scope, []).extend((key, dimensions, found) for key, found in one.metrics().items())
            whole.setdefault((scope, name), Gathered()).add(one)
        for (scope, name), one in whole.items():
            dimensions = {"FunctionName": name}
            data.setdefault(scope, []).extend((key, dimensions, found) for key, found in one.metrics().items())
        for scope, found in data.items():
            await self._publish(scope, found)

    def _of(self, scope: Scope, name: str, qualifier: str) -> Gathered:
        gathered = self._gathered.get((scope, name, qualifier))
        if gathered is None:
            gathered = self._gathered[scope, name, qualifier] = Gathered()
            if self._task is None:
                self._task = asyncio.create_task(self._run())
        return gathered

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    async def _run(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._interval)
                if not self._gathered:
                    return
                await self.flush()
        finally:
            self._task = None

    async def _publish(self, scope: Scope, data: list[Datum]) -> None:
        params = {"Namespace": NAMESPACE}
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        for number, (metric, dimensions, values) in enumerate(data, 1):
            datum = f"MetricData.member.{number}"
            params |= {
                f"{datum}.MetricName": metric,
                f"{datum}.Timestamp": now,
                f"{datum}.Unit": UNITS.get(metric, "Count"),
                f"{datum}.StatisticValues.SampleCount": str(values.count),
                f"{datum}.StatisticValues.Sum": str(values.total),
                f"{datum}.StatisticValues.Minimum": str(values.least),
                f"{datum}.StatisticValues.Maximum": str(values.most),
            }
            for position, (name, value) in enumerate(dimensions.items(), 1):
                params[f"{datum}.Dimensions.member.{position}.Name"] = name
                params[f"{datum}.Dimensions.member.{position}.Value"] = value
        try:
            await self._emulator.query(scope, "monitoring", "PutMetricData", params)
        except AwsError as error:
            if not self._failing:
                log.warning("AWS/Lambda metrics cannot be published, these are lost: %s", error.message)
            self._failing = True
        else:
            self._failing = False
