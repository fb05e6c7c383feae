"""Event invocations: accepted at once, run later, tried again, and in the end sent to a destination.

    queued -> run -> succeeded -> on-success destination
               \\-> failed -> wait -> run ... -> given up -> on-failure destination, dead-letter queue

As AWS documents: a function's error is tried again up to MaximumRetryAttempts (2) times with the same request id; a
throttled attempt does not count and is tried again until the event is older than MaximumEventAgeInSeconds; with
reserved concurrency 0 the event is given up at once. AWS waits one minute and then two between attempts; here
`retry_seconds` says, by default one second and two. At most AT_ONCE events of a function run at the same time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.host.clock import rfc3339

from .catalog import FunctionCatalog
from .metrics import FunctionMetrics
from .model import LATEST, FunctionRef, Outcome

if TYPE_CHECKING:
    from staticfire.edge.aws.emulator import Emulator

log = logging.getLogger(__name__)

AT_ONCE = 16
DAY_QUARTER = 6 * 3600
THROTTLE_FIRST = 0.25
THROTTLE_LONGEST = 5.0


@dataclass(slots=True)
class QueuedEvent:
    ref: FunctionRef
    payload: bytes
    client_context: str | None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    queued: float = field(default_factory=time.monotonic)
    attempts: int = 0


class EventQueue:
    """Each event is a task of its own; the queue's end ends them."""

    def __init__(
        self,
        emulator: Emulator,
        catalog: FunctionCatalog,
        metrics: FunctionMetrics,
        invoke: Callable[[QueuedEvent], Awaitable[Outcome]],
        retry_seconds: Sequence[float],
    ) -> None:
        self._emulator = emulator
        self._catalog = catalog
        self._metrics = metrics
        self._invoke = invoke
        self._retry_seconds = tuple(retry_seconds)
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots: dict[tuple[Scope, str], asyncio.Semaphore] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def put(self, ref: FunctionRef, payload: bytes, client_context: str | None = None) -> str:
        event = QueuedEvent(ref, payload, client_context)
        task = asyncio.create_task(self._process(event))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return event.request_id

    async def clear(self) -> None:
        """Drop what is queued; what runs now runs on unattended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._slots.clear()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("An event was lost", exc_info=error)

    async def _process(self, event: QueuedEvent) -> None:
        settings: Mapping[str, Any] = {}
        outcome: Outcome | None = None
        condition = "RetriesExhausted"
        try:
            settings = await self._catalog.event_config(event.ref)
            limit = settings.get("MaximumRetryAttempts")
            retries = 2 if limit is None else int(limit)
            oldest = float(settings.get("MaximumEventAgeInSeconds") or DAY_QUARTER)
            throttled = 0
            while True:
                try:
                    outcome = await self._run(event)
                except AwsError as error:
                    if error.status == 404 or await self._never(event):
                        log.warning(
                            "The event %s for %s cannot run: %s", event.request_id, event.ref.arn, error.message
                        )
                        break
                    wait = min(THROTTLE_FIRST * 2**throttled, THROTTLE_LONGEST)
                    throttled += 1
                else:
                    if outcome.error is None:
                        condition = "Success"
                        break
                    if event.attempts > retries:
                        break
                    wait = self._retry_seconds[min(event.attempts, len(self._retry_seconds)) - 1]
                if time.monotonic() - event.queued + wait > oldest:
                    condition = "EventAgeExceeded"
                    break
                await asyncio.sleep(wait)
            await self._finish(event, outcome, condition, settings)
        except AwsError as error:
            log.warning("The event %s for %s was dropped: %s", event.request_id, event.ref.arn, error.message)

    async def _run(self, event: QueuedEvent) -> Outcome:
        slots = self._slots.setdefault((event.ref.scope, event.ref.name), asyncio.Semaphore(AT_ONCE))
        async with slots:
            outcome = await self._invoke(event)
        event.attempts += 1
        return outcome

    async def _never(self, event: QueuedEvent) -> bool:
        return (await self._catalog.resolve(event.ref)).reserved == 0

    async def _finish(
        self, event: QueuedEvent, outcome: Outcome | None, condition: str, settings: Mapping[str, Any]
    ) -> None:
        destinations = settings.get("DestinationConfig") or {}
        success = condition == "Success"
        target = (destinations.get("OnSuccess" if success else "OnFailure") or {}).get("Destination")
        if target:
            await self._deliver(event, target, lambda: self._send(target, event, _record(event, outcome, condition)))
        if success:
            return
        dead_letters = (await self._catalog.resolve(event.ref)).dead_letter_arn
        if dead_letters:
            await self._deliver(event, dead_letters, lambda: self._bury(dead_letters, event, outcome))
        elif not target:
            log.warning(
                "The event %s for %s was given up (%s) and has no destination",
                event.request_id,
                event.ref.arn,
                condition,
            )

    async def _deliver(self, event: QueuedEvent, target: str, send: Callable[[], Awaitable[None]]) -> None:
        try:
            await send()
        except AwsError as error:
            log.warning("The record of event %s could not be sent to %s: %s", event.request_id, target, error.message)
            self._metrics.count(
                event.ref.scope, event.ref.name, event.ref.qualifier or "", "DestinationDeliveryFailures"
            )

    async def _send(self, target: str, event: QueuedEvent, record: dict[str, Any]) -> None:
        """An invocation record to a destination."""
        text = json.dumps(record)
        _, _, service, region, account, resource = target.split(":", 5)
        scope = Scope(account or event.ref.scope.account, region or event.ref.scope.region)
        if service == "sqs":
            await self._send_message(scope, resource, text, {})
        elif service == "sns":
            await self._emulator.query(scope, "sns", "Publish", {"TopicArn": target, "Message": text})
        elif service == "lambda":
            self.put(FunctionRef.parse(target, scope), text.encode())
        elif service == "events":
            outcome = "Success" if record["requestContext"]["condition"] == "Success" else "Failure"
            entry = {
                "Source": "lambda",
                "DetailType": f"Lambda Function Invocation Result - {outcome}",
                "Detail": text,
                "EventBusName": target,
                "Resources": [record["requestContext"]["functionArn"], target],
            }
            await self._emulator.json(scope, "events", "AWSEvents.PutEvents", {"Entries": [entry]})
        else:
            raise AwsError(400, "InvalidParameterValueException", f"Destinations of {service} are not supported here")

    async def _bury(self, target: str, event: QueuedEvent, outcome: Outcome | None) -> None:
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
            await self._send_message(scope, resource, text, attributes)
            return
        params = {"TopicArn": target, "Message": text}
        for number, (name, attribute) in enumerate(attributes.items(), 1):
            entry = f"MessageAttributes.entry.{number}"
            params[f"{entry}.Name"] = name
            params |= {f"{entry}.Value.{key}": value for key, value in attribute.items()}
        await self._emulator.query(scope, "sns", "Publish", params)

    async def _send_message(self, scope: Scope, queue: str, text: str, attributes: Mapping[str, Any]) -> None:
        name = {"QueueName": queue, "QueueOwnerAWSAccountId": scope.account}
        url = (await self._emulator.json(scope, "sqs", "AmazonSQS.GetQueueUrl", name, "1.0"))["QueueUrl"]
        message: dict[str, Any] = {"QueueUrl": url, "MessageBody": text}
        if attributes:
            message["MessageAttributes"] = attributes
        await self._emulator.json(scope, "sqs", "AmazonSQS.SendMessage", message, "1.0")


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
