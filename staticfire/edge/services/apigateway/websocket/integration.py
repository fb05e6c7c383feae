"""What a route leads to: a function, an HTTP server, a mock; and what each fails with.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integrations.html. A function that
fails or answers nonsense is an internal server error for the client, as is one that may not be invoked; the reason
goes to the edge's log and to the access log.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.http1.client import Client as HttpClient
from staticfire.edge.http1.head import BadHead
from staticfire.edge.http1.messages import BodyTooLarge
from staticfire.edge.services.apigateway.common.function_call import Callee, NotAllowed, TimedOut
from staticfire.edge.services.apigateway.common.texts import with_stage_variables
from staticfire.edge.services.apigateway.rest.serving import patterns
from staticfire.edge.services.apigateway.rest.serving.templates.budget import TemplateFailed
from staticfire.edge.services.apigateway.rest.serving.templates.renderer import Renderer
from staticfire.edge.services.apigateway.rest.serving.templates.variables import Parameters
from staticfire.edge.services.lambda_ import Functions

from .model import DEFAULT, WebSocketIntegration
from .occasion import Occasion
from .selection import Subject, json_of, selected

log = logging.getLogger(__name__)

MAX_ANSWER = 10 * 1024 * 1024
INTERNAL = "Internal server error"
_EXCERPT = 500
_JSON = {"content-type": "application/json"}


class IntegrationFailed(Exception):
    """The occasion comes to nothing: `message` is for the client, `reason` for the developer."""

    def __init__(self, reason: str, *, message: str = INTERNAL, status: int = 500, ours: bool = False) -> None:
        super().__init__(reason)
        self.message = message
        self.status = status
        self.ours = ours


@dataclass(slots=True)
class IntegrationAnswer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    binary: bool = False


class WebSocketIntegrations:
    """All integrations of WebSocket APIs at work."""

    def __init__(self, functions: Functions, client: HttpClient) -> None:
        self._functions = functions
        self._client = client
        self._renderers: defaultdict[str, Renderer] = defaultdict(Renderer)

    def forget(self, api_id: str) -> None:
        self._renderers.pop(api_id, None)

    async def answer(self, integration: WebSocketIntegration, occasion: Occasion) -> IntegrationAnswer:
        """What the integration answers. Raises IntegrationFailed."""
        started = time.perf_counter()
        try:
            return await self._answer(integration, occasion)
        except IntegrationFailed as failure:
            occasion.integration_error = str(failure)
            raise
        finally:
            if integration.type != "MOCK":
                occasion.integration_latency = round((time.perf_counter() - started) * 1000)

    async def _answer(self, integration: WebSocketIntegration, occasion: Occasion) -> IntegrationAnswer:
        kind = integration.type
        if integration.connection_type == "VPC_LINK":
            raise _unserved("VPC links of WebSocket APIs are not served here: use an HTTP_PROXY integration")
        if kind == "AWS_PROXY":
            return await self._proxied(integration, occasion)
        if kind == "AWS":
            return await self._translated(integration, occasion, await self._custom(integration, occasion))
        if kind == "HTTP_PROXY":
            return await self._http(integration, occasion, occasion.body.encode())
        if kind == "HTTP":
            body = await self._requested(integration, occasion)
            return await self._translated(integration, occasion, await self._http(integration, occasion, body))
        if kind == "MOCK":
            return await self._translated(integration, occasion, await self._mocked(integration, occasion))
        raise IntegrationFailed(f"integration {integration.id} has the type {kind}, which WebSocket APIs do not have")

    # Functions.

    async def _proxied(self, integration: WebSocketIntegration, occasion: Occasion) -> IntegrationAnswer:
        payload = await self._invoked(integration, occasion, json.dumps(occasion.event()).encode())
        answer = json_of(payload.decode("utf-8", "replace"))
        status = answer.get("statusCode") if isinstance(answer, dict) else None
        if isinstance(status, str) and status.isascii() and status.isdecimal():
            status = int(status)
        if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
            raise IntegrationFailed(
                f"the function's answer is malformed, it has no statusCode: {payload[:_EXCERPT]!r}", status=502
            )
        occasion.integration_status = status
        body, headers = answer.get("body"), answer.get("headers") or {}
        if not isinstance(headers, dict):
            raise IntegrationFailed("the function's answer is malformed: its headers are no object", status=502)
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        binary = bool(answer.get("isBase64Encoded"))
        try:
            data = base64.b64decode(text, validate=True) if binary else text.encode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            raise IntegrationFailed(f"the function's body is not base64: {error}", status=502) from error
        named = {str(name).lower(): str(value) for name, value in headers.items()}
        return IntegrationAnswer(status, data, named, binary)

    async def _custom(self, integration: WebSocketIntegration, occasion: Occasion) -> IntegrationAnswer:
        """AWS without a proxy: the template's text is the function's event."""
        if ":lambda:path/" not in integration.uri:
            raise _unserved(
                f"Service integrations of WebSocket APIs are not served here ({integration.uri}): call the service in "
                "a function"
            )
        body = await self._requested(integration, occasion)
        headers = self._mapped(integration, occasion)
        if headers.get("x-amz-invocation-type", "") == "Event":
            await self._enqueued(integration, occasion, body)
            return IntegrationAnswer(202)
        payload = await self._invoked(integration, occasion, body)
        occasion.integration_status = 200
        return IntegrationAnswer(200, payload, _JSON)

    def _callee(self, integration: WebSocketIntegration, occasion: Occasion) -> Callee:
        try:
            return Callee(self._functions, occasion.stage.scope, integration.uri, integration.credentials)
        except AwsError as error:
            raise IntegrationFailed(f"integration {integration.id}: {error.message}") from error

    async def _enqueued(self, integration: WebSocketIntegration, occasion: Occasion, payload: bytes) -> None:
        try:
            ref = self._callee(integration, occasion).ref(occasion.stage.variables)
            await self._functions.enqueue(ref, payload, trace_id=occasion.trace_id)
        except AwsError as error:
            raise IntegrationFailed(str(error)) from error

    async def _invoked(self, integration: WebSocketIntegration, occasion: Occasion, payload: bytes) -> bytes:
        callee = self._callee(integration, occasion)
        try:
            outcome = await callee.call(
                payload,
                occasion.method_arn,
                integration.timeout,
                stage_variables=occasion.stage.variables,
                trace_id=occasion.trace_id,
            )
        except AwsError as error:
            occasion.integration_status = error.status
            raise IntegrationFailed(str(error)) from error
        except NotAllowed as refusal:
            occasion.integration_status = 403
            raise IntegrationFailed(str(refusal)) from refusal
        except TimedOut as lateness:
            raise _late(str(lateness)) from lateness
        occasion.integration_request_id = outcome.request_id
        if outcome.error:
            occasion.integration_status = 200
            excerpt = outcome.payload[:_EXCERPT].decode("utf-8", "replace")
            raise IntegrationFailed(f"the function failed: {excerpt}", status=502)
        return outcome.payload

    # HTTP servers.

    async def _http(self, integration: WebSocketIntegration, occasion: Occasion, body: bytes) -> IntegrationAnswer:
        try:
            url = urlsplit(with_stage_variables(integration.uri, occasion.stage.variables))
        except ValueError as error:
            raise IntegrationFailed(f"the integration's URI {integration.uri!r} is none: {error}") from error
        if url.scheme not in ("http", "https") or not url.netloc:
            raise IntegrationFailed(f"the integration's URI {integration.uri!r} is not an http(s) URL")
        headers = {"host": url.netloc, "user-agent": f"AmazonAPIGateway_{occasion.stage.api_id}", **_JSON}
        headers |= self._mapped(integration, occasion)
        target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        method = "POST" if integration.method == "ANY" else integration.method
        try:
            async with asyncio.timeout(integration.timeout):
                answer = await self._client.request(
                    method, f"{url.scheme}://{url.netloc}", target, list(headers.items()), body
                )
                data = await answer.read(MAX_ANSWER)
        except TimeoutError as lateness:
            raise _late(f"{url.netloc} has not answered within {integration.timeout:g} s") from lateness
        except BodyTooLarge as excess:
            raise IntegrationFailed(f"{url.netloc} answered more than {MAX_ANSWER} bytes") from excess
        except (OSError, ValueError, BadHead) as error:
            raise IntegrationFailed(f"{url.netloc} cannot be reached: {error}") from error
        occasion.integration_status = answer.status
        return IntegrationAnswer(answer.status, data, dict(answer.headers.items()))

    def _mapped(self, integration: WebSocketIntegration, occasion: Occasion) -> dict[str, str]:
        """Headers that the integration's request parameters make."""
        headers = {}
        for target, source in integration.request_parameters.items():
            place, _, name = target.removeprefix("integration.request.").partition(".")
            if place == "header":
                headers[name.lower()] = _value(source, occasion)
        return headers

    # Templates.

    async def _mocked(self, integration: WebSocketIntegration, occasion: Occasion) -> IntegrationAnswer:
        document = json_of((await self._requested(integration, occasion)).decode("utf-8", "replace"))
        status = document.get("statusCode") if isinstance(document, dict) else None
        if not isinstance(status, int):
            raise IntegrationFailed("the template of the MOCK integration comes to no statusCode")
        occasion.integration_status = status
        return IntegrationAnswer(status, b"", _JSON)

    async def _requested(self, integration: WebSocketIntegration, occasion: Occasion) -> bytes:
        """What the integration is sent: as a template has it, or the message as it came."""
        key = selected(integration.template_selection or "\\$default", occasion.subject())
        template = integration.templates.get(key) or integration.templates.get(DEFAULT)
        if template is None:
            if integration.passthrough == "NEVER" or (
                integration.passthrough == "WHEN_NO_TEMPLATES" and integration.templates
            ):
                raise IntegrationFailed(
                    f"no request template is for {key!r}", message="Unsupported Media Type", status=415
                )
            return occasion.body.encode()
        return (await self._rendered(template, occasion.body, occasion)).encode()

    async def _rendered(self, template: str, body: str, occasion: Occasion) -> str:
        client = occasion.client
        context = occasion.request_context()
        try:
            rendered = await self._renderers[occasion.stage.api_id].render(
                template,
                body=body,
                parameters=Parameters({}, dict(client.query()), dict(client.headers())),
                context=context,
                stage_variables=occasion.stage.variables,
            )
        except TemplateFailed as error:
            raise IntegrationFailed(f"the mapping template failed: {error}") from error
        return rendered.text

    async def _translated(
        self, integration: WebSocketIntegration, occasion: Occasion, answer: IntegrationAnswer
    ) -> IntegrationAnswer:
        """The answer as the integration's response for it has it."""
        if not integration.responses:
            return answer
        text = answer.body.decode("utf-8", "replace")
        document = json_of(text)
        subject = Subject(
            occasion.document, occasion.context, occasion.stage.variables, answer.status, answer.headers, document
        )
        key = selected(integration.response_selection, subject)
        response = await _of_key(integration.responses, key)
        if response is None:
            return answer
        templates = response.get("ResponseTemplates") or {}
        chosen = selected(response.get("TemplateSelectionExpression") or "\\$default", subject)
        template = templates.get(chosen) or templates.get(DEFAULT)
        if template is not None:
            text = await self._rendered(template, text, occasion)
        if response.get("ContentHandlingStrategy") == "CONVERT_TO_BINARY":
            try:
                return IntegrationAnswer(answer.status, base64.b64decode(text, validate=True), answer.headers, True)
            except (binascii.Error, ValueError) as error:
                raise IntegrationFailed(f"the response is not base64, and is to be binary: {error}") from error
        return IntegrationAnswer(answer.status, text.encode(), answer.headers)


async def _of_key(responses: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """By its very key, by a pattern `/.../`, or the default one."""
    exact = responses.get(key)
    if exact is not None:
        return dict(exact)
    for name, response in responses.items():
        if len(name) > 2 and name.startswith("/") and name.endswith("/"):
            try:
                if await patterns.full_match(name[1:-1], key):
                    return dict(response)
            except patterns.PatternFailed as error:
                raise IntegrationFailed(f"the integration response {name}: {error}") from error
    default = responses.get(DEFAULT)
    return None if default is None else dict(default)


def _value(source: str, occasion: Occasion) -> str:
    if len(source) > 1 and source.startswith("'") and source.endswith("'"):
        return source[1:-1]
    if source.startswith("route.request.header."):
        return occasion.client.request.headers.get(source.removeprefix("route.request.header.").lower())
    if source.startswith("route.request.querystring."):
        return dict(occasion.client.query()).get(source.removeprefix("route.request.querystring."), "")
    if source == "route.request.body":
        return occasion.body
    return selected(f"${{{source.removeprefix('route.')}}}", occasion.subject())


def _late(reason: str) -> IntegrationFailed:
    return IntegrationFailed(reason, message="Endpoint request timed out", status=504)


def _unserved(what: str) -> IntegrationFailed:
    """Works on AWS, does not here: says so."""
    return IntegrationFailed(what, message=what.replace('"', "'"), status=501, ours=True)
