"""Who may call a route: Lambda authorizers, and which authorizer a route has.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html: a request that lacks an
identity source is 401 without a call; answers are cached by the identity sources for the authorizer's TTL; a simple
answer allows or denies, an IAM policy is evaluated against each request's own route; a denial is 403. A function that
fails is a 500, apart from one that fails with exactly `Unauthorized`, which is 401.

AWS_IAM: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

from staticfire.edge.aws import iam_policy
from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.services.apigateway.common.function_call import Callee, NotAllowed, TimedOut
from staticfire.edge.services.apigateway.common.refusal import Refused, failed, forbidden, unauthorized
from staticfire.edge.services.apigateway.common.texts import json_or_none
from staticfire.edge.services.lambda_ import Functions

from . import event
from .exchange import Exchange, api_arn
from .expressions import compile_value
from .model import Authorizer, Route
from .tokens import JwtAuthorizer, KeySource

log = logging.getLogger(__name__)

INVOKE = "execute-api:Invoke"
TIMEOUT_SECONDS = 10.0
CACHED_ANSWERS = 1024


class RouteGuard(Protocol):
    """Lets a request through or raises its refusal."""

    async def check(self, exchange: Exchange) -> None: ...


class IamGuard:
    """AWS_IAM: the signature is computed anew, the caller's policies must allow the route."""

    def __init__(self, callers: SignedCallers) -> None:
        self._callers = callers

    async def check(self, exchange: Exchange) -> None:
        try:
            caller = self._callers.caller(
                exchange.request, exchange.body, service="execute-api", region=exchange.scope.region
            )
            facts = {"aws:sourceip": exchange.request.peer}
            refusal = await self._callers.refusal(caller, INVOKE, exchange.route_arn, facts=facts)
        except AwsError as error:
            if error.status >= 500:
                raise failed(f"the caller's policies cannot be read: {error}") from error
            refusal = error
        if refusal is not None:
            exchange.authorizer_error = refusal.message
            raise forbidden(refusal.message)
        exchange.authorizer = {"iam": caller.described()}
        exchange.principal = caller.user_id


class JwtGuard:
    def __init__(self, authorizer: Authorizer, keys: KeySource) -> None:
        self._sources = [compile_value(source) for source in authorizer.identity_sources]
        self._jwt = JwtAuthorizer(authorizer, keys)

    async def check(self, exchange: Exchange) -> None:
        identity = next((value for source in self._sources if (value := source(exchange, None))), None)
        await self._jwt.authorize(exchange, identity)


class LambdaGuard:
    """A REQUEST authorizer: asks its function, and remembers the answers."""

    def __init__(self, authorizer: Authorizer, scope: Scope, api_id: str, functions: Functions) -> None:
        self._authorizer = authorizer
        self._sources = [compile_value(source) for source in authorizer.identity_sources]
        self._callee = Callee(functions, scope, authorizer.uri, authorizer.credentials)
        self._source_arn = f"{api_arn(scope, api_id)}/authorizers/{authorizer.id}"
        self._answers: dict[tuple[str, ...], tuple[float, dict[str, Any]]] = {}

    async def check(self, exchange: Exchange) -> None:
        identities = [source(exchange, None) for source in self._sources]
        if not all(identities):
            raise unauthorized("an identity source of the authorizer is missing from the request")
        answer = await self._answer(exchange, [identity or "" for identity in identities])
        context = answer.get("context") or {}
        exchange.authorizer = {"lambda": context}
        if not self._allows(exchange, answer):
            raise forbidden(f"the authorizer {self._authorizer.id} denies the request")

    async def _answer(self, exchange: Exchange, identities: list[str]) -> dict[str, Any]:
        if not identities or self._authorizer.ttl <= 0:
            return await self._ask(exchange, identities)
        key = (exchange.stage.name, *identities)
        expires, answer = self._answers.get(key, (0.0, {}))
        if expires <= time.monotonic():
            answer = await self._ask(exchange, identities)
            self._answers.pop(key, None)
            if len(self._answers) >= CACHED_ANSWERS:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = time.monotonic() + self._authorizer.ttl, answer
        return answer

    async def _ask(self, exchange: Exchange, identities: list[str]) -> dict[str, Any]:
        build = event.authorizer_2 if self._authorizer.payload_version == "2.0" else event.authorizer_1
        started = time.monotonic()
        try:
            outcome = await self._callee.call(
                build(exchange, identities),
                self._source_arn,
                TIMEOUT_SECONDS,
                stage_variables=exchange.stage.variables,
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
            raise self._failed(exchange, outcome.payload.decode("utf-8", "replace"))
        if not isinstance(answer, dict) or not isinstance(answer.get("context") or {}, dict):
            raise self._failed(exchange, "the authorizer's answer or its context is not an object")
        return answer

    def _failed(self, exchange: Exchange, reason: str) -> Refused:
        exchange.authorizer_error = reason
        return failed(f"authorizer {self._authorizer.id}: {reason}")

    def _allows(self, exchange: Exchange, answer: dict[str, Any]) -> bool:
        if self._authorizer.simple_responses and self._authorizer.payload_version == "2.0":
            allowed = answer.get("isAuthorized")
            if not isinstance(allowed, bool):
                raise self._failed(exchange, "the authorizer's simple response has no boolean isAuthorized")
            return allowed
        policy = answer.get("policyDocument")
        if not isinstance(policy, dict):
            raise self._failed(exchange, "the authorizer's answer has no policyDocument (enableSimpleResponses is off)")
        if "principalId" in answer:
            exchange.principal = str(answer["principalId"])
        return iam_policy.allows(policy, INVOKE, exchange.route_arn)


class BrokenGuard:
    """The route's authorizer is gone or of no use: nobody gets through."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def check(self, exchange: Exchange) -> None:
        raise failed(self._reason)


def guard_for(authorizer: Authorizer, scope: Scope, api_id: str, functions: Functions, keys: KeySource) -> RouteGuard:
    """The authorizer at work. One for all its routes: they share the answers that it remembers."""
    if authorizer.type == "JWT":
        return JwtGuard(authorizer, keys)
    try:
        return LambdaGuard(authorizer, scope, api_id, functions)
    except AwsError as error:
        return BrokenGuard(f"authorizer {authorizer.id}: {error.message}")


def route_guard(route: Route, guards: Mapping[str, RouteGuard], callers: SignedCallers) -> RouteGuard | None:
    """What stands before the route's integration; None where the route is open."""
    if route.authorization == "NONE":
        return None
    if route.authorization == "AWS_IAM":
        return IamGuard(callers)
    guard = guards.get(route.authorizer_id or "")
    return guard or BrokenGuard(f"route {route.key!r} names the authorizer {route.authorizer_id}, which does not exist")
