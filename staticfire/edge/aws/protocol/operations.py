"""The operations of a service that the edge carries out itself.

    which operation (path, or Action) -> members read -> checked by the model -> carried out -> answered

Each is an `async def (call, params)`: plain values in, by the names of AWS's model, and plain values out. A timestamp
is a number of seconds, a blob is bytes; a member of an answer that is None is not told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from staticfire.edge.aws.calls import MAX_BODY, AwsError, Call
from staticfire.edge.aws.models import Model, Operation, model, single_model
from staticfire.edge.http1.messages import BodyTooLarge, Request, Response

from . import aws_json, query, rest_json
from .validation import Wording, check

Params = dict[str, Any]
Carry = Callable[[Call, Params], Awaitable[Mapping[str, Any] | None]]


Read = Callable[[Operation, Request, Mapping[str, str], bytes], Params]
Render = Callable[[Operation, Mapping[str, Any]], Response]

PROTOCOLS: Mapping[str, tuple[Read, Render]] = {
    "query": (query.read, query.response),
    "json": (aws_json.read, aws_json.response),
    "rest-json": (rest_json.read, rest_json.response),
}


class Operations:
    """`table` is by the operations' names; `wording` is where the service's own words differ from its model's.

    `alone`: the service's model without others of its credential scope, whose operations may have the same names.
    """

    def __init__(
        self, service: str, table: Mapping[str, Carry], wording: Wording | None = None, *, alone: bool = False
    ) -> None:
        self._read = single_model if alone else model
        self._service = service
        self._table = dict(table)
        self._wording = wording or Wording()
        self._model: Model | None = None

    def add(self, table: Mapping[str, Carry]) -> None:
        """More operations of the same service."""
        self._table |= table

    async def check(self, call: Call) -> None:
        """Refuse what the model refuses of what stands beside a call's body."""
        operation, labels = self._operation(await self._known(), call)
        if operation is not None:
            check(operation, rest_json.read(operation, call.request, labels, b""), self._wording)

    async def answer(self, call: Call) -> Response | None:
        """None for an operation that is not in the table."""
        operation, labels = self._operation(await self._known(), call)
        if operation is None or operation.name not in self._table:
            return None
        limit = self._wording.body_limits.get(operation.name, MAX_BODY)
        try:
            body = await call.request.body(limit)
        except BodyTooLarge:
            message = f"Request must be smaller than {limit} bytes for the {operation.name} operation"
            raise AwsError(413, "RequestEntityTooLargeException", message) from None
        read, render = PROTOCOLS[operation.protocol]
        if operation.protocol == "rest-json":
            params = rest_json.read(operation, call.request, labels, body, older=self._wording.older)
        else:
            params = read(operation, call.request, labels, body)
        check(operation, params, self._wording)
        call.carried_out = operation.name
        result = await self._table[operation.name](call, params) or {}
        return render(operation, result)

    async def _known(self) -> Model:
        """The model, which is read when it is first asked for."""
        if self._model is None:
            self._model = await asyncio.to_thread(self._read, self._service)
        return self._model

    def _operation(self, known: Model, call: Call) -> tuple[Operation | None, dict[str, str]]:
        routed = known.route(call.request)
        return routed if routed is not None else (known.named(call.operation), {})
