"""Metrics in log lines: CloudWatch's embedded metric format (EMF), as Powertools' Metrics and others print it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html:
a directive that the specification forbids is ignored, as is a metric or a set of dimensions whose members are not
there or are of another type. The line stays a line of the log in any case.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeGuard

import orjson

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import Response

from .metric_writer import Datum, Dimensions, MetricWriter

MARK = '"_aws"'
METRICS_LIMIT = 100
VALUES_LIMIT = 100
DIMENSIONS_LIMIT = 30
NAME_LIMIT = 1024
DIMENSION_NAME_LIMIT = 250
# CloudWatch takes no metrics that are older, or further ahead.
OLDEST_SECONDS = 14 * 24 * 60 * 60
AHEAD_SECONDS = 2 * 60 * 60
RESOLUTIONS = (1, 60)
_SIZES = [
    f"{prefix}{what}".capitalize() for what in ("bytes", "bits") for prefix in ("", "kilo", "mega", "giga", "tera")
]
UNITS = {"Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"}
UNITS |= {*_SIZES, *(f"{size}/Second" for size in _SIZES)}


class EmbeddedSeries(NamedTuple):
    """What values are gathered under: a metric in a second, with its dimensions."""

    scope: Scope
    namespace: str
    dimensions: Dimensions
    metric: str
    unit: str
    resolution: int
    second: int


class EmbeddedMetrics(MetricWriter):
    """Metrics of all namespaces that lines name."""

    namespace = "Embedded"

    def __init__(self, emulator: Emulator) -> None:
        # A value belongs to the second that its line names: an alarm looks at it once that period is over.
        super().__init__(emulator, interval=0.25)
        self._gathered: dict[EmbeddedSeries, Counter[float]] = {}

    def read(self, scope: Scope, line: str) -> None:
        """Take the metrics of a line, if it is EMF."""
        if MARK not in line:
            return
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        for series, values in _metrics(scope, document):
            self._gathered.setdefault(series, Counter()).update(values)
        if self._gathered:
            self.wake()

    def take(self) -> Iterator[Datum]:
        gathered, self._gathered = self._gathered, {}
        for series, values in gathered.items():
            yield Datum(
                series.scope,
                series.dimensions,
                series.metric,
                series.unit,
                values,
                namespace=series.namespace,
                when=datetime.fromtimestamp(series.second, UTC),
                resolution=series.resolution,
            )


class EmbeddedInCalls:
    """The `logs` service, in part: EMF in what somebody puts into CloudWatch Logs."""

    def __init__(self, emulator: Emulator) -> None:
        self._metrics = EmbeddedMetrics(emulator)

    async def answer(self, call: Call) -> Response | None:
        return None

    async def passed(self, call: Call, status: int) -> None:
        if call.operation != "PutLogEvents":
            return
        body = await call.body()
        if b"_aws" in body:
            for event in orjson.loads(body)["logEvents"]:
                self._metrics.read(call.scope, event["message"])

    async def close(self) -> None:
        await self._metrics.close()


def _metrics(scope: Scope, document: Any) -> Iterator[tuple[EmbeddedSeries, list[float]]]:
    head = _object(_object(document).get("_aws"))
    stamp, directives = head.get("Timestamp"), head.get("CloudWatchMetrics")
    if not _is_number(stamp) or not isinstance(directives, list):
        return
    second, now = int(stamp // 1000), time.time()
    if not now - OLDEST_SECONDS <= second <= now + AHEAD_SECONDS:
        return
    for directive in filter(_is_right, directives):
        sets = dict.fromkeys(_dimensions(document, directive["Dimensions"]))
        for definition in directive["Metrics"]:
            values = _values(document.get(definition["Name"]))
            unit, resolution = definition.get("Unit", "None"), definition.get("StorageResolution", 0)
            for dimensions in sets if values else ():
                name = definition["Name"]
                yield EmbeddedSeries(scope, directive["Namespace"], dimensions, name, unit, resolution, second), values


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any, limit: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= limit


def _is_right(directive: Any) -> bool:
    """Whether a directive has what the specification's schema wants."""
    directive = _object(directive)
    sets, metrics = directive.get("Dimensions"), directive.get("Metrics")
    return (
        _is_text(directive.get("Namespace"), NAME_LIMIT)
        and isinstance(sets, list)
        and all(isinstance(names, list) and len(names) <= DIMENSIONS_LIMIT for names in sets)
        and all(_is_text(name, DIMENSION_NAME_LIMIT) for names in sets for name in names)
        and isinstance(metrics, list)
        and len(metrics) <= METRICS_LIMIT
        and all(map(_is_definition, metrics))
    )


def _is_definition(definition: Any) -> bool:
    definition = _object(definition)
    return (
        _is_text(definition.get("Name"), NAME_LIMIT)
        and definition.get("Unit", "None") in UNITS
        and definition.get("StorageResolution", RESOLUTIONS[0]) in RESOLUTIONS
    )


def _dimensions(document: Mapping[str, Any], sets: list[list[str]]) -> Iterator[Dimensions]:
    for names in sets:
        if all(_is_text(document.get(name), NAME_LIMIT) for name in names):
            yield tuple((name, document[name]) for name in dict.fromkeys(names))


def _values(target: Any) -> list[float]:
    values = target if isinstance(target, list) else [target]
    return values if len(values) <= VALUES_LIMIT and all(map(_is_number, values)) else []
