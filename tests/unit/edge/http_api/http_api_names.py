"""What the tests of HTTP APIs share: an account and a region, and a response of another server."""

from __future__ import annotations

from staticfire.edge.aws.calls import Scope
from staticfire.edge.http1.messages import Headers

ACCOUNT = "123456789012"
REGION = "eu-west-1"
SCOPE = Scope(ACCOUNT, REGION)


class Incoming:
    """A response as an HTTP client gives it."""

    def __init__(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.status = status
        self.headers = Headers(headers or [("content-type", "application/json")])
        self._body = body

    async def read(self, limit: int | None = None) -> bytes:
        return self._body
