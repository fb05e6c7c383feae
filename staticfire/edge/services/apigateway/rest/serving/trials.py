"""TestInvokeMethod and TestInvokeAuthorizer: a method or an authorizer tried as it is now, with the log of it.

No authorizer, key, policy or throttle is asked for a method, as on AWS.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.http1.messages import Headers, Request, Response
from staticfire.edge.services.apigateway.rest.control.trying import (
    AuthorizerTrial,
    AuthorizerTried,
    MethodTrial,
    MethodTried,
    MultiValues,
)

from .authorizers.cognito import CognitoCheck
from .compiled import CompiledMethod, CompiledStage
from .exchange import RestExchange
from .execution_log import ended
from .gateway_responses import GatewayRefusal
from .handler import RestServing
from .trail import Trail

STAGE = "test-invoke-stage"


class Trials:
    """What the control plane asks of serving (`Trier`)."""

    def __init__(self, serving: RestServing) -> None:
        self._serving = serving

    async def method(self, trial: MethodTrial) -> MethodTried:
        stage = self._stage(trial.scope, trial.api_id, trial.snapshot, trial.stage_variables)
        method = stage.table.of(trial.resource["path"], trial.method)
        if method is None:
            raise AwsError(404, "NotFoundException", "Invalid Method identifier specified")
        path, _, query = (trial.path_with_query or trial.resource["path"]).partition("?")
        request = _request(trial.method, path, query, trial.headers, trial.body)
        exchange = _exchange(trial.scope, stage, request, path)
        exchange.method = method
        exchange.path_parameters = _path_parameters(trial.resource["path"], path)
        started = time.perf_counter()
        response = await self._tried(stage, exchange, method)
        exchange.status = response.status
        ended(exchange)
        multi: dict[str, list[str]] = {}
        if exchange.endpoint_status is not None:
            multi["X-Amzn-Trace-Id"] = [exchange.trace_id]
        for name, value in response.headers:
            multi.setdefault(name, []).append(value)
        body = response.body if isinstance(response.body, bytes) else b"".join([piece async for piece in response.body])
        text = body.decode("utf-8", "replace")
        return MethodTried(response.status, text, multi, _log(exchange), _since(started))

    async def _tried(self, stage: CompiledStage, exchange: RestExchange, method: CompiledMethod) -> Response:
        try:
            return await self._serving.execute(exchange, method, trial=True)
        except GatewayRefusal as refusal:
            kind = "configuration error: " if refusal.status >= 500 else ""
            exchange.note(f"Execution failed due to {kind}{refusal}")
            response = stage.gateway_responses.response(refusal, exchange)
            response.headers = [header for header in response.headers if header[0].lower() != "content-type"]
            return response

    async def authorizer(self, trial: AuthorizerTrial) -> AuthorizerTried:
        stage = self._stage(trial.scope, trial.api_id, {}, trial.stage_variables)
        path, _, query = (trial.path_with_query or "/").partition("?")
        exchange = _exchange(trial.scope, stage, _request("GET", path, query, trial.headers, trial.body), path)
        started = time.perf_counter()
        try:
            if trial.authorizer.get("type") == "COGNITO_USER_POOLS":
                await CognitoCheck(trial.authorizer, (), self._serving.pool_keys).check(exchange)
                claims: Mapping[str, str] = (exchange.authorizer or {}).get("claims") or {}
                return AuthorizerTried(0, _log(exchange), _since(started), claims=claims)
            authorizer = self._serving.compiler.lambda_authorizer(trial.scope, trial.authorizer)
            answer = await authorizer.ask(exchange)
        except GatewayRefusal as refusal:
            exchange.note(f"Execution failed: {refusal}")
            return AuthorizerTried(refusal.status, _log(exchange), _since(started))
        exchange.note("Completed authorization with status: 200")
        return AuthorizerTried(
            0,
            _log(exchange),
            _since(started),
            principal_id=str(answer["principalId"]),
            policy=json.dumps(answer["policyDocument"], separators=(",", ":")),
            authorization={name: [str(value)] for name, value in (answer.get("context") or {}).items()},
        )

    def _stage(
        self, scope: Scope, api_id: str, snapshot: Mapping[str, Any], variables: Mapping[str, str]
    ) -> CompiledStage:
        """The API as it is now, not as it was deployed."""
        document = {"stageName": STAGE, "variables": variables}
        return self._serving.compiler.compile(scope, api_id, document, {"_snapshot": snapshot})


def _exchange(scope: Scope, stage: CompiledStage, request: Request, path: str) -> RestExchange:
    api_id, domain = stage.settings.api_id, "testPrefix.testDomainName"
    trail = Trail(bodies=True)
    return RestExchange(request, scope, api_id, STAGE, path, domain, "443", "", stage.variables, trail=trail)


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


def _request(verb: str, path: str, query: str, values: MultiValues, body: str) -> Request:
    headers: list[tuple[str, str]] = [(name, value) for name, several in values.items() for value in several]
    names: Sequence[bytes] = [name.encode("latin-1", "replace") for name, _ in headers]
    lower = [(name.lower(), value) for name, value in headers]
    return Request(
        verb, path, query, Headers(lower, names=names), body.encode("utf-8", "replace"), peer="test-invoke-source-ip"
    )


def _path_parameters(template: str, path: str) -> dict[str, str]:
    """What the path has in the places of the resource's; nothing where it does not fit."""
    template_parts, parts = template.strip("/").split("/"), path.strip("/").split("/")
    parameters: dict[str, str] = {}
    for place, part in enumerate(template_parts):
        if part.startswith("{") and part.endswith("+}"):
            parameters[part[1:-2]] = "/".join(parts[place:])
            return parameters if len(parts) > place else {}
        if place >= len(parts):
            return {}
        if part.startswith("{") and part.endswith("}"):
            parameters[part[1:-1]] = parts[place]
        elif part != parts[place]:
            return {}
    return parameters if len(template_parts) == len(parts) else {}


def _log(exchange: RestExchange) -> str:
    lines = [f"Execution log for request {exchange.request_id}"]
    if exchange.trail is not None:
        for when, text in exchange.trail.lines:
            moment = time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(when / 1000))
            lines.append(f"{moment} : {text}")
    return "\n".join(lines) + "\n"
