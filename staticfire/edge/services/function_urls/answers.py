"""From what a function returned to the HTTP response of its URL.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload

A response that the runtime streams may begin with a JSON object (status, headers, cookies) and eight zero bytes, as its
content type says then. Any other streamed response is the body as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from staticfire.edge.http1.messages import HeaderList, Response
from staticfire.edge.services.apigateway.http.response import JSON_TYPE, Malformed, version_2

WITH_PRELUDE = "application/vnd.awslambda.http-integration-response"
END_OF_PRELUDE = bytes(8)
PRELUDE_LIMIT = 64 * 1024


class BrokenOff(Exception):
    """The response has begun and will never be whole: the client's connection ends without its end."""


def whole(payload: bytes) -> Response:
    """Raises Malformed. What is not a response is the body of one; AWS writes its JSON anew, without spaces."""
    try:
        answer = orjson.loads(payload)
    except ValueError as error:
        raise Malformed(f"the function's answer is not JSON: {error}") from error
    if isinstance(answer, dict) and "statusCode" in answer:
        return version_2(payload, JSON_TYPE)
    return Response(200, [JSON_TYPE], answer.encode() if isinstance(answer, str) else orjson.dumps(answer))


async def streamed(content_type: str, pieces: AsyncIterator[bytes]) -> Response:
    """Raises Malformed."""
    if content_type != WITH_PRELUDE:
        return Response(200, [("content-type", content_type or "application/octet-stream")], pieces)
    received = b""
    async for piece in pieces:
        received += piece
        if END_OF_PRELUDE in received or len(received) > PRELUDE_LIMIT:
            break
    prelude, end, first = received.partition(END_OF_PRELUDE)
    if not end:
        raise Malformed("the streamed response has no end of its prelude: eight zero bytes")
    try:
        described = orjson.loads(prelude)
    except ValueError as error:
        raise Malformed(f"the prelude of the streamed response is not JSON: {error}") from error
    if not isinstance(described, dict):
        raise Malformed("the prelude of the streamed response is not an object")
    head = version_2(orjson.dumps({"statusCode": 200, **_of_a_response(described)}), JSON_TYPE)
    headers: HeaderList = head.headers
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/octet-stream"))
    return Response(head.status, headers, _after(first, pieces))


def _of_a_response(described: dict[str, Any]) -> dict[str, Any]:
    return {name: described[name] for name in ("statusCode", "headers", "cookies") if name in described}


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in pieces:
        yield piece
