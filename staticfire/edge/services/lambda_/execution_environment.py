"""One execution environment: a process, its Runtime API, one invocation at a time.

    starting -> idle -> busy -> idle ... -> dead

starting  the process initialises; its first poll for an invocation ends that. An invocation may already wait for it.
idle      the runtime polls for the next invocation
busy      an invocation is with the runtime; its answer, its time-out or the process's end finishes it
dead      the process has ended, or is being ended

An answer finishes the invocation at once; the runtime's next poll comes a moment later. An invocation that is assigned
in between waits for that poll. Should the process end before, the invocation was never delivered and goes to another
execution environment: a crash costs its own invocation only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from staticfire.edge.traces import Traces
from staticfire.edge.traces.segments import DAEMON_PORT, DaemonPort

from .debugging import LONG_SECONDS, DebugSession
from .extensions import Extensions
from .function_logs import FunctionLog
from .function_process import FunctionProcess, Launch
from .invocation import Invocation, Result
from .isolation import OF_AN_EXTENSION
from .memory import MemoryWatch
from .model import FunctionConfig
from .output_parser import Record
from .platform_log import PlatformLog
from .program import INVALID
from .response_stream import ResponseStream
from .runtime_api import Address, Reply, RuntimeApi, error_body, event
from .runtimes import Runtime
from .switches import Switches
from .telemetry import Telemetry
from .tracing import note_invocation

log = logging.getLogger(__name__)

INIT_SECONDS = 10.0
SHUTDOWN_SECONDS = 2.0
FREEZE_AFTER = 0.05
FAMILY_SECONDS = 0.5  # how often it is asked which processes a function has


class ExecutionEnvironmentOwner(Protocol):
    """Who uses an execution environment: hears of each change, and never makes it wait."""

    def ready(self) -> None:
        """Initialised."""

    def finished(self, invocation: Invocation, result: Result) -> None:
        """An invocation ended."""

    def first_in_line(self) -> tuple[str, str]:
        """The root and the span of the invocation that waits longest: one that initialises does so for it."""

    def freed(self, execution_environment: ExecutionEnvironment) -> None:
        """It can take the next invocation."""

    def ended(
        self, execution_environment: ExecutionEnvironment, undelivered: Invocation | None, init_error: bool
    ) -> None:
        """The process is gone; an invocation that was not delivered is handed back."""


class ExecutionEnvironment:
    """See the module's text. `launch` must be awaited before anything else is called."""

    def __init__(
        self,
        config: FunctionConfig,
        runtime: Runtime,
        launch: Launch,
        *,
        directory: Path,
        stream: FunctionLog,
        owner: ExecutionEnvironmentOwner,
        traces: Traces,
        debug: DebugSession | None = None,
    ) -> None:
        self.id = directory.name
        self.config = config
        self.state = "starting"
        self.idle_since = time.monotonic()
        self.initialised = False
        self._debug = debug
        self._runs_on = runtime.name
        self._launch = launch
        self._directory = directory
        self._stream = stream
        self._owner = owner
        self._traces = traces
        self._daemon: DaemonPort | None = None
        self._delivered_at = 0.0
        self._platform = PlatformLog(config, runtime.label)
        self._memory = MemoryWatch(config.memory)
        self.switches = Switches()
        self._family: Sequence[int] = ()
        self._family_seen = 0.0
        self._since = time.time()
        self._loop = asyncio.get_running_loop()
        self._process: FunctionProcess | None = None
        self._api = RuntimeApi(self)
        self._telemetry = Telemetry()
        names = [Path(path).name for path in launch.settings["extensions"]]
        self._extensions = Extensions(config, names, self._telemetry, self)
        self._telemetry.wanted = bool(names)
        # An invocation was answered, and extensions still have to do with it.
        self._lags = False
        self._current: Invocation | None = None
        self._delivered = False
        self._poll: Reply | None = None
        # What runs now must have ended by the deadline. The timer stays from one invocation to the next: each would
        # set one and cancel it. When it rings it looks whether there is a deadline, and is set anew.
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._began = time.monotonic()
        self._init_seconds: float | None = None
        self._init_error: tuple[bytes, str] | None = None
        self._extension_error = ""
        self._killed_for = ""
        self.gone = asyncio.Event()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def snapshot(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "pid": self.pid,
            "access_key": self._launch.variables["AWS_ACCESS_KEY_ID"],
            "state": self.state,
            "since": self._since,
            "version": self.config.version,
            "runtime": self.config.runtime,
            "runs_on": self._runs_on,
            "memory_bytes": self._memory.peak_bytes,
            **({"debug_port": self._debug.port} if self._is_debugged and self._debug is not None else {}),
        }

    @property
    def _is_debugged(self) -> bool:
        return self._debug is not None and not self._debug.ended

    # -- what the owner does

    async def launch(self, first: Invocation | None) -> None:
        """Start the process. With a first invocation, initialising counts as its time, as after a failed init."""
        self._traces.running[self.id] = self
        try:
            host, port = await self._api.listen()
            self._began = time.monotonic()
            self._current = first
            self._telemetry.host = host
            self._telemetry.emit("platform.initStart", self._platform.described("init"))
            self._write(self._platform.init_start())
            if self._traces.on:
                self._daemon = DaemonPort(self._traces, host, self._loop)
            daemon_port = self._daemon.port if self._daemon is not None else DAEMON_PORT
            own = {
                "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}",
                "AWS_XRAY_DAEMON_ADDRESS": f"{host}:{daemon_port}",
                "_AWS_XRAY_DAEMON_ADDRESS": host,
                "_AWS_XRAY_DAEMON_PORT": str(daemon_port),
            }
            self._process = FunctionProcess(
                self._launch,
                own,
                on_output=self._written,
                on_extension_output=self._extension_wrote,
                on_exit=self._exited,
            )
        except BaseException:
            self._set_state("dead")
            self._loop.create_task(self._clean())
            raise
        self._limit(self._began + (INIT_SECONDS if first is None else self.config.timeout))

    def assign(self, invocation: Invocation) -> None:
        """Give it the next invocation; the owner knows that it is free."""
        self._current = invocation
        self._delivered = False
        self._set_state("busy")
        if self._process is not None and self._process.frozen:
            self._process.thaw()
        if self._poll is not None:
            self._deliver(invocation)
        else:
            self._limit(time.monotonic() + self.config.timeout)

    def end(self, why: str) -> None:
        """Kill the process; the owner hears of it when it is gone."""
        if self.state == "dead":
            return
        self._set_state("dead")
        self._killed_for = self._killed_for or why
        if self._process is None:
            return
        reason = "timeout" if "timeout" in why else "spindown"
        deadline = int((time.time() + SHUTDOWN_SECONDS) * 1000)
        if self._extensions and self._extensions.shut_down(reason, deadline):
            self._process.thaw()
            self._telemetry.hurry()
            self._process.shut_down()
            self._loop.call_later(SHUTDOWN_SECONDS, self._process.kill)
        else:
            self._process.kill()

    def end_debugging(self) -> Invocation | None:
        """What runs has its time-out from now on; else it ends, and hands back what it had not begun."""
        if self._current is not None and self._delivered:
            self._limit(time.monotonic() + self.config.timeout)
            return None
        undelivered, self._current = self._current, None
        self.end("debugging ended")
        return undelivered

    def look_after(self, now: float) -> None:
        """Kill what works and uses too much memory, as AWS does; freeze what is idle."""
        if self._process is None or self.state == "dead" or self._is_debugged:
            return
        if self.state == "idle":
            if now - self.idle_since > FREEZE_AFTER:
                self._process.freeze()
        elif self._memory.is_due(self._began, now):
            if now - self._family_seen >= FAMILY_SECONDS:
                self._family, self._family_seen = self._process.family(), now
                self.switches.look(self._family)
            # Who is over it by what was seen a moment ago, is looked at anew.
            if self._memory.look(self._family) and self._memory.look(self._process.family()):
                self._killed_for = "memory"
                self._process.kill()

    # -- what the runtime does, through its API

    def poll(self, reply: Reply) -> None:
        """The runtime is ready for the next invocation."""
        if self.state == "dead":
            return
        self._poll = reply
        if not self._extensions or self._extensions.idle:
            self._ready()

    def _ready(self) -> None:
        """The runtime and all extensions wait for the next invocation."""
        if self._current is not None and not self._delivered:
            self._initialise()
            self._deliver(self._current)
        elif not self.initialised:
            self._initialise()
            self._idle()
            self._owner.freed(self)

    def answered(self, request_id: str, payload: bytes, error_type: str | None) -> bool:
        """The runtime's answer; refused (False) if it is not for the invocation that is with it."""
        invocation = self._current
        if invocation is None or not self._delivered or invocation.request_id != request_id or self.state == "dead":
            return False
        self._finish(Result(payload, failed=error_type is not None, function_error=error_type or ""))
        if self._extensions and not self._extensions.idle:
            self._lags = True
            self._limit(self._began + self.config.timeout)
        else:
            self._idle()
            self._owner.freed(self)
        return True

    # -- what extensions do, through theirs

    def extension_called(self, method: str, path: str, headers: Mapping[bytes, str], body: bytes, reply: Reply) -> None:
        self._telemetry.wanted = True
        self._extensions.called(method, path, headers, body, reply)

    def in_flight(self) -> tuple[str, str]:
        invocation = self._current
        if invocation is not None:
            return invocation.root, invocation.span
        return self._owner.first_in_line() if not self.initialised else ("", "")

    def extensions_registered(self) -> None:
        if self._process is not None:
            self._process.start_runtime()

    def extensions_idle(self) -> None:
        if self.state == "dead":
            return
        if self._lags:
            self._lags = False
            self._deadline = math.inf
            self._idle()
            self._owner.freed(self)
        elif self._poll is not None:
            self._ready()

    def extension_failed(self, error_type: str) -> None:
        self._extension_error = error_type

    def stream_of(self, request_id: str) -> ResponseStream | None:
        invocation = self._current
        return invocation.stream if invocation is not None and invocation.request_id == request_id else None

    def init_failed(self, payload: bytes, error_type: str) -> None:
        self._init_error = (payload, error_type)

    def accepts(self, peer: Address, own: Address) -> bool:
        """Whether the connection from this local address was made by the function's own process."""
        inode = _socket_inode(peer, own)
        if inode is None:
            return not Path("/proc/net/tcp").exists()
        return self._process is not None and self._process.owns_socket(inode)

    # -- inside

    def _initialise(self) -> None:
        if self.initialised:
            return
        self.initialised = True
        self._init_seconds = time.monotonic() - self._began
        self._unlimit()
        if self._extensions:
            self._extensions.initialising = False
            self._write(self._platform.extensions(self._extensions.lines()))
            done = {**self._platform.described("init"), "status": "success"}
            self._telemetry.emit("platform.initRuntimeDone", done)
            metrics = {"durationMs": round(self._init_seconds * 1000, 3)}
            self._telemetry.emit("platform.initReport", {**done, "metrics": metrics})
            self._telemetry.initialised()
        self._owner.ready()

    def _deliver(self, invocation: Invocation) -> None:
        """Answer the runtime's poll with an invocation."""
        reply, self._poll = self._poll, None
        if reply is None:
            return
        self._delivered = True
        self._began = time.monotonic()
        self._delivered_at = time.time()
        seconds = LONG_SECONDS if self._is_debugged else self.config.timeout
        deadline = int((self._delivered_at + seconds) * 1000)
        reply(
            event(
                invocation.request_id,
                deadline,
                invocation.ref.arn,
                invocation.trace_id,
                invocation.client_context,
                invocation.payload,
            )
        )
        if self._extensions:
            arn, trace_id = invocation.ref.arn, invocation.trace_id
            self._extensions.invoked(invocation.request_id, deadline, arn, trace_id)
            tracing = {"type": "X-Amzn-Trace-Id", "value": trace_id}
            started = {"requestId": invocation.request_id, "version": self.config.version, "tracing": tracing}
            self._telemetry.emit("platform.start", started)
        # The runtime works already while the rest is noted.
        if self.state != "busy":
            self._set_state("busy")
        self._limit(self._began + self.config.timeout)
        self._write(self._platform.start(invocation.request_id))

    def _finish(self, result: Result) -> None:
        """The invocation ends here, whatever becomes of the process."""
        invocation, self._current = self._current, None
        if invocation is None:
            return
        self._deadline = math.inf
        self.switches.invocations += 1
        result.seconds = time.monotonic() - self._began
        self._tail_to(invocation)
        if self._init_seconds is not None and self._process is not None:
            # Most invocations are shorter than the watch's interval; the first one gives the figure for them.
            self._memory.look(self._process.family())
        init_seconds, self._init_seconds = self._init_seconds, None
        began, waited = self._delivered_at, self._began - invocation.queued
        if invocation.tail is not None:
            self._report(invocation, result, init_seconds, began, waited)
            result.log_tail = "".join(invocation.tail)
        self._owner.finished(invocation, result)
        if not invocation.done.done():
            invocation.done.set_result(result)
        if invocation.stream is not None:
            invocation.stream.end()
        if invocation.tail is None:
            # Whoever waits for the answer goes first.
            self._loop.call_soon(self._report, invocation, result, init_seconds, began, waited)

    def _report(
        self, invocation: Invocation, result: Result, init_seconds: float | None, began: float, waited: float
    ) -> None:
        if self._traces.on:
            note_invocation(
                self._traces,
                self.config,
                invocation,
                result,
                self.id,
                self._stream.name,
                began or time.time() - result.seconds,
                waited,
                init_seconds,
                self._memory.peak_bytes,
            )
        records = self._platform.end(
            invocation.request_id,
            result.seconds,
            init_seconds,
            self._memory.peak_bytes,
            result.status,
            result.error_type,
        )
        self._record(records, invocation)
        if self._extensions:
            metrics = self._platform.metrics(result.seconds, init_seconds, self._memory.peak_bytes)
            done = {"requestId": invocation.request_id, "status": result.status}
            self._telemetry.emit("platform.runtimeDone", {**done, "metrics": {"durationMs": metrics["durationMs"]}})
            self._telemetry.emit("platform.end", {"requestId": invocation.request_id})
            self._telemetry.emit("platform.report", {**done, "metrics": metrics})

    def _tail_to(self, invocation: Invocation) -> None:
        """Output written before the answer belongs to the invocation that is being finished."""
        if self._process is not None:
            self._current = invocation
            self._process.end_line()
            self._current = None

    def _limit(self, deadline: float) -> None:
        """Deadlines only move on while a timer is set: an initialisation's is taken back before an invocation's."""
        if self._is_debugged:
            return
        self._deadline = deadline
        if self._timer is None:
            self._timer = self._loop.call_later(deadline - time.monotonic(), self._rings)

    def _unlimit(self) -> None:
        self._deadline = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rings(self) -> None:
        self._timer = None
        if time.monotonic() >= self._deadline:
            self._expired()
        elif self._deadline < math.inf:
            self._limit(self._deadline)

    def _expired(self) -> None:
        """The time-out of the initialisation or of the invocation."""
        self._deadline = math.inf
        invocation = self._current
        if invocation is None:
            self.end("extension timeout" if self._lags else "init timeout")
            return
        if self.initialised and not self._delivered:
            # The runtime did not come back after its last answer.
            self.end("stuck")
            return
        if not self.initialised:
            seconds = time.monotonic() - self._began
            self._write(self._platform.init_failed(seconds, "invoke", "timeout", ""))
        self._tail_to(invocation)
        self._current = invocation
        self._write(self._platform.timed_out(invocation.request_id))
        message = f"RequestId: {invocation.request_id} Error: Task timed out after {self.config.timeout:.2f} seconds"
        self._finish(Result(error_body(message, "Sandbox.Timedout"), failed=True, status="timeout"))
        self.end("timeout")

    def _exited(self, status: int) -> None:
        """The process ended, by itself or killed."""
        invocation, init_error = self._current, False
        self._unlimit()
        undelivered: Invocation | None = None
        if not self.initialised:
            init_error = self._end_of_init(status)
        elif invocation is not None and not self._delivered:
            undelivered, self._current = invocation, None
        elif invocation is not None:
            message, error_type = _reason(status, self._killed_for, self._extension_error)
            self._fail(invocation, message, error_type)
        self._set_state("dead")
        self._loop.create_task(self._clean())
        self._owner.ended(self, undelivered, init_error)

    def _end_of_init(self, status: int) -> bool:
        """The process ended before it was ready: the invocation that waits for it, if any, gets the error."""
        invocation = self._current
        seconds = time.monotonic() - self._began
        message, error_type = _reason(status, self._killed_for, self._extension_error)
        if self._init_error is not None and self._init_error[1] == INVALID:
            message, error_type = json.loads(self._init_error[0])["errorMessage"], INVALID
            self._init_error = None
        elif self._init_error is not None:
            error_type = self._init_error[1]
        if invocation is None and self._killed_for not in ("", "memory", "init timeout"):
            return False
        outcome = "timeout" if self._killed_for == "init timeout" else "error"
        phase = "init" if invocation is None else "invoke"
        kind = "" if outcome == "timeout" else error_type
        self._write(self._platform.init_failed(seconds, phase, outcome, kind))
        if invocation is not None:
            self._write(self._platform.start(invocation.request_id))
            if self._init_error is None:
                self._fail(invocation, message, error_type)
            else:
                self._finish(Result(self._init_error[0], failed=True, error_type=error_type, status="error"))
        return True

    def _fail(self, invocation: Invocation, message: str, error_type: str) -> None:
        text = f"RequestId: {invocation.request_id} Error: {message}"
        self._write(self._platform.exited(invocation.request_id, text, error_type))
        self._finish(Result(error_body(text, error_type), failed=True, error_type=error_type, status="error"))

    def _idle(self) -> None:
        self._set_state("idle")
        self.idle_since = time.monotonic()

    def _set_state(self, state: str) -> None:
        if self.state != "dead":
            self.state = state
            self._since = time.time()

    def _write(self, records: list[Record]) -> None:
        self._record(records, self._current)

    def _written(self, records: list[Record]) -> None:
        self._record(records, self._current)
        for _, text in records if self._telemetry.wanted else ():
            self._telemetry.emit("function", text)

    def _extension_wrote(self, records: list[Record]) -> None:
        self._stream.append(records)
        for _, text in records:
            self._telemetry.emit("extension", text)

    def _record(self, records: list[Record], invocation: Invocation | None) -> None:
        self._stream.append(records)
        if invocation is not None and invocation.tail is not None:
            invocation.tail += [text for _, text in records]

    async def _clean(self) -> None:
        self._traces.running.pop(self.id, None)
        if self._daemon is not None:
            self._daemon.close()
        self.gone.set()
        self._api.close()
        self._telemetry.close()
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)


def _socket_inode(local: Address, remote: Address) -> str | None:
    """The kernel's number of the socket local -> remote; None where it does not tell."""
    addresses = f"{_in_hexadecimal(local)} {_in_hexadecimal(remote)}"
    try:
        with open("/proc/net/tcp") as file:
            table = file.read()
    except OSError:
        return None
    position = table.find(addresses)
    if position < 0:
        return None
    return table[position : table.find("\n", position)].split()[8]


def _in_hexadecimal(address: Address) -> str:
    """As /proc/net/tcp prints it: the address's bytes as a number of the machine."""
    host, port = address
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"


# As Go's syscall.Signal names them: that is what Lambda prints.
SIGNALS = {
    signal.SIGABRT: "aborted",
    signal.SIGALRM: "alarm clock",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
}


def _reason(status: int, killed_for: str, extension_error: str) -> tuple[str, str]:
    """AWS's words for how a runtime ended, and its error type."""
    if status >= OF_AN_EXTENSION:
        return f"exit code {status - OF_AN_EXTENSION}", extension_error or "Extension.Crash"
    if killed_for == "memory":
        return "Runtime exited with error: signal: killed", "Runtime.OutOfMemory"
    if status == 0:
        return "Runtime exited without providing a reason", "Runtime.ExitError"
    if status < 0:
        name = next((text for number, text in SIGNALS.items() if number == -status), f"signal {-status}")
        return f"Runtime exited with error: signal: {name}", "Runtime.ExitError"
    return f"Runtime exited with error: exit status {status}", "Runtime.ExitError"
