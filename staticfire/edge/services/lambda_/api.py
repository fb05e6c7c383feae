"""The calls of the Lambda API that the edge answers itself: invocations, refusals. The rest is the emulator's."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from staticfire.edge.aws.calls import AwsError, Call
from staticfire.edge.http1.messages import BodyTooLarge, Response

from .model import FunctionRef

if TYPE_CHECKING:
    from .service import Functions

PATH = re.compile(r"/(?P<version>\d{4}-\d{2}-\d{2})/functions/(?P<name>[^/]+)(?P<rest>/.*)?")

FUNCTIONS = re.compile(r"/\d{4}-\d{2}-\d{2}/functions")

REQUEST_LIMIT = 6 * 1024 * 1024
EVENT_LIMIT = 1024 * 1024
CLIENT_CONTEXT_LIMIT = 3583
TAIL_BYTES = 4096


async def answer(functions: Functions, call: Call) -> Response | None:
    """The answer to an invocation; None for every other call."""
    match = PATH.fullmatch(call.request.path)
    if match is None or call.request.method != "POST":
        return None
    what = match["rest"]
    if what == "/url":
        raise AwsError(
            501,
            "NotImplementedException",
            "Function URLs are not available here: no request would reach one. Put an HTTP API before the function.",
        )
    if what == "/invocations":
        return await _invoke(functions, call, unquote(match["name"]))
    if what in ("/invoke-async", "/invoke-async/"):
        ref = FunctionRef.parse(unquote(match["name"]), call.scope)
        await functions.enqueue(ref, await _payload(call, EVENT_LIMIT))
        return Response(202, [("content-type", "application/json")], b'{"Status":202}')
    if what == "/response-streaming-invocations":
        raise AwsError(
            501,
            "NotImplementedException",
            "InvokeWithResponseStream is not available here: Python functions do not stream. Use Invoke.",
        )
    return None


async def _invoke(functions: Functions, call: Call, name: str) -> Response:
    headers = call.request.headers
    qualifier = parse_qs(call.request.query).get("Qualifier", [None])[0]
    ref = FunctionRef.parse(name, call.scope, qualifier)
    kind = headers.get("x-amz-invocation-type") or "RequestResponse"
    context = _client_context(headers.get("x-amz-client-context"))
    if kind == "RequestResponse":
        payload = await _payload(call, REQUEST_LIMIT)
        tail = headers.get("x-amz-log-type") == "Tail"
        outcome = await functions.invoke(ref, payload, client_context=context, tail=tail)
        answered = [
            ("content-type", "application/json"),
            ("x-amzn-requestid", outcome.request_id),
            ("x-amz-executed-version", outcome.version),
        ]
        if outcome.error is not None:
            answered.append(("x-amz-function-error", outcome.error))
        if tail:
            last = outcome.log_tail.encode()[-TAIL_BYTES:]
            answered.append(("x-amz-log-result", base64.b64encode(last).decode()))
        return Response(200, answered, outcome.payload)
    if kind == "Event":
        request_id = await functions.enqueue(ref, await _payload(call, EVENT_LIMIT), client_context=context)
        return Response(202, [("x-amzn-requestid", request_id)])
    if kind == "DryRun":
        await functions.describe(ref)
        return Response(204)
    raise AwsError(
        400,
        "InvalidParameterValueException",
        f"Value '{kind}' at 'invocationType' is none of Event, RequestResponse, DryRun",
    )


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


@dataclass(frozen=True, slots=True)
class Change:
    """What a write changed."""

    name: str
    deleted: bool = False
    code: bool = False


async def change(call: Call) -> Change | None:
    """Which function a call that passed has changed; None if it was none."""
    request = call.request
    path = unquote(request.path).rstrip("/")
    if FUNCTIONS.fullmatch(path):
        described = loaded(await request.body())
        name = described.get("FunctionName")
        return Change(FunctionRef.parse(name, call.scope).name, code=True) if isinstance(name, str) else None
    match = PATH.fullmatch(request.path)
    if match is None:
        return None
    name, rest = FunctionRef.parse(unquote(match["name"]), call.scope).name, match["rest"] or ""
    if request.method == "DELETE" and rest in ("", "/"):
        return Change(name, deleted="Qualifier=" not in request.query)
    return Change(name, code=rest.rstrip("/") in ("/code", "/versions"))


def loaded(body: bytes | str) -> dict[str, Any]:
    """A JSON object; anything else counts as an empty one."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
