"""HTTP APIs served: each request takes AWS's steps in AWS's order, and ends counted and logged.

    size of the head -> API and stage -> CORS preflight -> route -> throttle -> body -> authorizer -> integration
        -> CORS headers -> metrics and access log

Whatever the answer, `apigw-requestid` is the `requestContext.requestId` of the request. The client never sees why
something failed; the edge's log and the access log do.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.messages import BodyTooLarge, Request, Response
from staticfire.edge.services.apigateway.common.limits import MAX_BODY
from staticfire.edge.services.apigateway.common.metrics import ApiMetrics
from staticfire.edge.services.apigateway.common.refusal import (
    Refused,
    not_found,
    not_yet_again,
    too_large,
    too_many_requests,
    unsupported,
)
from staticfire.edge.services.apigateway.common.request_ids import new_request_id
from staticfire.edge.services.apigateway.domains.address import Address, Addresses, api_domain
from staticfire.edge.services.apigateway.rest_apis import RestApis
from staticfire.edge.services.cloudwatch.log_writer import LogWriter
from staticfire.edge.services.lambda_ import Functions
from staticfire.edge.traces import Traces

from .catalog import ApiCatalog
from .control_plane import ControlPlane
from .earlier_apis import EarlierApis
from .exchange import Exchange
from .model import DEFAULT_STAGE
from .prepared import PreparedApi, PreparedRoute, PreparedStage, Preparer
from .tokens import KeySource
from .tracing import note

log = logging.getLogger(__name__)

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html: request line and header values.
MAX_HEAD = 10_240


class HttpApis:
    """The HTTP APIs of all accounts behind this edge."""

    def __init__(
        self,
        emulator: Emulator,
        functions: Functions,
        *,
        public_host: str,
        port: int,
        state_dir: Path,
        client: Client | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces if traces is not None else Traces(0)
        client = client or Client()
        self._port = str(port)
        domain = api_domain(public_host)
        self._control = ControlPlane(
            emulator, f"{domain}:{port}", lambda api_id, scope: self._catalog.owner(api_id, scope)
        )
        self._logs = LogWriter(emulator, "lines of access logs")
        self._preparer = Preparer(functions, client, KeySource(client, emulator), self._logs)
        self._earlier = EarlierApis(state_dir / "http-apis.json")
        self._catalog = ApiCatalog(self._control.get, self._preparer.prepare, self._earlier.serves)
        self._addresses = Addresses(domain)
        self._rest_apis = RestApis(emulator)
        self._metrics = ApiMetrics(emulator)

    def match(self, request: Request) -> Address | None:
        """The HTTP API that the request is for, if it is for one."""
        return self._addresses.match(request)

    async def serve(self, address: Address) -> Response:
        started = time.perf_counter()
        try:
            _check_head(address.request)
            api = self._catalog.prepared(address.api_id) or await self._learned(address)
            if isinstance(api, Response):
                return api
            stage, path = _stage(api, address)
        except Refused as refused:
            refusal = self._of_lost(refused, address)
            log.info("%s %s: %d: %s", address.request.method, address.request.path, refusal.status, refusal)
            return _identified(refusal.response(), new_request_id())
        except AwsError as error:
            # AWS has no such answer: what is missing is a local part, and the error says which and what to do.
            body = json.dumps({"message": error.message}).encode()
            return _identified(Response(503, [("content-type", "application/json")], body), new_request_id())
        exchange = Exchange(
            address.request,
            scope=api.scope,
            api_id=api.api.id,
            stage=stage.stage,
            path=path,
            domain_name=address.domain_name,
            base_path=address.base_path,
        )
        response = api.cors.preflight(exchange.request) if api.cors else None
        if response is None:
            response = await self._respond(stage, exchange, address)
            if api.cors is not None:
                response.headers = api.cors.apply(exchange.request, response.headers)
        self._finish(stage, exchange, response, started)
        return response

    async def _learned(self, address: Address) -> PreparedApi | Response:
        """The HTTP API, or what a REST API answers."""
        if address.api_id is None:
            raise not_found(f"no API mapping of {address.domain_name} fits the path")
        api = None if self._rest_apis.serves(address.api_id) else await self._catalog.find(address.api_id)
        answer = api or await self._rest_apis.serve(address.api_id, address)
        if answer is None:
            raise not_found(f"no account has an API {address.api_id}")
        return answer

    async def _respond(self, stage: PreparedStage, exchange: Exchange, address: Address) -> Response:
        try:
            route = self._routed(stage, exchange, address)
            if route.bucket is not None and not route.bucket.take(time.monotonic()):
                raise too_many_requests()
            exchange.arrived(await exchange.request.body(MAX_BODY), self._port)
            if route.guard is not None:
                await route.guard.check(exchange)
            return await route.responder.respond(exchange)
        except BodyTooLarge:
            return self._refuse(exchange, too_large(f"the body is longer than {MAX_BODY} bytes"))
        except Refused as refusal:
            return self._refuse(exchange, refusal)

    def _routed(self, stage: PreparedStage, exchange: Exchange, address: Address) -> PreparedRoute:
        match = stage.table.match(exchange.request.method, exchange.path)
        if match is None:
            request = f"{exchange.request.method} {exchange.path}"
            raise self._of_lost(not_found(f"no route of stage {exchange.stage.name} takes {request}"), address)
        route, exchange.parameters = match
        exchange.route, exchange.dimensions = route.route, route.dimensions
        return route

    def _of_lost(self, refused: Refused, address: Address) -> Refused:
        """What is missing since the emulator lost its state is not simply not found."""
        api_id, method = address.api_id, address.request.method
        if refused.status == 404 and api_id and self._earlier.had(api_id, address.stage, method, address.path):
            return not_yet_again(api_id)
        return refused

    def _refuse(self, exchange: Exchange, refusal: Refused) -> Response:
        exchange.error_kind = refusal.kind
        exchange.error_message = refusal.message
        level = logging.WARNING if refusal.status >= 500 else logging.INFO
        where = exchange.route.key if exchange.route else f"{exchange.request.method} {exchange.path}"
        log.log(level, "API %s, %s: %d: %s", exchange.api_id, where, refusal.status, refusal)
        return refusal.response()

    def _finish(self, stage: PreparedStage, exchange: Exchange, response: Response, started: float) -> None:
        response.headers.append(("apigw-requestid", exchange.request_id))
        exchange.status = response.status
        exchange.response_length = len(response.body) if isinstance(response.body, bytes) else 0
        exchange.response_latency = round((time.perf_counter() - started) * 1000)
        for dimensions in (stage.dimensions, exchange.dimensions):
            if dimensions is not None:
                size = len(exchange.body) + exchange.response_length
                self._metrics.add(
                    exchange.scope,
                    dimensions,
                    exchange.status,
                    exchange.response_latency,
                    exchange.integration_latency,
                    size,
                )
        if stage.access_log is not None:
            stage.access_log.write(exchange, exchange.epoch_ms)
        if self._traces.on:
            note(self._traces, exchange, response, time.perf_counter() - started)

    async def answer(self, call: Call) -> Response | None:
        """An API Gateway call: those of HTTP APIs are passed on here, others (None) by the router."""
        self._catalog.saw(call.scope)
        if not self._addresses.knows(call.scope):
            await self._learn_domains(call.scope)
        if not call.request.path.startswith("/v2/apis"):
            return None
        status, response = await self._control.pass_on(call)
        await self.passed(call, status)
        return response

    async def passed(self, call: Call, status: int) -> None:
        """A call went through: what it wrote is learned anew."""
        method, parts = call.request.method, call.request.path.strip("/").split("/")
        if method == "GET" or status >= 400 or parts[0] != "v2":
            return
        if method == "DELETE" and parts[1:2] == ["apis"] and len(parts) >= 3:
            self._earlier.deleted(parts[2])
        if parts[1:2] == ["domainnames"]:
            await self._learn_domains(call.scope)
        elif parts[1:2] == ["apis"] and len(parts) == 3 and method == "DELETE":
            self._catalog.deleted(parts[2])
            self._preparer.forget(parts[2])
            self._control.deleted(parts[2])
        elif parts[1:2] == ["apis"] and len(parts) >= 3:
            await self._catalog.wrote(call.scope, method, parts[2], parts[3:], await call.body())

    async def _learn_domains(self, scope: Scope) -> None:
        try:
            self._addresses.learn(scope, await self._catalog.domains(scope))
        except AwsError as error:
            log.warning("custom domains of account %s are not known: %s", scope.account, error)

    async def reset(self) -> None:
        """The emulator's state is gone: nothing that was learned holds."""
        self._earlier.lose()
        self._catalog.reset()
        self._control.reset()
        self._addresses.reset()
        self._rest_apis.forget()

    async def close(self) -> None:
        """Access logs and metrics that still wait go out."""
        await self._logs.close()
        await self._metrics.close()


def _identified(response: Response, request_id: str) -> Response:
    response.headers.append(("apigw-requestid", request_id))
    return response


def _stage(api: PreparedApi, address: Address) -> tuple[PreparedStage, str]:
    """The stage that the path names, and the path in it."""
    if api.api.protocol != "HTTP":
        raise unsupported(f"{api.api.protocol} APIs are not served here: only HTTP APIs are")
    if api.api.endpoint_disabled and address.base_path is None:
        raise not_found("the API's execute-api endpoint is disabled: use its custom domain")
    if address.stage is not None:
        stage = api.stages.get(address.stage)
        if stage is None:
            raise not_found(f"API {address.api_id} has no stage {address.stage!r}")
        return stage, address.path
    first, slash, rest = address.path[1:].partition("/")
    stage = api.stages.get(first)
    if stage is not None:
        return stage, f"{slash or '/'}{rest}"
    stage = api.stages.get(DEFAULT_STAGE)
    if stage is None:
        raise not_found(f"API {address.api_id} has no stage {first!r} and no {DEFAULT_STAGE}")
    return stage, address.path


def _check_head(request: Request) -> None:
    size = len(request.method) + len(request.path) + len(request.query) + 10
    for _, value in request.headers:
        size += len(value)
    if size > MAX_HEAD:
        raise Refused(
            431,
            "Request Header Fields Too Large",
            kind="REQUEST_TOO_LARGE",
            reason=f"request line and header values are {size} bytes, more than {MAX_HEAD}",
        )
