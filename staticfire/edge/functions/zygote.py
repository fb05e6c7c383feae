"""Pre-warmed starts: environments of one version are forked from a process that has imported their dependencies.

    learning -> importing -> ready -> learning ...
             \\-> unfit

learning   an environment starts cold, and reports what its initialisation imported
importing  the zygote starts: the same launch.py, code, variables and limits, but it only imports what was reported
ready      each start is a fork of the zygote. Should that end, by itself or killed, the next start is a cold one
unfit      environments cannot be copies of one process (why is logged): all starts are cold
stopped    the version's pool takes no new invocations

Only dependencies are imported ahead, never the function's own modules. A forked process is the edge's own child, leads
a session of its own and makes itself a /tmp of its own, as one that started cold. What remains, and why this is off by
default: its start takes a fraction of the time that it would take on AWS, and what its dependencies do when they are
imported was done once for all environments, before any code of the function.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .process import Process, Record, Started, spawn

log = logging.getLogger(__name__)

IMPORT_SECONDS = 30.0
FORK_SECONDS = 5.0
MESSAGE_LIMIT = 1 << 16


class ZygoteError(Exception):
    """The zygote gave no child."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a cold start was given, and the file with what it imported."""

    python: str
    settings: Mapping[str, Any]
    variables: Mapping[str, str]
    report: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def read(self) -> Any:
        """Names of modules; None if they depend on what the function did before; empty while nothing is known."""
        self.report.seek(0)
        text = self.report.read()
        return json.loads(text) if text else []


class Zygote:
    """One zygote's process. `on_fit` hears once why it cannot be used, nothing if it can; `on_exit` of its end."""

    def __init__(
        self,
        lesson: Lesson,
        run_dir: Path,
        *,
        on_fit: Callable[[Zygote, str], None],
        on_exit: Callable[[Zygote, int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._variables = lesson.variables
        self._on_fit = on_fit
        self._on_exit = on_exit
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._output: list[str] = []
        self._ending = False
        self.gone = asyncio.Event()
        self._directory = Path(tempfile.mkdtemp(prefix="zygote-", dir=run_dir))
        (self._directory / "tmp").mkdir()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        settings = {
            **lesson.settings,
            "tmp": str(self._directory / "tmp"),
            "run_dir": str(run_dir),
            "modules": lesson.report.fileno(),
            "control": theirs.fileno(),
        }
        try:
            with theirs:
                descriptors = (theirs.fileno(), lesson.report.fileno())
                started = spawn(lesson.python, settings, lesson.variables, descriptors)
        except OSError:
            self._control.close()
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        self._process = Process(started, on_output=self._wrote, on_exit=self._exited)
        self._deadline = self._loop.call_later(IMPORT_SECONDS, self._process.kill)
        self._loop.add_reader(self._control, self._heard)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has written; one that is fit writes nothing."""
        return "\n".join(self._output)

    async def fork(self, settings: Mapping[str, Any], variables: Mapping[str, str]) -> Started:
        """A process for an environment. ZygoteError: there is none, and the zygote is of no more use."""
        number = next(self._numbers)
        request = {
            "number": number,
            "settings": {**settings, "parent": os.getpid()},
            "variables": {key: value for key, value in variables.items() if self._variables.get(key) != value},
        }
        answer = self._answers[number] = self._loop.create_future()
        pipe, write_end = os.pipe()
        try:
            try:
                socket.send_fds(self._control, [json.dumps(request).encode()], [write_end, write_end])
            finally:
                os.close(write_end)
            async with asyncio.timeout(FORK_SECONDS):
                pid = await answer
        except BaseException as error:
            os.close(pipe)
            if not isinstance(error, OSError | ZygoteError):
                raise
            self._process.kill()
            raise ZygoteError(str(error) or f"no answer within {FORK_SECONDS:g} s") from error
        return Started(pid, pipe, lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    def end(self) -> None:
        """Forks that are under way are finished first; it is gone a moment later."""
        if not self._ending:
            self._ending = True
            self._deadline.cancel()
            self._deadline = self._loop.call_later(FORK_SECONDS, self._process.kill)
            self._end_if_unused()

    def _end_if_unused(self) -> None:
        if self._ending and not self._answers and self._process.status is None:
            self._process.kill()

    def _heard(self) -> None:
        try:
            message = json.loads(self._control.recv(MESSAGE_LIMIT) or b"{}")
        except BlockingIOError:
            return
        except OSError as error:
            log.debug("The socket of the zygote %s failed: %s", self.pid, error)
            message = {}
        if "pid" in message:
            self._answered(message["number"], message["pid"])
        elif "unfit" in message:
            self._deadline.cancel()
            self._process.end_line()
            self._on_fit(self, message["unfit"] or ("they write while they are imported" if self._output else ""))
        else:
            self._silence()
        self._end_if_unused()

    def _answered(self, number: int, pid: int) -> None:
        answer = self._answers.pop(number)
        if not answer.done():
            answer.set_result(pid)
            return
        # Nobody waits for it any more.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def _silence(self) -> None:
        """It is gone, or about to be."""
        if self._control.fileno() < 0:
            return
        self._loop.remove_reader(self._control)
        self._control.close()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ZygoteError("the zygote has ended"))
        self._answers.clear()

    def _wrote(self, records: list[Record]) -> None:
        self._output += [text for _, text in records]

    def _exited(self, status: int) -> None:
        self._deadline.cancel()
        self._silence()
        self._on_exit(self, status)
        self._loop.create_task(self._clean())

    async def _clean(self) -> None:
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)
        self.gone.set()


class Prewarming:
    """Starts the processes of one version's environments; see the module's text."""

    def __init__(self, name: str, run_dir: Path) -> None:
        self._name = name
        self._run_dir = run_dir
        self._lessons: list[Lesson] = []
        self._zygote: Zygote | None = None
        self._living: set[Zygote] = set()
        self.state = "learning"
        self.forks = 0
        self.used = time.monotonic()

    @property
    def pid(self) -> int | None:
        """The zygote's, while there is one."""
        return self._zygote.pid if self._zygote is not None else None

    async def start(self, python: str, settings: Mapping[str, Any], variables: Mapping[str, str]) -> Started:
        """A process for an environment: forked, or else cold."""
        self.used = time.monotonic()
        if self._zygote is not None and self.state == "ready":
            try:
                started = await self._zygote.fork(settings, variables)
            except ZygoteError as error:
                log.warning("An environment of %s starts cold: %s", self._name, error)
            else:
                self.forks += 1
                return started
        if self.state == "learning" and not settings["private"]:
            self._refuse("a fork could have no /tmp of its own on this machine")
        if self.state != "learning":
            return spawn(python, settings, variables)
        lesson = Lesson(python, settings, variables)
        self._lessons.append(lesson)
        report = lesson.report.fileno()
        return spawn(python, {**settings, "report": report}, variables, (report,))

    def initialised(self) -> None:
        """An environment is ready; if it started cold, what it imported is known now."""
        for lesson in self._lessons:
            try:
                names = lesson.read()
                if names is None:
                    self._refuse(
                        "its dependencies may depend on environment variables that it sets before it imports them"
                    )
                elif names:
                    self._import(lesson)
                else:
                    continue
            except (OSError, ValueError) as error:
                self._refuse(f"its dependencies cannot be imported ahead: {error}")
            self._forget_lessons()
            return

    def rest(self) -> None:
        """End the zygote; the next environment starts cold and brings another one."""
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            self.state = "learning"
            zygote.end()

    def stop(self) -> None:
        """End the zygote for good. The environments stay."""
        self._forget_lessons()
        self.rest()
        self.state = "stopped"

    async def close(self) -> None:
        """Stop, and wait for the end."""
        self.stop()
        await asyncio.gather(*(zygote.gone.wait() for zygote in self._living))

    def _import(self, lesson: Lesson) -> None:
        self._zygote = Zygote(lesson, self._run_dir, on_fit=self._fit, on_exit=self._exited)
        self._living.add(self._zygote)
        self.state = "importing"

    def _fit(self, zygote: Zygote, why_not: str) -> None:
        if zygote is not self._zygote:
            return
        if why_not:
            self._refuse(f"its dependencies cannot be shared, {why_not}")
        else:
            self.state = "ready"

    def _refuse(self, why: str) -> None:
        self.rest()
        self.state = "unfit"
        log.warning("%s is not pre-warmed, all its starts are cold: %s", self._name, why)

    def _exited(self, zygote: Zygote, status: int) -> None:
        self._living.discard(zygote)
        if zygote is not self._zygote:
            return
        if self.state == "importing":
            self._refuse(f"its dependencies cannot be imported ahead (status {status}). {zygote.output}")
        elif status > 0:
            self._refuse(f"its zygote cannot fork (status {status}). {zygote.output}")
        else:
            log.warning(
                "The zygote of %s ended (status %s): its next start is cold. %s", self._name, status, zygote.output
            )
            self.rest()

    def _forget_lessons(self) -> None:
        for lesson in self._lessons:
            lesson.report.close()
        self._lessons.clear()
