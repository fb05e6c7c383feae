"""An integration's request: its payload by template or as it came, its parameters by mapping and override.

https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from staticfire.edge.services.apigateway.rest.serving.compiled import ApiSettings, Json
from staticfire.edge.services.apigateway.rest.serving.context import context_tree
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import GatewayRefusal, internal
from staticfire.edge.services.apigateway.rest.serving.media_types import bare, request_payload
from staticfire.edge.services.apigateway.rest.serving.parameters import MappedParameters, RequestParameters
from staticfire.edge.services.apigateway.rest.serving.templates.budget import TemplateFailed
from staticfire.edge.services.apigateway.rest.serving.templates.variables import NotJson

JSON = "application/json"


@dataclass(slots=True)
class IntegrationRequest:
    payload: bytes
    mapped: MappedParameters
    by_template: bool = False


class RequestMapper:
    """`requestTemplates`, `requestParameters`, `passthroughBehavior` and `contentHandling` of an integration."""

    def __init__(self, integration: Json, settings: ApiSettings) -> None:
        templates: Mapping[str, Any] = integration.get("requestTemplates") or {}
        self._templates = {kind.lower(): str(template or "") for kind, template in templates.items()}
        self._passthrough = integration.get("passthroughBehavior") or "WHEN_NO_MATCH"
        self._handling = integration.get("contentHandling")
        self._parameters = RequestParameters(
            integration.get("requestParameters") or {}, to_aws=integration.get("type") in ("AWS", "AWS_PROXY")
        )
        self._settings = settings

    async def map(self, exchange: RestExchange) -> IntegrationRequest:
        template = self._template(exchange)
        mapped = self._parameters.map(exchange)
        kind = exchange.request.headers.get("content-type") or None
        payload = request_payload(exchange.body, kind, self._handling, self._settings.binary_media_types)
        if template:
            payload = await self._rendered(exchange, template, payload)
            mapped.override(exchange.overrides)
        return IntegrationRequest(payload, mapped, bool(template))

    def _template(self, exchange: RestExchange) -> str:
        """The template for the request's content type; empty: the payload passes as it is."""
        kind = (exchange.request.headers.get("content-type") or JSON).lower()
        for name in (kind, bare(kind), "$default"):
            if self._templates.get(name):
                return self._templates[name]
        if self._passthrough == "NEVER" or (self._passthrough == "WHEN_NO_TEMPLATES" and self._templates):
            reason = f"no request template for {kind}, and passthroughBehavior is {self._passthrough}"
            raise GatewayRefusal("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type", reason)
        return ""

    async def _rendered(self, exchange: RestExchange, template: str, payload: bytes) -> bytes:
        try:
            rendered = await self._settings.renderer.render(
                template,
                body=payload.decode("utf-8", "replace"),
                parameters=exchange.parameters,
                context=context_tree(exchange),
                stage_variables=exchange.stage_variables,
            )
        except NotJson as error:
            text = f"Could not parse request body into json: {error}"
            raise GatewayRefusal("BAD_REQUEST_BODY", text, str(error)) from error
        except TemplateFailed as error:
            raise internal(f"Unable to transform request: {error}") from error
        overrides = rendered.context.get("requestOverride")
        exchange.overrides = overrides if isinstance(overrides, dict) else {}
        response = rendered.context.get("responseOverride")
        if isinstance(response, dict) and (response.get("status") or response.get("header")):
            exchange.overrides["responseOverride"] = response
        return rendered.text.encode("utf-8", "replace")
