"""The calls of the Lambda API that the edge answers itself: invocations, refusals. The rest is the emulator's."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import parse_qs, unquote

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Operations
from staticfire.edge.http1.messages import BodyTooLarge, Response

from .model import FunctionRef, Outcome, json_object
from .service import Functions

PATH = re.compile(r"/(?P<version>\d{4}-\d{2}-\d{2})/functions/(?P<name>[^/]+)(?P<rest>/.*)?")

FUNCTIONS = re.compile(r"/\d{4}-\d{2}-\d{2}/functions")

MAPPINGS = re.compile(r"/2015-03-31/event-source-mappings|/2017-03-31/tags/arn:[^:]*:lambda:.*:event-source-mapping:")

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
    """The `lambda` service: what it does not answer goes to the emulator, and it hears of what went through."""

    def __init__(self, functions: Functions, operations: Operations | None = None) -> None:
        self._functions = functions
        self._operations = operations

    async def answer(self, call: Call) -> Response | None:
        """The answer to an invocation; None for every other call."""
        match = PATH.fullmatch(call.request.path)
        if self._operations is not None and MAPPINGS.match(unquote(call.request.path)):
            return await self._operations.answer(call)
        if match is None or call.request.method != "POST":
            return None
        operation = match["rest"]
        if operation == "/invocations":
            return await self._invoke(call, unquote(match["name"]))
        if operation in ("/invoke-async", "/invoke-async/"):
            ref = FunctionRef.parse(unquote(match["name"]), call.scope)
            await self._functions.enqueue(ref, await _payload(call, EVENT_LIMIT))
            return Response(202, [("content-type", "application/json")], b'{"Status":202}')
        if operation in NOT_AVAILABLE:
            raise AwsError(501, "NotImplementedException", NOT_AVAILABLE[operation])
        return None

    async def passed(self, call: Call, status: int) -> None:
        """A write went through: the function whose settings or code it changed is told."""
        request = call.request
        if request.method in ("GET", "HEAD") or status >= 400:
            return
        if FUNCTIONS.fullmatch(unquote(request.path).rstrip("/")):
            name = json_object(await request.body()).get("FunctionName")
            if isinstance(name, str):
                await self._functions.changed(_unqualified(name, call.scope), code=True)
            return
        match = PATH.fullmatch(request.path)
        if match is None:
            return
        ref, operation = _unqualified(unquote(match["name"]), call.scope), (match["rest"] or "").rstrip("/")
        if request.method != "DELETE" or operation:
            await self._functions.changed(ref, code=operation in ("/code", "/versions"))
        elif "Qualifier=" in request.query:
            await self._functions.changed(ref)
        else:
            await self._functions.deleted(ref)

    async def _invoke(self, call: Call, name: str) -> Response:
        headers = call.request.headers
        qualifier = parse_qs(call.request.query).get("Qualifier", [None])[0]
        ref = FunctionRef.parse(name, call.scope, qualifier)
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


def _unqualified(name: str, scope: Scope) -> FunctionRef:
    """The function itself, whichever version or alias of it is named."""
    return FunctionRef.parse(name, scope)._replace(scope=scope, qualifier=None)


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
