"""Event source mappings: batches of their size, deleted when the function was done with them."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.emulators.localstack.gaps import Scheduler
from staticfire.edge.emulators.localstack.mappings import Mappings, QueueBatches
from staticfire.edge.emulators.localstack.queue import Message, Queue
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.lambda_.model import FunctionRef, Outcome
from staticfire.edge.services.lambda_.service import Functions

SCOPE = Scope()
ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:work"


class Jobs:
    """A queue in memory, as the reader uses one."""

    scope = SCOPE

    def __init__(self, *bodies: str) -> None:
        self.waiting = [{"MessageId": body, "ReceiptHandle": f"r-{body}", "Body": body} for body in bodies]
        self.deleted: list[str] = []

    async def receive(self, count: int, wait: int = 0) -> list[Message]:
        taken, self.waiting = self.waiting[: min(count, 10)], self.waiting[min(count, 10) :]
        return taken

    async def delete(self, messages: list[Message]) -> None:
        self.deleted += [message["MessageId"] for message in messages]


class Work:
    """A function that answers what it is told to."""

    def __init__(self, payload: Any = None, error: str | None = None) -> None:
        self.events: list[Any] = []
        self._outcome = Outcome("id", json.dumps(payload).encode(), error, "$LATEST", "")

    async def invoke(self, ref: FunctionRef, payload: bytes) -> Outcome:
        self.events.append(json.loads(payload))
        return self._outcome


async def run(jobs: Jobs, work: Work, **mapping: Any) -> None:
    described = {"EventSourceArn": ARN, "FunctionArn": FUNCTION, **mapping}
    batch = QueueBatches(cast(Queue, jobs), cast(Functions, work), described)
    while messages := await batch.collect():
        await batch.take(messages)
    await asyncio.gather(*batch.under_way)


async def test_what_the_function_was_done_with_is_deleted() -> None:
    jobs, work = Jobs("a", "b"), Work()
    await run(jobs, work)
    [event] = work.events
    assert [record["body"] for record in event["Records"]] == ["a", "b"]
    assert {record["eventSourceARN"] for record in event["Records"]} == {ARN}
    assert jobs.deleted == ["a", "b"]


async def test_what_the_function_failed_with_stays() -> None:
    jobs = Jobs("a", "b")
    await run(jobs, Work(error="Unhandled"))
    assert jobs.deleted == []


async def test_only_reported_failures_stay() -> None:
    jobs = Jobs("a", "b", "c")
    answer = {"batchItemFailures": [{"itemIdentifier": "b"}]}
    await run(jobs, Work(answer), FunctionResponseTypes=["ReportBatchItemFailures"])
    assert jobs.deleted == ["a", "c"]


async def test_failures_that_nobody_asked_for_are_no_failures() -> None:
    jobs = Jobs("a")
    await run(jobs, Work({"batchItemFailures": [{"itemIdentifier": "a"}]}))
    assert jobs.deleted == ["a"]


async def test_a_batch_has_the_size_of_the_mapping() -> None:
    jobs, work = Jobs(*"abcde"), Work()
    await run(jobs, work, BatchSize=2)
    assert [len(event["Records"]) for event in work.events] == [2, 2, 1]


async def test_a_batch_of_more_than_a_queue_gives_at_once_is_gathered() -> None:
    jobs, work = Jobs(*map(str, range(25))), Work()
    await run(jobs, work, BatchSize=25)
    assert [len(event["Records"]) for event in work.events] == [25]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"EventSourceArn": "arn:aws:dynamodb:us-east-1:0:table/t/stream/1"}, "nothing would read"),
        ({"EventSourceArn": ARN, "FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "FilterCriteria"),
    ],
    ids=["a stream", "a filter"],
)
async def test_what_nothing_would_do_is_refused(wanted: dict[str, Any], said: str) -> None:
    mappings = Mappings(cast(Any, None), cast(Functions, Work()))
    request = Request("POST", "/2015-03-31/event-source-mappings", body=json.dumps(wanted).encode())
    with pytest.raises(AwsError, match=said):
        await mappings.answer(Call(request, "lambda", SCOPE))


async def test_a_schedule_that_would_reach_nothing_is_refused() -> None:
    request = Request("POST", "/schedules/nightly", body=json.dumps({"Target": {"Arn": ARN}}).encode())
    with pytest.raises(AwsError, match="can invoke functions"):
        await Scheduler().answer(Call(request, "scheduler", SCOPE))


async def test_a_schedule_of_a_function_passes() -> None:
    request = Request("POST", "/schedules/nightly", body=json.dumps({"Target": {"Arn": FUNCTION}}).encode())
    assert await Scheduler().answer(Call(request, "scheduler", SCOPE)) is None
