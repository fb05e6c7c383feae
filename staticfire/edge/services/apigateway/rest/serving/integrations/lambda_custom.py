"""AWS to a function: it gets what the template makes of the request; its answer goes through the integration responses.

With the header X-Amz-Invocation-Type `'Event'` mapped, nobody waits for it: Lambda's 202 is the answer.
"""

from __future__ import annotations

import json

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.common.function_call import PRINCIPAL, Callee
from staticfire.edge.services.apigateway.rest.serving.compiled import Json
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import internal, too_long
from staticfire.edge.services.apigateway.rest.serving.parameters import EndpointAnswer
from staticfire.edge.services.lambda_ import Functions

from .answers import ResponseMapper, error_message
from .lambda_proxy import MAX_EVENT, called, named, refusal_of, seconds
from .payloads import RequestMapper

_INVOCATION_TYPE = "x-amz-invocation-type"
_TYPE = ("Content-Type", "application/json")


class LambdaCustomResponder:
    def __init__(
        self,
        integration: Json,
        scope: Scope,
        functions: Functions,
        request: RequestMapper,
        response: ResponseMapper,
    ) -> None:
        self._callee = Callee(functions, scope, integration.get("uri") or "", integration.get("credentials"))
        self._functions = functions
        self._seconds = seconds(integration)
        self._own_policy = integration.get("credentials") is None
        self._request = request
        self._response = response

    async def respond(self, exchange: RestExchange) -> Response:
        request = await self._request.map(exchange)
        if len(request.payload) > MAX_EVENT:
            raise too_long(f"the event for the function is {len(request.payload)} bytes, Lambda takes {MAX_EVENT}")
        headers = {name.lower(): value for name, value in request.mapped.header.items()}
        payload = request.payload if request.payload.strip() else b"{}"
        try:
            json.loads(payload)
        except (ValueError, RecursionError) as error:
            text = f"Could not parse request body into json: {error}"
            body = json.dumps({"Type": "User", "message": text}).encode()
            exchange.endpoint_status = exchange.integration_status = 400
            return await self._response.map(exchange, EndpointAnswer(400, [_TYPE], body), "400")
        if headers.get(_INVOCATION_TYPE, "").strip("'") == "Event":
            return await self._later(exchange, payload)
        outcome = await called(self._callee, exchange, payload, self._seconds)
        answer = EndpointAnswer(200, [_TYPE, ("X-Amz-Executed-Version", outcome.version)], outcome.payload)
        selector = (error_message(outcome.payload) if outcome.error else "") or "200"
        if outcome.error:
            exchange.integration_error = outcome.payload[:500].decode("utf-8", "replace")
        return await self._response.map(exchange, answer, selector)

    async def _later(self, exchange: RestExchange, payload: bytes) -> Response:
        ref = named(self._callee, exchange)
        try:
            if self._own_policy and not await self._functions.allows(ref, PRINCIPAL, exchange.source_arn):
                raise internal("Invalid permissions on Lambda function")
            exchange.integration_request_id = await self._functions.enqueue(ref, payload, trace_id=exchange.trace_id)
        except AwsError as error:
            raise refusal_of(exchange, error) from error
        exchange.endpoint_status = exchange.integration_status = 202
        return await self._response.map(exchange, EndpointAnswer(202, [], b""), "202")
