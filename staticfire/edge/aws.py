"""AWS API calls: who calls which operation of which service, and errors in the protocol that the caller speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .http1.messages import Request, Response

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"


class Scope(NamedTuple):
    """Whose resources: an account's, in a region."""

    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION


class AwsError(Exception):
    """An error that AWS's SDKs understand; the router renders it in the caller's protocol."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.fields = dict(fields or {})


@dataclass(slots=True)
class Call:
    """One AWS API call. `operation` comes from X-Amz-Target or Action; REST services have none."""

    request: Request
    service: str
    scope: Scope
    operation: str | None = None

    async def body(self) -> bytes:
        return await self.request.body()


class Service(Protocol):
    """An AWS service that the edge owns in part."""

    async def answer(self, call: Call) -> Response | None:
        """The edge's own answer, or None: the emulator's."""

    async def passed(self, call: Call, status: int) -> None:
        """A call went to the emulator and was answered: drop what it changed."""
