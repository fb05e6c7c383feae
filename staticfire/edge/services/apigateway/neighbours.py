"""What this package needs of its neighbours: the emulator's client, the functions, an HTTP client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from staticfire.edge.aws.calls import Scope
from staticfire.edge.http1.messages import Headers
from staticfire.edge.services.lambda_.model import FunctionRef, Outcome

HeaderList = list[tuple[str, str]]


class Answer(Protocol):
    """An HTTP response as it comes in."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...

    async def read(self, limit: int | None = None) -> bytes: ...


class Emulator(Protocol):
    """The control plane: API Gateway, CloudWatch and CloudWatch Logs of an account."""

    @property
    def base_url(self) -> str: ...

    async def rest(self, scope: Scope, service: str, method: str, path: str, body: Any = None) -> Any: ...

    async def json(self, scope: Scope, service: str, target: str, body: Mapping[str, Any]) -> dict[str, Any]: ...

    async def query(self, scope: Scope, service: str, action: str, params: Mapping[str, str]) -> Any: ...

    async def raw(
        self, scope: Scope, service: str, method: str, target: str, headers: HeaderList, body: bytes
    ) -> Answer: ...

    async def whole(self, response: Any) -> bytes:
        """An answer's body."""


class Functions(Protocol):
    """Lambda: invocations and resource policies."""

    async def invoke(
        self, ref: FunctionRef, payload: bytes, *, trace_id: str | None = None, patience: float | None = None
    ) -> Outcome:
        """TimeoutError after `patience` seconds."""

    async def allows(self, ref: FunctionRef, principal: str, source_arn: str) -> bool: ...


class HttpClient(Protocol):
    """Requests to the outside: HTTP_PROXY integrations and the issuers of tokens."""

    async def request(self, method: str, base_url: str, target: str, headers: HeaderList, body: bytes) -> Answer: ...
