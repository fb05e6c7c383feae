"""HTTP APIs served: each request takes AWS's steps in AWS's order, and ends counted and logged.

    size of the head -> API and stage -> CORS preflight -> route -> throttle -> body -> authorizer -> integration
        -> CORS headers -> metrics and access log

Whatever the answer, `apigw-requestid` is the `requestContext.requestId` of the request. The client never sees why
something failed; the edge's log and the access log do.
"""

from __future__ import annotations

import logging
import time

from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import BodyTooLarge, Request, Response
from staticfire.edge.services.apigateway.common.limits import MAX_BODY
from staticfire.edge.services.apigateway.common.metrics import ApiMetrics
from staticfire.edge.services.apigateway.common.refusal import (
    Refused,
    identified,
    not_found,
    too_large,
    too_many_requests,
)
from staticfire.edge.services.apigateway.domains.address import Address
from staticfire.edge.services.apigateway.v2.records import V2Records
from staticfire.edge.services.cloudwatch.log_writer import LogWriter
from staticfire.edge.traces import Traces

from .catalog import ApiCatalog
from .exchange import Exchange
from .lost import missing_here, no_stage_here
from .model import DEFAULT_STAGE
from .prepared import Neighbours, PreparedApi, PreparedRoute, PreparedStage, Preparer
from .tracing import note, note_refused

log = logging.getLogger(__name__)

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html: request line and header values.
MAX_HEAD = 10_240


class HttpApis:
    """The HTTP APIs of all accounts behind this edge."""

    def __init__(
        self,
        records: V2Records,
        neighbours: Neighbours,
        emulator: Emulator,
        *,
        port: int,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces if traces is not None else Traces(0)
        self._port = str(port)
        self._logs = LogWriter(emulator, "lines of access logs")
        self._preparer = Preparer(neighbours, self._logs)
        self._records = records
        self._catalog = ApiCatalog(records, self._preparer.prepare, self._preparer.forget)
        self._metrics = ApiMetrics(emulator)

    def has(self, api_id: str) -> bool:
        """Whether there is such an HTTP API."""
        return self._catalog.prepared(api_id) is not None

    async def serve(self, address: Address) -> Response:
        started = time.perf_counter()
        api = self._catalog.prepared(address.api_id or "")
        try:
            _check_head(address.request)
            if api is None:
                raise not_found(f"there is no HTTP API {address.api_id}")
            stage, path = _stage(api, address)
        except Refused as refusal:
            return self._refuse_at_once(address, api, refusal, started)
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

    def _refuse_at_once(self, address: Address, api: PreparedApi | None, refusal: Refused, started: float) -> Response:
        """What reaches no stage; where its API is known, it is a trace all the same."""
        refused = no_stage_here(self._records, address.api_id or "", refusal)
        log.info("%s %s: %d: %s", address.request.method, address.request.path, refused.status, refused)
        response = identified(refused.response())
        if api is not None and self._traces.on:
            note_refused(self._traces, api.scope, address, refused, response, time.perf_counter() - started)
        return response

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
            raise missing_here(
                self._records, address, not_found(f"no route of stage {exchange.stage.name} takes {request}")
            )
        route, exchange.parameters = match
        exchange.route, exchange.dimensions = route.route, route.dimensions
        return route

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

    async def close(self) -> None:
        """Access logs and metrics that still wait go out."""
        await self._logs.close()
        await self._metrics.close()


def _stage(api: PreparedApi, address: Address) -> tuple[PreparedStage, str]:
    """The stage that the path names, and the path in it."""
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
