"""Functions: Lambda as the rest of the edge calls it.

An invocation's way: resolve the reference (cached), take a lease (admission), hand it to the version's pool, wait for
its result. Nothing on that way waits for a disk, a thread or the emulator once a function is warm.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.issued_keys import IssuedKeys
from staticfire.edge.images.blobs import BlobStore
from staticfire.edge.images.unpacking import ImageTrees
from staticfire.edge.traces import Traces
from staticfire.edge.traces.trace_id import entered, new_trace

from .admission import Admission
from .brought_layers import ARN, BroughtLayers
from .caller_deadlines import CallerDeadlines
from .catalog import FunctionCatalog
from .code import CodeStore
from .debugging import LEASE_SECONDS, PORT_TAKEN, DebugSession
from .event_queue import EventQueue
from .function_logs import FunctionLogs
from .invocation import Invocation, Result
from .metrics import FunctionMetrics
from .model import LATEST, FunctionConfig, FunctionRef, LambdaSettings, Outcome, json_object
from .policy import allows
from .pool import CPUS
from .queued_event import QueuedEvent
from .response_stream import ResponseStream
from .running_function import RunningFunction
from .runtimes import Runtimes
from .starter import Starter
from .sweeper import Sweeper
from .tracing import note_refusal

if TYPE_CHECKING:
    from staticfire.edge.aws.access_keys import AccessKeys
    from staticfire.edge.aws.emulator import Emulator
    from staticfire.edge.store import Store


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Streaming:
    """An invocation that runs: what comes of its response, and what will have come of it."""

    request_id: str
    version: str
    trace_id: str
    response: ResponseStream
    done: asyncio.Future[Result]

    async def pieces(self) -> AsyncIterator[bytes]:
        """The response as it comes; one that the runtime did not stream in one piece. An error is none of it."""
        if self.response.streamed:
            async for piece in self.response.pieces():
                yield piece
        elif not self.done.result().failed:
            yield self.done.result().payload


# While so many execution environments start, none is started ahead: one save may be in many functions.
STARTED_AHEAD = 4

# So many execution environments are kept for what is provisioned, of all functions together.
PROVISIONED_HERE = 8 * CPUS


@lru_cache(4096)
def _allowed(policy: str, ref: FunctionRef, principal: str, source_arn: str | None) -> bool:
    """An HTTP API asks the same of the same text at every request."""
    return allows(json_object(policy), ref.resource, principal, source_arn)


class Functions:
    """The functions of all accounts and regions that were invoked since the start, or the last reset."""

    def __init__(
        self,
        emulator: Emulator,
        settings: LambdaSettings,
        access_keys: AccessKeys,
        store: Store,
        traces: Traces | None = None,
    ) -> None:
        self.traces = traces if traces is not None else Traces(0)
        self._functions: dict[tuple[Scope, str], RunningFunction] = {}
        self._store = store
        self._urls: Mapping[str, Mapping[str, Any]] | None = None
        # Layers of images, and what was unpacked from them.
        self.blobs = BlobStore(settings.state_dir / "images")
        self.image_trees = ImageTrees(settings.state_dir / "functions" / "images", self.blobs)
        self._runtimes = Runtimes(settings.runtimes, settings.node, images=self.image_trees)
        self._catalog = FunctionCatalog(store)
        self.records = self._catalog.records
        self.code = CodeStore(settings.state_dir / "functions", store, self.records.code())
        self.brought_layers = BroughtLayers(self.records, self.code)
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
            traces=self.traces,
            issued=IssuedKeys(store),
        )
        self._events = EventQueue(
            emulator, self._catalog, self._metrics, self._invoke_event, settings.retry_seconds, store
        )
        self._sweeper = Sweeper(self._functions, settings.idle_seconds)
        self._deadlines: dict[float, CallerDeadlines] = {}
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._debugged: dict[tuple[Scope, str], DebugSession] = {}

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
        invocation = self._begin(ref, config, payload, trace_id, client_context, tail, request_id, None)
        if patience is None or (self._debugged and (config.scope, config.name) in self._debugged):
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

    async def stream(
        self,
        ref: FunctionRef,
        payload: bytes,
        *,
        trace_id: str | None = None,
        client_context: str | None = None,
        tail: bool = False,
        request_id: str | None = None,
    ) -> Streaming:
        """Run a function and read its response as it comes. What keeps it from running is raised."""
        config = self._catalog.cached(ref) or await self._catalog.resolve(ref)
        stream = ResponseStream()
        invocation = self._begin(ref, config, payload, trace_id, client_context, tail, request_id, stream)
        await stream.began.wait()
        if not stream.streamed:
            await invocation.done
        return Streaming(invocation.request_id, config.version, invocation.trace_id, stream, invocation.done)

    def _begin(
        self,
        ref: FunctionRef,
        config: FunctionConfig,
        payload: bytes,
        trace_id: str | None,
        client_context: str | None,
        tail: bool,
        request_id: str | None,
        stream: ResponseStream | None,
    ) -> Invocation:
        function = self._function(config)
        header, root, span, parent = entered(
            trace_id if trace_id and trace_id.isprintable() else "", config.active_tracing
        )
        request_id = request_id or _new_request_id()
        try:
            lease = self._admission.take(ref, config, function.concurrency, waits=function.debug is not None)
        except AwsError as error:
            note_refusal(self.traces, config, root, span, parent, request_id, payload, error)
            raise
        invocation = Invocation(
            ref,
            request_id,
            payload,
            header,
            client_context,
            [] if tail else None,
            lease,
            self._loop.create_future(),
            stream,
            root,
            span,
            parent,
        )
        function.submit(config, invocation)
        self._sweeper.wake()
        return invocation

    def resume(self) -> None:
        """Go on with the events that an edge before this one accepted."""
        self._events.resume()

    async def enqueue(
        self, ref: FunctionRef, payload: bytes, *, client_context: str | None = None, trace_id: str | None = None
    ) -> str:
        """Take an Event invocation, which is on the disk then; the answer is its request id."""
        await self.describe(ref)
        return await self._events.put(ref, payload, client_context, trace_id or new_trace())

    async def describe(self, ref: FunctionRef) -> FunctionConfig:
        """The configuration behind a reference, and that it can run here."""
        config = await self.configuration(ref)
        self._runtimes.check(config)
        return config

    async def configuration(self, ref: FunctionRef) -> FunctionConfig:
        """The configuration behind a reference, whether or not it can run here."""
        return self._catalog.cached(ref) or await self._catalog.resolve(ref)

    async def provision(self, ref: FunctionRef, count: int, each_seconds: float) -> bool:
        """Start execution environments of a version before it is invoked; whether their initialisation went well.

        As many as there is room for beside those of other versions, and one at least.
        """
        config = await self.describe(ref)
        function = self._function(config)
        self._sweeper.wake()
        others = sum(one.kept(config.version if one is function else "") for one in self._functions.values())
        room = max(1, PROVISIONED_HERE - others)
        if count > room:
            log.warning(
                "%s: %d execution environments are to be provisioned, %d of them are started and kept here (%d in all, "
                "%d a processor); the others start when they are needed",
                *(ref.arn, count, room, PROVISIONED_HERE, PROVISIONED_HERE // CPUS),
            )
        return await function.provision(config, min(count, room), each_seconds)

    def initialised(self, ref: FunctionRef) -> int:
        """How many execution environments of a version are there that have initialised."""
        function = self._functions.get((ref.scope, ref.name))
        return 0 if function is None else function.initialised(ref.qualifier or LATEST)

    async def prepare(self, runtime: str) -> str:
        """Make what functions of a runtime need, before one does; what is to be said of it, or nothing."""
        return await self._runtimes.prepare(runtime)

    async def allows(self, ref: FunctionRef, principal: str, source_arn: str | None = None) -> bool:
        """Whether the function's resource policy lets a principal invoke it on behalf of a source."""
        policy = (await self._catalog.policy(ref)).get("Policy")
        return policy is not None and _allowed(policy, ref, principal, source_arn)

    async def policy(self, ref: FunctionRef) -> Mapping[str, Any]:
        """The function's resource policy, as GetPolicy tells it; empty if there is none."""
        return await self._catalog.policy(ref)

    def url_config(self, url_id: str) -> Mapping[str, Any] | None:
        """A function URL as GetFunctionUrlConfig tells it, by its id."""
        if self._urls is None:
            configs = self._store.everywhere("lambda", "function-url")
            self._urls = {config["id"]: config for _, config in configs}
        return self._urls.get(url_id)

    async def changed(self, ref: FunctionRef) -> None:
        """What is described of it was changed: it takes effect on the next invocation."""
        self._catalog.forget(ref.scope, ref.name)
        self._urls = None
        session = self._debugged.get((ref.scope, ref.name))
        function = self._functions.get((ref.scope, ref.name))
        if function is not None:
            function.release(self.records.provisioned(ref.scope, ref.name))
        if session is not None and function is not None:
            function.renew_debugging(await self._catalog.resolve(ref._replace(qualifier=session.config.version)))

    async def debug(self, ref: FunctionRef, port: int, *, waits: bool, debugger: str = "") -> DebugSession:
        """Have the next execution environment of a function carry a debugger; see debugging.py."""
        config = await self.describe(ref)
        key = (config.scope, config.name)
        if key in self._debugged:
            at = self._debugged[key].port
            raise AwsError(409, "ResourceConflictException", f"{config.name} is debugged already, at the port {at}")
        for (_, name), other in self._debugged.items():
            if other.port == port:
                raise AwsError(409, PORT_TAKEN, f"{name} is debugged already, at the port {port}")
        session = DebugSession(config, port, waits, debugger)
        session.check()
        self._debugged[key] = session
        self._function(config).begin_debugging(session)
        self._sweeper.wake()
        self._loop.call_later(LEASE_SECONDS, self._end_debugging_unless_kept, key)
        return session

    def debugged(self, ref: FunctionRef) -> DebugSession | None:
        return self._debugged.get((ref.scope, ref.name))

    def end_debugging(self, ref: FunctionRef) -> bool:
        """Have the function as it was before; whether it was debugged."""
        key = (ref.scope, ref.name)
        if self._debugged.pop(key, None) is None:
            return False
        function = self._functions.get(key)
        if function is not None:
            function.end_debugging()
        return True

    def _end_debugging_unless_kept(self, key: tuple[Scope, str]) -> None:
        session = self._debugged.get(key)
        if session is None:
            return
        left = session.until - time.monotonic()
        if left > 0:
            self._loop.call_later(left, self._end_debugging_unless_kept, key)
        else:
            self.end_debugging(FunctionRef(*key))

    async def keep_layer(self, arn: str, runtime: str, data: bytes) -> bool:
        """Keep the content of another account's layer; whether it changed: what runs with it then starts anew."""
        layer = ARN.fullmatch(arn)
        if layer is None:
            raise AwsError(400, "InvalidParameterValueException", f"{arn!r} is not the ARN of a layer version")
        changed = await self.brought_layers.keep(layer, runtime, data)
        if changed:
            self.renew_layer(arn)
        return changed

    async def unpack(self, ref: FunctionRef, *, code: str = "", layers_before: Mapping[str, str] = {}) -> None:
        """Have its code (or other `code`, by its CodeSha256) ready to run; what it has now, or its layers had before,
        is not unpacked again."""
        config = await self.configuration(ref)
        if config.package_type == "Image":
            await self._runtimes.find(config)
        elif config.runtime:
            new = replace(config, code_sha256=code or config.code_sha256)
            await self._starter.unpack(new, config.code_sha256, layers_before)

    async def start_ahead(self, ref: FunctionRef, version_before: str) -> None:
        """It was changed, and `version_before` ran until then: what was warm is so again before it is invoked."""
        function = self._functions.get((ref.scope, ref.name))
        if function is None or not function.is_warm(version_before) or self._ahead() >= STARTED_AHEAD:
            return
        if function.start_ahead(await self.configuration(ref)):
            self._sweeper.wake()

    def _ahead(self) -> int:
        """Execution environments that initialise."""
        pools = [pool for function in self._functions.values() for pool in function.pools]
        return sum(not running.initialised for pool in pools for running in pool.execution_environments)

    def renew_layer(self, arn: str) -> None:
        """A layer version has other content: what runs with it ends once it is idle, and starts anew."""
        for function in self._functions.values():
            function.renew(arn)

    def runs(self, sha256: str) -> bool:
        """Whether anything that runs was started from this code."""
        pools = [pool for function in self._functions.values() for pool in function.pools]
        return any(pool.config.code_sha256 == sha256 and not pool.empty for pool in pools)

    async def deleted(self, ref: FunctionRef) -> None:
        """It is gone: its execution environments end."""
        self._catalog.forget(ref.scope, ref.name)
        self._urls = None
        self.end_debugging(ref)
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
        functions = [function.snapshot() for function in self._functions.values()]
        return sum(environment["state"] == "busy" for one in functions for environment in one["environments"])

    def kill(self, identifier: str) -> bool:
        """kill -9 what runs in an execution environment; whether there was one."""
        return any(function.kill(identifier) for function in self._functions.values())

    async def reset(self) -> None:
        """End all execution environments, empty the queue of events, forget what was learned."""
        await self._events.clear()
        await self.forget()

    async def forget(self) -> None:
        """The emulator's state is gone: end all execution environments. Events stay; what they call may come back."""
        await self._end("reset")

    async def _end(self, why: str) -> None:
        pools = [pool for function in self._functions.values() for pool in function.pools]
        self._functions.clear()
        self._debugged.clear()
        self._catalog.forget_all()
        await asyncio.gather(*(pool.close(why) for pool in pools))
        await self._logs.flush()

    async def close(self) -> None:
        self._closed = True
        await self._events.close()
        await self._end("reset")
        self._sweeper.close()
        await self._metrics.close()
        await self._logs.close()

    async def _invoke_event(self, event: QueuedEvent) -> Outcome:
        return await self.invoke(
            event.ref,
            event.payload,
            request_id=event.request_id,
            client_context=event.client_context,
            trace_id=event.trace_id,
        )

    def _function(self, config: FunctionConfig) -> RunningFunction:
        if self._closed:
            raise AwsError(503, "ServiceUnavailableException", "The edge is stopping")
        function = self._functions.get((config.scope, config.name))
        if function is None:
            self._runtimes.check(config)
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
