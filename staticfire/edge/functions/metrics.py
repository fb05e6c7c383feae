"""The AWS/Lambda metrics of CloudWatch, gathered in memory and published every few seconds."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..aws import AwsError, Scope

if TYPE_CHECKING:
    from ..emulator import Emulator

log = logging.getLogger(__name__)

NAMESPACE = "AWS/Lambda"


@dataclass(slots=True)
class Statistics:
    """A metric's values since it was last published."""

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def add(self, value: float) -> None:
        self.least = min(self.least, value) if self.count else value
        self.most = max(self.most, value)
        self.count += 1
        self.total += value


@dataclass(slots=True)
class Gathered:
    """What one function, or one of its resources, did since the last time."""

    values: dict[str, Statistics] = field(default_factory=dict)

    def add(self, metric: str, value: float) -> None:
        statistics = self.values.get(metric)
        if statistics is None:
            statistics = self.values[metric] = Statistics()
        statistics.add(value)


UNITS = {"Duration": "Milliseconds"}

# Which function's, and which qualifier's (a metric by resource) or None.
Key = tuple[Scope, str, str | None]


class Metrics:
    """`finished` and `throttled` are called for each invocation; publishing is a task's business."""

    def __init__(self, emulator: Emulator, *, interval: float = 2.0) -> None:
        self._emulator = emulator
        self._interval = interval
        self._gathered: dict[Key, Gathered] = {}
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def finished(self, scope: Scope, name: str, qualifier: str | None, failed: bool, seconds: float, busy: int) -> None:
        for gathered in self._of(scope, name, qualifier):
            gathered.add("Invocations", 1)
            gathered.add("Errors", 1 if failed else 0)
            gathered.add("Duration", seconds * 1000)
            gathered.add("ConcurrentExecutions", busy)

    def throttled(self, scope: Scope, name: str, qualifier: str | None) -> None:
        self.count(scope, name, qualifier, "Throttles")

    def count(self, scope: Scope, name: str, qualifier: str | None, metric: str) -> None:
        for gathered in self._of(scope, name, qualifier):
            gathered.add(metric, 1)

    def _of(self, scope: Scope, name: str, qualifier: str | None) -> list[Gathered]:
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        found = []
        for key in ((scope, name, None), (scope, name, qualifier or "")):
            gathered = self._gathered.get(key)
            if gathered is None:
                gathered = self._gathered[key] = Gathered()
            found.append(gathered)
        return found

    async def flush(self) -> None:
        gathered, self._gathered = self._gathered, {}
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        by_scope: dict[Scope, list[tuple[Key, Gathered]]] = {}
        for key, one in gathered.items():
            by_scope.setdefault(key[0], []).append((key, one))
        for scope, ones in by_scope.items():
            await self._publish(scope, ones, now)

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

    async def _publish(self, scope: Scope, ones: list[tuple[Key, Gathered]], now: str) -> None:
        params = {"Namespace": NAMESPACE}
        number = 0
        for (_, name, qualifier), gathered in ones:
            for metric, statistics in gathered.values.items():
                number += 1
                datum = f"MetricData.member.{number}"
                params |= {
                    f"{datum}.MetricName": metric,
                    f"{datum}.Timestamp": now,
                    f"{datum}.Unit": UNITS.get(metric, "Count"),
                    f"{datum}.StatisticValues.SampleCount": str(statistics.count),
                    f"{datum}.StatisticValues.Sum": repr(statistics.total),
                    f"{datum}.StatisticValues.Minimum": repr(statistics.least),
                    f"{datum}.StatisticValues.Maximum": repr(statistics.most),
                    f"{datum}.Dimensions.member.1.Name": "FunctionName",
                    f"{datum}.Dimensions.member.1.Value": name,
                }
                if qualifier is not None:
                    params[f"{datum}.Dimensions.member.2.Name"] = "Resource"
                    params[f"{datum}.Dimensions.member.2.Value"] = f"{name}:{qualifier}" if qualifier else name
        try:
            await self._emulator.query(scope, "monitoring", "PutMetricData", params)
        except AwsError as error:
            if not self._failing:
                log.warning("AWS/Lambda metrics cannot be published, these are lost: %s", error.message)
            self._failing = True
        else:
            self._failing = False
