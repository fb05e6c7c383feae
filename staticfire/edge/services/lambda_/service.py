"""Functions: Lambda as the rest of the edge calls it.

An invocation's way: resolve the reference (cached), take a lease (admission), hand it to the version's pool, wait for
its result. Nothing on that way waits for a disk, a thread or the emulator once a function is warm.
"""

from __future__ import annotations

import asyncio
import random
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.traces.trace_id import new_trace

from .admission import Admission
from .caller_deadlines import CallerDeadlines
from .catalog import FunctionCatalog
from .code import CodeStore
from .event_queue import EventQueue, QueuedEvent
from .function_logs import FunctionLogs
from .invocation import Invocation
from .metrics import FunctionMetrics
from .model import FunctionConfig, FunctionRef, LambdaSettings, Outcome, json_object
from .policy import allows
from .running_function import RunningFunction
from .runtimes import Runtimes
from .starter import Starter
from .sweeper import Sweeper

if TYPE_CHECKING:
    from staticfire.edge.aws.access_keys import AccessKeys
    from staticfire.edge.aws.emulator import Emulator
    from staticfire.edge.store import Store


@lru_cache(4096)
def _allowed(policy: str, ref: FunctionRef, principal: str, source_arn: str | None) -> bool:
    """An HTTP API asks the same of the same text at every request."""
    return allows(json_object(policy), ref.resource, principal, source_arn)


class Functions:
    """The functions of all accounts and regions that were invoked since the start, or the last reset."""

    def __init__(self, emulator: Emulator, settings: LambdaSettings, access_keys: AccessKeys, store: Store) -> None:
        self._functions: dict[tuple[Scope, str], RunningFunction] = {}
        self._runtimes = Runtimes(settings.runtimes)
        self._catalog = FunctionCatalog(store)
        self.records = self._catalog.records
        self.code = CodeStore(settings.state_dir / "functions", self.records.code())
        self._logs = FunctionLogs(emulator)
        self._metrics = FunctionMetrics(emulator)
        self._admission = Admission(self._catalog, self._metrics, settings.account_concurrency)
        self._starter = Starter(
            emulator,
            settings,
            access_keys,
            catalog=self._catalog,
            runtimes=self._runtimes,
            logs=self._logs,
            code=self.code,
        )
        self._events = EventQueue(emulator, self._catalog, self._metrics, self._invoke_event, settings.retry_seconds)
        self._sweeper = Sweeper(self._functions, settings.idle_seconds)
        self._deadlines: dict[float, CallerDeadlines] = {}
        self._loop = asyncio.get_running_loop()
        self._closed = False

    async def invoke(
        self,
        ref: FunctionRef,
        payload: bytes,
        *,
        trace_id: str | None = None,
        client_context: str | None = None,
        tail: bool = False,
        request_id: str | None = None,
        patience: float | None = None,
    ) -> Outcome:
        """Run a function and wait; TimeoutError after `patience` seconds. Without a caller it runs on, as on AWS."""
        config = self._catalog.cached(ref)
        if config is None:
            config = await asyncio.wait_for(self._catalog.resolve(ref), patience)
        function = self._function(config)
        invocation = Invocation(
            ref,
            request_id or _new_request_id(),
            payload,
            trace_id if trace_id and trace_id.isprintable() else new_trace(),
            client_context,
            [] if tail else None,
            self._admission.take(ref, config, function.concurrency),
            self._loop.create_future(),
        )
        function.submit(config, invocation)
        self._sweeper.wake()
        if patience is None:
            result = await invocation.done
        else:
            deadlines = self._deadlines_of(patience)
            deadlines.begin(invocation.done)
            try:
                result = await invocation.done
            finally:
                deadlines.end(invocation.done)
        error = "Unhandled" if result.failed else None
        return Outcome(invocation.request_id, result.payload, error, config.version, result.log_tail)

    async def enqueue(self, ref: FunctionRef, payload: bytes, *, client_context: str | None = None) -> str:
        """Take an Event invocation; the answer is its request id."""
        await self.describe(ref)
        return self._events.put(ref, payload, client_context)

    async def describe(self, ref: FunctionRef) -> FunctionConfig:
        """The configuration behind a reference, and that it can run here."""
        config = self._catalog.cached(ref) or await self._catalog.resolve(ref)
        self._runtimes.choose(config)
        return config

    async def allows(self, ref: FunctionRef, principal: str, source_arn: str | None = None) -> bool:
        """Whether the function's resource policy lets a principal invoke it on behalf of a source."""
        policy = (await self._catalog.policy(ref)).get("Policy")
        return policy is not None and _allowed(policy, ref, principal, source_arn)

    async def changed(self, ref: FunctionRef) -> None:
        """What is described of it was changed: it takes effect on the next invocation."""
        self._catalog.forget(ref.scope, ref.name)

    async def deleted(self, ref: FunctionRef) -> None:
        """It is gone: its execution environments end."""
        self._catalog.forget(ref.scope, ref.name)
        function = self._functions.pop((ref.scope, ref.name), None)
        if function is not None:
            function.retire()
        # Lines that are shipped later would make the log group again after its own deletion.
        await self._logs.flush()

    @property
    def isolation(self) -> str:
        """`namespaces`, `none`, or `unknown` before the first start."""
        return self._runtimes.isolation

    def snapshot(self) -> dict[str, Any]:
        """Functions with their counters and execution environments."""
        functions = [
            {"account": scope.account, "region": scope.region, "name": name, **function.snapshot()}
            for (scope, name), function in self._functions.items()
        ]
        return {"isolation": self.isolation, "queued_events": len(self._events), "functions": functions}

    def busy(self) -> int:
        """How many execution environments are at work."""
        environments = (each for function in self._functions.values() for each in function.snapshot()["environments"])
        return sum(each["state"] == "busy" for each in environments)

    def kill(self, identifier: str) -> bool:
        """kill -9 what runs in an execution environment; whether there was one."""
        return any(function.kill(identifier) for function in self._functions.values())

    async def reset(self) -> None:
        """End all execution environments, empty the queue of events, forget what was learned."""
        await self._events.clear()
        pools = [pool for function in self._functions.values() for pool in function.pools]
        self._functions.clear()
        self._catalog.forget_all()
        await asyncio.gather(*(pool.close("reset") for pool in pools))
        await self._logs.flush()

    async def close(self) -> None:
        self._closed = True
        await self.reset()
        self._sweeper.close()
        await self._metrics.close()
        await self._logs.close()

    async def _invoke_event(self, event: QueuedEvent) -> Outcome:
        return await self.invoke(
            event.ref, event.payload, request_id=event.request_id, client_context=event.client_context
        )

    def _function(self, config: FunctionConfig) -> RunningFunction:
        if self._closed:
            raise AwsError(503, "ServiceUnavailableException", "The edge is stopping")
        function = self._functions.get((config.scope, config.name))
        if function is None:
            self._runtimes.choose(config)
            function = RunningFunction(self._starter.prepare, self._metrics)
            self._functions[config.scope, config.name] = function
        return function

    def _deadlines_of(self, seconds: float) -> CallerDeadlines:
        deadlines = self._deadlines.get(seconds)
        if deadlines is None:
            deadlines = self._deadlines[seconds] = CallerDeadlines(self._loop, seconds)
        return deadlines


def _new_request_id() -> str:
    """A UUID of version 4: a name, not a secret, at a tenth of what the uuid module takes for it."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
