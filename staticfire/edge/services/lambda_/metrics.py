"""The AWS/Lambda metrics of CloudWatch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.metric_writer import (
    Datum,
    Dimensions,
    Distribution,
    MetricWriter,
    Statistics,
)


@dataclass(slots=True)
class Gathered:
    """What one qualifier of a function did since the last time."""

    errors: int = 0
    duration: Distribution = field(default_factory=Distribution)
    busy: Statistics = field(default_factory=Statistics)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Gathered) -> None:
        self.errors += other.errors
        self.duration.merge(other.duration)
        self.busy.merge(other.busy)
        self.counts += other.counts

    def data(self, scope: Scope, dimensions: Dimensions) -> Iterator[Datum]:
        """As CloudWatch names them."""
        for name, count in self.counts.items():
            yield Datum(scope, dimensions, name, "Count", Statistics(count, count, 1, 1))
        if runs := self.duration.count:
            errors = Statistics(runs, self.errors, float(self.errors == runs), float(self.errors > 0))
            yield Datum(scope, dimensions, "Invocations", "Count", Statistics(runs, runs, 1, 1))
            yield Datum(scope, dimensions, "Errors", "Count", errors)
            yield Datum(scope, dimensions, "Duration", "Milliseconds", self.duration.values())
            yield Datum(scope, dimensions, "ConcurrentExecutions", "Count", self.busy)


# Which function's, and as which qualifier it was called ("" without one).
Key = tuple[Scope, str, str]


class FunctionMetrics(MetricWriter):
    """`finished` is called for each invocation; publishing is a task's business."""

    namespace = "AWS/Lambda"

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self._gathered: dict[Key, Gathered] = {}

    def finished(self, scope: Scope, name: str, qualifier: str, failed: bool, seconds: float, busy: int) -> None:
        gathered = self._of(scope, name, qualifier)
        gathered.errors += failed
        gathered.duration.add(seconds * 1000)
        gathered.busy.add(busy)

    def count(self, scope: Scope, name: str, qualifier: str, metric: str) -> None:
        """One of those that are counted only: Throttles, DestinationDeliveryFailures."""
        self._of(scope, name, qualifier).counts[metric] += 1

    def take(self) -> Iterator[Datum]:
        """An alias or a version has metrics of its own; the function's count all of them."""
        gathered, self._gathered = self._gathered, {}
        functions: dict[tuple[Scope, str], Gathered] = {}
        for (scope, name, qualifier), numbers in gathered.items():
            if qualifier:
                yield from numbers.data(scope, (("FunctionName", name), ("Resource", f"{name}:{qualifier}")))
            functions.setdefault((scope, name), Gathered()).add(numbers)
        for (scope, name), numbers in functions.items():
            yield from numbers.data(scope, (("FunctionName", name),))

    def _of(self, scope: Scope, name: str, qualifier: str) -> Gathered:
        gathered = self._gathered.get((scope, name, qualifier))
        if gathered is None:
            gathered = self._gathered[scope, name, qualifier] = Gathered()
            self.wake()
        return gathered
