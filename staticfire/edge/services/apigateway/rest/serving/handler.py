"""REST APIs served: each request takes AWS's steps in AWS's order, and ends counted and logged.

    size of the head -> stage -> resource and method -> resource policy, authorizer, key, throttling -> body
        -> signature, validation -> integration -> headers of API Gateway's own -> metrics, access log, execution log

Whatever fails is a gateway response. The client never sees why; the logs do.
"""

from __future__ import annotations

import gzip
import logging
import random
import time
import zlib

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.messages import BodyTooLarge, BrokenBody, Response
from staticfire.edge.services.apigateway.common.limits import MAX_BODY
from staticfire.edge.services.apigateway.common.service_calls import ServiceCalls
from staticfire.edge.services.apigateway.common.throttle import Bucket
from staticfire.edge.services.apigateway.domains.address import Address
from staticfire.edge.services.apigateway.rest.records import RestRecords
from staticfire.edge.services.cloudwatch.log_writer import LogWriter
from staticfire.edge.services.lambda_ import Functions
from staticfire.edge.traces import Traces

from .authorizers.cognito import UserPoolKeys
from .authorizers.iam import IamCheck
from .catalog import StageCatalog
from .compiled import CompiledMethod, CompiledStage
from .compiler import StageCompiler
from .exchange import RestExchange
from .execution_log import answered, begun, ended
from .gateway_responses import GatewayRefusal, GatewayResponses, too_long
from .integrations.choice import RestIntegrations
from .keys import ApiKeys, KeyCheck, throttled
from .metrics import RestApiMetrics
from .tracing import note
from .trail import Trail
from .usage import UsageCounters

log = logging.getLogger(__name__)

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
ACCOUNT_RATE, ACCOUNT_BURST = 10_000.0, 5_000.0
MAX_HEAD = 10_240
MAX_ACCOUNTS = 1_000


class RestServing:
    """The REST APIs of all accounts behind this edge."""

    def __init__(
        self,
        records: RestRecords,
        emulator: Emulator,
        functions: Functions,
        callers: SignedCallers,
        services: ServiceCalls,
        *,
        port: int,
        client: Client | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces if traces is not None else Traces(0)
        self._records = records
        self._port = str(port)
        self._logs = LogWriter(emulator, "lines of REST APIs' logs")
        self._usage = UsageCounters(records)
        self.pool_keys = UserPoolKeys(emulator)
        keys = ApiKeys(records, self._usage)
        integrations = RestIntegrations(functions, client or Client(), services)
        self.compiler = StageCompiler(integrations, callers, keys, self.pool_keys, self._logs)
        self._catalog = StageCatalog(records, self.compiler)
        self._metrics = RestApiMetrics(emulator)
        self._accounts: dict[Scope, Bucket] = {}

    def has(self, api_id: str) -> bool:
        """Whether there is a REST API of that id."""
        return self._catalog.owner(api_id) is not None

    async def serve(self, address: Address) -> Response:
        """The answer to a request; `address.api_id` is one that `has` knows."""
        started = time.perf_counter()
        api_id, stage_name, path = address.api_id or "", address.stage, address.path
        if stage_name is None:
            stage_name, slash, rest = path.lstrip("/").partition("/")
            path = f"{slash or '/'}{rest}"
        stage = self._catalog.stage(api_id, stage_name)
        if stage is None or (stage[1].settings.endpoint_disabled and address.base_path is None):
            return self._unreachable(address, api_id, stage_name, path, started)
        scope, compiled = stage
        canary = compiled.canary is not None and random.random() * 100 < compiled.canary_percent
        compiled = compiled.canary if canary and compiled.canary is not None else compiled
        exchange = self._exchange(address, scope, compiled, path)
        exchange.canary = canary
        try:
            response = await self._respond(compiled, exchange)
        except GatewayRefusal as refusal:
            response = self._refuse(compiled.gateway_responses, exchange, refusal)
        response = _compressed(response, compiled, exchange)
        response.headers += _own_headers(exchange)
        self._finish(compiled, exchange, response, started)
        return response

    def _exchange(self, address: Address, scope: Scope, stage: CompiledStage, path: str) -> RestExchange:
        return RestExchange(
            address.request,
            scope,
            stage.settings.api_id,
            stage.name,
            path,
            address.domain_name,
            self._port,
            stage.deployment_id,
            stage.variables,
            address.base_path,
            edge_optimized=stage.settings.edge_optimized,
        )

    async def _respond(self, stage: CompiledStage, exchange: RestExchange) -> Response:
        _check_head(exchange)
        match = stage.table.match(exchange.verb, exchange.path)
        if match is None:
            raise GatewayRefusal(
                "MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token", "there is no such method"
            )
        method, exchange.path_parameters = match
        exchange.method = method
        if method.log_level != "OFF":
            exchange.trail = Trail(bodies=method.data_trace, errors_only=method.log_level == "ERROR")
        return await self.execute(exchange, method)

    async def execute(self, exchange: RestExchange, method: CompiledMethod, *, trial: bool = False) -> Response:
        """The steps of a method. A trial (TestInvokeMethod) is checked by nobody and not throttled."""
        if not trial:
            self._throttle(exchange, method)
            for check in method.checks:
                await check.check(exchange)
        try:
            exchange.body = _decoded(exchange, await exchange.request.body(MAX_BODY))
        except BodyTooLarge as error:
            raise too_long(f"HTTP content length exceeded {MAX_BODY} bytes.") from error
        except BrokenBody as error:
            raise GatewayRefusal("DEFAULT_4XX", "Bad Request", str(error), status=error.status) from error
        begun(exchange)
        for check in method.after_body:
            if not trial or not isinstance(check, IamCheck | KeyCheck):
                await check.check(exchange)
        response = await method.responder.respond(exchange)
        answered(exchange, response)
        return response

    def _throttle(self, exchange: RestExchange, method: CompiledMethod) -> None:
        now = time.monotonic()
        if method.bucket is not None and not method.bucket.take(now):
            raise throttled(f"stage {exchange.stage}")
        account = self._accounts.get(exchange.scope)
        if account is None:
            if len(self._accounts) >= MAX_ACCOUNTS:
                self._accounts.clear()
            account = self._accounts[exchange.scope] = Bucket(ACCOUNT_RATE, ACCOUNT_BURST)
        if not account.take(now):
            raise throttled(f"account {exchange.scope.account}")

    def _refuse(self, responses: GatewayResponses, exchange: RestExchange, refusal: GatewayRefusal) -> Response:
        level = logging.WARNING if refusal.status >= 500 else logging.INFO
        where = f"{exchange.verb} {exchange.resource_path or exchange.path}"
        log.log(level, "REST API %s, %s: %d: %s", exchange.api_id, where, refusal.status, refusal)
        if exchange.trail is not None:
            kind = "configuration error: " if refusal.status >= 500 else ""
            exchange.trail.error(f"Execution failed due to {kind}{refusal}" if kind else str(refusal))
        return responses.response(refusal, exchange)

    def _unreachable(self, address: Address, api_id: str, stage: str, path: str, started: float) -> Response:
        """A stage that is not there, or an API whose own address is switched off: AWS tells neither."""
        scope = self._catalog.owner(api_id) or Scope()
        exchange = RestExchange(address.request, scope, api_id, stage, path, address.domain_name, self._port)
        refusal = GatewayRefusal("DEFAULT_4XX", "Forbidden", "", status=403, error_type="ForbiddenException")
        reason = f"there is no stage {stage!r}, or the API's execute-api endpoint is disabled"
        log.info("REST API %s: 403: %s", api_id, reason)
        response = GatewayResponses({}).response(refusal, exchange)
        response.headers += _own_headers(exchange)
        if self._traces.on:
            note(self._traces, exchange, response, time.perf_counter() - started, reason)
        return response

    def _finish(self, stage: CompiledStage, exchange: RestExchange, response: Response, started: float) -> None:
        exchange.status = response.status
        exchange.response_length = len(response.body) if isinstance(response.body, bytes) else 0
        exchange.response_latency = round((time.perf_counter() - started) * 1000)
        self._metrics.add(stage.dimensions, exchange)
        if exchange.method is not None and exchange.method.dimensions is not None:
            self._metrics.add(exchange.method.dimensions, exchange)
        if stage.access_log is not None:
            stage.access_log.write(exchange, exchange.epoch_ms)
        if self._traces.on:
            note(self._traces, exchange, response, time.perf_counter() - started)
        if exchange.trail is not None and stage.execution_log is not None:
            ended(exchange)
            for when, text in exchange.trail.lines:
                stage.execution_log.add(when, f"({exchange.request_id}) {text}")

    def reset(self) -> None:
        """The emulator's state is gone: what was learned of it, and of the store, is not true any more."""
        self.pool_keys.forget()
        self._catalog.reset()

    async def flush_usage(self) -> None:
        """What was counted of API keys is in the store."""
        await self._usage.flush()

    async def close(self) -> None:
        """Counters, logs and metrics that still wait go out."""
        await self._usage.close()
        await self._logs.close()
        await self._metrics.close()


def _own_headers(exchange: RestExchange) -> list[tuple[str, str]]:
    headers = [("x-amzn-RequestId", exchange.request_id), ("x-amz-apigw-id", exchange.extended_request_id)]
    if exchange.endpoint_status is not None and not exchange.passes_trace:
        headers.append(("X-Amzn-Trace-Id", exchange.trace_id))
    return headers


def _check_head(exchange: RestExchange) -> None:
    request = exchange.request
    size = len(request.method) + len(request.path) + len(request.query) + 10
    for _, value in request.headers:
        size += len(value)
    if size > MAX_HEAD:
        reason = f"request line and header values are {size} bytes, more than {MAX_HEAD}"
        raise GatewayRefusal("REQUEST_TOO_LARGE", "Request Header Fields Too Large", reason, status=431)


def _decoded(exchange: RestExchange, body: bytes) -> bytes:
    """A compressed body as it was before, within the limit of a body."""
    encoding = exchange.request.headers.get("content-encoding").strip().lower()
    if not body or encoding not in ("gzip", "deflate"):
        return body
    try:
        stream = zlib.decompressobj(wbits=31 if encoding == "gzip" else 15)
        plain = stream.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise GatewayRefusal(
            "DEFAULT_4XX", "Bad Request", f"the body is not {encoding}: {error}", status=400
        ) from error
    if len(plain) > MAX_BODY:
        raise too_long(f"the body is longer than {MAX_BODY} bytes when it is unpacked")
    return plain


def _compressed(response: Response, stage: CompiledStage, exchange: RestExchange) -> Response:
    """With `minimumCompressionSize`, what the client takes compressed and is not so already."""
    least, body = stage.settings.minimum_compression_size, response.body
    if least is None or not isinstance(body, bytes) or len(body) < least or not body:
        return response
    encoded = any(name.lower() == "content-encoding" for name, _ in response.headers)
    if encoded or "gzip" not in exchange.request.headers.get("accept-encoding"):
        return response
    return Response(response.status, [*response.headers, ("Content-Encoding", "gzip")], gzip.compress(body, 1))
