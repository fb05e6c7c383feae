"""API Gateway, both planes: whose an address is, and which control plane a call means.

request -> address -> the kind that has the API -> its answer       call -> /v2/... -> apigatewayv2
                                                                         -> others  -> apigateway
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from staticfire.edge.aws.calls import Call, Service
from staticfire.edge.http1.messages import Request, Response

from .common.refusal import identified, not_found
from .domains.address import Address, Addresses
from .http.lost import missing_here
from .rest.control import LateChanges
from .rest.serving import RestServing
from .v2.control_plane import V2ControlPlane
from .v2.records import V2Records

log = logging.getLogger(__name__)


class ServingKind(Protocol):
    """What serves the APIs of one kind."""

    def has(self, api_id: str) -> bool:
        """Whether there is such an API of this kind; asked for every request, so it reads no store."""

    async def serve(self, address: Address) -> Response: ...

    async def close(self) -> None: ...


class ApiGateway:
    """`kinds` are asked in their order; `first` takes the calls of the first generation (None: the emulator)."""

    def __init__(
        self,
        records: V2Records,
        addresses: Addresses,
        kinds: Sequence[ServingKind],
        second: V2ControlPlane,
        first: Service | None = None,
        rest: RestServing | None = None,
        late: LateChanges | None = None,
    ) -> None:
        self._records = records
        self._addresses = addresses
        self._kinds = tuple(kinds)
        self._second = second
        self._first = first
        self._rest = rest
        self._late = late

    def match(self, request: Request) -> Address | None:
        """The API that the request is for, if it is for one."""
        return self._addresses.match(request)

    async def serve(self, address: Address) -> Response:
        api_id = address.api_id
        if api_id is not None:
            for kind in self._kinds:
                if kind.has(api_id):
                    return await kind.serve(address)
        what = f"no account has an API {api_id}" if api_id else f"no mapping of {address.domain_name} fits the path"
        refused = missing_here(self._records, address, not_found(what))
        log.info("%s %s: %d: %s", address.request.method, address.request.path, refused.status, refused)
        return identified(refused.response())

    async def answer(self, call: Call) -> Response | None:
        if call.request.path.startswith("/v2/"):
            return await self._second.answer(call)
        return None if self._first is None else await self._first.answer(call)

    async def complete(self, account: str, since: float) -> Sequence[Mapping[str, Any]]:
        """Have an account's deployments since then freeze what was described after them; which did, and what."""
        return () if self._late is None else await self._late.complete(account, since)

    async def passed(self, call: Call, status: int) -> None:
        """Nothing of what passes is kept here."""

    async def reset(self) -> None:
        """The emulator's state is gone, and the store with it."""
        await self._records.follow()
        if self._rest is not None:
            self._rest.reset()

    async def close(self) -> None:
        for kind in self._kinds:
            await kind.close()
