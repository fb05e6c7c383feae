"""What a route leads to: a Lambda function, an HTTP server, or something that is not served here.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations.html

Failures as on AWS: a function that fails, may not be invoked, or answers nonsense is a 500; one that is out of
concurrency or too slow is a 503; an HTTP server that is too slow is a 504, one that cannot be reached a 503.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote, urlsplit

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.head import BadHead
from staticfire.edge.http1.hop_by_hop import end_to_end
from staticfire.edge.http1.messages import BodyTooLarge, HeaderList, Response
from staticfire.edge.services.apigateway.common.function_call import Callee, NotAllowed, TimedOut
from staticfire.edge.services.apigateway.common.limits import MAX_BODY
from staticfire.edge.services.apigateway.common.refusal import Refused, failed, too_large, unavailable, unsupported
from staticfire.edge.services.apigateway.common.texts import with_stage_variables
from staticfire.edge.services.lambda_ import Functions

from . import event, response
from .exchange import Exchange, api_arn
from .mapping import RequestMapping, ResponseMapping
from .model import DEFAULT_ROUTE, Integration, Route

MAX_EVENT = 6_291_556
_THROTTLED = ("TooManyRequestsException", "ServiceException", "ServiceUnavailable")
_EXCERPT = 500


class Responder(Protocol):
    """An integration at work: answers a request or raises its refusal."""

    async def respond(self, exchange: Exchange) -> Response: ...


class LambdaResponder:
    """AWS_PROXY to a function."""

    def __init__(self, integration: Integration, route: Route, scope: Scope, api_id: str, functions: Functions) -> None:
        self._callee = Callee(functions, scope, integration.uri, integration.credentials)
        self._timeout = integration.timeout
        self._arn = api_arn(scope, api_id)
        self._path = "" if route.key == DEFAULT_ROUTE else route.path
        version_2 = integration.payload_version == "2.0"
        self._event: Callable[[Exchange], bytes] = event.version_2 if version_2 else event.version_1
        self._response: Callable[[bytes], Response] = response.version_2 if version_2 else response.version_1
        self._request_mapping = RequestMapping(integration.request_parameters)
        self._response_mapping = ResponseMapping(integration.response_parameters)

    def _source_arn(self, exchange: Exchange) -> str:
        """The route as resource policies name it."""
        if not self._path:
            return f"{self._arn}/{exchange.stage.name}/{DEFAULT_ROUTE}"
        return f"{self._arn}/{exchange.stage.name}/{exchange.request.method}{self._path}"

    async def respond(self, exchange: Exchange) -> Response:
        if self._request_mapping:
            exchange.map(*self._request_mapping.apply(exchange, exchange.raw_path, list(exchange.headers.items())))
        payload = self._event(exchange)
        if len(payload) > MAX_EVENT:
            raise too_large(f"the event for the function is {len(payload)} bytes, Lambda takes {MAX_EVENT}")
        started = time.perf_counter()
        try:
            outcome = await self._callee.call(
                payload,
                self._source_arn(exchange),
                self._timeout,
                stage_variables=exchange.stage.variables,
                trace_id=exchange.trace_id,
            )
        except AwsError as error:
            exchange.integration_status = error.status
            raise self._refusal(exchange, error) from error
        except NotAllowed as refusal:
            exchange.integration_status = 403
            raise _failed(exchange, str(refusal)) from refusal
        except TimedOut as lateness:
            exchange.integration_error = str(lateness)
            raise unavailable(exchange.integration_error) from lateness
        finally:
            exchange.integration_latency = round((time.perf_counter() - started) * 1000)
        exchange.integration_request_id = outcome.request_id
        exchange.integration_status = 200
        if outcome.error:
            raise _failed(exchange, f"the function failed: {outcome.payload[:_EXCERPT].decode('utf-8', 'replace')}")
        try:
            answer = self._response(outcome.payload)
        except response.Malformed as malformed:
            raise _failed(exchange, f"the function's answer is malformed: {malformed}") from malformed
        exchange.backend_status = answer.status
        return self._response_mapping.apply(exchange, answer) if self._response_mapping else answer

    def _refusal(self, exchange: Exchange, error: AwsError) -> Refused:
        exchange.integration_error = error.message
        if error.status == 413:
            return too_large(error.message)
        if error.status == 429 or error.code in _THROTTLED:
            return unavailable(str(error))
        return failed(str(error))


def _failed(exchange: Exchange, reason: str) -> Refused:
    exchange.integration_error = reason
    return failed(reason)


class HttpResponder:
    """HTTP_PROXY to a public URL. The client's query goes along, `{name}` in the URL takes path parameters."""

    def __init__(self, integration: Integration, client: Client) -> None:
        self._client = client
        self._uri = integration.uri
        self._method = integration.method
        self._timeout = integration.timeout
        self._request_mapping = RequestMapping(integration.request_parameters)
        self._response_mapping = ResponseMapping(integration.response_parameters)

    def _url(self, exchange: Exchange) -> str:
        uri = with_stage_variables(self._uri, exchange.stage.variables)
        for name, value in exchange.parameters.items():
            uri = uri.replace(f"{{{name}}}", quote(value, safe="/:@!$&'()*+,;=~"))
        return uri

    def _headers(self, exchange: Exchange) -> HeaderList:
        """HTTP APIs turn X-Forwarded-* into the standard Forwarded header."""
        headers = [
            (name, value)
            for name, value in exchange.headers.items()
            if not name.startswith("x-forwarded-") and name not in ("host", "content-length")
        ]
        if exchange.cookies:
            headers.append(("cookie", "; ".join(exchange.cookies)))
        hop = f"for={exchange.request.peer};host={exchange.request.headers.get('host')};proto=http"
        forwarded = exchange.headers.get("forwarded")
        kept = [header for header in headers if header[0] != "forwarded"]
        return [*kept, ("forwarded", f"{forwarded}, {hop}" if forwarded else hop)]

    async def respond(self, exchange: Exchange) -> Response:
        try:
            url = urlsplit(self._url(exchange))
        except ValueError as error:
            raise _failed(exchange, f"the integration's URI {self._uri!r} is not a URL: {error}") from error
        if url.scheme not in ("http", "https") or not url.netloc:
            raise _failed(exchange, f"the integration's URI {self._uri!r} is not an http(s) URL")
        path, query, headers = self._request_mapping.apply(exchange, url.path or "/", self._headers(exchange))
        joined = "&".join(filter(None, (url.query, query)))
        target = f"{path}?{joined}" if joined else path
        method = exchange.request.method if self._method == "ANY" else self._method
        started = time.perf_counter()
        try:
            response = await asyncio.wait_for(
                self._asked(
                    method, f"{url.scheme}://{url.netloc}", target, [("host", url.netloc), *headers], exchange.body
                ),
                self._timeout,
            )
        except TimeoutError as lateness:
            exchange.integration_error = f"{url.netloc} has not answered within {self._timeout:g} s"
            raise Refused(
                504, "Endpoint request timed out", kind="INTEGRATION_TIMEOUT", reason=exchange.integration_error
            ) from lateness
        except BodyTooLarge as excess:
            raise _failed(exchange, f"{url.netloc} answered more than {MAX_BODY} bytes") from excess
        except BadHead as error:
            raise _failed(exchange, f"the request cannot be sent to {url.netloc}: {error}") from error
        except (OSError, ValueError) as error:
            exchange.integration_error = f"{url.netloc} cannot be reached: {error}"
            raise unavailable(exchange.integration_error) from error
        finally:
            exchange.integration_latency = round((time.perf_counter() - started) * 1000)
        exchange.integration_status = exchange.backend_status = response.status
        return self._response_mapping.apply(exchange, response)

    async def _asked(self, method: str, base_url: str, target: str, headers: HeaderList, body: bytes) -> Response:
        answer = await self._client.request(method, base_url, target, headers, body)
        data = await answer.read(MAX_BODY)
        kept = [header for header in end_to_end(answer.headers) if header[0] != "content-length"]
        return Response(answer.status, kept, data)


class UnservedResponder:
    """Exists on AWS, not here: says so."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def respond(self, exchange: Exchange) -> Response:
        exchange.integration_error = self._reason
        raise unsupported(self._reason)


class BrokenResponder:
    """The route leads nowhere."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def respond(self, exchange: Exchange) -> Response:
        raise _failed(exchange, self._reason)


def responder_for(
    route: Route,
    integration: Integration | None,
    scope: Scope,
    api_id: str,
    functions: Functions,
    client: Client,
) -> Responder:
    if integration is None:
        return BrokenResponder(f"route {route.key!r} has no integration {route.integration_id or ''}".rstrip())
    if integration.connection_type == "VPC_LINK":
        return UnservedResponder("Private integrations (VPC_LINK) are not served here: use an HTTP_PROXY integration")
    if integration.type == "HTTP_PROXY":
        return HttpResponder(integration, client)
    if integration.type == "AWS_PROXY":
        if ":lambda:" not in integration.uri:
            what = integration.uri or "no URI"
            return BrokenResponder(f"integration {integration.id} has {what}, which is no function of Lambda")
        try:
            return LambdaResponder(integration, route, scope, api_id, functions)
        except AwsError as error:
            return BrokenResponder(f"integration {integration.id}: {error.message}")
    return BrokenResponder(f"integration {integration.id} has type {integration.type}, which HTTP APIs do not have")
