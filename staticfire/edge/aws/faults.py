"""Faults on request: AWS API calls that hang, come late, fail, or lose their answer.

A fault matches calls by service, operation and account, and strikes before the call is carried out or after it
(`when`): an error after is the call that was done and looks failed. A fault ends when it has struck `times` times
or is cleared; clearing releases the calls that wait in it.

    hang     no answer until the fault is cleared
    delay    `seconds` late
    error    AWS's error `code`, with the status that AWS gives it unless `status` says another
    drop     the connection is closed without an answer
    reset    the same with a TCP reset

`share` of the matching calls are struck: each call is drawn for, independently, as independent clients meet a real
outage (a rule of "every tenth call" would never strike a retry). The draws are the same in every run: of the first n
calls the same ones are struck. `seconds` beside an error, drop or reset has it come late.

A fault's description is checked against AWS's own models: a fault that could never strike is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from staticfire.edge.http1.messages import DropConnection, ResetConnection

from .calls import AwsError, Call
from .models import Model, common_status, model

KINDS = ("hang", "delay", "error", "drop", "reset")
WHEN = ("before", "after")
SEED = 7
DEFAULT_CODE = "InternalFailure"
# What these services write before an error's name; SDKs cut it off, other clients see it.
NAMESPACES = {"dynamodb": "com.amazonaws.dynamodb.v20120810", "sqs": "com.amazonaws.sqs"}


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
    share: float = 1.0
    times: int | None = None
    seconds: float = 0.0
    status: int | None = None
    code: str | None = None
    message: str = "A fault on request."
    calls: int = 0
    hits: int = 0
    model: Model | None = None
    cleared: asyncio.Event = field(default_factory=asyncio.Event)
    random: Random = field(default_factory=lambda: Random(SEED))

    @property
    def spent(self) -> bool:
        return self.times is not None and self.hits >= self.times

    def strikes(self, call: Call) -> bool:
        """Whether this call is one that it strikes; asked once a call."""
        if self.spent or not self._matches(call):
            return False
        self.calls += 1
        struck = self.share == 1 or self.random.random() < self.share
        self.hits += struck
        return struck

    def _matches(self, call: Call) -> bool:
        return (
            (self.service is None or self.service == call.service)
            and (self.account is None or self.account == call.scope.account)
            and (self.operation is None or self._is(call, self.operation))
        )

    def _is(self, call: Call, operation: str) -> bool:
        """`PutItem`, or a method and the beginning of a path: `GET /2015-03-31/functions`."""
        method, space, path = operation.partition(" ")
        if space:
            return call.request.method == method and call.request.path.startswith(path)
        if call.operation is None and self.model is not None:
            return self.model.operation_of(call.request) == operation
        return call.operation == operation

    async def strike(self, call: Call) -> None:
        """Let the call suffer; returning means that it goes on."""
        if self.kind == "hang":
            await self._hang(call)
        elif self.seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.cleared.wait(), self.seconds)
        if self.kind == "error":
            raise self._error(call)
        if self.kind == "drop":
            raise DropConnection
        if self.kind == "reset":
            raise ResetConnection

    def _error(self, call: Call) -> AwsError:
        code = self.code or DEFAULT_CODE
        if call.service in NAMESPACES and call.request.headers.get("x-amz-target"):
            code = f"{NAMESPACES[call.service]}#{code}"
        return AwsError(self.status or 500, code, self.message)

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
        return {name: getattr(self, name) for name in ("id", *_FIELDS, "calls", "hits")}


_FIELDS: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "service": str,
    "operation": str,
    "account": str,
    "when": str,
    "share": (int, float),
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
        members = {name: value for name, value in description.items() if value is not None}
        _check(members)
        if "service" in members:
            members["model"] = model(members["service"])
            members["service"] = members["model"].scope
            if " " not in members.get("operation", " "):
                members["model"].require(members["operation"])
        if members["kind"] == "error":
            code = members.setdefault("code", DEFAULT_CODE)
            status = members["model"].status if "model" in members else common_status
            members["status"] = members.get("status") or status(code)
        fault = Fault(id=str(next(self._numbers)), **members)
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
        return next((fault for fault in self if fault.strikes(call)), None)


def _check(members: Mapping[str, Any]) -> None:
    """What needs no knowledge of AWS."""
    for name, value in members.items():
        if name not in _FIELDS:
            raise BadFault(f"{name!r} is not a field of a fault; those are {', '.join(_FIELDS)}")
        if not isinstance(value, _FIELDS[name]) or isinstance(value, bool):
            raise BadFault(f"{name} cannot be {value!r}")
    kind = members.get("kind")
    if kind not in KINDS:
        raise BadFault(f"kind is one of {', '.join(KINDS)}")
    if members.get("when", "before") not in WHEN:
        raise BadFault(f"when is one of {', '.join(WHEN)}")
    if not 0 < members.get("share", 1) <= 1:
        raise BadFault("share is over 0 and at most 1")
    if members.get("times", 1) < 1:
        raise BadFault("times is at least 1")
    account = members.get("account", "0" * 12)
    if len(account) != 12 or not (account.isascii() and account.isdecimal()):
        raise BadFault(f"account is 12 digits, as every account here: {account!r} can never match a call")
    if kind == "delay" and "seconds" not in members:
        raise BadFault("a delay needs seconds")
    if not 0 < members.get("seconds", 1) < math.inf:
        raise BadFault("seconds is a number over 0")
    if kind == "hang" and "seconds" in members:
        raise BadFault("a hanging call has no seconds: it waits until the fault is cleared")
    if kind != "error" and members.keys() & {"status", "code", "message"}:
        raise BadFault("status, code and message are of the kind error")
    if not 400 <= members.get("status", 500) <= 599:
        raise BadFault("status is from 400 to 599")
