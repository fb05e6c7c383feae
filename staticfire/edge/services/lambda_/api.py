"""The calls of the Lambda API: invocations here, by the shortest way; all others by the control plane."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import parse_qs, unquote

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.http1.messages import BodyTooLarge, Response

from .control_plane import ControlPlane
from .model import FunctionRef, Outcome
from .service import Functions

PATH = re.compile(r"/(?P<version>\d{4}-\d{2}-\d{2})/functions/(?P<name>[^/]+)(?P<rest>/.*)?")

INVOCATIONS = ("/invocations", "/invoke-async", "/invoke-async/", "/response-streaming-invocations")
# A name that needs no second look.
PLAIN = re.compile(r"[a-zA-Z0-9-_]{1,64}")

REQUEST_LIMIT = 6 * 1024 * 1024
EVENT_LIMIT = 1024 * 1024
CLIENT_CONTEXT_LIMIT = 3583
TAIL_BYTES = 4096

NOT_AVAILABLE = {
    "/response-streaming-invocations": (
        "InvokeWithResponseStream is not available here: Python functions do not stream. Use Invoke."
    ),
}


class LambdaApi:
    """The `lambda` service, all of it."""

    def __init__(self, functions: Functions, control_plane: ControlPlane) -> None:
        self._functions = functions
        self._control_plane = control_plane

    async def answer(self, call: Call) -> Response:
        match = PATH.fullmatch(call.request.path)
        operation = match["rest"] if match is not None and call.request.method == "POST" else None
        if match is None or operation not in INVOCATIONS:
            return await self._control_plane.answer(call)
        name = unquote(match["name"])
        if not PLAIN.fullmatch(name) or "Qualifier=" in call.request.query:
            await self._control_plane.check(call)
        if operation == "/invocations":
            return await self._invoke(call, name)
        if operation in ("/invoke-async", "/invoke-async/"):
            ref = FunctionRef.called(name, call.scope)
            await self._functions.enqueue(ref, await _payload(call, EVENT_LIMIT))
            return Response(202, [("content-type", "application/json")], b'{"Status":202}')
        raise AwsError(501, "NotImplementedException", NOT_AVAILABLE[operation])

    async def passed(self, call: Call, status: int) -> None:
        """Nothing passes."""

    async def _invoke(self, call: Call, name: str) -> Response:
        headers = call.request.headers
        qualifier = parse_qs(call.request.query).get("Qualifier", [None])[0]
        ref = FunctionRef.called(name, call.scope, qualifier)
        kind = headers.get("x-amz-invocation-type") or "RequestResponse"
        context = _client_context(headers.get("x-amz-client-context"))
        if kind == "RequestResponse":
            payload = await _payload(call, REQUEST_LIMIT)
            tail = headers.get("x-amz-log-type") == "Tail"
            return _answer(await self._functions.invoke(ref, payload, client_context=context, tail=tail), tail)
        if kind == "Event":
            payload = await _payload(call, EVENT_LIMIT)
            request_id = await self._functions.enqueue(ref, payload, client_context=context)
            return Response(202, [("x-amzn-requestid", request_id)])
        if kind == "DryRun":
            await self._functions.describe(ref)
            return Response(204)
        raise AwsError(
            400,
            "InvalidParameterValueException",
            f"Value '{kind}' at 'invocationType' is not one of Event, RequestResponse, DryRun",
        )


def _answer(outcome: Outcome, tail: bool) -> Response:
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-requestid", outcome.request_id),
        ("x-amz-executed-version", outcome.version),
    ]
    if outcome.error is not None:
        headers.append(("x-amz-function-error", outcome.error))
    if tail:
        last = outcome.log_tail.encode()[-TAIL_BYTES:]
        headers.append(("x-amz-log-result", base64.b64encode(last).decode()))
    return Response(200, headers, outcome.payload)


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
            400, "InvalidRequestContentException", f"Could not parse request body into json: {error}"
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
