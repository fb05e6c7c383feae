"""Which integration a method has, and what it says where it is none that is served here."""

from __future__ import annotations

from dataclasses import dataclass

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.common.service_calls import ServiceCalls
from staticfire.edge.services.apigateway.rest.serving.compiled import ApiSettings, Json, RestResponder
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import internal, unserved
from staticfire.edge.services.lambda_ import Functions

from .answers import ResponseMapper
from .http import HttpProxyResponder, RestHttpResponder
from .lambda_custom import LambdaCustomResponder
from .lambda_proxy import LambdaProxyResponder
from .mock import MockResponder
from .payloads import RequestMapper
from .service import AwsServiceResponder


class RefusingResponder:
    """Wrong, or exists on AWS and not here: says which."""

    def __init__(self, reason: str, *, served: bool = True) -> None:
        self._reason = reason
        self._served = served

    async def respond(self, exchange: RestExchange) -> Response:
        exchange.integration_error = self._reason
        raise internal(self._reason) if self._served else unserved(self._reason)


@dataclass(frozen=True, slots=True)
class RestIntegrations:
    """Makes an integration ready; holds what they work with."""

    functions: Functions
    client: Client
    services: ServiceCalls

    def responder(self, integration: Json | None, settings: ApiSettings, scope: Scope) -> RestResponder:
        if not integration:
            return RefusingResponder("No integration defined for method")
        try:
            return self._responder(integration, settings, scope)
        except AwsError as error:
            return RefusingResponder(f"Invalid endpoint address: {error.message}")

    def _responder(self, integration: Json, settings: ApiSettings, scope: Scope) -> RestResponder:
        kind, uri = integration.get("type"), integration.get("uri") or ""
        if integration.get("connectionType") == "VPC_LINK":
            return RefusingResponder(
                "Private integrations (VPC_LINK) are not served here: use an HTTP_PROXY integration", served=False
            )
        if kind == "HTTP_PROXY":
            return HttpProxyResponder(integration, settings, self.client)
        if kind == "AWS_PROXY":
            if ":lambda:" not in uri:
                return RefusingResponder(f"AWS_PROXY to {uri} is not served here: only functions are", served=False)
            return LambdaProxyResponder(integration, settings, scope, self.functions)
        request, response = RequestMapper(integration, settings), ResponseMapper(integration, settings)
        if kind == "MOCK":
            return MockResponder(request, response)
        if kind == "HTTP":
            return RestHttpResponder(integration, self.client, request, response)
        if kind == "AWS" and ":lambda:path/" in uri and "/functions/" in uri:
            return LambdaCustomResponder(integration, scope, self.functions, request, response)
        if kind == "AWS":
            return AwsServiceResponder(integration, scope, self.services, request, response)
        return RefusingResponder(f"the integration has the type {kind}, which REST APIs do not have")
