"""Functions: Lambda as the rest of the edge calls it.

An invocation's way: resolve the reference (cached), check the concurrency limits, hand it to the version's pool, wait
for its result. Nothing on that way waits for a disk, a thread or the emulator once a function is warm.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.http1.messages import Response
from staticfire.edge.traces.trace_id import new_trace

from . import api
from .caller_deadlines import Patience
from .catalog import Catalog
from .code import CodeStore
from .credentials import Credentials, OfAccount, OfRole
from .event_queue import EventQueue
from .execution_environment import ExecutionEnvironment, Invocation, Result
from .function_logs import FunctionLogs
from .function_process import Started, spawn
from .metrics import FunctionMetrics
from .model import FunctionConfig, FunctionRef, Outcome
from .platform_log import PlatformLog
from .policy import allows
from .pool import Pool
from .runtimes import Runtime, Runtimes

if TYPE_CHECKING:
    from staticfire.edge.aws.emulator import Emulator

log = logging.getLogger(__name__)

SWEEP_SECONDS = 0.05
FREEZE_AFTER = 0.05


@dataclass(slots=True)
class Function:
    """What is counted of one function, whatever its versions."""

    invocations: int = 0
    errors: int = 0
    cold_starts: int = 0
    init_errors: int = 0
    throttles: int = 0
    in_flight: int = 0
    pools: dict[str, Pool] = field(default_factory=dict)
    retired: list[Pool] = field(default_factory=list)

    def every_pool(self) -> list[Pool]:
        return [*self.pools.values(), *self.retired]


@lru_cache(4096)
def _allowed(policy: str, ref: FunctionRef, principal: str, source_arn: str | None) -> bool:
    """An HTTP API asks the same of the same text at every request."""
    return allows(api.loaded(policy), ref.resource, principal, source_arn)


class Functions:
    """The `lambda` service's invocations, and the environments that run them."""

    def __init__(
        self,
        emulator: Emulator,
        *,
        state_dir: Path,
        endpoint: str,
        runtimes: Mapping[str, Mapping[str, str]],
        account_concurrency: int = 1000,
        idle_seconds: float = 300.0,
        retry_seconds: Sequence[float] = (1.0, 2.0),
        freeze: bool = True,
        enforce_iam: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._account_concurrency = account_concurrency
        self._idle_seconds = idle_seconds
        self._freeze = freeze
        self._credentials: Credentials = OfRole(emulator) if enforce_iam else OfAccount()
        self._run_dir = state_dir / "functions" / "run"
        # What an edge that was killed left behind; no environment outlives its edge.
        shutil.rmtree(self._run_dir, ignore_errors=True)
        self._runtimes = Runtimes(runtimes)
        self._catalog = Catalog(emulator)
        self._code = CodeStore(state_dir / "functions")
        self._logs = FunctionLogs(emulator)
        self._metrics = FunctionMetrics(emulator)
        self._events = EventQueue(
            emulator, self._catalog, self._metrics, self._invoke_event, retry_seconds=retry_seconds
        )
        self._functions: dict[tuple[Scope, str], Function] = {}
        self._unreserved: dict[Scope, int] = {}
        self._patience: dict[float, Patience] = {}
        self._numbers = itertools.count(1)
        self._loop = asyncio.get_running_loop()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    # -- invoking

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
        function = self._admit(ref, config)
        if not trace_id or not trace_id.isprintable():
            trace_id = new_trace()
        identifier = request_id or _new_request_id()
        invocation = Invocation(identifier, payload, ref.arn, trace_id, client_context, tail)
        self._pool(function, config).submit(invocation)
        if self._sweeper is None:
            self._sweep_later()
        waiting = None if patience is None else self._waiting_for(patience)
        if waiting is not None:
            waiting.begin(invocation.done)
        try:
            result = await invocation.done
        finally:
            if waiting is not None:
                waiting.end(invocation.done)
        return Outcome(
            invocation.request_id,
            result.payload,
            "Unhandled" if result.failed else None,
            config.version,
            result.log_tail,
        )

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

    async def answer(self, call: Call) -> Response | None:
        return await api.answer(self, call)

    async def passed(self, call: Call, status: int) -> None:
        """A write went through: what it changed takes effect on the next invocation."""
        if call.request.method in ("GET", "HEAD") or status >= 400:
            return
        change = await api.change(call)
        if change is None:
            return
        self._catalog.forget(call.scope, change.name)
        if change.deleted:
            function = self._functions.pop((call.scope, change.name), None)
            for pool in function.every_pool() if function is not None else ():
                pool.retire()
            # Lines that are shipped later would make the log group again after its own deletion.
            await self._logs.flush()
        elif change.code:
            await self._keep_code(FunctionRef(call.scope, change.name))

    def snapshot(self) -> dict[str, Any]:
        """Functions with their counters and environments."""
        functions: list[dict[str, Any]] = []
        for (scope, name), function in self._functions.items():
            environments: list[dict[str, Any]] = [
                {
                    "id": one.id,
                    "pid": one.pid,
                    "state": one.state,
                    "since": one.since,
                    "version": one.config.version,
                    "runtime": one.config.runtime,
                    "runs_on": self._runtimes.choose(one.config).name,
                    "memory_bytes": one.peak_bytes,
                }
                for pool in function.every_pool()
                for one in pool.environments
            ]
            functions.append(
                {
                    "account": scope.account,
                    "region": scope.region,
                    "name": name,
                    "invocations": function.invocations,
                    "errors": function.errors,
                    "cold_starts": function.cold_starts,
                    "init_errors": function.init_errors,
                    "throttles": function.throttles,
                    "in_flight": function.in_flight,
                    "environments": sorted(environments, key=lambda one: one["id"]),
                }
            )
        return {"tmp": self._runtimes.tmp, "queued_events": len(self._events), "functions": functions}

    def kill(self, identity: str) -> bool:
        """kill -9 what runs in an execution environment; whether there was one."""
        for function in self._functions.values():
            for pool in function.every_pool():
                for one in pool.environments:
                    if one.id == identity and one.pid is not None:
                        os.kill(one.pid, signal.SIGKILL)
                        return True
        return False

    async def reset(self) -> None:
        """End all environments, empty the queue of events, forget what was learned."""
        await self._events.clear()
        functions, self._functions = list(self._functions.values()), {}
        self._catalog.forget_all()
        await asyncio.gather(*(pool.close("reset") for one in functions for pool in one.every_pool()))
        self._unreserved.clear()
        await self._logs.flush()

    async def close(self) -> None:
        self._closed = True
        await self.reset()
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._metrics.close()
        await self._logs.close()

    # -- inside

    async def _invoke_event(
        self, ref: FunctionRef, payload: bytes, *, request_id: str, client_context: str | None
    ) -> Outcome:
        return await self.invoke(ref, payload, request_id=request_id, client_context=client_context)

    def _admit(self, ref: FunctionRef, config: FunctionConfig) -> Function:
        """Count the invocation in, or refuse it: over a limit nothing waits."""
        if self._closed:
            raise AwsError(503, "ServiceUnavailableException", "The edge is stopping")
        function = self._functions.get((config.scope, config.name))
        if function is None:
            self._runtimes.choose(config)
            function = self._functions[config.scope, config.name] = Function()
        if config.reserved is not None:
            if function.in_flight >= config.reserved:
                raise self._throttle(ref, function, "ReservedFunctionConcurrentInvocationLimitExceeded")
        else:
            busy = self._unreserved.get(config.scope, 0)
            if busy >= self._account_concurrency - self._catalog.reserved(config.scope):
                raise self._throttle(ref, function, "ConcurrentInvocationLimitExceeded")
            self._unreserved[config.scope] = busy + 1
        function.in_flight += 1
        return function

    def _waiting_for(self, seconds: float) -> Patience:
        patience = self._patience.get(seconds)
        if patience is None:
            patience = self._patience[seconds] = Patience(self._loop, seconds)
        return patience

    def _throttle(self, ref: FunctionRef, function: Function, reason: str) -> AwsError:
        function.throttles += 1
        self._metrics.count(ref.scope, ref.name, ref.qualifier or "", "Throttles")
        return AwsError(
            429,
            "TooManyRequestsException",
            "Rate Exceeded.",
            headers={"retry-after": "1"},
            fields={"Reason": reason, "Type": "User", "retryAfterSeconds": "1"},
        )

    def _pool(self, function: Function, config: FunctionConfig) -> Pool:
        pool = function.pools.get(config.version)
        if pool is not None and (pool.config is config or pool.config == config):
            return pool
        if pool is not None:
            pool.retire()
            function.retired.append(pool)

        def finished(pool: Pool, invocation: Invocation, result: Result | None) -> None:
            self._finished(function, pool.config, invocation, result)

        def initialised(pool: Pool, well: bool) -> None:
            if well:
                function.cold_starts += 1
            else:
                function.init_errors += 1

        pool = function.pools[config.version] = Pool(config, self._start, finished, initialised)
        return pool

    def _finished(
        self, function: Function, config: FunctionConfig, invocation: Invocation, result: Result | None
    ) -> None:
        busy = function.in_flight
        function.in_flight -= 1
        if config.reserved is None and config.scope in self._unreserved:
            self._unreserved[config.scope] -= 1
        if result is None:
            return
        function.invocations += 1
        if result.failed:
            function.errors += 1
        _, _, qualifier = invocation.arn.partition(f":function:{config.name}:")
        self._metrics.finished(config.scope, config.name, qualifier, result.failed, result.seconds, busy)

    async def _start(self, pool: Pool, first: Invocation | None) -> ExecutionEnvironment:
        config = pool.config
        runtime = self._runtimes.choose(config)
        private = await self._runtimes.private_mounts(runtime)
        task_root = await self._code.tree(
            config.code_sha256, runtime.python, runtime.version, self._catalog.code_of(config)
        )
        layers = ""
        if config.layers:
            found = [await self._catalog.layer(config, arn) for arn in config.layers]
            layers = str(await self._code.layers(found, runtime.python, runtime.version))
        identifier = f"{os.getpid()}-{next(self._numbers)}"
        directory = self._run_dir / identifier
        tmp = directory / "tmp"
        tmp.mkdir(parents=True)
        if not private:
            copy = directory / "task"
            await asyncio.to_thread(shutil.copytree, task_root, copy, symlinks=True)
            task_root = copy
        stream = self._logs.stream(config)
        platform = PlatformLog(config, f"{runtime.name.replace('python', 'python:')}")
        environment = ExecutionEnvironment(identifier, config, pool, stream, platform, directory)
        settings = {
            "handler": config.handler,
            "task_root": str(task_root),
            "layers": layers,
            "tmp": str(tmp),
            "private": private,
            "memory_mb": config.memory,
        }
        credentials = await self._credentials.variables(config)
        variables = {**self._variables(config, runtime, stream.name, str(task_root), layers), **credentials}
        if not private:
            variables.setdefault("TMPDIR", str(tmp))

        def start(more: Mapping[str, str]) -> Started:
            return spawn(runtime.python, settings, {**variables, **more})

        pool.environments.add(environment)
        try:
            await environment.launch(start, first)
        except BaseException:
            pool.environments.discard(environment)
            environment.abandon()
            raise
        return environment

    def _variables(
        self, config: FunctionConfig, runtime: Runtime, stream: str, task_root: str, layers: str
    ) -> dict[str, str]:
        """The environment that AWS documents, the function's own variables, and where AWS is."""
        opt = layers or "/opt"
        level = {"AWS_LAMBDA_LOG_LEVEL": config.logging.application_level} if config.logging.application_level else {}
        return {
            "PATH": f"{runtime.bin}:/usr/local/bin:/usr/bin:/bin:{opt}/bin",
            "LD_LIBRARY_PATH": f"{task_root}:{task_root}/lib:{opt}/lib",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **dict(config.variables),
            "_HANDLER": config.handler,
            "AWS_DEFAULT_REGION": config.scope.region,
            "AWS_REGION": config.scope.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": config.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": config.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": config.logging.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_LAMBDA_LOG_FORMAT": "JSON" if config.logging.json else "Text",
            **level,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
            "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
            "_AWS_XRAY_DAEMON_PORT": "2000",
            "LAMBDA_TASK_ROOT": task_root,
            "LAMBDA_RUNTIME_DIR": runtime.site_packages,
            "AWS_ENDPOINT_URL": dict(config.variables).get("AWS_ENDPOINT_URL", self._endpoint),
        }

    async def _keep_code(self, ref: FunctionRef) -> None:
        """Take a copy of new code at once: an emulator may keep the newest only, published versions keep theirs."""
        try:
            config = await self._catalog.resolve(ref)
            if config.package_type == "Zip" and config.code_sha256:
                await self._code.fetch(config.code_sha256, self._catalog.code_of(config))
        except AwsError as error:
            log.warning("The code of %s is not here yet, its first invocation will ask again: %s", ref.arn, error)

    # -- watching: memory of the busy, sleep of the idle

    def _sweep_later(self) -> None:
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = time.monotonic()
        self._sweeper = None
        any_left = False
        for function in self._functions.values():
            for pool in function.every_pool():
                for environment in list(pool.environments):
                    self._watch(environment, now)
                pool.reap(now - self._idle_seconds)
                any_left = any_left or not pool.empty
            function.retired = [pool for pool in function.retired if not pool.empty]
        if any_left:
            self._sweep_later()

    def _watch(self, environment: ExecutionEnvironment, now: float) -> None:
        if environment.state in ("starting", "busy"):
            environment.watch_memory(now)
        elif environment.state == "idle" and self._freeze and now - environment.idle_since > FREEZE_AFTER:
            process = environment.process
            if process is not None:
                process.freeze()


def _new_request_id() -> str:
    """A UUID of version 4: a name, not a secret, at a tenth of what the uuid module takes for it."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
