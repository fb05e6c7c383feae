"""A function's process: its variables, its output, its end.

Standard output, standard error and the runtime client's framed log records share one pipe, so that what a function
writes keeps its order. The edge reads that pipe itself (no transport), so that it can take what is there the moment an
answer comes in: what was printed before the answer belongs to that invocation.

The process leads a session of its own; whatever it starts is ended with it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch import LaunchSettings

log = logging.getLogger(__name__)

LAUNCH = Path(__file__).with_name("launch.py")

READ_SIZE = 64 * 1024
NO_BYTES = bytes(4)  # what FIONREAD says of an empty pipe
FRAME_MARK = b"\xa5\x5a\x00"
FRAME_HEAD = 16
FRAME_LIMIT = 16 * 1024 * 1024
LINE_LIMIT = 256 * 1024

# A record: when (milliseconds since the epoch, or None: now), and the text.
Record = tuple[int | None, str]


class OutputParser:
    """Bytes of the shared pipe into log records.

    A frame is `a55a00LL`, a length and a time in microseconds, then the message; it is one record however many lines it
    has. Anything else is text, a record a line.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Record]:
        if self._rest:
            data = self._rest + data
        records: list[Record] = []
        position = 0
        while True:
            mark = data.find(FRAME_MARK, position)
            position = self._lines(data, position, len(data) if mark < 0 else mark, records)
            if mark < 0:
                break
            if position < mark:
                records.append((None, _text(data[position:mark])))
                position = mark
            if len(data) - mark < FRAME_HEAD:
                break
            size = int.from_bytes(data[mark + 4 : mark + 8], "big")
            if size > FRAME_LIMIT:
                position = self._lines(data, mark + len(FRAME_MARK), len(data), records)
                break
            end = mark + FRAME_HEAD + size
            if len(data) < end:
                break
            when = int.from_bytes(data[mark + 8 : mark + 16], "big") // 1000
            records.append((when, _text(data[mark + FRAME_HEAD : end]).removesuffix("\n")))
            position = end
        self._rest = data[position:]
        return records

    def end_line(self) -> list[Record]:
        """An unfinished line as it is; an unfinished frame stays."""
        if not self._rest or self._rest.startswith(FRAME_MARK):
            return []
        rest, self._rest = self._rest, b""
        return [(None, _text(rest))]

    @staticmethod
    def _lines(data: bytes, position: int, end: int, records: list[Record]) -> int:
        while position < end:
            newline = data.find(b"\n", position, end)
            if newline < 0:
                if end - position < LINE_LIMIT:
                    break
                newline = position + LINE_LIMIT
                records.append((None, _text(data[position:newline])))
                position = newline
                continue
            records.append((None, _text(data[position:newline])))
            position = newline + 1
        return position


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").removesuffix("\r")


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a function's process: its Python, what launch.py must know, and its variables."""

    python: str
    settings: LaunchSettings
    variables: Mapping[str, str]


class FunctionProcess:
    """The process of one execution environment, running from the start; `variables` are those that only it has.

    `on_output` gets records in order; `on_exit` comes once, after the last of them.
    """

    def __init__(
        self,
        launch: Launch,
        variables: Mapping[str, str],
        *,
        on_output: Callable[[list[Record]], None],
        on_exit: Callable[[int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_output = on_output
        self._on_exit = on_exit
        self._parser = OutputParser()
        self.frozen = False
        self.status: int | None = None
        self._pipe, output = os.pipe()
        try:
            self._popen = subprocess.Popen(
                [launch.python, str(LAUNCH), json.dumps(launch.settings)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # For the runtime client's records: it closes this one as it ends, and standard output stays.
                pass_fds=(output,),
                env={**launch.variables, **variables, "_LAMBDA_TELEMETRY_LOG_FD": str(output)},
                start_new_session=True,
            )
        except OSError:
            os.close(self._pipe)
            raise
        finally:
            os.close(output)
        self.pid = self._popen.pid
        os.set_blocking(self._pipe, False)
        self._loop.add_reader(self._pipe, self.drain)
        self._watch_exit()

    def drain(self) -> None:
        """Take what has been written up to now."""
        while self._pipe >= 0:
            try:
                data = os.read(self._pipe, READ_SIZE)
            except BlockingIOError:
                return
            if not data:
                self._close_pipe()
                return
            if records := self._parser.feed(data):
                self._on_output(records)

    def end_line(self) -> None:
        """Take what has been written up to now, an unfinished line too."""
        if self._pipe >= 0 and fcntl.ioctl(self._pipe, termios.FIONREAD, NO_BYTES) != NO_BYTES:
            self.drain()
        if records := self._parser.end_line():
            self._on_output(records)

    def freeze(self) -> None:
        """Between invocations nothing of the function runs."""
        if not self.frozen and self.status is None:
            self._signal(signal.SIGSTOP)
            self.frozen = True

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        self.frozen = False

    def kill(self) -> None:
        """End the process and all that it started."""
        for pid in reversed(self.family()):
            _kill(pid)
        self._signal(signal.SIGKILL)

    def owns_socket(self, inode: str) -> bool:
        """Whether the process, or one that it started, has this socket open."""
        name = f"socket:[{inode}]"
        return any(name in _open_files(pid) for pid in self.family())

    def family(self) -> list[int]:
        """The process, and those that it started."""
        return [self.pid, *descendants(self.pid)]

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            log.debug("The process group %s has ended already", self.pid)

    def _watch_exit(self) -> None:
        if not hasattr(os, "pidfd_open"):
            threading.Thread(target=self._wait_in_thread, daemon=True).start()
            return
        descriptor = os.pidfd_open(self.pid)

        def ended() -> None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self._ended(self._popen.wait())

        self._loop.add_reader(descriptor, ended)

    def _wait_in_thread(self) -> None:
        status = self._popen.wait()
        self._loop.call_soon_threadsafe(self._ended, status)

    def _ended(self, status: int) -> None:
        self.status = status
        self._signal(signal.SIGKILL)
        self.end_line()
        self._close_pipe()
        self._on_exit(status)

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and theirs. Without /proc: none are seen."""
    for child in _children(pid):
        yield child
        yield from descendants(child)


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


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("The process %s has ended already", pid)
