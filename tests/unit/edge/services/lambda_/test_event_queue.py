"""Event invocations: retries with one request id, destinations, dead-letter queues."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.unit.edge.services.lambda_.kit import Lab

FAILS = "def handler(e, c): print('try', c.aws_request_id); raise ValueError('always')\n"
EVENT_CONFIG = "/2019-09-25/functions/f/event-invoke-config"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:letters"


def messages(lab: Lab) -> list[dict[str, Any]]:
    return [body for operation, body in lab.emulator.sent if operation == "SendMessage"]


def tries(lab: Lab) -> list[str]:
    return [line.strip() for line in lab.emulator.lines.get("/aws/lambda/f", []) if line.startswith("try")]


async def test_a_failing_event_is_tried_three_times_with_one_request_id(lab: Lab) -> None:
    ref = lab.deploy(FAILS)
    async with lab.running() as functions:
        request_id = await functions.enqueue(ref, b'{"n": 1}')
        await lab.until(lambda: functions.snapshot()["queued_events"] == 0)
        await functions.reset()
    assert tries(lab) == [f"try {request_id}"] * 3


async def test_a_given_up_event_goes_to_the_on_failure_destination(lab: Lab) -> None:
    ref = lab.deploy(FAILS)
    lab.emulator.answers[EVENT_CONFIG] = {
        "MaximumRetryAttempts": 1,
        "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
    }
    async with lab.running() as functions:
        request_id = await functions.enqueue(ref, b'{"n": 1}')
        (message,) = await lab.until(lambda: messages(lab))
    assert message["QueueUrl"] == "http://queue/letters"
    record = json.loads(message["MessageBody"])
    assert record["version"] == "1.0"
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 2,
    }
    assert record["requestPayload"] == {"n": 1}
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorType"] == "ValueError"


@pytest.mark.parametrize(
    ("destination", "operation"),
    [
        ("arn:aws:sns:us-east-1:000000000000:topic", "Publish"),
        ("arn:aws:events:us-east-1:000000000000:event-bus/default", "PutEvents"),
    ],
)
async def test_a_success_goes_to_the_on_success_destination(lab: Lab, destination: str, operation: str) -> None:
    ref = lab.deploy("def handler(e, c): return 'well'\n")
    lab.emulator.answers[EVENT_CONFIG] = {"DestinationConfig": {"OnSuccess": {"Destination": destination}}}
    async with lab.running() as functions:
        await functions.enqueue(ref, b"{}")
        await lab.until(lambda: operation in [sent for sent, _ in lab.emulator.sent])
    (body,) = [body for sent, body in lab.emulator.sent if sent == operation]
    text = body["Message"] if operation == "Publish" else body["Entries"][0]["Detail"]
    assert json.loads(text)["responsePayload"] == "well"


async def test_a_function_as_destination_gets_the_record(lab: Lab) -> None:
    ref = lab.deploy("def handler(e, c): return 'well'\n")
    lab.deploy("def handler(e, c): print('got', e['responsePayload'])\n", name="next")
    target = "arn:aws:lambda:us-east-1:000000000000:function:next"
    lab.emulator.answers[EVENT_CONFIG] = {"DestinationConfig": {"OnSuccess": {"Destination": target}}}
    async with lab.running() as functions:
        await functions.enqueue(ref, b"{}")
        await lab.until(lambda: "got well\n" in lab.emulator.lines.get("/aws/lambda/next", []))


async def test_a_dead_letter_queue_gets_the_event_with_the_error_as_attributes(lab: Lab) -> None:
    ref = lab.deploy(FAILS, DeadLetterConfig={"TargetArn": QUEUE})
    async with lab.running() as functions:
        request_id = await functions.enqueue(ref, b'{"n": 1}')
        (message,) = await lab.until(lambda: messages(lab))
    assert message["MessageBody"] == '{"n": 1}'
    values = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
    assert values == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "always"}


async def test_a_throttled_event_waits_for_its_turn(lab: Lab) -> None:
    ref = lab.deploy("import time\ndef handler(e, c): time.sleep(0.2); print('ran')\n", reserved=1)
    async with lab.running() as functions:
        for _ in range(3):
            await functions.enqueue(ref, b"{}")
        await lab.until(lambda: lab.emulator.lines.get("/aws/lambda/f", []).count("ran\n") == 3)
        (function,) = functions.snapshot()["functions"]
    assert function["throttles"] > 0


async def test_with_reserved_concurrency_zero_an_event_is_given_up_at_once(lab: Lab) -> None:
    ref = lab.deploy(FAILS, reserved=0, DeadLetterConfig={"TargetArn": QUEUE})
    async with lab.running() as functions:
        await functions.enqueue(ref, b"{}")
        (message,) = await lab.until(lambda: messages(lab))
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    assert tries(lab) == []


async def test_an_event_that_is_too_old_is_not_tried_again(lab: Lab) -> None:
    ref = lab.deploy(FAILS)
    lab.emulator.answers[EVENT_CONFIG] = {
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
    }
    async with lab.running(retry_seconds=(61.0,)) as functions:
        await functions.enqueue(ref, b"{}")
        (message,) = await lab.until(lambda: messages(lab))
    assert json.loads(message["MessageBody"])["requestContext"]["condition"] == "EventAgeExceeded"


async def test_what_was_accepted_is_run_by_the_next_edge(lab: Lab) -> None:
    ref = lab.deploy("import time\ndef handler(e, c): time.sleep(e['seconds']); print('ran', e['n'])\n", Timeout=60)
    async with lab.running() as functions:
        for number in range(3):
            await functions.enqueue(ref, b'{"seconds": %d, "n": %d}' % (60 if number == 0 else 0, number))
    assert "ran 0\n" not in lab.emulator.lines.get("/aws/lambda/f", [])
    lab.deploy("def handler(e, c): print('ran', e['n'])\n", Timeout=60)
    async with lab.running() as functions:
        await lab.until(lambda: functions.snapshot()["queued_events"] == 0)
    assert {f"ran {number}\n" for number in range(3)} <= set(lab.emulator.lines["/aws/lambda/f"])


async def test_what_a_reset_dropped_stays_dropped(lab: Lab) -> None:
    ref = lab.deploy("import time\ndef handler(e, c): time.sleep(60)\n", Timeout=60)
    async with lab.running() as functions:
        await functions.enqueue(ref, b"{}")
        await functions.reset()
    async with lab.running() as functions:
        assert functions.snapshot()["queued_events"] == 0


async def test_attempts_are_counted_across_edges(lab: Lab) -> None:
    ref = lab.deploy(FAILS)
    async with lab.running(retry_seconds=(600.0,)) as functions:
        request_id = await functions.enqueue(ref, b"{}")
        await lab.until(lambda: len(tries(lab)) == 1)
    async with lab.running() as functions:
        await lab.until(lambda: functions.snapshot()["queued_events"] == 0)
    assert tries(lab) == [f"try {request_id}"] * 3


async def test_a_record_waits_for_an_emulator_that_is_down(lab: Lab) -> None:
    ref = lab.deploy("def handler(e, c): return 'well'\n")
    lab.emulator.answers[EVENT_CONFIG] = {"DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}}
    async with lab.running() as functions:
        await functions.describe(ref)
        await functions.invoke(ref, b"{}")
        lab.emulator.down = True
        await functions.enqueue(ref, b"{}")
        await lab.until(lambda: functions.snapshot()["functions"][0]["invocations"] == 2)
        lab.emulator.down = False
        (message,) = await lab.until(lambda: messages(lab))
    assert message["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"].startswith("Root=1-")


async def test_reserved_concurrency_zero_is_a_condition_of_its_own(lab: Lab) -> None:
    ref = lab.deploy(FAILS, reserved=0)
    lab.emulator.answers[EVENT_CONFIG] = {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}}
    async with lab.running() as functions:
        await functions.enqueue(ref, b"{}")
        (message,) = await lab.until(lambda: messages(lab))
    record = json.loads(message["MessageBody"])
    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("ZeroReservedConcurrency", 0)
    assert "responseContext" not in record


async def test_a_bucket_gets_the_record_as_an_object(lab: Lab) -> None:
    ref = lab.deploy(FAILS)
    bucket = "arn:aws:s3:::letters"
    lab.emulator.answers[EVENT_CONFIG] = {
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnFailure": {"Destination": bucket}},
    }
    async with lab.running() as functions:
        await functions.enqueue(ref, b"{}")
        (target,) = await lab.until(lambda: [sent for sent, _ in lab.emulator.sent if sent.startswith("PUT")])
    assert re.fullmatch(r"PUT /letters/aws/lambda/async/f/\d{4}/\d\d/\d\d/[\dT.-]+-[0-9a-f-]{36}", target)
