"""AWS/ApiGateway metrics of HTTP APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html: Count, 4xx, 5xx, Latency,
IntegrationLatency and DataProcessed by ApiId and by ApiId and Stage; with detailed metrics also by Method and Resource.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.metric_writer import Datum, Dimensions, MetricWriter


@dataclass(slots=True)
class Series:
    """The numbers of one stage (or route) since the last time: how often each value occurred."""

    latency: dict[int, int] = field(default_factory=dict)
    integration: dict[int, int] = field(default_factory=dict)
    bytes: dict[int, int] = field(default_factory=dict)
    client_errors: int = 0
    server_errors: int = 0

    def add(self, status: int, latency: int, integration: int | None, size: int) -> None:
        self.latency[latency] = self.latency.get(latency, 0) + 1
        self.bytes[size] = self.bytes.get(size, 0) + 1
        if integration is not None:
            self.integration[integration] = self.integration.get(integration, 0) + 1
        if status >= 500:
            self.server_errors += 1
        elif status >= 400:
            self.client_errors += 1

    def data(self, scope: Scope, dimensions: Dimensions) -> Iterator[Datum]:
        count = sum(self.latency.values())
        client_errors = {1: self.client_errors, 0: count - self.client_errors}
        server_errors = {1: self.server_errors, 0: count - self.server_errors}
        yield Datum(scope, dimensions, "Count", "Count", {1: count})
        yield Datum(scope, dimensions, "4xx", "Count", client_errors)
        yield Datum(scope, dimensions, "5xx", "Count", server_errors)
        yield Datum(scope, dimensions, "Latency", "Milliseconds", self.latency)
        yield Datum(scope, dimensions, "IntegrationLatency", "Milliseconds", self.integration)
        yield Datum(scope, dimensions, "DataProcessed", "Bytes", self.bytes)


class ApiMetrics(MetricWriter):
    """`add` is called for each request; publishing is a task's business."""

    namespace = "AWS/ApiGateway"

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self._series: dict[tuple[Scope, Dimensions], Series] = {}

    def add(
        self, scope: Scope, dimensions: Dimensions, status: int, latency: int, integration: int | None, size: int
    ) -> None:
        series = self._series.get((scope, dimensions))
        if series is None:
            series = self._series[scope, dimensions] = Series()
            self.wake()
        series.add(status, latency, integration, size)

    def take(self) -> Iterator[Datum]:
        """A stage's numbers are its API's too; a route's have been counted with its stage's already."""
        gathered, self._series = self._series, {}
        for (scope, dimensions), series in gathered.items():
            yield from series.data(scope, dimensions)
            if "Method" not in dict(dimensions):
                yield from series.data(scope, dimensions[:1])
