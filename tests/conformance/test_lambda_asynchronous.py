"""Asynchronous invocations: retries, destinations, dead-letter queues."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, Queue, eventually

AREA = "Lambda: asynchronous invocation"
ASYNC = "lambda/latest/dg/invocation-async.html"
ERRORS = "lambda/latest/dg/invocation-async-error-handling.html"
RECORDS = "lambda/latest/dg/invocation-async-retain-records.html"
SOONER = "the same three attempts, one and two seconds apart instead of one and two minutes"

TELL = """
    import json

    import boto3

    def handler(event, context):
        told = {"event": event, "id": context.aws_request_id}
        boto3.client("sqs").send_message(QueueUrl=QUEUE, MessageBody=json.dumps(told))
        if event.get("fail"):
            raise ValueError("as told")
        return "done"
"""


def telling(lab: Lab, queue: Queue, **config: Any) -> str:
    return lab.function(TELL.replace("QUEUE", repr(queue.url)), **config)


@documented(AREA, "Event answers 202 without a payload, and the function runs", ASYNC)
def test_an_event_is_accepted_and_runs(lab: Lab) -> None:
    queue = lab.queue()
    answer = lab.invoke(telling(lab, queue), {"n": 1}, InvocationType="Event")
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    invocation = json.loads(queue.receive()["Body"])
    assert invocation == {"event": {"n": 1}, "id": answer["ResponseMetadata"]["RequestId"]}


@documented(AREA, "A failing event is tried twice more, with the same request id", ERRORS, SOONER)
def test_a_failing_event_is_tried_twice_more(lab: Lab) -> None:
    queue, failed = lab.queue(), lab.queue()
    function = telling(lab, queue)
    lab.aws("lambda").put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnFailure": {"Destination": failed.arn}}
    )
    lab.invoke(function, {"fail": True}, InvocationType="Event")
    attempts = [json.loads(queue.receive()["Body"])["id"] for _ in range(3)]
    assert len(set(attempts)) == 1
    record = json.loads(failed.receive()["Body"])
    assert record["requestContext"]["requestId"] == attempts[0]
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert "Messages" not in lab.aws("sqs").receive_message(QueueUrl=queue.url)


@documented(AREA, "An on-failure destination gets the invocation record", RECORDS)
def test_an_on_failure_destination_gets_the_record(lab: Lab) -> None:
    queue = lab.queue()
    function = lab.function("def handler(event, context):\n    raise ValueError('as told')\n")
    lab.aws("lambda").put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": queue.arn}},
    )
    answer = lab.invoke(function, {"order": 7}, InvocationType="Event")
    record = json.loads(queue.receive()["Body"])
    assert set(record) == {
        "version",
        "timestamp",
        "requestContext",
        "requestPayload",
        "responseContext",
        "responsePayload",
    }
    assert record["version"] == "1.0"
    assert record["requestContext"] == {
        "requestId": answer["ResponseMetadata"]["RequestId"],
        "functionArn": lab.arn(f"{function}:$LATEST"),
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 1,
    }
    assert record["requestPayload"] == {"order": 7}
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorMessage"] == "as told"
    assert record["responsePayload"]["errorType"] == "ValueError"


@documented(AREA, "An on-success destination gets the record with the function's result", RECORDS)
def test_an_on_success_destination_gets_the_record(lab: Lab) -> None:
    queue = lab.queue()
    function = lab.function("def handler(event, context):\n    return {'done': event}\n")
    lab.aws("lambda").put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    lab.invoke(function, "x", InvocationType="Event")
    record = json.loads(queue.receive()["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"done": "x"}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


@documented(AREA, "A destination may be a topic, another function or an event bus", RECORDS)
@pytest.mark.parametrize("kind", ["sns", "lambda", "events"])
def test_destinations_of_every_kind(lab: Lab, kind: str) -> None:
    queue = lab.queue()
    if kind == "sns":
        destination = lab.aws("sns").create_topic(Name=lab.name())["TopicArn"]
        lab.aws("sns").subscribe(
            TopicArn=destination, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"}
        )
    elif kind == "lambda":
        destination = lab.arn(telling(lab, queue))
    else:
        events = lab.aws("events")
        bus = lab.name("bus")
        destination = events.create_event_bus(Name=bus)["EventBusArn"]
        events.put_rule(Name="all", EventBusName=bus, EventPattern=json.dumps({"source": ["lambda"]}))
        events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "q", "Arn": queue.arn}])
    function = lab.function("def handler(event, context):\n    return 'result'\n")
    lab.aws("lambda").put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnSuccess": {"Destination": destination}}
    )
    lab.invoke(function, {"n": 1}, InvocationType="Event")
    message = json.loads(queue.receive()["Body"])
    if kind == "events":
        assert message["detail-type"] == "Lambda Function Invocation Result - Success"
        assert message["source"] == "lambda"
        message = message["detail"]
    record = message["event"] if kind == "lambda" else message
    assert (record["requestPayload"], record["responsePayload"]) == ({"n": 1}, "result")


@documented(AREA, "A dead-letter queue gets the event, with RequestID, ErrorCode and ErrorMessage", RECORDS)
def test_a_dead_letter_queue_gets_the_event(lab: Lab) -> None:
    queue = lab.queue()
    function = lab.function(
        "def handler(event, context):\n    raise ValueError('as told')\n", DeadLetterConfig={"TargetArn": queue.arn}
    )
    lab.aws("lambda").put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    answer = lab.invoke(function, {"order": 7}, InvocationType="Event")
    message = queue.receive()
    assert json.loads(message["Body"]) == {"order": 7}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["RequestID"] == answer["ResponseMetadata"]["RequestId"]
    assert attributes["ErrorCode"] == "200"
    assert "as told" in attributes["ErrorMessage"]


@documented(AREA, "A dead-letter topic gets the event too", RECORDS)
def test_a_dead_letter_topic_gets_the_event(lab: Lab) -> None:
    queue = lab.queue()
    sns = lab.aws("sns")
    topic = sns.create_topic(Name=lab.name())["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    function = lab.function(
        "def handler(event, context):\n    raise ValueError('as told')\n", DeadLetterConfig={"TargetArn": topic}
    )
    lab.aws("lambda").put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    answer = lab.invoke(function, {"order": 7}, InvocationType="Event")
    notification = json.loads(queue.receive()["Body"])
    assert json.loads(notification["Message"]) == {"order": 7}
    attributes = {name: one["Value"] for name, one in notification["MessageAttributes"].items()}
    assert attributes["RequestID"] == answer["ResponseMetadata"]["RequestId"]


@documented(AREA, "MaximumRetryAttempts says how often it is tried again", ERRORS, SOONER)
def test_the_number_of_retries_is_configured(lab: Lab) -> None:
    queue, failed = lab.queue(), lab.queue()
    function = telling(lab, queue)
    lab.aws("lambda").put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": failed.arn}},
    )
    lab.invoke(function, {"fail": True}, InvocationType="Event")
    assert json.loads(failed.receive()["Body"])["requestContext"]["approximateInvokeCount"] == 2


@documented(AREA, "With a reserved concurrency of zero events go to the failure destination at once", ASYNC)
def test_without_concurrency_events_go_to_the_destination(lab: Lab) -> None:
    queue = lab.queue()
    function = lab.function("def handler(event, context):\n    return 1\n")
    client = lab.aws("lambda")
    client.put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnFailure": {"Destination": queue.arn}}
    )
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    lab.invoke(function, {"n": 1}, InvocationType="Event")
    record = json.loads(queue.receive()["Body"])
    context = record.pop("requestContext")
    assert (context["condition"], context["approximateInvokeCount"]) == ("ZeroReservedConcurrency", 0)
    assert (record["requestPayload"], record.keys()) == ({"n": 1}, {"version", "timestamp", "requestPayload"})


@documented(AREA, "A throttled event waits, and runs when there is room", ASYNC)
def test_a_throttled_event_runs_later(lab: Lab) -> None:
    queue = lab.queue()
    source = "import time\n" + TELL.replace("QUEUE", repr(queue.url)).replace("told = {", "time.sleep(0.3); told = {")
    function = lab.function(source.replace("\n    ", "\n").lstrip())
    lab.aws("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    for n in range(4):
        assert lab.invoke(function, {"n": n}, InvocationType="Event")["StatusCode"] == 202
    assert {json.loads(queue.receive()["Body"])["event"]["n"] for _ in range(4)} == {0, 1, 2, 3}


@documented(AREA, "A time-out and a crash are failures that are tried again", ERRORS, SOONER)
def test_a_crash_is_tried_again(lab: Lab) -> None:
    failed = lab.queue()
    function = lab.function("import os\ndef handler(event, context):\n    os._exit(1)\n")
    lab.aws("lambda").put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnFailure": {"Destination": failed.arn}}
    )
    lab.invoke(function, {}, InvocationType="Event")
    record = json.loads(failed.receive()["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert "exit status 1" in record["responsePayload"]["errorMessage"]


@documented(AREA, "InvokeAsync, the old form, answers 202", "lambda/latest/api/API_InvokeAsync.html")
def test_the_old_form_is_accepted(lab: Lab) -> None:
    queue = lab.queue()
    function = telling(lab, queue)
    assert lab.aws("lambda").invoke_async(FunctionName=function, InvokeArgs=b'{"n": 2}')["Status"] == 202
    assert json.loads(queue.receive()["Body"])["event"] == {"n": 2}


@documented(AREA, "Events of one function run beside each other", ASYNC)
def test_events_run_beside_each_other(lab: Lab) -> None:
    queue = lab.queue()
    function = telling(lab, queue)
    for n in range(20):
        lab.invoke(function, {"n": n}, InvocationType="Event")
    seen: set[int] = set()

    def all_seen() -> bool:
        seen.add(json.loads(queue.receive()["Body"])["event"]["n"])
        return len(seen) == 20

    eventually(all_seen, "20 events")
