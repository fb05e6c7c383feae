"""A function's process: its start, its output, its sleep, its end.

Standard output, standard error and the runtime client's framed log records share one pipe, so that what a function
writes keeps its order. The edge reads that pipe itself (no transport), so that it can take what is there the moment an
answer comes in: what was printed before the answer belongs to that invocation.

    launching -> running -> ended

Every function has an *init* of its own (isolation.py), which all that the function starts belongs to, however it
detaches itself: it sleeps with the function and ends with it. Where the kernel grants namespaces, init's pid comes by a
pipe, and nothing of the function runs before it is known; elsewhere init is the process that was started.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import marshal
import os
import signal
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .output_parser import OutputParser, Record
from .start_variables import split

if TYPE_CHECKING:
    from .launch import LaunchSettings

log = logging.getLogger(__name__)

LAUNCH = Path(__file__).with_name("launch.py")

READ_SIZE = 64 * 1024
NO_BYTES = bytes(4)  # what FIONREAD says of an empty pipe
GO = b"\0"
STOP_ROUNDS = 20
MARSHALLED = 4  # the format that every Python here reads; json's import would take a third of a start


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a function's process: the Python of launch.py, what it must know, and the function's variables."""

    python: tuple[str, ...]
    settings: LaunchSettings
    variables: Mapping[str, str]

    @property
    def is_isolated(self) -> bool:
        return "place" in self.settings


class FunctionProcess:
    """The process of one execution environment, launching from the start; `variables` are those that only it has.

    `on_output` gets records in order; `on_exit` comes once, after the last of them.
    """

    def __init__(
        self,
        launch: Launch,
        variables: Mapping[str, str],
        *,
        on_output: Callable[[list[Record]], None],
        on_extension_output: Callable[[list[Record]], None],
        on_exit: Callable[[int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_output = on_output
        self._on_exit = on_exit
        self._parser = OutputParser()
        self._isolated = launch.is_isolated
        self._stopped: list[int] = []
        self._killed = False
        self.status: int | None = None
        self._output, output = os.pipe()
        self._report, report = os.pipe()
        self._status, status = os.pipe()
        edge, self._go = os.pipe()
        pipes = {"report": report, "status": status, "edge": edge}
        self._extensions = len(launch.settings["extensions"])
        self._extension_output: ExtensionOutput | None = None
        if self._extensions:
            self._extension_output = ExtensionOutput(on_extension_output)
            pipes["records"] = self._extension_output.writing
        first, later = _variables(launch, variables)
        settings = _readable(marshal.dumps({**launch.settings, "pipes": pipes, "variables": later}, MARSHALLED))
        inherited = (output, *pipes.values(), settings)
        try:
            self._popen = subprocess.Popen(
                [*launch.python, str(LAUNCH), str(settings)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # The runtime client gets `output` for its records: it closes this one as it ends, and stdout stays.
                pass_fds=inherited,
                env={**first, "_LAMBDA_TELEMETRY_LOG_FD": str(output)},
                start_new_session=True,
            )
        except OSError:
            for descriptor in (self._output, self._report, self._status, self._go):
                os.close(descriptor)
            raise
        finally:
            for descriptor in inherited:
                os.close(descriptor)
        self._init = self._popen.pid
        os.set_blocking(self._output, False)
        os.set_blocking(self._status, False)
        self._loop.add_reader(self._output, self.drain)
        self._loop.add_reader(self._report, self._launched)

    @property
    def pid(self) -> int:
        """Of the function's own process, as the machine numbers it; of its init while it launches.

        Init's first children are the extensions.
        """
        children = _children(self._init) if self._report < 0 else ()
        return children[self._extensions] if len(children) > self._extensions else self._init

    def start_runtime(self) -> None:
        """The extensions have registered."""
        if self._go >= 0:
            os.write(self._go, GO)
            self._close_go()

    def shut_down(self) -> None:
        """The end, for which the extensions have some time: init waits for them, the runtime is told."""
        self._close_go()
        pid = self.pid
        if pid != self._init:
            _signal(pid, signal.SIGTERM)
        _signal(self._init, signal.SIGUSR1)

    @property
    def frozen(self) -> bool:
        return bool(self._stopped)

    def drain(self) -> None:
        """Take what has been written up to now."""
        while self._output >= 0:
            try:
                data = os.read(self._output, READ_SIZE)
            except BlockingIOError:
                return
            if not data:
                self._close_output()
                return
            if records := self._parser.feed(data):
                self._on_output(records)

    def end_line(self) -> None:
        """Take what has been written up to now, an unfinished line too."""
        if self._output >= 0 and fcntl.ioctl(self._output, termios.FIONREAD, NO_BYTES) != NO_BYTES:
            self.drain()
        if records := self._parser.end_line():
            self._on_output(records)

    def freeze(self) -> None:
        """Between invocations nothing of the function runs; what forks faster than it can be stopped is ended."""
        if self._stopped or self.status is not None or self._report >= 0:
            return
        stopped: set[int] = set()
        for _ in range(STOP_ROUNDS):
            fresh = set(self.family()) - stopped
            if not fresh:
                break
            for pid in fresh:
                _signal(pid, signal.SIGSTOP)
            stopped |= fresh
        else:
            self.kill()
        self._stopped = list(stopped)

    def thaw(self) -> None:
        stopped, self._stopped = self._stopped, []
        for pid in stopped:
            _signal(pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the process and all that it started."""
        if self.status is not None:
            return
        self._killed = True
        self._close_go()
        if not self._isolated:  # there the kernel does it
            for pid in reversed(self.family()):
                _signal(pid, signal.SIGKILL)
        _signal(self._init, signal.SIGKILL)

    def owns_socket(self, inode: str) -> bool:
        """Whether the function has this socket open."""
        name = f"socket:[{inode}]"
        return any(name in _open_files(pid) for pid in self.family())

    def family(self) -> list[int]:
        """The function's own process and all that it started, without its init. Without /proc: the process group."""
        return list(descendants(self._init)) if PROC.exists() else [-self._init]

    def _launched(self) -> None:
        """The launcher has said which process the function's init is, or has ended."""
        said = os.read(self._report, 4)
        self._loop.remove_reader(self._report)
        os.close(self._report)
        self._report = -1
        if said and self._isolated:
            self._init = int.from_bytes(said, "little")
            if self._killed:
                _signal(self._init, signal.SIGKILL)
            self._watch(self._popen.pid, self._popen.wait, lambda status: None)
            pid = self._init
            self._watch(pid, lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), self._ended)
        else:
            self._watch(self._popen.pid, self._popen.wait, self._ended)
        if said and not self._killed:
            os.write(self._go, GO)
        if not self._extensions or not said:
            self._close_go()

    def _watch(self, pid: int, wait: Callable[[], int], ended: Callable[[int], None]) -> None:
        if not hasattr(os, "pidfd_open"):
            threading.Thread(target=lambda: self._loop.call_soon_threadsafe(ended, wait()), daemon=True).start()
            return
        descriptor = os.pidfd_open(pid)

        def readable() -> None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            ended(wait())

        self._loop.add_reader(descriptor, readable)

    def _ended(self, status: int) -> None:
        """Init has ended: with what the function's own process ended with, or killed itself."""
        try:
            said = os.read(self._status, 4)
        except BlockingIOError:
            said = b""
        os.close(self._status)
        self.status = int.from_bytes(said, "little", signed=True) if said else status
        self.end_line()
        self._close_output()
        self._close_go()
        if self._extension_output is not None:
            self._extension_output.close()
        self._on_exit(self.status)

    def _close_go(self) -> None:
        if self._go >= 0:
            os.close(self._go)
            self._go = -1

    def _close_output(self) -> None:
        if self._output >= 0:
            self._loop.remove_reader(self._output)
            os.close(self._output)
            self._output = -1


class ExtensionOutput:
    """What the extensions write, which is apart from the function's output: they must not be told of their own."""

    def __init__(self, on_output: Callable[[list[Record]], None]) -> None:
        self._on_output = on_output
        self._parser = OutputParser()
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reading, self._drain)

    def close(self) -> None:
        self._drain()
        if self._reading >= 0:
            self._loop.remove_reader(self._reading)
            os.close(self._reading)
            self._reading = -1
        if records := self._parser.end_line():
            self._on_output(records)

    def _drain(self) -> None:
        while self._reading >= 0:
            try:
                data = os.read(self._reading, READ_SIZE)
            except BlockingIOError:
                return
            if not data:
                self._loop.remove_reader(self._reading)
                os.close(self._reading)
                self._reading = -1
            elif records := self._parser.feed(data):
                self._on_output(records)


PROC = Path("/proc/self/stat")


def _variables(launch: Launch, own: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What the process has from its start, and what it sets in its place."""
    every = {**launch.variables, **own}
    every.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
    if not launch.is_isolated:  # all of the machine is its place
        return every, {}
    return split(every, own_libraries=bool({"program", "bootstrap"} & launch.settings.keys()))


def _readable(content: bytes) -> int:
    """A file without a name that has `content` in it: a process that inherits it may read it. A pipe would not do: it
    takes 64 KiB, and what an image says of itself may be more."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("settings")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and theirs. Without /proc: none are seen."""
    waiting = list(_children(pid))
    while waiting:
        child = waiting.pop()
        yield child
        waiting += _children(child)


def _children(pid: int) -> Sequence[int]:
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                children += map(int, file.read().split())
    except OSError:
        return children
    return children


def _open_files(pid: int) -> set[str]:
    names: set[str] = set()
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            names.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    except OSError:
        return names
    return names


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        log.debug("The process %s has ended already", pid)
