"""A batch on its way through a pipe: enriched, transformed, handed to the target, one event or all of them at once."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.lambda_.mappings.batches import failed_items
from staticfire.edge.services.lambda_.mappings.queues import Queue
from staticfire.edge.services.lambda_.mappings.records import Record
from staticfire.edge.services.lambda_.mappings.settings import source_scope
from staticfire.edge.services.lambda_.mappings.taking import NOTHING, Attempt
from staticfire.edge.services.lambda_.model import FunctionRef
from staticfire.edge.services.lambda_.service import Functions
from staticfire.host.clock import rfc3339

from .templates import filled, parameter

Document = dict[str, Any]
Send = Callable[[str, Any, Any], Coroutine[Any, Any, None]]  # the target, the event as it came, what goes out


class NotDelivered(Exception):
    """The enrichment or the target did not take it; what it said."""


class PipeTaker:
    """Takes the batches of a pipe's source."""

    def __init__(self, pipe: Document, scope: Scope, emulator: Emulator, functions: Functions) -> None:
        self._pipe = pipe
        self._scope = scope
        self._emulator = emulator
        self._functions = functions
        self._parameters: Mapping[str, Any] = pipe.get("TargetParameters") or {}

    async def take(
        self, records: Sequence[Record], items: Sequence[str], window: Mapping[str, Any] = NOTHING
    ) -> Attempt:
        request_id = str(uuid.uuid4())
        events: list[Any] = [_event(record) for record in records]
        try:
            enrichment = self._pipe.get("Enrichment")
            if enrichment:
                template = (self._pipe.get("EnrichmentParameters") or {}).get("InputTemplate")
                events = await self._enriched(enrichment, [self._transformed(template, event) for event in events])
            if not events:
                return Attempt([], request_id)  # the enrichment left nothing for the target
            failed = await self._deliver(events, items if not enrichment else [])
        except NotDelivered as error:
            return Attempt(None, request_id, error=str(error))
        except AwsError as error:
            if error.status >= 500:
                raise  # it comes again, and that does not count
            return Attempt(None, request_id, error=f"{error.code}: {error.message}")
        return Attempt(failed, request_id)

    def _transformed(self, template: str | None, event: Any) -> Any:
        if not template:
            return event
        pipe = self._pipe
        reserved = {
            "aws.pipes.pipe-arn": pipe["Arn"],
            "aws.pipes.pipe-name": pipe["Name"],
            "aws.pipes.source-arn": pipe["Source"],
            "aws.pipes.enrichment-arn": pipe.get("Enrichment", ""),
            "aws.pipes.target-arn": pipe["Target"],
            "aws.pipes.event.ingestion-time": rfc3339(datetime.now(UTC)),
        }
        return filled(template, event, reserved)

    async def _enriched(self, arn: str, events: list[Any]) -> list[Any]:
        """What it answers goes on: an array is so many events, anything else is one, nothing is none."""
        if service_of(arn) == "lambda":
            answer = await self._invoke(arn, events)
        else:
            answer = await self._execute(arn, events, wait=True)
        if answer in (None, "", {}, []):
            return []
        return answer if isinstance(answer, list) else [answer]

    async def _deliver(self, events: list[Any], items: Sequence[str]) -> Sequence[str]:
        """The items that failed: of those that a function or a state machine names, or from the first one on."""
        target = self._pipe["Target"]
        template = self._parameters.get("InputTemplate")
        outgoing = [self._transformed(template, event) for event in events]
        service = service_of(target)
        if service in ("lambda", "states"):
            answer = await self._all_at_once(service, target, outgoing)
            failed = failed_items(json.dumps(answer).encode(), items) if isinstance(answer, dict) else []
            if failed is None:
                raise NotDelivered(f"{target} answered failures of which one is not in the batch")
            return failed
        send = self._senders()[service]
        for number, (event, out) in enumerate(zip(events, outgoing, strict=True)):
            try:
                await send(target, event, out)
            except AwsError:
                if number == 0 or not items:
                    raise
                return items[number:]
        return []

    def _senders(self) -> Mapping[str, Send]:
        return {
            "sqs": self._to_queue,
            "sns": self._to_topic,
            "kinesis": self._to_stream,
            "events": self._to_bus,
            "logs": self._to_log_group,
        }

    async def _all_at_once(self, service: str, target: str, events: list[Any]) -> Any:
        if service == "lambda":
            kind = (self._parameters.get("LambdaFunctionParameters") or {}).get("InvocationType")
            return await self._invoke(target, events, wait=kind != "FIRE_AND_FORGET")
        kind = (self._parameters.get("StepFunctionStateMachineParameters") or {}).get("InvocationType")
        return await self._execute(target, events, wait=kind == "REQUEST_RESPONSE")

    async def _invoke(self, arn: str, events: list[Any], *, wait: bool = True) -> Any:
        ref = FunctionRef.parse(arn, self._scope)
        payload = json.dumps(events).encode()
        if not wait:
            await self._functions.enqueue(ref, payload)
            return None
        outcome = await self._functions.invoke(ref, payload)
        if outcome.error is not None:
            raise NotDelivered(f"{arn} failed: {outcome.payload[:500].decode(errors='replace')}")
        return json.loads(outcome.payload or b"null")

    async def _execute(self, arn: str, events: list[Any], *, wait: bool) -> Any:
        operation = "StartSyncExecution" if wait else "StartExecution"
        request = {"stateMachineArn": arn, "input": json.dumps(events)}
        answer = await self._emulator.json(source_scope(arn), "states", f"AWSStepFunctions.{operation}", request, "1.0")
        if not wait:
            return None
        if answer.get("status") != "SUCCEEDED":
            raise NotDelivered(f"{arn} ended as {answer.get('status')}: {answer.get('cause', '')}")
        return json.loads(answer.get("output") or "null")

    async def _to_queue(self, target: str, event: Any, out: Any) -> None:
        scope = source_scope(target)
        queue = await Queue.named(self._emulator, scope, target.rpartition(":")[2])
        parameters = self._parameters.get("SqsQueueParameters") or {}
        names = ("MessageGroupId", "MessageDeduplicationId")
        more = {name: parameter(parameters[name], event) for name in names if parameters.get(name)}
        request = {"QueueUrl": queue.url, "MessageBody": _text(out), **more}
        await self._emulator.json(scope, "sqs", "AmazonSQS.SendMessage", request, "1.0")

    async def _to_topic(self, target: str, event: Any, out: Any) -> None:
        await self._emulator.query(source_scope(target), "sns", "Publish", {"TopicArn": target, "Message": _text(out)})

    async def _to_stream(self, target: str, event: Any, out: Any) -> None:
        key = parameter((self._parameters.get("KinesisStreamParameters") or {})["PartitionKey"], event)
        data = base64.b64encode(_text(out).encode()).decode()
        request = {"StreamARN": target, "Data": data, "PartitionKey": key}
        await self._emulator.json(source_scope(target), "kinesis", "Kinesis_20131202.PutRecord", request)

    async def _to_bus(self, target: str, event: Any, out: Any) -> None:
        parameters = self._parameters.get("EventBridgeEventBusParameters") or {}
        source = self._pipe["Source"].split(":")[2]
        entry: Document = {
            "EventBusName": target,
            "Source": parameter(parameters.get("Source") or f"Pipe {self._pipe['Name']}", event),
            "DetailType": parameter(parameters.get("DetailType") or f"Event from aws:{source}", event),
            "Detail": _text(out),
        }
        if parameters.get("Resources"):
            entry["Resources"] = [parameter(resource, event) for resource in parameters["Resources"]]
        answer = await self._emulator.json(source_scope(target), "events", "AWSEvents.PutEvents", {"Entries": [entry]})
        if answer.get("FailedEntryCount"):
            raise NotDelivered(f"{target} did not take an event: {answer['Entries'][0]}")

    async def _to_log_group(self, target: str, event: Any, out: Any) -> None:
        scope = source_scope(target)
        group = target.split(":log-group:")[1].removesuffix(":*")
        name = (self._parameters.get("CloudWatchLogsParameters") or {}).get("LogStreamName") or self._pipe["Name"]
        place = {"logGroupName": group, "logStreamName": parameter(name, event)}
        try:
            await self._emulator.json(scope, "logs", "Logs_20140328.CreateLogStream", place)
        except AwsError as error:
            if not error.code.endswith("ResourceAlreadyExistsException"):
                raise
        line = {"timestamp": int(time.time() * 1000), "message": _text(out)}
        await self._emulator.json(scope, "logs", "Logs_20140328.PutLogEvents", {**place, "logEvents": [line]})


def service_of(arn: str) -> str:
    return arn.split(":")[2] if arn.startswith("arn:") else ""


def _event(record: Record) -> Any:
    """As a pipe tells a record: what is of Kinesis lies beside the rest."""
    inner = record.get("kinesis")
    return (
        record if inner is None else {**inner, **{name: value for name, value in record.items() if name != "kinesis"}}
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
