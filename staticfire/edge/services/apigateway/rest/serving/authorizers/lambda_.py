"""Authorizers that are functions: TOKEN and REQUEST.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html: a request that lacks
an identity source is 401 without a call, so is a token that the validation expression does not fit. Answers are kept by
the identity sources for the TTL, and the policy in them is asked for each request's own method. A function that fails
with exactly `Unauthorized` is 401, any other failure and any answer that is none a 500.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.iam_policy import ALLOW, DENY, Inquiry, decide
from staticfire.edge.services.apigateway.common.function_call import Callee, NotAllowed, TimedOut
from staticfire.edge.services.apigateway.common.texts import json_or_none, text_of
from staticfire.edge.services.apigateway.rest.serving import patterns, proxy_event
from staticfire.edge.services.apigateway.rest.serving.context import context_value
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import GatewayRefusal, denied
from staticfire.edge.services.apigateway.rest.serving.resource_policy import INVOKE, facts
from staticfire.edge.services.lambda_ import Functions

TIMEOUT_SECONDS = 29.0
DEFAULT_TTL = 300
CACHED_ANSWERS = 1024

Source = Callable[[RestExchange], str | None]


def unauthorized(reason: str) -> GatewayRefusal:
    return GatewayRefusal("UNAUTHORIZED", "Unauthorized", reason)


def identity_source(text: str) -> Source:
    """`method.request.header.Authorization`, `context.identity.sourceIp`, `stageVariables.name`."""
    text = text.strip()
    if text.startswith("method.request."):
        place, _, name = text.removeprefix("method.request.").partition(".")
        return lambda exchange: exchange.parameter(place, name)
    if text.startswith("context."):
        return lambda exchange: text_of(context_value(exchange, text.removeprefix("context.")))
    if text.startswith("stageVariables."):
        return lambda exchange: exchange.stage_variables.get(text.removeprefix("stageVariables."))
    return lambda exchange: None


class LambdaAuthorizerCheck:
    """One authorizer. All its methods share the answers that it remembers."""

    def __init__(self, document: Mapping[str, Any], scope: Scope, functions: Functions) -> None:
        self._id = document["id"]
        self._token = document.get("type") == "TOKEN"
        text = document.get("identitySource") or ""
        self._sources = [identity_source(source) for source in text.split(",") if source.strip()]
        self._expression = document.get("identityValidationExpression") or ""
        ttl = document.get("authorizerResultTtlInSeconds")
        self._ttl = DEFAULT_TTL if ttl is None else int(ttl)
        uri, credentials = document.get("authorizerUri") or "", document.get("authorizerCredentials")
        self._callee = Callee(functions, scope, uri, credentials)
        self._answers: dict[tuple[str, ...], tuple[float, dict[str, Any]]] = {}

    async def _identities(self, exchange: RestExchange) -> tuple[str, ...]:
        identities = [source(exchange) for source in self._sources]
        if not all(identities):
            raise unauthorized("an identity source of the authorizer is missing from the request")
        sources = tuple(identity or "" for identity in identities)
        if self._token and self._expression:
            await self._validate(sources[0])
        return sources

    async def ask(self, exchange: RestExchange) -> dict[str, Any]:
        """What its function answers to this request, whatever is remembered."""
        return await self._ask(exchange, await self._identities(exchange))

    async def check(self, exchange: RestExchange) -> None:
        answer = await self._answer(exchange, await self._identities(exchange))
        exchange.authorizer = {
            **{name: _shown(value) for name, value in (answer.get("context") or {}).items()},
            "principalId": str(answer["principalId"]),
            "integrationLatency": exchange.authorizer_latency or 0,
        }
        usage_key = answer.get("usageIdentifierKey")
        exchange.usage_key = usage_key if isinstance(usage_key, str) else None
        verdict = decide([answer["policyDocument"]], Inquiry(INVOKE, exchange.method_arn, (), facts(exchange)))
        if verdict != ALLOW:
            how = " with an explicit deny" if verdict == DENY else ""
            raise denied(f"User is not authorized to access this resource{how}", f"authorizer {self._id} denies")

    async def _validate(self, token: str) -> None:
        try:
            valid = await patterns.full_match(self._expression, token)
        except patterns.PatternFailed as error:
            raise self._failed(None, str(error)) from error
        if not valid:
            raise unauthorized("the token does not fit the authorizer's validation expression")

    async def _answer(self, exchange: RestExchange, sources: tuple[str, ...]) -> dict[str, Any]:
        if not sources or self._ttl <= 0:
            return await self._ask(exchange, sources)
        key = (exchange.stage, *sources)
        expires, answer = self._answers.get(key, (0.0, {}))
        if expires <= time.monotonic():
            answer = await self._ask(exchange, sources)
            self._answers.pop(key, None)
            if len(self._answers) >= CACHED_ANSWERS:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = time.monotonic() + self._ttl, answer
        return answer

    async def _ask(self, exchange: RestExchange, sources: tuple[str, ...]) -> dict[str, Any]:
        event = self._event(exchange, sources)
        started = time.monotonic()
        try:
            outcome = await self._callee.call(
                event,
                f"{exchange.api_arn}/authorizers/{self._id}",
                TIMEOUT_SECONDS,
                stage_variables=exchange.stage_variables,
                trace_id=exchange.trace_id,
            )
        except (AwsError, NotAllowed, TimedOut) as error:
            raise self._failed(exchange, str(error)) from error
        exchange.authorizer_latency = round((time.monotonic() - started) * 1000)
        exchange.authorizer_status = 200
        answer = json_or_none(outcome.payload)
        if outcome.error:
            if isinstance(answer, dict) and answer.get("errorMessage") == "Unauthorized":
                raise unauthorized("the authorizer's function says Unauthorized")
            raise self._failed(exchange, outcome.payload[:500].decode("utf-8", "replace"))
        return self._valid(exchange, answer)

    def _event(self, exchange: RestExchange, sources: tuple[str, ...]) -> bytes:
        if self._token:
            event = {"type": "TOKEN", "methodArn": exchange.method_arn, "authorizationToken": sources[0]}
            return json.dumps(event).encode()
        return proxy_event.for_authorizer(exchange)

    def _valid(self, exchange: RestExchange, answer: Any) -> dict[str, Any]:
        if not isinstance(answer, dict):
            raise self._failed(exchange, "the authorizer's answer is not an object")
        context = answer.get("context") or {}
        if not answer.get("principalId") or not isinstance(answer.get("policyDocument"), dict):
            raise self._failed(exchange, "the authorizer's answer lacks principalId or policyDocument")
        if not isinstance(context, dict) or any(isinstance(value, list | dict) for value in context.values()):
            raise self._failed(exchange, "the authorizer's context is not an object of plain values")
        return answer

    def _failed(self, exchange: RestExchange | None, reason: str) -> GatewayRefusal:
        if exchange is not None:
            exchange.authorizer_error = reason
        return GatewayRefusal("AUTHORIZER_CONFIGURATION_ERROR", None, f"authorizer {self._id}: {reason}")


def _shown(value: Any) -> str | None:
    """Values of the context reach the function as text."""
    return text_of(value)
