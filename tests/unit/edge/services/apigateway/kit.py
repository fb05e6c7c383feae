"""HTTP APIs against small stand-ins of their neighbours: a control plane and functions in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1 import client as http1
from staticfire.edge.http1.messages import Headers, Request, Response
from staticfire.edge.services.apigateway import HttpApis
from staticfire.edge.services.lambda_ import FunctionRef, Functions, Outcome

ACCOUNT = "123456789012"
REGION = "eu-west-1"
SCOPE = Scope(ACCOUNT, REGION)
PORT = 4566

Sent = Mapping[str, str] | Iterable[tuple[str, str]]


class Incoming:
    """A response as an HTTP client gives it."""

    def __init__(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.status = status
        self.headers = Headers(headers or [("content-type", "application/json")])
        self._body = body

    async def read(self, limit: int | None = None) -> bytes:
        return self._body


class ControlPlane:
    """API Gateway, CloudWatch and Logs in memory. Stores what it is told, apart from `forgets`."""

    forgets = ("integrationSubtype", "connectionId")

    def __init__(self) -> None:
        self.resources: dict[tuple[Scope, str], dict[str, Any]] = {}
        self.reads: list[str] = []
        self.metrics: list[dict[str, str]] = []
        self.log_calls: list[tuple[str, Mapping[str, Any]]] = []
        self.streams: set[tuple[str, str]] = set()
        self.read_events: dict[str, asyncio.Event] = {}
        self.down = False
        self.page_size = 1000
        self._made = 0

    async def rest(self, scope: Scope, service: str, method: str, path: str, body: Any = None) -> Any:
        if self.down:
            raise AwsError(503, "ServiceUnavailable", "the emulator does not answer: staticfire up")
        assert service == "apigateway"
        await asyncio.sleep(0)
        if method == "GET":
            self.reads.append(path)
            if path in self.read_events:
                self.read_events[path].set()
        return self._answer(scope, method, path, body)

    def read_event(self, path: str) -> asyncio.Event:
        """Set when the path is read."""
        return self.read_events.setdefault(path, asyncio.Event())

    async def raw(
        self,
        scope: Scope,
        service: str,
        method: str,
        target: str,
        headers: object,
        body: bytes = b"",
        *,
        as_is: bool = False,
    ) -> Incoming:
        if service == "cognito-idp":
            self.reads.append(target)
            return Incoming(404, b"{}")
        try:
            data = await self.rest(scope, service, method, target, json.loads(body) if body else None)
        except AwsError as error:
            return Incoming(error.status, json.dumps({"message": error.message}).encode())
        status = {"POST": 201, "DELETE": 204}.get(method, 200)
        return Incoming(status, b"" if data is None else json.dumps(data).encode())

    async def at(self, target: str, service: str, request: Request, limit: int) -> Response:
        """It has no REST API."""
        return Response(404, [], b'{"message": "Not Found"}')

    async def whole(self, response: Incoming) -> bytes:
        return await response.read()

    def _answer(self, scope: Scope, method: str, target: str, body: Any) -> Any:
        path, _, query = target.partition("?")
        parts = path.strip("/").split("/")
        collection = len(parts) % 2 == 0
        if method == "POST":
            return self._create(scope, path, parts, body)
        if collection:
            return self._list(scope, path, query)
        if (scope, path) not in self.resources:
            raise AwsError(404, "NotFoundException", f"{path} not found")
        if method == "PATCH":
            self.resources[scope, path].update({key: body[key] for key in body if key not in self.forgets})
        if method == "DELETE":
            for key in [key for key in self.resources if key[0] == scope and f"{key[1]}/".startswith(f"{path}/")]:
                del self.resources[key]
            return None
        return self.resources[scope, path]

    def _create(self, scope: Scope, path: str, parts: list[str], body: dict[str, Any]) -> dict[str, Any]:
        key = {
            "apis": "apiId",
            "routes": "routeId",
            "integrations": "integrationId",
            "stages": "stageName",
            "authorizers": "authorizerId",
            "deployments": "deploymentId",
            "domainnames": "domainName",
            "apimappings": "apiMappingId",
        }[parts[-1]]
        self._made += 1
        kept = {name: value for name, value in body.items() if name not in self.forgets}
        resource = {key: f"x{self._made}", **kept}
        self.resources[scope, f"{path}/{resource[key]}"] = resource
        return resource

    def _list(self, scope: Scope, path: str, query: str) -> dict[str, Any]:
        below = [
            resource
            for (owner, name), resource in self.resources.items()
            if owner == scope and name.startswith(f"{path}/") and "/" not in name[len(path) + 1 :]
        ]
        start = int(query.removeprefix("nextToken=") or 0)
        page: dict[str, Any] = {"items": below[start : start + self.page_size]}
        if start + self.page_size < len(below):
            page["nextToken"] = str(start + self.page_size)
        return page

    async def query(self, scope: Scope, service: str, action: str, params: Mapping[str, str]) -> None:
        assert (service, action) == ("monitoring", "PutMetricData")
        self.metrics.append(dict(params))

    async def json(self, scope: Scope, service: str, target: str, body: Mapping[str, Any]) -> dict[str, Any]:
        operation = target.partition(".")[2]
        stream = (body["logGroupName"], body["logStreamName"])
        if operation == "CreateLogStream":
            self.streams.add(stream)
        elif stream not in self.streams:
            raise AwsError(400, "ResourceNotFoundException", "The specified log stream does not exist.")
        self.log_calls.append((operation, body))
        return {}


Handler = Callable[[Any], Any]


class FunctionsInMemory:
    """Handlers by name. A handler returns what the function returns, or raises what an invocation ends with."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.events: list[Any] = []
        self.refs: list[FunctionRef] = []
        self.refused: Callable[[FunctionRef, str], bool] = lambda ref, source_arn: False
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    async def invoke(
        self, ref: FunctionRef, payload: bytes, *, trace_id: str | None = None, patience: float | None = None
    ) -> Outcome:
        event = json.loads(payload)
        self.events.append(event)
        self.refs.append(ref)
        if self.gate is not None:
            await asyncio.wait_for(self.gate.wait(), patience)
        try:
            result = self.handlers[ref.name](event)
        except ValueError as error:
            failure = json.dumps({"errorMessage": str(error), "errorType": "ValueError"}).encode()
            return Outcome("invocation-1", failure, "Unhandled", "$LATEST")
        data = result if isinstance(result, bytes) else json.dumps(result).encode()
        return Outcome("invocation-1", data, None, "$LATEST")

    async def allows(self, ref: FunctionRef, principal: str, source_arn: str) -> bool:
        assert principal == "apigateway.amazonaws.com"
        self.asked.append(source_arn)
        return not self.refused(ref, source_arn)


class Client:
    """The outside: answers what `answer` says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str, list[tuple[str, str]], bytes]] = []
        self.answer: Callable[[str, str, str], Incoming] = lambda method, base, target: Incoming(200, b"{}")

    async def request(
        self, method: str, base_url: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> Incoming:
        self.requests.append((method, base_url, target, list(headers), body))
        await asyncio.sleep(0)
        return self.answer(method, base_url, target)


class Answer:
    def __init__(self, response: Response) -> None:
        assert isinstance(response.body, bytes)
        self.status = response.status
        self.headers = Headers(response.headers)
        self.body = response.body

    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    """One API of the lab, called through its first stage."""

    def __init__(self, lab: Lab, api_id: str, stage: str) -> None:
        self.lab = lab
        self.id = api_id
        self.stage = stage

    async def send(self, method: str, target: str, headers: Sent = (), body: bytes = b"") -> Answer:
        path, _, query = target.partition("?")
        return await self.lab.send(
            Request(method, f"/_aws/execute-api/{self.id}/{self.stage}{path}", query, _headers(headers), body)
        )

    async def event(self, method: str, target: str, headers: Sent = (), body: bytes = b"") -> Any:
        """What the function got."""
        before = len(self.lab.functions.events)
        answer = await self.send(method, target, headers, body)
        assert len(self.lab.functions.events) == before + 1, (answer.status, answer.body)
        return self.lab.functions.events[-1]


def _headers(headers: Sent) -> Headers:
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    return Headers([("host", f"localhost:{PORT}"), *((name.lower(), value) for name, value in pairs)])


class Lab:
    """An edge's HTTP APIs, and the accounts behind it."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self.functions = FunctionsInMemory()
        self.functions.handlers["echo"] = lambda event: {"statusCode": 200, "body": json.dumps(event)}
        self.restart()

    def restart(self) -> None:
        """A new edge in front of an emulator that knows nothing."""
        self.emulator = ControlPlane()
        self.client = Client()
        self.apis = HttpApis(
            cast(Emulator, self.emulator),
            cast(Functions, self.functions),
            public_host="127.0.0.1",
            port=PORT,
            state_dir=self._state_dir,
            client=cast(http1.Client, self.client),
        )

    async def call(self, method: str, path: str, body: Any = None, scope: Scope = SCOPE) -> Any:
        """A call to API Gateway as the router passes it through the edge; its answer's document."""
        data = b"" if body is None else json.dumps(body).encode()
        call = Call(
            Request(method, path, "", Headers([("content-type", "application/json")]), data), "apigateway", scope
        )
        response = await self.apis.answer(call)
        if response is None:
            answer = await self.emulator.raw(scope, "apigateway", method, path, [], data)
            await self.apis.passed(call, answer.status)
            return json.loads(await answer.read() or b"null")
        assert isinstance(response.body, bytes)
        assert response.status < 300, response.body
        return json.loads(response.body or b"null")

    async def api(
        self,
        routes: Mapping[str, str],
        *,
        stage: str = "$default",
        integration: Mapping[str, Any] | None = None,
        route: Mapping[str, Any] | None = None,
        stage_settings: Mapping[str, Any] | None = None,
        scope: Scope = SCOPE,
        **settings: Any,
    ) -> Api:
        made = await self.call("POST", "/v2/apis", {"name": "a", "protocolType": "HTTP", **settings}, scope)
        base = f"/v2/apis/{made['apiId']}"
        for key, function in routes.items():
            target = await self.integrate(made["apiId"], function, scope, **(integration or {}))
            body = {"routeKey": key, "target": target, **(route or {})}
            await self.call("POST", f"{base}/routes", body, scope)
        body = {"stageName": stage, "autoDeploy": True, **(stage_settings or {})}
        await self.call("POST", f"{base}/stages", body, scope)
        return Api(self, made["apiId"], stage)

    async def integrate(self, api_id: str, function: str, scope: Scope = SCOPE, **settings: Any) -> str:
        body = {
            "integrationType": "AWS_PROXY",
            "integrationUri": arn(function, scope),
            "payloadFormatVersion": "2.0",
            **settings,
        }
        made = await self.call("POST", f"/v2/apis/{api_id}/integrations", body, scope)
        return f"integrations/{made['integrationId']}"

    async def send(self, request: Request) -> Answer:
        address = self.apis.match(request)
        assert address is not None, request.path
        return Answer(await self.apis.serve(address))


def arn(function: str, scope: Scope = SCOPE) -> str:
    return f"arn:aws:lambda:{scope.region}:{scope.account}:function:{function}"
