"""Function URLs served: which one a request is for, CORS, who may, the invocation, the answer.

http://localhost:4566/_aws/lambda-url/{id}/...          as `up` prints it
http://{id}.lambda-url.{region}.{any domain}/...        AWS's own form, by the Host

found -> CORS preflight -> body -> signature -> permission -> invocation -> answer -> CORS headers
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.signed_callers import SignedCaller, SignedCallers
from staticfire.edge.http1.messages import BodyTooLarge, Request, Response
from staticfire.edge.services.apigateway.common.cors import CorsPolicy
from staticfire.edge.services.apigateway.common.settings import Cors
from staticfire.edge.services.apigateway.http.response import Malformed
from staticfire.edge.services.lambda_ import FunctionRef, Functions
from staticfire.edge.services.lambda_.service import Streaming
from staticfire.edge.traces.trace_id import continued

from .answers import BrokenOff, streamed, whole
from .authorization import permits, signer
from .event import event

log = logging.getLogger(__name__)

MAX_BODY = 6 * 1024 * 1024
PATH_PREFIX = "/_aws/lambda-url/"
_PATH = re.compile(rf"{PATH_PREFIX}([a-z0-9]{{32}})(/.*)?", re.DOTALL)
_HOST = re.compile(r"([a-z0-9]{32})\.lambda-url\.")

FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


@dataclass(frozen=True, slots=True)
class Url:
    """A URL as GetFunctionUrlConfig tells it."""

    id: str
    ref: FunctionRef
    auth_type: str
    streams: bool
    cors: CorsPolicy | None

    @classmethod
    def read(cls, url_id: str, config: Mapping[str, Any]) -> Url:
        ref = FunctionRef.parse(config["FunctionArn"], Scope())
        cors = config.get("Cors")
        streams = config.get("InvokeMode") == "RESPONSE_STREAM"
        return cls(url_id, ref, config["AuthType"], streams, CorsPolicy(_cors(cors)) if cors else None)

    @property
    def domain(self) -> str:
        return f"{self.id}.lambda-url.{self.ref.scope.region}.on.aws"


class FunctionUrls:
    def __init__(self, functions: Functions, callers: SignedCallers, port: int) -> None:
        self._functions = functions
        self._callers = callers
        self._port = str(port)

    async def serve(self, request: Request) -> Response | None:
        """The function's answer; None when the request is for no function URL."""
        if match := _PATH.fullmatch(request.path):
            url_id, path = match[1], match[2] or "/"
        elif match := _HOST.match(request.headers.get("host").lower()):
            url_id, path = match[1], request.path
        else:
            return None
        config = self._functions.url_config(url_id)
        if config is None:
            return _refused(404, "ResourceNotFoundException", None)
        url = Url.read(url_id, config)
        if url.cors is not None:
            preflight = url.cors.preflight(request)
            if preflight is not None:
                return Response(200, preflight.headers)
        response = await self._answered(url, request, path)
        if url.cors is not None:
            response.headers = url.cors.apply(request, response.headers)
        return response

    async def _answered(self, url: Url, request: Request, path: str) -> Response:
        request_id, trace_id = str(uuid.uuid4()), continued(request.headers.get("x-amzn-trace-id"))
        try:
            body = await request.body(MAX_BODY)
        except BodyTooLarge:
            return _refused(
                413,
                "RequestEntityTooLargeException",
                f"Request must be smaller than {MAX_BODY} bytes for the InvokeFunction operation",
            )
        signed_by: SignedCaller | None = None
        if url.auth_type == "AWS_IAM":
            try:
                signed_by = signer(self._callers, request, body, url.ref)
            except AwsError as error:
                return _refused(403, error.code, error.message, name="message")
            if signed_by is None:
                return _refused(403, "AccessDeniedException", FORBIDDEN)
        policy = await self._functions.policy(url.ref)
        if not await permits(self._callers, policy, url.ref, url.auth_type, signed_by, request.peer):
            whose = signed_by.arn if signed_by is not None else "anybody"
            log.info("%s: no policy grants lambda:InvokeFunctionUrl to %s", url.ref.arn, whose)
            return _refused(403, "AccessDeniedException", FORBIDDEN)
        payload = event(
            request,
            body,
            url_id=url.id,
            domain=url.domain,
            path=path,
            request_id=request_id,
            trace_id=trace_id.partition(";")[0],
            signer=signed_by,
            port=self._port,
        )
        try:
            response = await self._invoked(url, payload, request_id, trace_id)
        except Malformed as error:
            log.warning("%s: %s", url.ref.arn, error)
            response = _broken()
        except AwsError as error:
            response = _of_error(error)
        response.headers += [("x-amzn-requestid", request_id), ("x-amzn-trace-id", trace_id)]
        return response

    async def _invoked(self, url: Url, payload: bytes, request_id: str, trace_id: str) -> Response:
        if url.streams:
            streaming = await self._functions.stream(url.ref, payload, request_id=request_id, trace_id=trace_id)
            if streaming.response.streamed:
                return await streamed(streaming.response.content_type, _until_done(streaming))
            result = streaming.done.result()
            # The runtime answered it whole: only what it streams can say that it is a response.
            return _broken() if result.failed else Response(200, [("content-type", "application/json")], result.payload)
        outcome = await self._functions.invoke(url.ref, payload, request_id=request_id, trace_id=trace_id)
        return _broken() if outcome.error is not None else whole(outcome.payload)


async def _until_done(streaming: Streaming) -> AsyncIterator[bytes]:
    """The pieces; that the response broke off is the connection's end."""
    try:
        async for piece in streaming.response.pieces():
            yield piece
    finally:
        streaming.response.abandon()
    if (await asyncio.shield(streaming.done)).failed:
        raise BrokenOff(f"{streaming.request_id}: the function failed after its response had begun")


def _cors(config: Mapping[str, Any]) -> Cors:
    return Cors(
        allow_credentials=bool(config.get("AllowCredentials")),
        allow_headers=tuple(config.get("AllowHeaders") or ()),
        allow_methods=tuple(config.get("AllowMethods") or ()),
        allow_origins=tuple(config.get("AllowOrigins") or ()),
        expose_headers=tuple(config.get("ExposeHeaders") or ()),
        max_age=config.get("MaxAge"),
    )


def _broken() -> Response:
    return Response(502, [("content-type", "application/json")], b"Internal Server Error")


def _of_error(error: AwsError) -> Response:
    if error.status == 429:
        return _refused(429, error.code, error.message, name="message", **error.fields)
    if error.status == 404:
        return _refused(404, error.code, None)
    log.warning("a function URL: %s", error)
    return _broken()


def _refused(status: int, code: str, message: str | None, *, name: str = "Message", **fields: object) -> Response:
    body = json.dumps({**fields, name: message}, separators=(",", ":")).encode()
    return Response(status, [("content-type", "application/json"), ("x-amzn-errortype", code)], body)
