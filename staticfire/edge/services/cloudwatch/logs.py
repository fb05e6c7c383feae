"""The `logs` service, in part: queries are answered here, and metrics in what is put are counted."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call
from staticfire.edge.http1.messages import Response

from .embedded_metrics import EmbeddedInCalls
from .insights import Insights


class Logs:
    def __init__(self, embedded_metrics: EmbeddedInCalls, insights: Insights) -> None:
        self._embedded_metrics = embedded_metrics
        self._insights = insights

    async def answer(self, call: Call) -> Response | None:
        response = await self._insights.answer(call)
        return response if response is not None else await self._embedded_metrics.answer(call)

    async def passed(self, call: Call, status: int) -> None:
        await self._embedded_metrics.passed(call, status)
