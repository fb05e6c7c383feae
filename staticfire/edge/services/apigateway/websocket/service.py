"""WebSocket APIs served: the handshake, messages, the end of a connection, and `@connections`.

    handshake -> API and stage -> throttle -> API key, authorizer -> integration of $connect -> 101
    message   -> route by the selection expression -> throttle -> integration -> route response, or an error frame
    end       -> integration of $disconnect, whatever comes of it

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html. An API's description is the
store's (v2/records.py): a write to it is served from the next occasion on. Connections end with their stage.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from urllib.parse import unquote

from websockets.utils import accept_key

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.http1.client import Client as HttpClient
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.services.apigateway.common.access_log import AccessLog, access_log
from staticfire.edge.services.apigateway.common.request_ids import new_request_id
from staticfire.edge.services.apigateway.common.throttle import Buckets
from staticfire.edge.services.apigateway.domains.address import OF_A_CONNECTION, Address
from staticfire.edge.services.apigateway.rest.records import RestRecords
from staticfire.edge.services.apigateway.v2.records import V2Records
from staticfire.edge.services.cloudwatch.log_writer import LogWriter
from staticfire.edge.services.lambda_ import Functions
from staticfire.edge.traces import Traces
from staticfire.edge.traces.trace_id import new_root

from .authorizers import Authorizers, HandshakeRefused
from .connection import WebSocketConnection
from .integration import IntegrationAnswer, IntegrationFailed, WebSocketIntegrations
from .management import Management, connection_of
from .measures import WebSocketMetrics
from .model import CONNECT, DEFAULT, DISCONNECT, WebSocketRoute, WebSocketStage, read_stage
from .occasion import Occasion, WebSocketClient, context_getter
from .selection import selected
from .socket import BufferFull, SocketLimits
from .tracing import note

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 20_000
CLOSING_SECONDS = 5.0
GOING_AWAY = 1001
JSON = ("content-type", "application/json")
_DEFAULT_LIMITS = SocketLimits()


class Passage(Protocol):
    """Where requests wait while a snapshot is taken."""

    async def enter(self, request: Request) -> None: ...

    def leave(self) -> None: ...


class WebSocketApis:
    """The WebSocket APIs of all accounts behind this edge, and who is connected to them."""

    def __init__(
        self,
        records: V2Records,
        rest: RestRecords,
        functions: Functions,
        callers: SignedCallers,
        emulator: Emulator,
        *,
        port: int,
        gate: Passage,
        guard: Callable[[Request], Response | None],
        client: HttpClient | None = None,
        limits: SocketLimits = _DEFAULT_LIMITS,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces if traces is not None else Traces(0)
        self._records = records
        self._port = str(port)
        self._gate = gate
        self._limits = limits
        self._authorizers = Authorizers(functions, callers, rest)
        self._integrations = WebSocketIntegrations(functions, client or HttpClient())
        self._metrics = WebSocketMetrics(emulator)
        self._logs = LogWriter(emulator, "lines of access logs of WebSocket APIs")
        self._buckets = Buckets()
        self._known: dict[str, bool] = {}
        self._stages: dict[tuple[str, str], tuple[WebSocketStage, AccessLog[Occasion] | None]] = {}
        self._connections: dict[str, WebSocketConnection] = {}
        self._management = Management(self._connections, callers, self._metrics, guard)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        records.listen(self._changed)

    @property
    def connected(self) -> int:
        """How many clients are."""
        return len(self._connections)

    def has(self, api_id: str) -> bool:
        if api_id == OF_A_CONNECTION:
            return True
        is_one = self._known.get(api_id)
        if is_one is None:
            owned = self._records.api(api_id)
            if owned is None:
                return False  # anybody may ask for any id: nothing is kept of it
            is_one = self._known[api_id] = owned[1].get("ProtocolType") == "WEBSOCKET"
        return is_one

    async def serve(self, address: Address) -> Response:
        """The answer to a request for a WebSocket API."""
        api_id = address.api_id or ""
        name, path = _stage_and_path(address)
        connection_id = connection_of(path)
        if api_id == OF_A_CONNECTION and connection_id is not None:
            named = self._connections.get(connection_id)
            stage = self._current(named.api_id, named.stage_name) if named is not None else None
            return await self._management.answer(address.request, stage, connection_id, at_root=True)
        stage = self._current(api_id, name)
        if stage is not None and stage.endpoint_disabled and address.base_path is None:
            stage = None
        if connection_id is not None:
            of_custom_domain = address.base_path is not None
            return await self._management.answer(
                address.request, stage, connection_id, of_custom_domain=of_custom_domain
            )
        if stage is None or path not in ("", "/"):
            return _json(403, {"message": "Forbidden"})
        return await self._handshake(address, stage)

    async def close(self) -> None:
        """Say goodbye to all, let `$disconnect` run for a moment, send what is to be logged."""
        self._closing = True
        for connection in tuple(self._connections.values()):
            connection.socket.close(GOING_AWAY, "Going away")
        deadline = asyncio.get_running_loop().time() + CLOSING_SECONDS
        while self._connections and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - a counter
            await asyncio.sleep(0.02)
        for connection in tuple(self._connections.values()):
            connection.socket.abort()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=max(deadline - asyncio.get_running_loop().time(), 0.5))
        for task in tuple(self._tasks):
            task.cancel()
        await self._metrics.close()
        await self._logs.close()

    # Descriptions.

    def _stage(self, scope: Scope, api: dict[str, Any], name: str) -> WebSocketStage | None:
        kept = self._stages.get((api["ApiId"], name))
        if kept is not None:
            return kept[0]
        stage = read_stage(self._records, scope, api, name)
        if stage is not None:
            settings = stage.access_log
            lines = None
            if settings is not None:
                lines = access_log(settings, stage.api_id, name, self._logs, context_getter)
            self._stages[stage.api_id, name] = stage, lines
        return stage

    def _current(self, api_id: str, name: str) -> WebSocketStage | None:
        owned = self._records.api(api_id)
        return None if owned is None else self._stage(*owned, name)

    def _changed(self, api_id: str) -> None:
        """A write to an API is on the disk; of which one is not said where it is empty."""
        if api_id:
            self._known.pop(api_id, None)
        else:
            self._known.clear()
        for key in [key for key in self._stages if not api_id or key[0] == api_id]:
            del self._stages[key]
        if api_id:
            self._integrations.forget(api_id)
        for connection in tuple(self._connections.values()):
            if not api_id or connection.api_id == api_id:
                self._end_if_gone(connection)

    def _end_if_gone(self, connection: WebSocketConnection) -> None:
        owned = self._records.api(connection.api_id)
        stage = self._records.get(owned[0], "stage", connection.api_id, connection.stage_name) if owned else None
        if stage is None:
            connection.socket.close(GOING_AWAY, "Going away")

    # The handshake.

    async def _handshake(self, address: Address, stage: WebSocketStage) -> Response:
        request = address.request
        problem = _not_a_handshake(request)
        if problem is not None:
            return problem
        trace_id = request.headers.get("x-amzn-trace-id") or new_root(time.time())
        client = WebSocketClient(new_request_id(), request, address.domain_name, trace_id, self._port)
        occasion = Occasion("CONNECT", client, stage, route_key=CONNECT)
        try:
            answer = await self._connected(occasion)
        except HandshakeRefused as refused:
            occasion.status, occasion.error_message, occasion.error_kind = refused.status, refused.message, refused.kind
            log.info("%s, $connect: %d: %s", stage.arn, refused.status, refused.reason)
            self._finish(occasion)
            return self._refusal(occasion, refused.status, refused.message)
        if not 200 <= answer.status < 300:
            occasion.status = answer.status
            self._finish(occasion)
            return _identified(Response(answer.status, [JSON], b""), occasion)
        self._finish(occasion)
        return self._accepted(occasion, answer)

    async def _connected(self, occasion: Occasion) -> IntegrationAnswer:
        stage = occasion.stage
        if self._closing or len(self._connections) >= MAX_CONNECTIONS or not self._let_through(occasion):
            raise HandshakeRefused(429, "Too Many Requests", kind="THROTTLED", reason="the limits of $connect")
        route = stage.routes.get(CONNECT)
        if route is None:
            return IntegrationAnswer(200)
        await self._authorizers.check(route.gate, occasion)
        if not route.target:
            return IntegrationAnswer(200)
        try:
            return await self._integrated(route, occasion)
        except IntegrationFailed as failure:
            raise HandshakeRefused(
                failure.status, failure.message, kind="INTEGRATION_FAILURE", reason=str(failure)
            ) from failure

    def _accepted(self, occasion: Occasion, answer: IntegrationAnswer) -> Response:
        request = occasion.client.request
        headers = [("Sec-WebSocket-Accept", accept_key(request.headers.get("sec-websocket-key")))]
        spoken = answer.headers.get("sec-websocket-protocol")
        if spoken:
            headers.append(("Sec-WebSocket-Protocol", spoken))
        connection = WebSocketConnection(self, occasion.client, occasion.stage, self._limits)

        def takeover(transport: asyncio.Transport | None) -> asyncio.Protocol | None:
            if transport is None:
                # Its function has taken it for connected.
                self.left(connection, 1006, "Connection closed abnormally")
                return None
            return connection.socket

        return Response(101, headers, takeover=takeover)

    def _refusal(self, occasion: Occasion, status: int, message: str) -> Response:
        document = {"message": message, "connectionId": occasion.client.id, "requestId": occasion.request_id}
        return _identified(_json(status, document), occasion)

    # What connections call.

    def joined(self, connection: WebSocketConnection) -> None:
        self._connections[connection.client.id] = connection
        self._end_if_gone(connection)

    def left(self, connection: WebSocketConnection, code: int, reason: str) -> None:
        self._connections.pop(connection.client.id, None)
        self.start(self._disconnected(connection, code, reason))

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def message(self, connection: WebSocketConnection, text: str) -> None:
        """One message of a client."""
        request = connection.client.request
        await self._gate.enter(request)
        try:
            stage = self._current(connection.api_id, connection.stage_name)
            if stage is None:
                connection.socket.close(GOING_AWAY, "Going away")
                return
            occasion = Occasion.message(connection.client, stage, text)
            try:
                await self._answered(connection, occasion)
            except IntegrationFailed as failure:
                self._failed(connection, occasion, failure)
            except BufferFull:
                log.info("%s: a client takes what is sent to it too slowly: cut off", stage.arn)
                connection.socket.abort()
            except Exception as error:
                log.exception("%s: a message came to nothing", stage.arn)
                self._failed(connection, occasion, IntegrationFailed(repr(error)))
            self._finish(occasion)
        finally:
            self._gate.leave()

    async def _answered(self, connection: WebSocketConnection, occasion: Occasion) -> None:
        stage = occasion.stage
        key = selected(stage.selection, occasion.subject())
        # The routes of the connection itself are none of a message's.
        route = stage.routes.get(key) if key not in (CONNECT, DISCONNECT) else None
        route = route or stage.routes.get(DEFAULT)
        occasion.route_key = route.key if route is not None else key
        if route is None:
            occasion.error_kind = "ROUTE_NOT_FOUND"
            raise IntegrationFailed(
                f"no route is {key!r}, and there is no $default", message="Forbidden", status=403, ours=True
            )
        if not self._let_through(occasion):
            occasion.error_kind = "THROTTLED"
            raise IntegrationFailed("the route's throttling limits", message="Too Many Requests", status=429, ours=True)
        answer = await self._integrated(route, occasion)
        occasion.status = answer.status
        if route.response and answer.body:
            connection.socket.send(answer.body, binary=answer.binary)

    def _failed(self, connection: WebSocketConnection, occasion: Occasion, failure: IntegrationFailed) -> None:
        log.info("%s, %s: %s", occasion.stage.arn, occasion.route_key, failure)
        occasion.status, occasion.error_message = failure.status, failure.message
        occasion.error_kind = occasion.error_kind or "INTEGRATION_FAILURE"
        if failure.ours:
            occasion.integration_error = ""
        try:
            connection.socket.send(occasion.error_frame(failure.message))
        except BufferFull:
            connection.socket.abort()

    async def _disconnected(self, connection: WebSocketConnection, code: int, reason: str) -> None:
        """Best effort, as on AWS: whatever comes of it, nobody is there to hear."""
        await self._gate.enter(connection.client.request)
        try:
            stage = self._current(connection.api_id, connection.stage_name)
            route = stage.routes.get(DISCONNECT) if stage is not None else None
            if stage is None or route is None:
                return
            occasion = Occasion("DISCONNECT", connection.client, stage, DISCONNECT, code=code, reason=reason)
            try:
                occasion.status = (await self._integrated(route, occasion)).status
            except IntegrationFailed as failure:
                log.info("%s, $disconnect: %s", stage.arn, failure)
                occasion.status, occasion.error_message = failure.status, failure.message
            self._finish(occasion)
        finally:
            self._gate.leave()

    # What all have in common.

    async def _integrated(self, route: WebSocketRoute, occasion: Occasion) -> IntegrationAnswer:
        if route.integration is None:
            raise IntegrationFailed(f"route {route.key!r} has no integration {route.target}".rstrip())
        return await self._integrations.answer(route.integration, occasion)

    def _let_through(self, occasion: Occasion) -> bool:
        stage, key = occasion.stage, occasion.route_key
        bucket = self._buckets.get(stage.api_id, stage.name, key, stage.settings_of(key))
        return bucket is None or bucket.take(asyncio.get_running_loop().time())

    def _finish(self, occasion: Occasion) -> None:
        self._metrics.add(occasion)
        if self._traces.on:
            note(self._traces, occasion)
        kept = self._stages.get((occasion.stage.api_id, occasion.stage.name))
        if kept is not None and kept[1] is not None:
            kept[1].write(occasion, occasion.epoch_ms)


def _stage_and_path(address: Address) -> tuple[str, str]:
    if address.stage is not None:
        return address.stage, address.path
    name, slash, rest = address.path.lstrip("/").partition("/")
    return unquote(name), f"{slash}{rest}"


def _not_a_handshake(request: Request) -> Response | None:
    headers = request.headers
    offered = {part.strip().lower() for value in headers.getall("upgrade") for part in value.split(",")}
    named = {part.strip().lower() for value in headers.getall("connection") for part in value.split(",")}
    if "websocket" not in offered or "upgrade" not in named:
        return _json(426, {"message": "Upgrade Required"})
    if request.method != "GET" or request.http_version != "1.1" or not _is_key(headers.get("sec-websocket-key")):
        return _json(400, {"message": "Bad Request"})
    if headers.get("sec-websocket-version") != "13":
        response = _json(426, {"message": "Upgrade Required"})
        response.headers.append(("sec-websocket-version", "13"))
        return response
    return None


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _json(status: int, document: dict[str, Any]) -> Response:
    return Response(status, [JSON], json.dumps(document).encode())


def _identified(response: Response, occasion: Occasion) -> Response:
    response.headers.append(("x-amzn-requestid", occasion.request_id))
    response.headers.append(("x-amz-apigw-id", occasion.request_id))
    return response
