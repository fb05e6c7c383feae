"""Faults on request: AWS API calls that hang, come late, fail, or lose their answer.

A fault matches calls by service, operation and account, and strikes before the call is carried out or after it
(`when`): an error after is the call that was done and looks failed. A fault ends when it has struck `times` times
or is cleared; clearing releases the calls that hang in it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .aws import AwsError, Call
from .http1.messages import DropConnection

KINDS = ("hang", "delay", "error", "drop")
WHEN = ("before", "after")


class BadFault(ValueError):
    """A fault's description that cannot be meant; says what is wrong."""


@dataclass(slots=True)
class Fault:
    id: str
    kind: str
    service: str | None = None
    operation: str | None = None
    account: str | None = None
    when: str = "before"
    times: int | None = None
    seconds: float = 0.0
    status: int = 500
    code: str = "InternalFailure"
    message: str = "A fault on request."
    hits: int = 0
    cleared: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def spent(self) -> bool:
        return self.times is not None and self.hits >= self.times

    def matches(self, call: Call) -> bool:
        return (
            (self.service is None or self.service == call.service)
            and (self.account is None or self.account == call.scope.account)
            and (self.operation is None or self._is(call))
        )

    def _is(self, call: Call) -> bool:
        """`PutItem`, or for REST services a method and the beginning of a path: `GET /2015-03-31/functions`."""
        method, space, path = (self.operation or "").partition(" ")
        if not space:
            return call.operation == method
        return call.request.method == method and call.request.path.startswith(path)

    async def strike(self, call: Call) -> None:
        """Let the call suffer; returning means that it goes on."""
        if self.kind == "delay":
            await asyncio.sleep(self.seconds)
        elif self.kind == "error":
            raise AwsError(self.status, self.code, self.message)
        elif self.kind == "drop":
            raise DropConnection
        else:
            await self._hang(call)

    async def _hang(self, call: Call) -> None:
        cleared, gone = asyncio.ensure_future(self.cleared.wait()), asyncio.ensure_future(call.request.gone())
        try:
            await asyncio.wait((cleared, gone), return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise DropConnection
        finally:
            cleared.cancel()
            gone.cancel()

    def describe(self) -> dict[str, Any]:
        fields = ("id", "kind", "service", "operation", "account", "when", "times", "seconds", "status", "code", "hits")
        return {name: getattr(self, name) for name in fields}


_FIELDS: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "service": str,
    "operation": str,
    "account": str,
    "when": str,
    "times": int,
    "seconds": (int, float),
    "status": int,
    "code": str,
    "message": str,
}


class Faults:
    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._numbers = itertools.count(1)

    def __bool__(self) -> bool:
        return bool(self._faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._faults.values()))

    def add(self, description: Mapping[str, Any]) -> Fault:
        given = {name: value for name, value in description.items() if value is not None}
        for name, value in given.items():
            if name not in _FIELDS:
                raise BadFault(f"{name!r} is no field of a fault; those are {', '.join(_FIELDS)}")
            if not isinstance(value, _FIELDS[name]) or isinstance(value, bool):
                raise BadFault(f"{name} cannot be {value!r}")
        if given.get("kind") not in KINDS:
            raise BadFault(f"kind is one of {', '.join(KINDS)}")
        if given.get("when", "before") not in WHEN:
            raise BadFault(f"when is one of {', '.join(WHEN)}")
        if given["kind"] == "delay" and given.get("seconds", 0) <= 0:
            raise BadFault("a delay needs seconds")
        if not 400 <= given.get("status", 500) <= 599:
            raise BadFault("status is from 400 to 599")
        fault = Fault(id=str(next(self._numbers)), **given)
        self._faults[fault.id] = fault
        return fault

    def clear(self, identity: str | None = None) -> int:
        """End one fault, or all; how many ended."""
        gone = [fault for fault in self if identity in (None, fault.id)]
        for fault in gone:
            del self._faults[fault.id]
            fault.cleared.set()
        return len(gone)

    def take(self, call: Call) -> Fault | None:
        """The fault that strikes this call, if one does."""
        for fault in self:
            if not fault.spent and fault.matches(call):
                fault.hits += 1
                return fault
        return None
