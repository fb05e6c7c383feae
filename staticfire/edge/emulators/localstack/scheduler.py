"""EventBridge Scheduler, which the filler runs: it reaches functions, and nothing of LocalStack."""

from __future__ import annotations

import json

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.http1.messages import Response


class Scheduler:
    async def answer(self, call: Call) -> Response | None:
        if call.request.method not in ("POST", "PUT") or not call.request.path.startswith("/schedules/"):
            return None
        target = json.loads(await call.body()).get("Target", {}).get("Arn", "")
        if target.split(":")[2:3] != ["lambda"]:
            raise AwsError(
                400,
                "ValidationException",
                f"A schedule of EventBridge Scheduler can invoke functions here, and {target!r} is none. "
                "A rule of EventBridge (events) reaches it.",
            )
        return None

    async def passed(self, call: Call, status: int) -> None:
        """Nothing is kept of what passes."""
