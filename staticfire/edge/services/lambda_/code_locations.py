"""Where code can be fetched: addresses that are good for ten minutes, as AWS's presigned ones are.

http://localhost:4566/_aws/lambda/code/SHA?expires=...&signature=...
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from urllib.parse import parse_qs

from staticfire.edge.aws.calls import Call
from staticfire.edge.http1.messages import Request, Response

from .code import CodeStore, hexadecimal

PATH_PREFIX = "/_aws/lambda/code/"
_PATH = re.compile(rf"{PATH_PREFIX}([0-9a-f]{{64}})")
GOOD_SECONDS = 600


class CodeLocations:
    """`secret` is the state directory's, so that an address outlives the edge that gave it."""

    def __init__(self, code: CodeStore, secret: str, endpoint: str) -> None:
        self._code = code
        self._secret = secret.encode()
        self._endpoint = endpoint

    def address(self, call: Call, sha256: str) -> str:
        """For who called: at the host under which the edge was called."""
        digest, expires = hexadecimal(sha256), int(time.time()) + GOOD_SECONDS
        host = call.request.headers.get("host")
        base = f"http://{host}" if host else self._endpoint
        return f"{base}{PATH_PREFIX}{digest}?expires={expires}&signature={self._signature(digest, str(expires))}"

    async def serve(self, request: Request) -> Response | None:
        """The zip; None when the request is for none."""
        match = _PATH.fullmatch(request.path)
        if match is None or request.method not in ("GET", "HEAD"):
            return None
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        expires, signature = query.get("expires", ""), query.get("signature", "")
        good = hmac.compare_digest(signature.encode(), self._signature(match[1], expires).encode())
        if not good or not expires.isdecimal() or int(expires) < time.time():
            return _said(403, "This address of a function's code has expired: GetFunction gives a new one.")
        data = await self._code.zip(match[1])
        if data is None:
            return _said(404, "This code is not here any more.")
        return Response(200, [("content-type", "application/zip")], data)

    def _signature(self, digest: str, expires: str) -> str:
        return hmac.new(self._secret, f"{digest}/{expires}".encode(), hashlib.sha256).hexdigest()


def _said(status: int, message: str) -> Response:
    return Response(status, [("content-type", "text/plain")], f"{message}\n".encode())
