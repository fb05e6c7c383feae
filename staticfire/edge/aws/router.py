"""Who answers which AWS API call: a part of the edge, or the emulator behind it.

    call -> fault before -> the edge's own part (answers, or passes on) -> the emulator -> fault after -> caller

Bytes pass as they are, both ways. Headers too, apart from those that belong to one connection; Host stays as the
client sent it, so that buckets in host names, presigned URLs and the URLs in answers stay right.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from staticfire.edge.http1.messages import DropConnection, Request, Response
from staticfire.edge.traces import Traces

from .access_keys import AccessKeys
from .calls import AwsError, Call, Callers, Scope, Service, error_response
from .emulator import Emulator
from .faults import Fault, Faults
from .tracing import CallTracing

log = logging.getLogger(__name__)

UNKNOWN = Scope()


class Router:
    """`services`: parts of the edge, by the credential scope's service."""

    def __init__(
        self,
        emulator: Emulator,
        *,
        services: Mapping[str, Service],
        faults: Faults,
        access_keys: AccessKeys,
        traces: Traces | None = None,
    ) -> None:
        self._tracing = CallTracing(traces if traces is not None else Traces(0))
        self._emulator = emulator
        self._services = services
        self._faults = faults
        self._callers = Callers(emulator.account_of, access_keys)
        self._calls: Counter[tuple[str, str, str | None]] = Counter()

    def calls(self) -> list[dict[str, str | int | None]]:
        """How many calls came in; REST services' operations have no name (null)."""
        return [
            {"account": account, "service": service, "operation": operation, "count": count}
            for (account, service, operation), count in self._calls.items()
        ]

    async def handle(self, request: Request) -> Response:
        call = Call(request, "", UNKNOWN)
        fault = None
        try:
            call = await self._callers.call(request)
            self._calls[call.scope.account, call.service, call.operation] += 1
            began = self._tracing.begin(call)
            try:
                fault = self._faults.take(call) if self._faults else None
                response = await (self._answer(call) if fault is None else self._struck(fault, call))
            except AwsError as error:
                response = error_response(error, call)
            except DropConnection:
                if began:
                    self._tracing.end(call, began, None, fault.id if fault is not None else "")
                raise
            if began:
                self._tracing.end(call, began, response, fault.id if fault is not None else "")
            return response
        except AwsError as error:
            return error_response(error, call)

    async def _struck(self, fault: Fault, call: Call) -> Response:
        log.info("fault %s (%s) strikes %s %s", fault.id, fault.kind, call.service, call.operation or call.request.path)
        if fault.when == "before":
            await fault.strike(call)
            return await self._answer(call)
        response = await self._answer(call)
        await fault.strike(call)
        return response

    async def _answer(self, call: Call) -> Response:
        service = self._services.get(call.service)
        if service is None:
            return await self._emulator.forward(call.scope, call.service, call.request)
        response = await service.answer(call)
        if response is None:
            response = await self._emulator.forward(call.scope, call.service, call.request)
            if response.status < 400:
                await service.passed(call, response.status)
        return response
