"""Debugging: one execution environment of a function carries a debugger, for as long as somebody asks for it.

It is alone: invocations wait for it, however many come, and none is throttled. Nothing that runs in it is limited in
time: neither the initialisation nor the invocation nor whoever waits for its answer; it is not frozen between
invocations, and what the debugger takes of memory is not counted. One that ends is followed by another at the same
port, once its process is gone. Whoever asked has to go on asking: LEASE_SECONDS after the last time it ends by itself.

    begun -> ended     the waiting invocations go on without a debugger; the running one has its time-out from then on
"""

from __future__ import annotations

import time
from asyncio import Event
from dataclasses import dataclass, field
from typing import Any, Protocol

from staticfire.edge.aws.calls import AwsError
from staticfire.host.ports import port_is_free

from .model import FunctionConfig
from .start_variables import need_a_new_process

PORT_TAKEN = "PortTaken"  # the code of an error: another function is debugged there
LEASE_SECONDS = 15.0
LONG_SECONDS = 86_400.0  # what a function is told of the time it has left
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"


class Holder(Protocol):
    """The execution environment that has the port."""

    gone: Event
    state: str

    def end(self, why: str) -> None: ...

    def snapshot(self) -> dict[str, Any]: ...


@dataclass(eq=False)
class DebugSession:
    """`debugger` is the directory with debugpy, for Python. `waits`: the code is not run before a debugger is there."""

    config: FunctionConfig
    port: int
    waits: bool
    debugger: str = ""
    ended: bool = False
    until: float = field(default_factory=lambda: time.monotonic() + LEASE_SECONDS)
    holder: Holder | None = None

    def check(self) -> None:
        """An error where such a function cannot carry a debugger."""
        config = self.config
        runs_python, runs_node = config.runtime.startswith("python"), config.runtime.startswith("nodejs")
        if not (runs_python or runs_node) or (runs_python and not self.debugger):
            raise AwsError(
                400,
                "InvalidRuntimeException",
                f"{config.name} runs on {config.runtime or 'an image'}: only Python and Node functions are debugged.",
            )
        if dict(config.variables).get(WRAPPER):
            raise AwsError(
                400,
                "InvalidRuntimeException",
                f"{config.name} starts by {WRAPPER}, which the debugger would have to go through: remove it meanwhile.",
            )

        if runs_python and need_a_new_process(dict(config.variables)):
            raise AwsError(
                400,
                "InvalidRuntimeException",
                f"{config.name} has variables by which its Python is started anew (LD_..., PYTHONHOME), which the "
                "debugger would have to go through: remove them meanwhile.",
            )

    def keep(self) -> None:
        """Somebody still wants it. Where the debugger's side has ended alone, as debugpy's may when an editor is killed
        and another attaches at that instant, the execution environment is ended as well: the next one has it again."""
        self.until = time.monotonic() + LEASE_SECONDS
        holder = self.holder
        if holder is not None and holder.state == "idle" and port_is_free("127.0.0.1", self.port):
            holder.end("the debugger has ended")

    async def port_is_free(self) -> None:
        """Wait until the execution environment that has the port is gone."""
        while self.holder is not None and not self.holder.gone.is_set():
            await self.holder.gone.wait()

    def describe(self) -> dict[str, Any]:
        holder = self.holder
        alive = holder is not None and not holder.gone.is_set()
        return {
            "function": self.config.arn,
            "version": self.config.version,
            "port": self.port,
            "waits": self.waits,
            "environment": holder.snapshot() if holder is not None and alive else None,
        }
