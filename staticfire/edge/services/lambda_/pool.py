"""The execution environments of one version of a function: reuse, scale-out, retirement.

An invocation goes to the execution environment that was used last (its caches are warm), so that a few serve most of
the load and the others fall idle. When all are in use it waits for whichever comes first: one that becomes free, or a
new one, which is started at once if none is running yet and otherwise after GROWTH_SECONDS, because starting costs far
more than most invocations take. It never waits for a limit: whether it may run at all is decided before it comes here.

Where invocations only compute, ABREAST of them run at a time and the others wait, GROWTH_SECONDS at most: more
processes would only take turns on the same cores, and each turn costs. Those that wait for a database have an execution
environment each, at once. Until it is known which they are, those that are SHORT are taken to compute.

A retired pool (the code or configuration changed, the function was deleted) takes no new invocations; its execution
environments end as they become idle.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable

from staticfire.edge.aws.calls import AwsError

from .debugging import DebugSession
from .execution_environment import ExecutionEnvironment
from .invocation import Invocation, Result
from .model import FunctionConfig
from .switches import COMPUTES

log = logging.getLogger(__name__)

GROWTH_SECONDS = 0.01
SHORT = 0.0003
CPUS = os.cpu_count() or 1
STARTING_AT_ONCE = max(2, CPUS)
ABREAST = 2 * CPUS

Prepare = Callable[["Pool"], Awaitable[ExecutionEnvironment]]


class Pool:
    """`prepare` makes an execution environment that is to be launched; `on_finished` hears of every invocation that
    ended, without a result if it never ran; `on_init` of every initialisation, and whether it went well."""

    def __init__(
        self,
        config: FunctionConfig,
        prepare: Prepare,
        *,
        on_finished: Callable[[Invocation, Result | None], None],
        on_init: Callable[[bool], None],
        debug: DebugSession | None = None,
    ) -> None:
        self.config = config
        self.debug = debug
        self.execution_environments: set[ExecutionEnvironment] = set()
        # So many stay, however long they are idle: what is provisioned.
        self.keeps = 0
        self._retired = False
        self._closed_for = ""
        self._prepare = prepare
        self._on_finished = on_finished
        self._on_init = on_init
        self._loop = asyncio.get_running_loop()
        self._free: list[ExecutionEnvironment] = []
        self._waiting: deque[Invocation] = deque()
        self._starting = 0
        # How long an invocation takes when nothing holds it up: the shortest one, which counts less as time goes on.
        self._quickest_seconds = math.inf
        # How often an invocation gives up the processor; None until it is known.
        self._switches: float | None = None
        self._growth: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, invocation: Invocation) -> None:
        if self._free and (self._running < ABREAST or not self._computes):
            self._free.pop().assign(invocation)
            return
        self._waiting.append(invocation)
        if len(self.execution_environments) <= self._starting:
            self._grow()
        self._grow_later()

    @property
    def _computes(self) -> bool:
        """Whether an invocation waits for nothing."""
        return self._quickest_seconds <= SHORT if self._switches is None else self._switches < COMPUTES

    @property
    def _running(self) -> int:
        return len(self.execution_environments) - len(self._free) - self._starting

    def retire(self) -> None:
        self._retired = True
        while self._free:
            self._free.pop().end("retired")

    def look_after(self, now: float, idle_since: float) -> None:
        """Look at every execution environment, and end those that have been idle for longer."""
        for execution_environment in list(self.execution_environments):
            execution_environment.look_after(now)
        counted = [
            one.switches.per_invocation
            for one in self.execution_environments
            if one.switches.per_invocation is not None
        ]
        self._switches = sum(counted) / len(counted) if counted else None
        # The one that was used last is freed last: the longest idle come first.
        spare = len(self.execution_environments) - self.keeps
        while self._free and self._free[0].idle_since < idle_since and self.debug is None and spare > 0:
            self._free.pop(0).end("idle")
            spare -= 1

    @property
    def initialised(self) -> int:
        return sum(running.initialised for running in self.execution_environments)

    @property
    def starting(self) -> int:
        return self._starting

    def start(self) -> None:
        """Have an execution environment before anything is invoked."""
        self._launch(None)

    def end_debugging(self) -> list[Invocation]:
        """End what carries the debugger: at once, or once it has ended what it runs. The invocations that wait."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self.retire()
        for task in list(self._tasks):
            task.cancel()
        for execution_environment in list(self.execution_environments):
            undelivered = execution_environment.end_debugging()
            if undelivered is not None:
                waiting.insert(0, undelivered)
        return waiting

    @property
    def empty(self) -> bool:
        return not (self.execution_environments or self._starting or self._waiting)

    async def close(self, why: str) -> None:
        """End everything; invocations that are under way fail."""
        self._retired, self._closed_for = True, why
        self._free.clear()
        if self._growth is not None:
            self._growth.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for execution_environment in list(self.execution_environments):
            execution_environment.end(why)
        self._refuse_waiting()
        await asyncio.gather(*(ending.gone.wait() for ending in list(self.execution_environments)))

    # -- what execution environments report

    def ready(self) -> None:
        self._starting -= 1
        self._on_init(True)

    def freed(self, execution_environment: ExecutionEnvironment) -> None:
        if self._waiting:
            execution_environment.assign(self._waiting.popleft())
        elif self._retired:
            execution_environment.end("retired")
        else:
            self._free.append(execution_environment)

    def finished(self, invocation: Invocation, result: Result) -> None:
        self._quickest_seconds = min(result.seconds, self._quickest_seconds * 1.005)
        self._on_finished(invocation, result)

    def first_in_line(self) -> tuple[str, str]:
        return (self._waiting[0].root, self._waiting[0].span) if self._waiting else ("", "")

    def ended(
        self, execution_environment: ExecutionEnvironment, undelivered: Invocation | None, init_error: bool
    ) -> None:
        self.execution_environments.discard(execution_environment)
        if execution_environment in self._free:
            self._free.remove(execution_environment)
        if not execution_environment.initialised:
            self._starting -= 1
        if init_error:
            self._on_init(False)
        if undelivered is not None:
            self._waiting.appendleft(undelivered)
        if self._closed_for:
            self._refuse_waiting()
        again = self.debug is not None and not (self._retired or self._waiting or init_error)
        if again and execution_environment.initialised:
            self._launch(None)
        if init_error and self._waiting:
            # AWS starts once more, now as part of the invocation and with its time-out.
            self._launch(self._waiting.popleft())
        self._grow_later()

    # -- inside

    def _grow_later(self) -> None:
        if self._waiting and self._growth is None:
            self._growth = self._loop.call_later(GROWTH_SECONDS, self._grow_now)

    def _grow_now(self) -> None:
        self._growth = None
        overdue = time.monotonic() - GROWTH_SECONDS
        while self._free and self._waiting and self._waiting[0].queued <= overdue:
            self._free.pop().assign(self._waiting.popleft())
        if not self._free:
            self._grow()
        self._grow_later()

    def _grow(self) -> None:
        if self.debug is not None and (self.execution_environments or self._starting):
            return  # the one that carries the debugger is alone
        if len(self._waiting) > self._starting and self._starting < STARTING_AT_ONCE:
            self._launch(None)

    def _launch(self, first: Invocation | None) -> None:
        self._starting += 1
        task = self._loop.create_task(self._launched(first))
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._launch_ended(task, first))

    def _launch_ended(self, task: asyncio.Task[None], first: Invocation | None) -> None:
        self._tasks.discard(task)
        if task.cancelled() and self.debug is not None:
            self._starting -= 1
        if task.cancelled() and first is not None:
            self._waiting.append(first)  # close() is at work: it refuses what waits

    async def _launched(self, first: Invocation | None) -> None:
        try:
            if self.debug is not None:
                await self.debug.port_is_free()
            execution_environment = await self._prepare(self)
            if self.debug is not None:
                self.debug.holder = execution_environment
            self.execution_environments.add(execution_environment)
            try:
                await execution_environment.launch(first)
            except BaseException:
                self.execution_environments.discard(execution_environment)
                raise
        except Exception as error:
            self._starting -= 1
            log.warning("An execution environment for %s could not be started: %s", self.config.arn, error)
            refused = first if first is not None else self._waiting.popleft() if self._waiting else None
            if refused is not None:
                self._refuse(refused, error)
            if not isinstance(error, AwsError | OSError):
                raise

    def _refuse_waiting(self) -> None:
        message = f"The function's pool was ended: {self._closed_for}"
        while self._waiting:
            self._refuse(self._waiting.popleft(), AwsError(500, "ServiceException", message))

    def _refuse(self, invocation: Invocation, error: Exception) -> None:
        if not isinstance(error, AwsError):
            error = AwsError(500, "ServiceException", f"The function's process could not be started: {error}")
        self._on_finished(invocation, None)
        if not invocation.done.done():
            invocation.done.set_exception(error)
        if invocation.stream is not None:
            invocation.stream.end()
