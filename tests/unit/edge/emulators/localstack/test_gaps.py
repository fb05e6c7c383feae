"""Schedules on LocalStack: what would reach nothing is refused."""

from __future__ import annotations

import json

import pytest

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.emulators.localstack.gaps import Scheduler
from staticfire.edge.http1.messages import Request

SCOPE = Scope()
ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:work"


async def test_a_schedule_that_would_reach_nothing_is_refused() -> None:
    request = Request("POST", "/schedules/nightly", body=json.dumps({"Target": {"Arn": ARN}}).encode())
    with pytest.raises(AwsError, match="can invoke functions"):
        await Scheduler().answer(Call(request, "scheduler", SCOPE))


async def test_a_schedule_of_a_function_passes() -> None:
    request = Request("POST", "/schedules/nightly", body=json.dumps({"Target": {"Arn": FUNCTION}}).encode())
    assert await Scheduler().answer(Call(request, "scheduler", SCOPE)) is None
