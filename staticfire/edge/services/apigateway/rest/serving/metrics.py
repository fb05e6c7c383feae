"""AWS/ApiGateway metrics of REST APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html: Count, 4XXError,
5XXError, Latency and IntegrationLatency by ApiName and by ApiName and Stage; with detailed metrics by method too.
"""

from __future__ import annotations

from collections.abc import Iterator

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.apigateway.common.metrics import Series
from staticfire.edge.services.cloudwatch.metric_writer import Datum, Dimensions, MetricWriter

from .exchange import RestExchange


class RestApiMetrics(MetricWriter):
    """`add` is called for each request; publishing is a task's business."""

    namespace = "AWS/ApiGateway"

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self._series: dict[tuple[Scope, Dimensions], Series] = {}

    def add(self, dimensions: Dimensions, exchange: RestExchange) -> None:
        series = self._series.get((exchange.scope, dimensions))
        if series is None:
            series = self._series[exchange.scope, dimensions] = Series()
            self.wake()
        series.add(exchange.status, exchange.response_latency, exchange.integration_latency, 0)

    def take(self) -> Iterator[Datum]:
        """A stage's numbers are its API's too; a method's have been counted with its stage's already."""
        gathered, self._series = self._series, {}
        for (scope, dimensions), series in gathered.items():
            yield from _data(series, scope, dimensions)
            if "Method" not in dict(dimensions):
                yield from _data(series, scope, dimensions[:1])


def _data(series: Series, scope: Scope, dimensions: Dimensions) -> Iterator[Datum]:
    count = sum(series.latency.values())
    for name, errors in (("4XXError", series.client_errors), ("5XXError", series.server_errors)):
        yield Datum(scope, dimensions, name, "Count", {1: errors, 0: count - errors})
    yield Datum(scope, dimensions, "Count", "Count", {1: count})
    yield Datum(scope, dimensions, "Latency", "Milliseconds", series.latency)
    yield Datum(scope, dimensions, "IntegrationLatency", "Milliseconds", series.integration)
