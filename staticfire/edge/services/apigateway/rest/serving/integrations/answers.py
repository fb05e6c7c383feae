"""From what an endpoint answered to the client's response: `integrationResponses`.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-integration-settings-integration-response.html:
a selection pattern is matched whole, against the status, or the error message of a function that failed. What matches
none takes the one without a pattern; without that it is a 500.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from staticfire.edge.http1.messages import HeaderList, Response
from staticfire.edge.services.apigateway.common.texts import text_of
from staticfire.edge.services.apigateway.rest.serving import patterns
from staticfire.edge.services.apigateway.rest.serving.compiled import ApiSettings, Json
from staticfire.edge.services.apigateway.rest.serving.context import context_tree
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import internal
from staticfire.edge.services.apigateway.rest.serving.header_rules import for_client
from staticfire.edge.services.apigateway.rest.serving.media_types import response_payload
from staticfire.edge.services.apigateway.rest.serving.parameters import EndpointAnswer, ResponseParameters
from staticfire.edge.services.apigateway.rest.serving.templates.budget import TemplateFailed

JSON = "application/json"


class _Mapping:
    """One integration response, ready."""

    def __init__(self, status: str, document: Json) -> None:
        self.status = int(document.get("statusCode") or status)
        self.pattern = str(document.get("selectionPattern") or "")
        self.parameters = ResponseParameters(document.get("responseParameters") or {})
        self.handling = document.get("contentHandling")
        self.templates: Mapping[str, str] = {
            kind.lower(): template or "" for kind, template in (document.get("responseTemplates") or {}).items()
        }

    def template(self, accept: str) -> tuple[str, str]:
        """By what the client accepts, else JSON, else the first: its content type and its text."""
        if not self.templates:
            return JSON, ""
        kind = next((name for name in (accept.lower(), JSON) if name in self.templates), next(iter(self.templates)))
        return kind, self.templates[kind]


class ResponseMapper:
    def __init__(self, integration: Json, settings: ApiSettings) -> None:
        documents: Mapping[str, Any] = integration.get("integrationResponses") or {}
        mappings = [_Mapping(status, document or {}) for status, document in documents.items()]
        self._selected = [mapping for mapping in mappings if mapping.pattern]
        self._default = next((mapping for mapping in mappings if not mapping.pattern), None)
        self._settings = settings

    async def map(self, exchange: RestExchange, answer: EndpointAnswer, selector: str) -> Response:
        mapping = await self._select(selector)
        headers = mapping.parameters.map(exchange, answer)
        accept = exchange.header("accept") or ""
        kind, template = mapping.template(accept)
        binary = self._settings.binary_media_types
        body = response_payload(answer.body, answer.header("content-type"), accept, mapping.handling, binary)
        status = mapping.status
        early = exchange.overrides.get("responseOverride") or {}
        if template:
            body, late = await self._rendered(exchange, template, body)
            early = {**early, **late, "header": {**(early.get("header") or {}), **(late.get("header") or {})}}
        status, headers = _overridden(status, headers, early)
        headers = for_client(headers)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.insert(0, ("Content-Type", kind))
        return Response(status, headers, body)

    async def _select(self, selector: str) -> _Mapping:
        for mapping in self._selected:
            try:
                if await patterns.full_match(mapping.pattern, selector):
                    return mapping
            except patterns.PatternFailed as error:
                raise internal(f"Unable to match the selection pattern: {error}") from error
        if self._default is None:
            raise internal(
                "No match for output mapping and no default output mapping configured. "
                f"Endpoint Response Status Code: {selector[:200]}"
            )
        return self._default

    async def _rendered(self, exchange: RestExchange, template: str, body: bytes) -> tuple[bytes, dict[str, Any]]:
        try:
            rendered = await self._settings.renderer.render(
                template,
                body=body.decode("utf-8", "replace"),
                parameters=exchange.parameters,
                context=context_tree(exchange),
                stage_variables=exchange.stage_variables,
            )
        except TemplateFailed as error:
            raise internal(f"Unable to transform response: {error}") from error
        override = rendered.context.get("responseOverride")
        return rendered.text.encode("utf-8", "replace"), override if isinstance(override, dict) else {}


def _overridden(status: int, headers: HeaderList, override: Mapping[str, Any]) -> tuple[int, HeaderList]:
    """What templates set in `$context.responseOverride`; a status that is none is not taken."""
    template_parts = override.get("status")
    if isinstance(template_parts, str) and template_parts.isdigit() and len(template_parts) == 3:
        template_parts = int(template_parts)
    if isinstance(template_parts, int) and not isinstance(template_parts, bool) and 200 <= template_parts <= 599:
        status = template_parts
    set_headers = override.get("header")
    for name, value in set_headers.items() if isinstance(set_headers, dict) else ():
        headers = [header for header in headers if header[0].lower() != str(name).lower()]
        text = (text_of(value) or "").replace("\r", " ").replace("\n", " ")
        headers.append((str(name), text))
    return status, headers


def error_message(body: bytes) -> str:
    """The error message of a function that failed."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = answer.get("errorMessage") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else ""
