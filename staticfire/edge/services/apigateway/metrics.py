"""AWS/ApiGateway metrics of HTTP APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html: Count, 4xx, 5xx, Latency,
IntegrationLatency and DataProcessed by ApiId and by ApiId and Stage; with detailed metrics also by Method and Resource.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from staticfire.edge.aws.calls import AwsError, Scope

from .background import Batch
from .neighbours import Emulator

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
NAMESPACE = "AWS/ApiGateway"
DATA_PER_CALL = 20
VALUES_PER_DATUM = 150

Dimensions = tuple[tuple[str, str], ...]


class Series:
    """The numbers of one stage (or route) since the last flush: how often each value occurred."""

    __slots__ = ("bytes", "client_errors", "integration", "latency", "server_errors")

    def __init__(self) -> None:
        self.latency: dict[int, int] = {}
        self.integration: dict[int, int] = {}
        self.bytes: dict[int, int] = {}
        self.client_errors = 0
        self.server_errors = 0

    def add(self, status: int, latency: int, integration: int | None, size: int) -> None:
        self.latency[latency] = self.latency.get(latency, 0) + 1
        self.bytes[size] = self.bytes.get(size, 0) + 1
        if integration is not None:
            self.integration[integration] = self.integration.get(integration, 0) + 1
        if status >= 500:
            self.server_errors += 1
        elif status >= 400:
            self.client_errors += 1

    def data(self) -> Iterator[tuple[str, str, Mapping[int, int]]]:
        """(metric, unit, occurrences of values)."""
        count = sum(self.latency.values())
        yield "Count", "Count", {1: count}
        yield "4xx", "Count", {1: self.client_errors, 0: count - self.client_errors}
        yield "5xx", "Count", {1: self.server_errors, 0: count - self.server_errors}
        yield "Latency", "Milliseconds", self.latency
        yield "IntegrationLatency", "Milliseconds", self.integration
        yield "DataProcessed", "Bytes", self.bytes


class Metrics:
    """Counts now, publishes in batches."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._series: dict[tuple[Scope, Dimensions], Series] = {}
        self._batch = Batch(self.flush, FLUSH_SECONDS)

    def add(
        self, scope: Scope, dimensions: Dimensions, status: int, latency: int, integration: int | None, size: int
    ) -> None:
        series = self._series.get((scope, dimensions))
        if series is None:
            series = self._series[scope, dimensions] = Series()
            self._batch.wake()
        series.add(status, latency, integration, size)

    async def flush(self) -> None:
        collected, self._series = self._series, {}
        by_scope: dict[Scope, list[dict[str, str]]] = {}
        timestamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for (scope, dimensions), series in collected.items():
            data = by_scope.setdefault(scope, [])
            for shown in _published(dimensions):
                data += _data(series, shown, timestamp)
        for scope, data in by_scope.items():
            try:
                for start in range(0, len(data), DATA_PER_CALL):
                    await self._put(scope, data[start : start + DATA_PER_CALL])
            except AwsError as error:
                log.warning("API Gateway metrics of account %s are lost: %s", scope.account, error)

    async def _put(self, scope: Scope, data: list[dict[str, str]]) -> None:
        params = {"Namespace": NAMESPACE}
        for place, datum in enumerate(data, 1):
            params.update({f"MetricData.member.{place}.{key}": value for key, value in datum.items()})
        await self._emulator.query(scope, "monitoring", "PutMetricData", params)

    async def close(self) -> None:
        await self._batch.close()


def _published(dimensions: Dimensions) -> list[Dimensions]:
    """A stage's numbers are its API's too; a route's have been counted with its stage's already."""
    names = [name for name, _ in dimensions]
    return [dimensions] if "Method" in names else [dimensions, dimensions[:1]]


def _data(series: Series, dimensions: Dimensions, timestamp: str) -> Iterator[dict[str, str]]:
    for name, unit, occurrences in series.data():
        pairs = [(value, count) for value, count in occurrences.items() if count]
        for start in range(0, len(pairs), VALUES_PER_DATUM):
            datum = {"MetricName": name, "Unit": unit, "Timestamp": timestamp}
            for place, (key, value) in enumerate(dimensions, 1):
                datum[f"Dimensions.member.{place}.Name"] = key
                datum[f"Dimensions.member.{place}.Value"] = value
            for place, (number, count) in enumerate(pairs[start : start + VALUES_PER_DATUM], 1):
                datum[f"Values.member.{place}"] = str(number)
                datum[f"Counts.member.{place}"] = str(count)
            yield datum
