"""`@connections`: a back end sends to a client, asks about it, or ends its connection, by a signed call.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import unquote

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.signed_callers import SignedCallers
from staticfire.edge.http1.messages import BodyTooLarge, Request, Response

from .connection import WebSocketConnection
from .measures import WebSocketMetrics
from .model import WebSocketStage
from .socket import BufferFull

ACTION = "execute-api:ManageConnections"
MAX_PAYLOAD = 128 * 1024
NORMAL = 1000
_PATH = re.compile(r"/(?:@|%40)connections/([^/]+)/?", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}={0,2}")


def connection_of(path: str) -> str | None:
    """The id in a path below the stage; None where the path is not of `@connections`."""
    match = _PATH.fullmatch(path)
    return unquote(match[1]) if match is not None else None


class Management:
    """`guard`: why a browser's request is not served: a page's of another origin, or by a name that is not ours."""

    def __init__(
        self,
        connections: Mapping[str, WebSocketConnection],
        callers: SignedCallers,
        metrics: WebSocketMetrics,
        guard: Callable[[Request], Response | None],
    ) -> None:
        self._connections = connections
        self._callers = callers
        self._metrics = metrics
        self._guard = guard

    async def answer(
        self,
        request: Request,
        stage: WebSocketStage | None,
        connection_id: str,
        *,
        at_root: bool = False,
        of_custom_domain: bool = False,
    ) -> Response:
        """`at_root`: no API is named, and where nobody is connected so, none is known.

        A browser that was led here by a name of the page's own tells no origin: the host is looked at as well, unless
        it is a domain that somebody gave an API.
        """
        by_a_page = "origin" in request.headers or request.headers.get("sec-fetch-site") not in ("", "none")
        refusal = self._guard(request) if by_a_page or not of_custom_domain else None
        if refusal is not None:
            return refusal
        try:
            if at_root and stage is None:
                raise AwsError(410, "GoneException", "")
            return await self._carried_out(request, stage, connection_id)
        except AwsError as error:
            return _refused(error)

    async def _carried_out(self, request: Request, stage: WebSocketStage | None, connection_id: str) -> Response:
        method = request.method
        if stage is None or method not in ("POST", "GET", "DELETE"):
            raise AwsError(403, "ForbiddenException", "Forbidden")
        try:
            body = await request.body(MAX_PAYLOAD)
        except BodyTooLarge as error:
            raise AwsError(
                413, "PayloadTooLargeException", f"The payload is larger than {MAX_PAYLOAD} bytes"
            ) from error
        caller = self._callers.caller(request, body, service="execute-api", region=stage.scope.region)
        resource = f"{stage.arn}/{method}/@connections/{connection_id}"
        facts = {"aws:sourceip": request.peer}
        refusal = await self._callers.refusal(caller, ACTION, resource, facts=facts)
        if refusal is not None:
            raise refusal
        if _ID.fullmatch(connection_id) is None:
            raise AwsError(400, "BadRequestException", f"Invalid connectionId: {connection_id}")
        connection = self._connections.get(connection_id)
        if connection is None or not connection.of(stage) or not connection.socket.open:
            raise AwsError(410, "GoneException", "")
        if method == "GET":
            return _json(200, _described(connection))
        if method == "DELETE":
            connection.socket.close(NORMAL, "Connection Closed Normally")
            return Response(204)
        self._send(connection, body)
        self._metrics.sent(stage.scope, stage.api_id, stage.name)
        return _json(200, None)

    @staticmethod
    def _send(connection: WebSocketConnection, body: bytes) -> None:
        try:
            body.decode()
            binary = False
        except UnicodeDecodeError:
            binary = True
        try:
            connection.socket.send(body, binary=binary)
        except BufferFull as error:
            raise AwsError(429, "LimitExceededException", "The WebSocket client side buffer is full") from error


def _described(connection: WebSocketConnection) -> dict[str, object]:
    client = connection.client
    return {
        "connectedAt": _iso(client.connected_at / 1000),
        "identity": {"sourceIp": client.request.peer, "userAgent": client.request.headers.get("user-agent") or None},
        "lastActiveAt": _iso(connection.socket.last_active),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(status: int, document: object) -> Response:
    body = b"" if document is None else json.dumps(document).encode()
    return Response(status, [("content-type", "application/json")], body)


def _refused(error: AwsError) -> Response:
    response = _json(error.status, {"message": error.message} if error.message else {})
    response.headers.append(("x-amzn-errortype", error.code))
    return response
