"""Metrics on their way to CloudWatch: gathered in memory, published every few seconds."""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.host.clock import rfc3339

from .background import Background

log = logging.getLogger(__name__)

DATA_PER_CALL = 20
VALUES_PER_DATUM = 150
BIN = 0.05

Dimensions = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Statistics:
    """A metric's values, summed up."""

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

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


@dataclass(slots=True)
class Distribution:
    """A metric's values where percentiles are asked for, which sums do not tell: in bins of a twentieth, each told by
    its mean. Their number, their sum, the least and the most are exact."""

    bins: dict[int, tuple[int, float]] = field(default_factory=dict)
    count: int = 0
    least: float = 0.0
    most: float = 0.0

    def add(self, value: float) -> None:
        self._extend(value, value)
        self.count += 1
        number = _bin(value)
        count, total = self.bins.get(number, (0, 0.0))
        self.bins[number] = count + 1, total + value

    def merge(self, other: Distribution) -> None:
        if not other.count:
            return
        self._extend(other.least, other.most)
        self.count += other.count
        for number, (count, total) in other.bins.items():
            own_count, own_total = self.bins.get(number, (0, 0.0))
            self.bins[number] = own_count + count, own_total + total

    def values(self) -> dict[float, int]:
        """How often each value occurred."""
        left, occurred = dict(self.bins), Counter[float]()
        for end in (self.least, self.most):
            count, total = left.get(_bin(end), (0, 0.0))
            if count:
                occurred[end] += 1
                left[_bin(end)] = count - 1, total - end
        for count, total in left.values():
            if count:
                occurred[total / count] += count
        return occurred

    def _extend(self, least: float, most: float) -> None:
        self.least = min(self.least, least) if self.count else least
        self.most = max(self.most, most) if self.count else most


def _bin(value: float) -> int:
    return int(math.log(max(value, 0.001)) // BIN)


class Datum(NamedTuple):
    """A metric since it was last published: its values summed up, or how often each of them occurred."""

    scope: Scope
    dimensions: Dimensions
    metric: str
    unit: str
    values: Statistics | Mapping[int, int] | Mapping[float, int]
    namespace: str = ""  # empty: the writer's own
    when: datetime | None = None  # none: now
    resolution: int = 0  # in seconds, where it was said

    def forms(self) -> Iterator[dict[str, str]]:
        """As PutMetricData takes it: several where there are many values."""
        head = {"MetricName": self.metric, "Unit": self.unit, "Timestamp": rfc3339(self.when, precision="seconds")}
        if self.resolution:
            head["StorageResolution"] = str(self.resolution)
        for place, (name, value) in enumerate(self.dimensions, 1):
            head[f"Dimensions.member.{place}.Name"] = name
            head[f"Dimensions.member.{place}.Value"] = value
        if isinstance(self.values, Statistics):
            yield head | {
                "StatisticValues.SampleCount": str(self.values.count),
                "StatisticValues.Sum": str(self.values.total),
                "StatisticValues.Minimum": str(self.values.least),
                "StatisticValues.Maximum": str(self.values.most),
            }
            return
        occurred = [(number, count) for number, count in self.values.items() if count]
        for start in range(0, len(occurred), VALUES_PER_DATUM):
            form = dict(head)
            for place, (number, count) in enumerate(occurred[start : start + VALUES_PER_DATUM], 1):
                form[f"Values.member.{place}"] = str(number)
                form[f"Counts.member.{place}"] = str(count)
            yield form


class MetricWriter(Background):
    """Whoever gathers metrics: `wake` is called when there are new ones."""

    namespace: str

    def __init__(self, emulator: Emulator, *, interval: float = 2.0) -> None:
        super().__init__(interval)
        self._emulator = emulator
        self._failing = False

    @abstractmethod
    def take(self) -> Iterator[Datum]:
        """What was gathered since the last time."""

    async def flush(self) -> bool:
        forms: dict[tuple[Scope, str], list[dict[str, str]]] = {}
        for datum in self.take():
            forms.setdefault((datum.scope, datum.namespace or self.namespace), []).extend(datum.forms())
        for (scope, namespace), data in forms.items():
            try:
                for start in range(0, len(data), DATA_PER_CALL):
                    await self._put(scope, namespace, data[start : start + DATA_PER_CALL])
            except AwsError as error:
                if not self._failing:
                    log.warning("%s metrics cannot be published, these are lost: %s", namespace, error.message)
                self._failing = True
            else:
                self._failing = False
        return False

    async def _put(self, scope: Scope, namespace: str, data: list[dict[str, str]]) -> None:
        params = {"Namespace": namespace}
        for place, datum in enumerate(data, 1):
            params |= {f"MetricData.member.{place}.{name}": value for name, value in datum.items()}
        await self._emulator.query(scope, "monitoring", "PutMetricData", params)
