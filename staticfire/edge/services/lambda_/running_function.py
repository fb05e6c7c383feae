"""A function that runs here: its pools, one for each version, and what is counted of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from .admission import Concurrency
from .debugging import DebugSession
from .invocation import Invocation, Result
from .metrics import FunctionMetrics
from .model import FunctionConfig
from .pool import STARTING_AT_ONCE, Pool, Prepare


class RunningFunction:
    """Counts are the function's, whatever its versions. A pool whose version changed is kept until it is empty."""

    def __init__(self, prepare: Prepare, metrics: FunctionMetrics) -> None:
        self.concurrency = Concurrency()
        self.debug: DebugSession | None = None
        self._prepare = prepare
        self._metrics = metrics
        self._pools: dict[str, Pool] = {}
        self._retired: list[Pool] = []
        self._invocations = 0
        self._errors = 0
        self._cold_starts = 0
        self._init_errors = 0
        # Who waits for the next initialisation of a version.
        self._provisioned: dict[str, asyncio.Future[bool]] = {}

    @property
    def pools(self) -> Sequence[Pool]:
        return [*self._pools.values(), *self._retired]

    def submit(self, config: FunctionConfig, invocation: Invocation) -> None:
        self._pool(config).submit(invocation)

    async def provision(self, config: FunctionConfig, count: int, each_seconds: float) -> bool:
        """Start execution environments of that version in advance, and keep them; whether all initialised well.

        TimeoutError if for `each_seconds` none ends its initialisation.
        """
        pool = self._pool(config)
        pool.keeps = count
        for _ in range(2 * count):  # one that ends as soon as it is ready is not started for ever
            if self._pools.get(config.version) is not pool or pool.initialised >= pool.keeps:
                break
            waits = self._provisioned.get(config.version)
            if waits is None:
                waits = self._provisioned[config.version] = asyncio.get_running_loop().create_future()
            while pool.starting < min(STARTING_AT_ONCE, pool.keeps - pool.initialised):
                pool.start()
            if not await asyncio.wait_for(asyncio.shield(waits), each_seconds):
                pool.keeps = 0
                return False
        return True

    def release(self, provisioned: Mapping[str, int]) -> None:
        """End what was kept of versions for which nothing is provisioned any more, as it becomes idle."""
        for version, pool in list(self._pools.items()):
            if pool.config.is_provisioned and version not in provisioned:
                pool.retire()
                self._retired.append(self._pools.pop(version))
            else:
                pool.keeps = min(pool.keeps, provisioned.get(version, 0))

    def initialised(self, version: str) -> int:
        pool = self._pools.get(version)
        return 0 if pool is None else pool.initialised

    def kept(self, without: str = "") -> int:
        """How many stay for what is provisioned, of all versions or all others."""
        return sum(pool.keeps for version, pool in self._pools.items() if version != without)

    def _pool(self, config: FunctionConfig) -> Pool:
        pool = self._pools.get(config.version)
        if pool is None or (pool.config is not config and pool.config != config):
            pool = self._new_pool(config)
        return pool

    def _new_pool(self, config: FunctionConfig) -> Pool:
        """In the place of the one of that version, which ends as its execution environments become idle."""
        before = self._pools.get(config.version)
        if before is not None:
            before.retire()
            self._retired.append(before)
        debug = self.debug if self.debug is not None and self.debug.config.version == config.version else None
        on_init = partial(self._initialised, config.version)
        pool = Pool(config, self._prepare, on_finished=self._finished, on_init=on_init, debug=debug)
        if before is not None and config.is_provisioned:
            pool.keeps = before.keeps
        self._pools[config.version] = pool
        return pool

    def is_warm(self, version: str) -> bool:
        """Whether an execution environment of that version is there that has initialised."""
        pool = self._pools.get(version)
        return pool is not None and any(running.initialised for running in pool.execution_environments)

    def start_ahead(self, config: FunctionConfig) -> bool:
        """Have an execution environment before anything is invoked; whether one was started."""
        pool = self._pools.get(config.version)
        if self.debug is not None or (pool is not None and pool.config == config):
            return False
        self._new_pool(config).start()
        return True

    def begin_debugging(self, session: DebugSession) -> None:
        """The next execution environment of that version carries the debugger, and is started at once."""
        self.debug = session
        self._new_pool(session.config).start()

    def renew_debugging(self, config: FunctionConfig) -> None:
        """What is debugged was changed: the debugger goes over to an execution environment with the change."""
        if self.debug is not None and self.debug.config.version == config.version and self.debug.config != config:
            self.debug.config = config
            self._new_pool(config).start()

    def end_debugging(self) -> None:
        """What waits goes on without a debugger."""
        session, self.debug = self.debug, None
        if session is None:
            return
        session.ended = True
        waiting: list[Invocation] = []
        for version, pool in list(self._pools.items()):
            if pool.debug is session:
                waiting += pool.end_debugging()
                self._retired.append(self._pools.pop(version))
        for pool in self._retired:
            if pool.debug is session:
                waiting += pool.end_debugging()
        for invocation in waiting:
            self.submit(session.config, invocation)

    def retire(self) -> None:
        for pool in self.pools:
            pool.retire()

    def renew(self, layer: str) -> None:
        """The content of a layer changed: its versions' pools are retired, as if their code had changed."""
        for version, pool in list(self._pools.items()):
            if layer in pool.config.layers:
                pool.retire()
                self._retired.append(self._pools.pop(version))

    def look_after(self, now: float, idle_since: float) -> bool:
        """Look at every execution environment, and end those that have been idle for longer; whether any is left."""
        for pool in self.pools:
            pool.look_after(now, idle_since)
        self._retired = [pool for pool in self._retired if not pool.empty]
        return any(not pool.empty for pool in self.pools)

    def kill(self, identifier: str) -> bool:
        """kill -9 what runs in an execution environment; whether there was one."""
        for pool in self.pools:
            for execution_environment in pool.execution_environments:
                if execution_environment.id == identifier and execution_environment.pid is not None:
                    os.kill(execution_environment.pid, signal.SIGKILL)
                    return True
        return False

    def snapshot(self) -> dict[str, Any]:
        snapshots = [running.snapshot() for pool in self.pools for running in pool.execution_environments]
        return {
            "invocations": self._invocations,
            "errors": self._errors,
            "cold_starts": self._cold_starts,
            "init_errors": self._init_errors,
            "throttles": self.concurrency.throttles,
            "in_flight": self.concurrency.in_flight,
            "environments": sorted(snapshots, key=lambda snapshot: snapshot["id"]),
        }

    def _finished(self, invocation: Invocation, result: Result | None) -> None:
        in_flight = self.concurrency.in_flight
        invocation.lease.give_back()
        if result is None:
            return
        self._invocations += 1
        self._errors += result.failed
        ref = invocation.ref
        self._metrics.finished(ref.scope, ref.name, ref.qualifier or "", result.failed, result.seconds, in_flight)

    def _initialised(self, version: str, well: bool) -> None:
        waits = self._provisioned.pop(version, None)
        if waits is not None:
            waits.set_result(well)
        if well:
            self._cold_starts += 1
        else:
            self._init_errors += 1
