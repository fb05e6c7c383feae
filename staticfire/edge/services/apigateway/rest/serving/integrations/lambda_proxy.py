"""AWS_PROXY: a function gets the request whole, and answers the response whole, or piece by piece.

https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html: with `responseTransferMode`
STREAM the response begins with an object (status, headers) and eight zero bytes; what follows is passed on as it comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import orjson

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.common.function_call import Callee, NotAllowed, TimedOut
from staticfire.edge.services.apigateway.rest.serving import proxy_answer, proxy_event
from staticfire.edge.services.apigateway.rest.serving.compiled import ApiSettings, Json
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.execution_log import received, sent
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import (
    GatewayRefusal,
    internal,
    malformed,
    timed_out,
    too_long,
)
from staticfire.edge.services.apigateway.rest.serving.parameters import RequestParameters
from staticfire.edge.services.lambda_ import FunctionRef, Functions, Outcome
from staticfire.edge.services.lambda_.service import Streaming

MAX_EVENT = 6_291_556
DEFAULT_TIMEOUT_MS = 29_000
END_OF_PRELUDE = bytes(8)
PRELUDE_LIMIT = 64 * 1024
_EXCERPT = 500


class StreamBrokenOff(Exception):
    """The response has begun and will never be whole: the client's connection ends without its end."""


def seconds(integration: Json) -> float:
    return float(integration.get("timeoutInMillis") or DEFAULT_TIMEOUT_MS) / 1000


class LambdaProxyResponder:
    def __init__(self, integration: Json, settings: ApiSettings, scope: Scope, functions: Functions) -> None:
        uri = integration.get("uri") or ""
        self._callee = Callee(
            functions,
            scope,
            uri.replace("/response-streaming-invocations", "/invocations"),
            integration.get("credentials"),
        )
        self._functions = functions
        self._seconds = seconds(integration)
        self._posts = integration.get("httpMethod") == "POST"
        self._streams = integration.get("responseTransferMode") == "STREAM"
        self._own_policy = integration.get("credentials") is None
        self._binary = settings.binary_media_types
        # Nothing of them reaches the function, but AWS checks them.
        self._parameters = RequestParameters(integration.get("requestParameters") or {}, to_aws=True)

    async def respond(self, exchange: RestExchange) -> Response:
        if not self._posts:
            raise internal("Invalid HTTP method: an integration of a function wants POST")
        self._parameters.check()
        event = proxy_event.for_function(exchange, self._binary)
        if len(event) > MAX_EVENT:
            raise too_long(f"the event for the function is {len(event)} bytes, Lambda takes {MAX_EVENT}")
        if self._streams:
            return await self._stream(exchange, event)
        outcome = await called(self._callee, exchange, event, self._seconds)
        if outcome.error:
            text = outcome.payload[:_EXCERPT].decode("utf-8", "replace")
            exchange.integration_error = text
            raise malformed(f"Lambda execution failed with status 200 due to customer function error: {text}")
        response = proxy_answer.response(outcome.payload, exchange.request.headers.get("accept"), self._binary)
        exchange.integration_status = response.status
        return response

    async def _stream(self, exchange: RestExchange, event: bytes) -> Response:
        ref = named(self._callee, exchange)
        started = time.perf_counter()
        try:
            if self._own_policy and not await self._functions.allows(
                ref, "apigateway.amazonaws.com", exchange.source_arn
            ):
                raise internal("Invalid permissions on Lambda function")
            streaming = await asyncio.wait_for(
                self._functions.stream(ref, event, trace_id=exchange.trace_id), self._seconds
            )
        except TimeoutError as error:
            raise timed_out(f"{ref.arn} has not begun its response within {self._seconds:g} s") from error
        except AwsError as error:
            raise refusal_of(exchange, error) from error
        finally:
            exchange.integration_latency = round((time.perf_counter() - started) * 1000)
        exchange.integration_request_id = streaming.request_id
        exchange.endpoint_status = 200
        if not streaming.response.streamed:
            result = streaming.done.result()
            if result.failed:
                raise malformed(result.payload[:_EXCERPT].decode("utf-8", "replace"))
        return await _begun(streaming)


async def _begun(streaming: Streaming) -> Response:
    pieces = _until_done(streaming)
    received = b""
    try:
        async for piece in pieces:
            received += piece
            if END_OF_PRELUDE in received or len(received) > PRELUDE_LIMIT:
                break
    except StreamBrokenOff as error:
        raise malformed(str(error)) from error
    prelude, end, first = received.partition(END_OF_PRELUDE)
    try:
        described = orjson.loads(prelude) if end else None
    except ValueError as error:
        raise malformed(f"the prelude of the streamed response is not JSON: {error}") from error
    if not isinstance(described, dict):
        raise malformed("the streamed response does not begin with an object and eight zero bytes")
    headers = proxy_answer.head(described)
    return Response(proxy_answer.status_of(described), headers, _after(first, pieces))


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in pieces:
        yield piece


async def _until_done(streaming: Streaming) -> AsyncIterator[bytes]:
    """Pieces as they come. Nobody reads on when the client has gone: the function is told by nothing, as on AWS."""
    try:
        async for piece in streaming.pieces():
            yield piece
    finally:
        streaming.response.abandon()
    if (await asyncio.shield(streaming.done)).failed:
        raise StreamBrokenOff(f"{streaming.request_id}: the function failed after its response had begun")


def named(callee: Callee, exchange: RestExchange) -> FunctionRef:
    """The function: stage variables may make a name that is none."""
    try:
        return callee.ref(exchange.stage_variables)
    except AwsError as error:
        raise refusal_of(exchange, error) from error


async def called(callee: Callee, exchange: RestExchange, payload: bytes, limit: float) -> Outcome:
    """The function's answer; what keeps it from one is refused as AWS does."""
    if exchange.trail is not None:
        ref = named(callee, exchange)
        uri = f"https://lambda.{ref.scope.region}.amazonaws.com/2015-03-31/functions/{ref.arn}/invocations"
        sent(exchange, uri, exchange.forwarded()[:1], payload)
    started = time.perf_counter()
    try:
        outcome = await callee.call(
            payload,
            exchange.source_arn,
            limit,
            stage_variables=exchange.stage_variables,
            trace_id=exchange.trace_id,
        )
    except AwsError as error:
        raise refusal_of(exchange, error) from error
    except NotAllowed as error:
        exchange.endpoint_status = 403
        exchange.integration_error = str(error)
        raise internal(f"Invalid permissions on Lambda function: {error}") from error
    except TimedOut as error:
        exchange.integration_error = str(error)
        raise timed_out(str(error)) from error
    finally:
        exchange.integration_latency = round((time.perf_counter() - started) * 1000)
    exchange.integration_request_id = outcome.request_id
    exchange.endpoint_status = exchange.integration_status = 200
    received(exchange, 200, [("X-Amz-Executed-Version", outcome.version)], outcome.payload)
    return outcome


def refusal_of(exchange: RestExchange, error: AwsError) -> GatewayRefusal:
    """Lambda did not run it."""
    exchange.endpoint_status = error.status
    exchange.integration_error = error.message
    if error.status == 413:
        return too_long(error.message)
    return internal(f"Lambda refused the invocation: {error}", kind="INTEGRATION_FAILURE", status=500)
