"""API Gateway on a real store, against small stand-ins of its neighbours: functions and services in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from staticfire.edge.aws.access_keys import AccessKeys
from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.identity_policies import IdentityPolicies
from staticfire.edge.aws.issued_keys import IssuedKeys
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.gate import Gate
from staticfire.edge.http1 import client as http1
from staticfire.edge.http1.messages import Headers, Request, Response
from staticfire.edge.services.apigateway.build import api_gateway
from staticfire.edge.services.apigateway.common.service_calls import ServiceCalls
from staticfire.edge.services.apigateway.rest.records import RestRecords
from staticfire.edge.services.apigateway.v2.records import V2Records
from staticfire.edge.services.lambda_ import FunctionRef, Functions, Outcome
from staticfire.edge.store import Store
from tests.unit.edge.iam_kit import MemoryIam

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


class Services:
    """CloudWatch, Logs and a user pool in memory."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.metrics: list[dict[str, str]] = []
        self.log_calls: list[tuple[str, Mapping[str, Any]]] = []
        self.streams: set[tuple[str, str]] = set()

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
        assert service == "cognito-idp"
        self.reads.append(target)
        return Incoming(404, b"{}")

    async def at(self, target: str, service: str, request: Request, limit: int) -> Response:
        """It has no REST API."""
        return Response(404, [], b'{"message": "Not Found"}')

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
    """An edge's API Gateway: its store is real, its neighbours are stand-ins."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "edge.sqlite"
        self.functions = FunctionsInMemory()
        self.functions.handlers["echo"] = lambda event: {"statusCode": 200, "body": json.dumps(event)}
        self.called: list[Request] = []
        self.service_answer = Response(200, [("content-type", "application/x-amz-json-1.0")], b"{}")
        self.iam = MemoryIam()
        self._start()

    def _start(self) -> None:
        self.store = Store(self._path)
        self.records = V2Records(self.store)
        self.emulator = Services()
        self.client = Client()
        services = ServiceCalls(PORT)
        services.through(self._service)
        keys = AccessKeys("token")
        self.issued = IssuedKeys(self.store)
        self.apis = api_gateway(
            self.records,
            RestRecords(self.store),
            cast(Emulator, self.emulator),
            cast(Functions, self.functions),
            SignedCallers(keys, self.issued, IdentityPolicies(self.iam)),
            services,
            hosts=("localhost", "gateway.example"),
            public_host="127.0.0.1",
            port=PORT,
            gate=Gate(lambda: 0),
            guard=lambda request: None,
            client=cast(http1.Client, self.client),
        )

    async def _service(self, request: Request) -> Response:
        self.called.append(request)
        return self.service_answer

    async def restart(self, *, lost: bool = False) -> None:
        """Another edge on the same store; `lost`: the emulator's state is gone meanwhile."""
        await self.store.close()
        self._start()
        if lost:
            await self.lose()

    async def lose(self) -> None:
        """As when the emulator's state is found to be another one's."""
        await self.store.clear()
        await self.apis.reset()

    async def call(self, method: str, path: str, body: Any = None, scope: Scope = SCOPE) -> Any:
        """A call to API Gateway; its answer's document. An error is raised."""
        data = b"" if body is None else json.dumps(body).encode()
        path, _, query = path.partition("?")
        headers = Headers([("content-type", "application/json")])
        response = await self.apis.answer(Call(Request(method, path, query, headers, data), "apigateway", scope))
        assert response is not None, path
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
