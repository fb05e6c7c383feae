"""Function URLs: the emulator, which describes them, serves them, and invokes through the edge.

    http://localhost:4566/_aws/lambda-url/{id}/...          as `up` prints it
    http://{id}.lambda-url.{region}.{any domain}/...        AWS's own form, by the Host

Nobody is asked for a signature or an origin on the way, so the emulator is led by the path alone: no Host and no path
that a stranger chose may mean anything else to it.
"""

from __future__ import annotations

import json
import re

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import BodyTooLarge, Request, Response

MAX_BODY = 6 * 1024 * 1024
PATH_PREFIX = "/_aws/lambda-url/"
_PATH = re.compile(rf"{PATH_PREFIX}([a-z0-9]{{32}})(/.*)?", re.DOTALL)
_HOST = re.compile(r"([a-z0-9]{32})\.lambda-url\.")


class FunctionUrls:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def serve(self, request: Request) -> Response | None:
        """The function's answer; None when the request is for no function URL."""
        if match := _PATH.fullmatch(request.path):
            identity, path = match[1], match[2] or "/"
        elif match := _HOST.match(request.headers.get("host").lower()):
            identity, path = match[1], request.path
        else:
            return None
        target = f"{PATH_PREFIX}{identity}{path}" + (f"?{request.query}" if request.query else "")
        try:
            return await self._emulator.at(target, "lambda", request, MAX_BODY)
        except BodyTooLarge:
            return _said(413, f"The body is longer than {MAX_BODY} bytes.")
        except AwsError as error:
            return _said(503, error.message)


def _said(status: int, message: str) -> Response:
    return Response(status, [("content-type", "application/json")], json.dumps({"message": message}).encode())
