"""Two small gaps: tags of alarms that LocalStack loses, and schedules that cannot reach it."""

from __future__ import annotations

import json

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.cloudwatch.service import parameters


class AlarmTags:
    """PutMetricAlarm's tags: LocalStack keeps only those of TagResource, and every plan would show a change."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def answer(self, call: Call) -> Response | None:
        return None

    async def passed(self, call: Call, status: int) -> None:
        if call.operation != "PutMetricAlarm":
            return
        declared = await parameters(call)
        if declared.get("Tags"):
            scope = call.scope
            arn = f"arn:aws:cloudwatch:{scope.region}:{scope.account}:alarm:{declared['AlarmName']}"
            tagged = {"ResourceARN": arn, "Tags": declared["Tags"]}
            await self._emulator.json(scope, "monitoring", "GraniteServiceVersion20100801.TagResource", tagged, "1.0")


class Scheduler:
    """EventBridge Scheduler, which MiniStack runs: it reaches functions, and nothing of LocalStack."""

    async def answer(self, call: Call) -> Response | None:
        if call.request.method not in ("POST", "PUT") or not call.request.path.startswith("/schedules/"):
            return None
        target = json.loads(await call.body()).get("Target", {}).get("Arn", "")
        if target.split(":")[2:3] != ["lambda"]:
            raise AwsError(
                400,
                "ValidationException",
                f"A schedule of EventBridge Scheduler can invoke functions here, and {target!r} is not one. "
                "A rule of EventBridge (events) reaches it.",
            )
        return None

    async def passed(self, call: Call, status: int) -> None:
        """Nothing is kept of what passes."""
