"""Invocations in traces: what is noted of one that ended, or was refused."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.traces import Traces
from staticfire.edge.traces.recorder import BODY, clipped
from staticfire.edge.traces.trace_id import new_trace, root_of

from .invocation import Invocation, Result
from .model import FunctionConfig

RECORDS = 200


def note_invocation(
    traces: Traces,
    config: FunctionConfig,
    invocation: Invocation,
    result: Result,
    execution_environment: str,
    log_stream: str,
    began: float,
    waited: float,
    init_seconds: float | None,
    memory_bytes: int,
) -> None:
    """One that ended. Its initialisation, if it had one, is a span before it."""
    event, answer = invocation.payload, result.payload
    size = len(event) + len(answer)
    if size > BODY:
        event, answer = event[:BODY], answer[:BODY]
        size = len(event) + len(answer)
    root, span, name = invocation.root, invocation.span, config.name
    error = (result.error_type or result.function_error or "Unhandled") if result.failed else ""
    seconds = result.seconds
    why = result.error_type or result.function_error
    qualifier, status = invocation.ref.qualifier, result.status
    about = (_unfolded, config, qualifier, execution_environment, init_seconds, waited, seconds, memory_bytes)
    facts = (*about, status, why, event, answer, log_stream)
    end, code = began + seconds, 500 if error else 200
    record = ("function", span, invocation.parent, name, began, end, code, error, invocation.request_id, facts)
    traces.add(root, record, size)
    if init_seconds is not None:
        whose = (name, config.version, execution_environment)
        started = began - init_seconds
        traces.add(root, ("init", f"{int(span, 16) ^ 2:016x}", span, f"{name} init", started, began, 0, "", "", whose))


def _unfolded(
    config: FunctionConfig,
    qualifier: str | None,
    execution_environment: str,
    init_seconds: float | None,
    waited: float,
    seconds: float,
    memory_bytes: int,
    *rest: Any,
) -> tuple[Any, ...]:
    """The facts of an invocation, in the order of FACTS."""
    status, why, event, answer, log_stream = rest
    init_ms = round(init_seconds * 1000, 3) if init_seconds is not None else 0.0
    arn = f"{config.arn}:{qualifier}" if qualifier else config.arn
    return (
        *(config.scope.account, config.scope.region, config.name, config.version, arn),
        *(execution_environment, init_seconds is not None, init_ms, round(waited * 1000, 3)),
        *(-int(-(seconds * 1000 + init_ms) // 1), config.memory, -(-memory_bytes // 1048576), config.timeout),
        *(status, why, event, answer, config.logging.group, log_stream),
    )


def note_refusal(
    traces: Traces,
    config: FunctionConfig,
    root: str,
    span: str,
    parent: str,
    request_id: str,
    payload: bytes,
    error: AwsError,
) -> None:
    """One that was not let in: throttled."""
    if not traces.on:
        return
    now, event = time.time(), clipped(payload)
    facts = (
        *(config.scope.account, config.scope.region, config.name, config.version, config.arn, "", False, 0.0, 0.0, 0),
        *(config.memory, 0, config.timeout, "refused", error.code, event, b"", config.logging.group, ""),
    )
    text = f"{error.code}: {error.message}"
    record = ("function", span, parent, config.name, now, now, error.status, text, request_id, facts)
    traces.add(root, record, len(event))


def begun_by(traces: Traces, records: Iterable[Mapping[str, Any]]) -> str:
    """The header of a new trace, linked to those that sent the records of a batch; empty where traces are off."""
    if not traces.on:
        return ""
    header = new_trace()
    marks: list[str] = []
    roots: list[tuple[str, str]] = []
    for record in itertools.islice(records, RECORDS):
        carried = root_of(str(_object(record.get("attributes")).get("AWSTraceHeader") or ""))
        if carried:
            roots.append((carried, "sqs"))
        marks += _marks(record)
        if record.get("eventSource") == "aws:dynamodb":
            writer = _writer(traces, record)
            roots += [(writer, "dynamodb")] if writer else []
    if marks or roots:
        traces.came_from(root_of(header), marks, roots)
    return header


def begun_by_event(traces: Traces, payload: bytes, cause: Mapping[str, str] | None = None) -> str:
    """The same for an event that the emulator hands over: of a topic, a bucket, an event bus. `cause`: the rule or the
    schedule that it is of; with an input of the target's own nothing in the event says it."""
    if not traces.on:
        return ""
    if cause:
        header = new_trace()
        traces.caused(root_of(header), cause["by"], cause["arn"])
        traces.came_from(root_of(header), [f"events:{cause['event']}"])
        return header
    try:
        event = orjson.loads(payload)
    except ValueError:
        return ""
    if not isinstance(event, dict):
        return ""
    records = event.get("Records")
    if isinstance(records, list) and all(isinstance(record, dict) for record in records):
        return begun_by(traces, records)
    if "detail-type" in event and event.get("id"):
        header = new_trace()
        traces.came_from(root_of(header), [f"events:{event['id']}"])
        return header
    return ""


def _writer(traces: Traces, record: Mapping[str, Any]) -> str:
    """The trace that wrote the item of a stream's record."""
    arn, change = str(record.get("eventSourceARN")).split(":"), _object(record.get("dynamodb"))
    table = arn[5].partition("/")[2].partition("/")[0] if len(arn) > 5 else ""
    created, keys = change.get("ApproximateCreationDateTime"), _object(change.get("Keys"))
    if not table or not isinstance(created, int | float):
        return ""
    return traces.item_writes.writer(arn[4], arn[3], table, keys, created)


def _marks(record: Mapping[str, Any]) -> list[str]:
    source = str(record.get("eventSource") or record.get("EventSource") or "").removeprefix("aws:")
    if source == "sqs":
        return [f"sqs:{record.get('messageId')}", *_through_a_topic(str(record.get("body") or ""))]
    if source == "sns":
        return [f"sns:{_object(record.get('Sns')).get('MessageId')}"]
    if source == "kinesis":
        return [f"kinesis:{_object(record.get('kinesis')).get('sequenceNumber')}"]
    if source == "s3":
        place = _object(record.get("s3"))
        return [f"s3:{_object(place.get('bucket')).get('name')}/{_object(place.get('object')).get('key')}"]
    return []


def _object(value: Any) -> Mapping[str, Any]:
    """Events come from anybody: what should be an object may be anything."""
    return value if isinstance(value, dict) else {}


def _through_a_topic(body: str) -> list[str]:
    """A message that a topic put into a queue names the topic's message."""
    start = body.find('"MessageId"')
    if start < 0 or '"TopicArn"' not in body:
        return []
    return [f"sns:{body[start + 11 :].split(chr(34), 2)[1]}"]
