"""CloudWatch: what LocalStack loses of an alarm on its way."""

from __future__ import annotations

from staticfire.edge.aws.calls import Call
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
