"""Who may connect: REQUEST authorizers, IAM, API keys. They are asked at `$connect`, and never again.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html: a request that
lacks an identity source is 401 without a call; a denial is 403; what a function fails with is a 500, apart from exactly
`Unauthorized`. Nothing is cached, as on AWS.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.iam_policy import Inquiry, decide
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.services.apigateway.common.function_call import Callee, NotAllowed, TimedOut
from staticfire.edge.services.apigateway.common.texts import json_or_none
from staticfire.edge.services.apigateway.rest.records import RestRecords
from staticfire.edge.services.lambda_ import Functions

from .model import ConnectGate
from .occasion import Occasion, WebSocketClient

log = logging.getLogger(__name__)

INVOKE = "execute-api:Invoke"
TIMEOUT_SECONDS = 29.0


class HandshakeRefused(Exception):
    """The client is not connected: `status`, with `message` in AWS's words; `reason` is the developer's."""

    def __init__(self, status: int, message: str, *, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.message = message
        self.kind = kind
        self.reason = reason


def forbidden(reason: str) -> HandshakeRefused:
    return HandshakeRefused(403, "Forbidden", kind="ACCESS_DENIED", reason=reason)


def failed(reason: str, status: int = 500) -> HandshakeRefused:
    return HandshakeRefused(status, "Internal server error", kind="INTEGRATION_FAILURE", reason=reason)


class Authorizers:
    def __init__(self, functions: Functions, callers: SignedCallers, rest: RestRecords) -> None:
        self._functions = functions
        self._callers = callers
        self._rest = rest

    async def check(self, gate: ConnectGate, occasion: Occasion) -> None:
        """Lets the client connect, or raises HandshakeRefused."""
        if gate.api_key:
            self._check_key(occasion)
        if gate.authorization == "AWS_IAM":
            await self._check_signature(occasion)
        elif gate.authorization == "CUSTOM":
            await self._ask(gate, occasion)
        elif gate.authorization != "NONE":
            raise failed(f"the authorization {gate.authorization} is none of a WebSocket API")

    def _check_key(self, occasion: Occasion) -> None:
        stage, client = occasion.stage, occasion.client
        value = _source(stage.api_key_source, occasion)
        key = self._rest.api_key_of(stage.scope, value) if value else None
        if key is None or not key.get("enabled", False):
            raise forbidden("the API key is missing, unknown or disabled")
        plans = self._rest.plans_of_key(stage.scope, key["id"])
        this_stage = (stage.api_id, stage.name)
        if not any((of["apiId"], of["stage"]) == this_stage for plan in plans for of in plan.get("apiStages") or ()):
            raise forbidden(f"no usage plan of the API key {key['id']} has the stage {stage.name} of {stage.api_id}")
        client.api_key, client.api_key_id = value, key["id"]

    async def _check_signature(self, occasion: Occasion) -> None:
        request, stage = occasion.client.request, occasion.stage
        try:
            caller = self._callers.caller(request, b"", service="execute-api", region=stage.scope.region)
        except AwsError as error:
            raise HandshakeRefused(error.status, error.message, kind="ACCESS_DENIED", reason=error.message) from error
        facts = {"aws:sourceip": request.peer}
        try:
            refusal = await self._callers.refusal(caller, INVOKE, occasion.method_arn, facts=facts)
        except AwsError as error:
            raise failed(f"the caller's policies cannot be read: {error}") from error
        if refusal is not None:
            raise HandshakeRefused(403, refusal.message, kind="ACCESS_DENIED", reason=refusal.message)
        occasion.client.caller = caller

    async def _ask(self, gate: ConnectGate, occasion: Occasion) -> None:
        authorizer, stage = gate.authorizer, occasion.stage
        if authorizer is None:
            raise failed(f"route {occasion.route_key} names the authorizer {gate.authorizer_id}, which does not exist")
        sources = authorizer.get("IdentitySource") or []
        for source in [sources] if isinstance(sources, str) else sources:
            if not _source(source, occasion):
                raise HandshakeRefused(
                    401, "Unauthorized", kind="UNAUTHORIZED", reason=f"the identity source {source} is missing"
                )
        source_arn = f"arn:aws:execute-api:{stage.scope.region}:{stage.scope.account}:{stage.api_id}/authorizers/"
        started = time.monotonic()
        try:
            uri, credentials = authorizer.get("AuthorizerUri") or "", authorizer.get("AuthorizerCredentialsArn")
            callee = Callee(self._functions, stage.scope, uri, credentials)
            outcome = await callee.call(
                json.dumps(occasion.authorizer_event()).encode(),
                source_arn + gate.authorizer_id,
                TIMEOUT_SECONDS,
                stage_variables=stage.variables,
                trace_id=occasion.client.trace_id,
            )
        except (AwsError, NotAllowed, TimedOut) as error:
            occasion.authorizer_error = str(error)
            raise failed(f"authorizer {gate.authorizer_id}: {error}") from error
        occasion.authorizer_latency = round((time.monotonic() - started) * 1000)
        occasion.authorizer_status = 200
        self._judge(json_or_none(outcome.payload), bool(outcome.error), occasion)

    def _judge(self, answer: Any, failing: bool, occasion: Occasion) -> None:
        if failing:
            if isinstance(answer, dict) and answer.get("errorMessage") == "Unauthorized":
                raise HandshakeRefused(401, "Unauthorized", kind="UNAUTHORIZED", reason="the authorizer says so")
            occasion.authorizer_error = f"the authorizer's function failed: {answer}"
            raise failed(occasion.authorizer_error)
        policy = answer.get("policyDocument") if isinstance(answer, dict) else None
        context = (answer.get("context") or {}) if isinstance(answer, dict) else None
        if not isinstance(policy, dict) or not isinstance(context, dict) or "principalId" not in answer:
            occasion.authorizer_error = "the authorizer's answer has no principalId and policyDocument"
            raise failed(occasion.authorizer_error)
        client: WebSocketClient = occasion.client
        client.authorizer = {
            **{name: _context_value(value) for name, value in context.items()},
            "principalId": str(answer["principalId"]),
            "integrationLatency": occasion.authorizer_latency,
        }
        if decide([policy], Inquiry(INVOKE, occasion.method_arn)) != "Allow":
            raise HandshakeRefused(
                403,
                "User is not authorized to access this resource",
                kind="ACCESS_DENIED",
                reason="the authorizer's policy does not allow it",
            )


def _context_value(value: Any) -> Any:
    """What an authorizer says is kept as texts, numbers and booleans."""
    return value if isinstance(value, str | int | float | bool) else json.dumps(value)


def _source(source: str, occasion: Occasion) -> str:
    """What an identity source, or where the API key stands, comes to; empty where it is not there."""
    root, _, rest = source.removeprefix("$").removeprefix("route.").partition(".")
    if root == "context":
        value = occasion.context(rest)
        return "" if value is None else str(value)
    if root == "stageVariables":
        return occasion.stage.variables.get(rest, "")
    kind, _, name = rest.partition(".")
    if kind == "header":
        return occasion.client.request.headers.get(name.lower())
    if kind == "querystring":
        return dict(occasion.client.query()).get(name, "")
    return ""
