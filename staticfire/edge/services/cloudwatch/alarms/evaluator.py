"""When alarms are evaluated, and what is done with the verdict.

An alarm is evaluated as soon as it is put, then at the end of each of its steps (a period, a minute at the most), a
little late: what a period measured last is under way then. A verdict that differs from the alarm's state is set at the
emulator, which keeps the history and hands the change over to `Actions`.

Alarms, states and metrics are the emulator's; here is only kept who has alarms, and up to when each was evaluated.
Without alarms nothing runs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator

from .rules import INSUFFICIENT_DATA, STATISTICS, Alarm, Verdict
from .wording import moment_text

log = logging.getLogger(__name__)

PREFIX = "GraniteServiceVersion20100801."
PAGE = 100
# After the end of a period: what was measured in it has arrived, by way of a log too.
LATE_SECONDS = 2.0
AGAIN_SECONDS = 5.0

Describe = Callable[[Scope, Mapping[str, object]], Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class AlarmWatch:
    """An account and region with alarms: when to look there again, and up to when each alarm was evaluated."""

    due: float = 0.0
    evaluated: dict[Alarm, int] = field(default_factory=dict)


class Alarms:
    """`describe` is DescribeAlarms, complete."""

    def __init__(self, emulator: Emulator, describe: Describe, *, clock: Callable[[], float] = time.time) -> None:
        self._emulator = emulator
        self._describe = describe
        self._clock = clock
        self._watches: dict[Scope, AlarmWatch] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def put(self, report: Mapping[str, Any]) -> None:
        """An alarm was put, as ministack_main.py reports it: by a call or by a template."""
        self._watches.setdefault(Scope(report["account"], report["region"]), AlarmWatch()).due = 0.0
        self._wake.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._watches:
                self._wake.clear()
                due = [(scope, watch) for scope, watch in self._watches.items() if watch.due <= self._clock()]
                await asyncio.gather(*(self._look(scope, watch) for scope, watch in due))
                if self._watches:
                    await self._until(min(watch.due for watch in self._watches.values()))
        finally:
            self._task = None

    async def _until(self, moment: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, moment - self._clock())):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _look(self, scope: Scope, watch: AlarmWatch) -> None:
        watch.due = math.inf  # a put while we look brings it forward again
        now = self._clock()
        try:
            states = await self._states(scope)
            before, watch.evaluated = watch.evaluated, {}
            for alarm in states:
                watch.evaluated[alarm] = before.get(alarm, 0)
            ends = {alarm: int((now - LATE_SECONDS) // alarm.step) * alarm.step for alarm in states}
            due = [alarm for alarm, end in ends.items() if end > watch.evaluated[alarm]]
            await asyncio.gather(*(self._evaluate(scope, alarm, *states[alarm], ends[alarm]) for alarm in due))
        except (AwsError, ValueError) as error:  # or an answer that is not a document: JSON has no NaN
            log.warning("the alarms of %s in %s cannot be evaluated now: %s", scope.account, scope.region, error)
            watch.due = min(watch.due, now + AGAIN_SECONDS)
            return
        watch.evaluated |= {alarm: ends[alarm] for alarm in due}
        if states:
            following = min(end + alarm.step for alarm, end in watch.evaluated.items()) + LATE_SECONDS
            watch.due = min(watch.due, following)
        elif watch.due == math.inf:
            del self._watches[scope]

    async def _states(self, scope: Scope) -> dict[Alarm, tuple[str, str]]:
        """The alarms there, each with its state and the reason of it."""
        states: dict[Alarm, tuple[str, str]] = {}
        request: dict[str, object] = {"AlarmTypes": ["MetricAlarm"], "MaxRecords": PAGE}
        while True:
            page = await self._describe(scope, request)
            for document in page.get("MetricAlarms", ()):
                states[Alarm.described(document)] = document["StateValue"], document.get("StateReason") or ""
            if not page.get("NextToken"):
                return states
            request["NextToken"] = page["NextToken"]

    async def _evaluate(self, scope: Scope, alarm: Alarm, state: str, reason: str, end: int) -> None:
        if alarm.trouble:
            # The state stays the first one; why is all that there is to tell.
            verdict: Verdict | None = Verdict(INSUFFICIENT_DATA, f"Unchecked: {alarm.trouble}.")
            current = (state, reason)
        else:
            verdict = alarm.evaluate(alarm.datapoints(end, await self._measured(scope, alarm, end)), state)
            current = (state, verdict.reason if verdict else reason)
        if verdict is None or (verdict.state, verdict.reason) == current:
            return
        try:
            await self._set(scope, alarm, verdict, end)
        except AwsError as error:
            if error.code != "ResourceNotFound":
                raise
            log.info("alarm %s was deleted while it was evaluated", alarm.name)

    async def _measured(self, scope: Scope, alarm: Alarm, end: int) -> list[dict[str, Any]]:
        request: dict[str, object] = {
            "Namespace": alarm.namespace,
            "MetricName": alarm.metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions],
            "StartTime": end - alarm.periods * alarm.period,
            "EndTime": end,
            "Period": alarm.step,
            "Statistics": STATISTICS,
        }
        if alarm.is_percentile:
            request["ExtendedStatistics"] = [alarm.statistic]
        if alarm.unit:
            request["Unit"] = alarm.unit
        answer = await self._call(scope, "GetMetricStatistics", request)
        datapoints: list[dict[str, Any]] = answer.get("Datapoints", [])
        return datapoints

    async def _set(self, scope: Scope, alarm: Alarm, verdict: Verdict, end: int) -> None:
        data = {
            "version": "1.0",
            "queryDate": moment_text(self._clock()),
            "startDate": moment_text(verdict.evaluated[-1].start if verdict.evaluated else end - alarm.period),
            "statistic": alarm.statistic,
            "period": alarm.period,
            "recentDatapoints": [datapoint.value for datapoint in reversed(verdict.evaluated)],
            "threshold": alarm.threshold,
            "evaluatedDatapoints": [
                {
                    "timestamp": moment_text(datapoint.start),
                    "sampleCount": datapoint.samples,
                    "value": datapoint.value,
                }
                for datapoint in verdict.evaluated
            ],
        }
        request = {
            "AlarmName": alarm.name,
            "StateValue": verdict.state,
            "StateReason": verdict.reason,
            "StateReasonData": json.dumps(data),
        }
        await self._call(scope, "SetAlarmState", request)

    async def _call(self, scope: Scope, operation: str, request: Mapping[str, object]) -> dict[str, Any]:
        return await self._emulator.json(scope, "monitoring", PREFIX + operation, request, "1.0")
