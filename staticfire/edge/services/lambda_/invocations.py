"""The calls that invoke a function: Invoke, InvokeAsync, InvokeWithResponseStream."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

from staticfire.edge.aws import event_stream
from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.http1.messages import BodyTooLarge, HeaderList, Response
from staticfire.edge.traces.trace_id import continued

from .json_errors import jackson_says
from .model import FunctionRef, Outcome
from .service import Functions, Streaming

REQUEST_LIMIT = 6 * 1024 * 1024
EVENT_LIMIT = 1024 * 1024
CLIENT_CONTEXT_LIMIT = 3583
TAIL_BYTES = 4096


class Invocations:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    async def invoke(self, call: Call, name: str) -> Response:
        headers = call.request.headers
        kind = headers.get("x-amz-invocation-type") or "RequestResponse"
        ref = _called(call, name)
        context, trace = _client_context(headers.get("x-amz-client-context")), _trace(call)
        if kind == "RequestResponse":
            payload = await _payload(call, REQUEST_LIMIT)
            tail = headers.get("x-amz-log-type") == "Tail"
            outcome = await self._functions.invoke(ref, payload, trace_id=trace, client_context=context, tail=tail)
            return _answer(outcome, trace, tail)
        if kind == "Event":
            payload = await _payload(call, EVENT_LIMIT)
            request_id = await self._functions.enqueue(ref, payload, client_context=context, trace_id=trace)
            return Response(202, [("x-amzn-requestid", request_id), ("x-amzn-trace-id", trace)])
        if kind == "DryRun":
            await self._functions.describe(ref)
            return Response(204)
        raise AwsError(
            400,
            "ValidationException",
            f"1 validation error detected: Value '{kind}' at 'invocationType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
        )

    async def invoke_async(self, call: Call, name: str) -> Response:
        await self._functions.enqueue(_called(call, name), await _payload(call, EVENT_LIMIT), trace_id=_trace(call))
        return Response(202, [("content-type", "application/json")], b'{"Status":202}')

    async def stream(self, call: Call, name: str) -> Response:
        headers = call.request.headers
        ref, payload = _called(call, name), await _payload(call, REQUEST_LIMIT)
        context = _client_context(headers.get("x-amz-client-context"))
        if headers.get("x-amz-invocation-type") == "DryRun":
            await self._functions.describe(ref)
            return Response(204)
        tail = headers.get("x-amz-log-type") == "Tail"
        streaming = await self._functions.stream(ref, payload, trace_id=_trace(call), client_context=context, tail=tail)
        answered: HeaderList = [
            ("content-type", event_stream.TYPE),
            ("x-amzn-requestid", streaming.request_id),
            ("x-amz-executed-version", streaming.version),
            ("x-amzn-trace-id", streaming.trace_id),
        ]
        return Response(200, answered, _events(streaming, tail))


async def _events(streaming: Streaming, tail: bool) -> AsyncIterator[bytes]:
    try:
        async for piece in streaming.pieces():
            yield event_stream.message("PayloadChunk", piece)
        result = await streaming.done
    finally:
        streaming.response.abandon()
    complete = {}
    if result.failed:
        error = json.loads(result.payload) if result.payload.startswith(b"{") else {}
        complete["ErrorCode"] = result.function_error or result.error_type or error.get("errorType", "Unhandled")
        complete["ErrorDetails"] = result.payload.decode("utf-8", "replace")
    if tail:
        complete["LogResult"] = _log_result(result.log_tail)
    yield event_stream.message("InvokeComplete", json.dumps(complete).encode(), "application/json")


def _called(call: Call, name: str) -> FunctionRef:
    return FunctionRef.called(name, call.scope, parse_qs(call.request.query).get("Qualifier", [None])[0])


def _trace(call: Call) -> str:
    return continued(call.request.headers.get("x-amzn-trace-id"))


def _answer(outcome: Outcome, trace: str, tail: bool) -> Response:
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-requestid", outcome.request_id),
        ("x-amz-executed-version", outcome.version),
        ("x-amzn-trace-id", trace),
    ]
    if outcome.error is not None:
        headers.append(("x-amz-function-error", outcome.error))
    if tail:
        headers.append(("x-amz-log-result", _log_result(outcome.log_tail)))
    return Response(200, headers, outcome.payload)


def _log_result(log_tail: str) -> str:
    return base64.b64encode(log_tail.encode()[-TAIL_BYTES:]).decode()


async def _payload(call: Call, limit: int) -> bytes:
    try:
        payload = await call.request.body(limit)
    except BodyTooLarge:
        raise AwsError(
            413,
            "RequestTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
        ) from None
    if not payload:
        return b"{}"
    try:
        json.loads(payload)
    except ValueError as error:
        raise AwsError(
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: "
            + jackson_says(payload, error),
        ) from error
    return payload


def _client_context(encoded: str) -> str | None:
    if not encoded:
        return None
    try:
        if len(encoded) > CLIENT_CONTEXT_LIMIT:
            raise ValueError(f"it is longer than {CLIENT_CONTEXT_LIMIT} bytes")
        context = base64.b64decode(encoded, validate=True).decode()
        json.loads(context)
    except ValueError as error:
        raise AwsError(
            400, "InvalidRequestContentException", f"Client context must be a valid Base64-encoded JSON object: {error}"
        ) from error
    # A header carries it to the runtime: one line, ASCII only.
    return json.dumps(json.loads(context))
