"""Calls of AWS services that an API makes, by the way that anybody's calls take: faults, streams and traces see them.

The router that takes them is there last of all parts: `through` says which one it is. The path may be an API's client's
(`s3:path/{bucket}/{key}`), who is anybody, a web page too: none that steers the emulator gets there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from urllib.parse import unquote

import orjson

from staticfire.edge.aws.calls import AwsError, Scope, anonymous_authorization
from staticfire.edge.http1.messages import END_OF_HEAD, Handler, Headers, Request, Response

MAX_ANSWER = 10 * 1024 * 1024
# `/_ministack/reset` and its like. No bucket's name begins so, nor any path of a service.
_NO_SERVICE = re.compile(r"/*_")


class ServiceCalls:
    def __init__(self, port: int) -> None:
        self._host = f"localhost:{port}"
        self._handle: Handler | None = None

    def through(self, handle: Handler) -> None:
        self._handle = handle

    async def send(
        self,
        scope: Scope,
        service: str,
        method: str,
        path: str,
        query: str = "",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Response:
        """The service's answer, whole, whatever its status."""
        if self._handle is None:
            raise AwsError(503, "ServiceUnavailable", "The edge is starting: its services are not there yet.")
        if _NO_SERVICE.match(posixpath.normpath(unquote(path))):
            raise AwsError(403, "AccessDenied", f"{path} is a path of the emulator's own, of no service: not called.")
        signed = [
            ("host", self._host),
            ("authorization", anonymous_authorization(scope, service)),
            ("content-length", str(len(body))),
            *headers,
        ]
        response = await self._handle(Request(method, path, query, Headers(signed), body))
        if response.raw:
            return _taken_apart(response)
        if not isinstance(response.body, bytes):
            response.body = await _whole(response.body, service)
        return response

    async def json(
        self, scope: Scope, service: str, target: str, document: Mapping[str, object], version: str = "1.1"
    ) -> Response:
        """A JSON operation; `target` is X-Amz-Target's value."""
        headers = [("content-type", f"application/x-amz-json-{version}"), ("x-amz-target", target)]
        return await self.send(scope, service, "POST", "/", headers=headers, body=orjson.dumps(document))


def _taken_apart(response: Response) -> Response:
    """A response that came as the bytes it was."""
    head, _, body = response.raw.partition(END_OF_HEAD)
    lines = head.partition(b"\r\n")[2]
    return Response(response.status, Headers(lines=b"\r\n" + lines).items(), body)


async def _whole(pieces: AsyncIterator[bytes], service: str) -> bytes:
    whole = bytearray()
    async for piece in pieces:
        whole += piece
        if len(whole) > MAX_ANSWER:
            raise AwsError(502, "ServiceException", f"{service} answered more than {MAX_ANSWER} bytes")
    return bytes(whole)
