"""TestInvokeMethod and TestInvokeAuthorizer: a method or an authorizer tried as it is now, with the log of it.

No authorizer, key, policy or throttle is asked for a method, as on AWS.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.http1.messages import Headers, Request
from staticfire.edge.services.apigateway.rest.records import RestRecords

from .authorizers.cognito import CognitoCheck
from .compiled import CompiledMethod, CompiledStage
from .compiler import authorizer_check
from .exchange import RestExchange
from .execution_log import ended
from .gateway_responses import Refusal
from .handler import RestServing
from .trail import Trail

STAGE = "test-invoke-stage"
Json = Mapping[str, Any]


class Trials:
    def __init__(self, records: RestRecords, serving: RestServing) -> None:
        self._records = records
        self._serving = serving

    async def method(self, scope: Scope, params: Json) -> dict[str, Any]:
        """TestInvokeMethod: params and answer by the names of AWS's model."""
        api_id = params["restApiId"]
        resource = self._records.resource(scope, api_id, params["resourceId"])
        if resource is None:
            raise AwsError(404, "NotFoundException", "Invalid Resource identifier specified")
        verb = params["httpMethod"]
        stage = self._stage(scope, api_id, params.get("stageVariables") or {})
        method = _method(stage, resource, verb)
        path, _, query = (params.get("pathWithQueryString") or resource["path"]).partition("?")
        exchange = self._exchange(scope, stage, _request(verb, path, query, params), path)
        exchange.method = method
        exchange.path_parameters = _path_parameters(resource["path"], path)
        started = time.perf_counter()
        try:
            response = await self._serving.execute(exchange, method, trial=True)
        except Refusal as refusal:
            if exchange.trail is not None:
                kind = "configuration error: " if refusal.status >= 500 else ""
                exchange.trail.add(f"Execution failed due to {kind}{refusal}")
            response = stage.gateway_responses.response(refusal, exchange)
            response.headers = [header for header in response.headers if header[0].lower() != "content-type"]
        exchange.status = response.status
        ended(exchange)
        headers = list(response.headers)
        if exchange.endpoint_status is not None:
            headers.insert(0, ("X-Amzn-Trace-Id", exchange.trace_id))
        multi: dict[str, list[str]] = {}
        for name, value in headers:
            multi.setdefault(name, []).append(value)
        body = response.body if isinstance(response.body, bytes) else b"".join([piece async for piece in response.body])
        return {
            "status": response.status,
            "body": body.decode("utf-8", "replace"),
            "headers": {name: values[-1] for name, values in multi.items()},
            "multiValueHeaders": multi,
            "log": _log(exchange),
            "latency": round((time.perf_counter() - started) * 1000),
        }

    async def authorizer(self, scope: Scope, params: Json) -> dict[str, Any]:
        """TestInvokeAuthorizer."""
        api_id = params["restApiId"]
        document = self._records.get(scope, "rest-authorizer", api_id, params["authorizerId"])
        if document is None:
            raise AwsError(404, "NotFoundException", "Invalid Authorizer identifier specified")
        stage = self._stage(scope, api_id, params.get("stageVariables") or {})
        path, _, query = (params.get("pathWithQueryString") or "/").partition("?")
        exchange = self._exchange(scope, stage, _request("GET", path, query, params), path)
        started = time.perf_counter()
        answer: dict[str, Any] = {}
        try:
            if document.get("type") == "COGNITO_USER_POOLS":
                check = CognitoCheck(document, (), self._serving.compiler._pool_keys)
                await check.check(exchange)
                answer = {"clientStatus": 0, "claims": (exchange.authorizer or {}).get("claims") or {}}
            else:
                answer = await _asked(authorizer_check(self._serving.compiler, scope, document), exchange)
        except Refusal as refusal:
            exchange.note(f"Execution failed: {refusal}")
            answer = {"clientStatus": refusal.status}
        exchange.note(f"Completed authorization with status: {answer['clientStatus'] or 200}")
        return {**answer, "log": _log(exchange), "latency": round((time.perf_counter() - started) * 1000)}

    def _stage(self, scope: Scope, api_id: str, variables: Json) -> CompiledStage:
        """The API as it is now, not as it was deployed."""
        document = {"stageName": STAGE, "variables": variables}
        return self._serving.compiler.compile(
            scope, api_id, document, {"_snapshot": self._records.snapshot(scope, api_id)}
        )

    def _exchange(self, scope: Scope, stage: CompiledStage, request: Request, path: str) -> RestExchange:
        api_id = stage.settings.api_id
        return RestExchange(
            request,
            scope,
            api_id,
            STAGE,
            path,
            "testPrefix.testDomainName",
            "443",
            "",
            stage.variables,
            trail=Trail(bodies=True),
        )


async def _asked(check: Any, exchange: RestExchange) -> dict[str, Any]:
    sources = tuple(source(exchange) or "" for source in check._sources)
    if check._token and check._expression:
        await check._validate(sources[0])
    answer = await check._ask(exchange, sources)
    context = answer.get("context") or {}
    return {
        "clientStatus": 0,
        "principalId": str(answer["principalId"]),
        "policy": _json(answer["policyDocument"]),
        "authorization": {name: [str(value)] for name, value in context.items()},
    }


def _json(value: Any) -> str:
    import json

    return json.dumps(value, separators=(",", ":"))


def _method(stage: CompiledStage, resource: Json, verb: str) -> CompiledMethod:
    document = (resource.get("resourceMethods") or {}).get(verb)
    if document is None:
        raise AwsError(404, "NotFoundException", "Invalid Method identifier specified")
    match = stage.table.of(resource["path"], verb)
    if match is None:
        raise AwsError(404, "NotFoundException", "Invalid Method identifier specified")
    return match


def _request(verb: str, path: str, query: str, params: Json) -> Request:
    headers = [(str(name), str(value)) for name, value in (params.get("headers") or {}).items()]
    for name, values in (params.get("multiValueHeaders") or {}).items():
        headers = [header for header in headers if header[0].lower() != name.lower()]
        headers += [(str(name), str(value)) for value in values]
    names = [name.encode("latin-1", "replace") for name, _ in headers]
    lower = [(name.lower(), value) for name, value in headers]
    body = (params.get("body") or "").encode("utf-8", "replace")
    return Request(verb, path, query, Headers(lower, names=names), body, peer="test-invoke-source-ip")


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
