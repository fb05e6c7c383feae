"""AWS/ApiGateway metrics of WebSocket APIs, by ApiId, by Stage, and with detailed metrics by Route.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.metric_writer import Datum, Dimensions, MetricWriter

from .occasion import Occasion

LATENCY = "IntegrationLatency"
_COUNTED = {"CONNECT": "ConnectCount", "MESSAGE": "MessageCount"}


class WebSocketMetrics(MetricWriter):
    """`add` is called for each occasion; publishing is a task's business."""

    namespace = "AWS/ApiGateway"

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self._values: dict[tuple[Scope, Dimensions, str], Counter[int]] = {}

    def add(self, occasion: Occasion) -> None:
        stage = occasion.stage
        by_api: Dimensions = (("ApiId", stage.api_id),)
        series: list[Dimensions] = [by_api, (*by_api, ("Stage", stage.name))]
        if occasion.route_key and stage.settings_of(occasion.route_key).detailed_metrics:
            series.append((*by_api, ("Stage", stage.name), ("Route", occasion.route_key)))
        numbers = [(name, 1) for name in (_COUNTED.get(occasion.kind), _error(occasion)) if name is not None]
        if occasion.integration_latency is not None:
            numbers.append((LATENCY, occasion.integration_latency))
        for dimensions in series:
            for name, value in numbers:
                self._values.setdefault((stage.scope, dimensions, name), Counter())[value] += 1
        self.wake()

    def sent(self, scope: Scope, api_id: str, stage: str) -> None:
        """A message to a client counts as one from it does."""
        by_api: Dimensions = (("ApiId", api_id),)
        for dimensions in (by_api, (*by_api, ("Stage", stage))):
            self._values.setdefault((scope, dimensions, "MessageCount"), Counter())[1] += 1
        self.wake()

    def take(self) -> Iterator[Datum]:
        gathered, self._values = self._values, {}
        for (scope, dimensions, name), values in gathered.items():
            yield Datum(scope, dimensions, name, "Milliseconds" if name == LATENCY else "Count", values)


def _error(occasion: Occasion) -> str | None:
    """AWS counts what the integration, the client and API Gateway itself did wrong apart."""
    if occasion.integration_error:
        return "IntegrationError"
    if occasion.status >= 500:
        return "ExecutionError"
    return "ClientError" if occasion.status >= 400 else None
