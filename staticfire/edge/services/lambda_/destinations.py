"""Where what became of an event goes: destinations of asynchronous invocations, dead-letter queues."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.host.clock import rfc3339

from .model import LATEST, FunctionRef, Outcome
from .queued_event import QueuedEvent

if TYPE_CHECKING:
    from staticfire.edge.aws.emulator import Emulator

Enqueue = Callable[[FunctionRef, bytes], Awaitable[str]]


class Destinations:
    """`enqueue` takes an event for a function that is a destination."""

    def __init__(self, emulator: Emulator, enqueue: Enqueue) -> None:
        self._emulator = emulator
        self._enqueue = enqueue

    async def send(self, target: str, event: QueuedEvent, outcome: Outcome | None, condition: str) -> None:
        """An invocation record."""
        record = _record(event, outcome, condition)
        text = json.dumps(record)
        _, _, service, region, account, resource = target.split(":", 5)
        scope = Scope(account or event.ref.scope.account, region or event.ref.scope.region)
        if service == "sqs":
            await self._send_message(scope, resource, text, {}, event.trace_id)
        elif service == "sns":
            await self._emulator.query(scope, "sns", "Publish", {"TopicArn": target, "Message": text})
        elif service == "lambda":
            await self._enqueue(FunctionRef.parse(target, scope), text.encode())
        elif service == "events":
            result = "Success" if condition == "Success" else "Failure"
            entry = {
                "Source": "lambda",
                "DetailType": f"Lambda Function Invocation Result - {result}",
                "Detail": text,
                "EventBusName": target,
                "Resources": [record["requestContext"]["functionArn"], target],
            }
            await self._emulator.json(scope, "events", "AWSEvents.PutEvents", {"Entries": [entry]})
        elif service == "s3":
            await self._put_object(scope, resource, event.ref.name, text)
        else:
            raise AwsError(400, "InvalidParameterValueException", f"Destinations of {service} are not supported here")

    async def bury(self, target: str, event: QueuedEvent, outcome: Outcome | None) -> None:
        """The event itself to the dead-letter queue, with the error as attributes."""
        _, _, service, region, account, resource = target.split(":", 5)
        scope = Scope(account, region)
        text = event.payload.decode("utf-8", "replace")
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": event.request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": "429" if outcome is None else "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": _error_message(outcome)},
        }
        if service == "sqs":
            await self._send_message(scope, resource, text, attributes, event.trace_id)
            return
        params = {"TopicArn": target, "Message": text}
        for number, (name, attribute) in enumerate(attributes.items(), 1):
            entry = f"MessageAttributes.entry.{number}"
            params[f"{entry}.Name"] = name
            params |= {f"{entry}.Value.{key}": value for key, value in attribute.items()}
        await self._emulator.query(scope, "sns", "Publish", params)

    async def _send_message(
        self, scope: Scope, queue: str, text: str, attributes: Mapping[str, Any], trace_id: str
    ) -> None:
        name = {"QueueName": queue, "QueueOwnerAWSAccountId": scope.account}
        url = (await self._emulator.json(scope, "sqs", "AmazonSQS.GetQueueUrl", name, "1.0"))["QueueUrl"]
        message: dict[str, Any] = {"QueueUrl": url, "MessageBody": text}
        if attributes:
            message["MessageAttributes"] = attributes
        if trace_id:
            header = {"DataType": "String", "StringValue": trace_id}
            message["MessageSystemAttributes"] = {"AWSTraceHeader": header}
        await self._emulator.json(scope, "sqs", "AmazonSQS.SendMessage", message, "1.0")

    async def _put_object(self, scope: Scope, bucket: str, function: str, text: str) -> None:
        now = datetime.now(UTC)
        key = f"aws/lambda/async/{function}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        headers = [("content-type", "application/json"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]
        target = f"/{quote(bucket)}/{quote(key)}"
        answer = await self._emulator.raw(scope, "s3", "PUT", target, headers, text.encode())
        if answer.status >= 300:
            said = (await self._emulator.whole(answer)).decode("utf-8", "replace")
            raise AwsError(answer.status, "InvalidRequest", f"S3 answered {answer.status} to {target}: {said[:300]}")
        await self._emulator.whole(answer)


def _record(event: QueuedEvent, outcome: Outcome | None, condition: str) -> dict[str, Any]:
    """The invocation record, version 1.0."""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": rfc3339(),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": event.ref._replace(qualifier=event.ref.qualifier or LATEST).arn,
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": _loaded(event.payload),
    }
    if outcome is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": outcome.version}
        if outcome.error is not None:
            record["responseContext"]["functionError"] = outcome.error
        record["responsePayload"] = _loaded(outcome.payload)
    return record


def _loaded(payload: bytes) -> Any:
    try:
        return json.loads(payload) if payload else None
    except ValueError:
        return payload.decode("utf-8", "replace")


def _error_message(outcome: Outcome | None) -> str:
    if outcome is None:
        return "Rate Exceeded."
    body = _loaded(outcome.payload)
    message = body.get("errorMessage") if isinstance(body, dict) else None
    return str(message or "Unknown error")[:1024]
