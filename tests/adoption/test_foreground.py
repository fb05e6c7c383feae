"""`up` in the foreground of a terminal, and `debug` beside it: what a stranger saves, breaks, applies and stops in."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staticfire.host.leave import INTERRUPTED
from staticfire.host.ports import port_is_free
from staticfire.host.waiting import wait_until
from tests.adoption.conftest import COMMAND, SECONDS, Repository
from tests.unit.edge.services.lambda_.debuggers import NodeDebugger, PythonDebugger, line_of

MINIATURE = "loop"
WATCHES = "watch: watching the code of"
NOT_RUNNING = 4


class Terminal:
    """A command in the foreground of a terminal: what is on its screen, and keys."""

    def __init__(self, project: Repository, *arguments: str) -> None:
        self.screen = ""
        self._read = 0
        self._ours, its = pty.openpty()
        self.process = subprocess.Popen(
            [str(COMMAND), *arguments],
            cwd=project.directory,
            env=variables(project),
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(its)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with contextlib.suppress(OSError):  # Linux: nobody has the other side open any more
            while data := os.read(self._ours, 65536):
                self.screen += data.decode(errors="replace")

    def says(self, pattern: str, seconds: float = 120) -> str:
        """What comes to match, after what matched before."""

        def match() -> re.Match[str] | None:
            return re.compile(pattern).search(self.screen, self._read)

        wait_until(lambda: match() or self.process.poll() is not None, seconds)
        matching = match()
        assert matching, f"{pattern!r} is not on the screen:\n{self.screen[self._read :]}"
        self._read = matching.end()
        return matching[0]

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.press("\x03")
        return self.process.wait(SECONDS)

    def kill(self) -> None:
        """What the command started outlives it."""
        self.process.kill()
        self.process.wait(SECONDS)


def variables(project: Repository) -> dict[str, str]:
    own = {"STATICFIRE_PORT": str(project.port), "HOME": str(project.directory.parent), "TERM": "dumb"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_", "NO_COLOR"))}
    return {**kept, **own, **project.variables}


def save(project: Repository, name: str, old: str, new: str) -> str:
    """As an editor does it; the new text."""
    path = project.directory / name
    text = path.read_text()
    assert old in text
    written = path.with_name(f"{path.name}~")
    written.write_text(text.replace(old, new))
    written.replace(path)
    return path.read_text()


def word(project: Repository) -> str:
    return str(project.client("ssm").get_parameter(Name="word")["Parameter"]["Value"])


@pytest.fixture(scope="module")
def unwatched(project: Repository) -> Repository:
    """The stack, up without watching."""
    terminal = Terminal(project, "up", "--no-watch")
    try:
        terminal.says("The functions' logs follow", SECONDS)
        assert project.invoke("front") == {"front": 1}
        terminal.says("front was invoked")
        save(project, "src/front.py", '"front": 1', '"front": 2')
        assert project.invoke("front") == {"front": 1}
        terminal.says("front was invoked")
        assert "watch: " not in terminal.screen
        save(project, "src/front.py", '"front": 2', '"front": 1')
    finally:
        terminal.kill()
    return project


@pytest.fixture(scope="module")
def up(unwatched: Repository) -> Iterator[Terminal]:
    """`up` once more, where all is up: it watches."""
    terminal = Terminal(unwatched, "up")
    try:
        terminal.says(WATCHES)
        yield terminal
    finally:
        terminal.kill()


def test_without_watching_what_is_saved_waits_for_the_next_apply(unwatched: Repository) -> None:
    """It is the fixture that shows it: the others need the stack that it leaves."""
    assert unwatched.invoke("front") == {"front": 1}


def test_a_saved_line_of_an_archive_is_live_on_python_and_on_node(project: Repository, up: Terminal) -> None:
    save(project, "src/front.py", '"front": 1', '"front": 3')
    # Saved before it watched or after: only then it knows by which file.
    up.says(r"watch: .*front.*: updated in [\d.]+ s")
    assert (project.invoke("front"), project.invoke("back")) == ({"front": 3}, {"back": 1})
    up.says("front was invoked")
    save(project, "node/index.js", "script: 1", "script: 2")
    up.says(r"watch: script: updated in [\d.]+ s \(node/index\.js\)")
    assert project.invoke("script") == {"script": 2}


def test_a_broken_file_is_told_with_its_line_and_the_old_code_goes_on(project: Repository, up: Terminal) -> None:
    save(project, "src/back.py", '{"back": 1}', '{"back": ')
    up.says(r"watch: \S+: src/back\.py:2: .*The functions keep the code they have\.")
    save(project, "node/index.js", "return answer;", "return answer +;")
    up.says(r"watch: \S+: node/index\.js:3: .*The functions keep the code they have\.")
    assert (project.invoke("back"), project.invoke("script")) == ({"back": 1}, {"script": 2})
    save(project, "src/back.py", '{"back": ', '{"back": 4}')
    up.says("watch: .*back.*: updated in")
    save(project, "node/index.js", "return answer +;", "return answer;")
    save(project, "node/index.js", "script: 2", "script: 4")
    up.says("watch: script: updated in")
    assert (project.invoke("back"), project.invoke("script")) == ({"back": 4}, {"script": 4})


def test_a_change_of_the_terraform_is_applied_by_an_enter_that_comes_after_it(
    project: Repository, up: Terminal
) -> None:
    up.press("\n\n")  # to have space between the lines, as one does
    save(project, "src/back.py", '"back": 4', '"back": 5')
    up.says("watch: .*back.*: updated in")
    up.press("\n")
    save(project, "main.tf", '"first"', '"second"')
    up.says(r"main\.tf changed\. `staticfire apply \S+` applies it, or Enter here\.")
    save(project, "src/back.py", '"back": 5', '"back": 6')
    up.says("watch: .*back.*: updated in")
    assert word(project) == "first"
    up.press("\n")
    up.says(r"Apply \S+: \d changed", SECONDS)
    assert word(project) == "second"
    assert project.invoke("back") == {"back": 6}


class Debugging:
    """`staticfire debug` of one function, until it says where."""

    def __init__(self, project: Repository, function: str) -> None:
        self.function = function
        self.process = subprocess.Popen(
            [str(COMMAND), "debug", function],
            cwd=project.directory,
            env=variables(project),
            stdout=subprocess.PIPE,
            text=True,
            # As in a terminal, even where the test run was started in the background, with SIGINT ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def read(self) -> None:
        assert self.process.stdout is not None
        self.lines: list[str] = []
        while not self.lines or not re.match("(PyCharm|WebStorm)", self.lines[-1]):
            line = self.process.stdout.readline()
            assert line, f"debug ended: {self.lines}"
            self.lines.append(line.rstrip("\n"))
        self.port = int(re.fullmatch(r"Attach a debugger to \w+ at 127\.0\.0\.1:(\d+)\. .*", self.lines[0])[1])  # type: ignore[index]
        text = "\n".join(self.lines)
        (self.configuration,) = json.loads(text[text.index("{") : text.rindex("}") + 1])["configurations"]

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(SECONDS)


@pytest.fixture(scope="module")
def debugged(project: Repository, up: Terminal) -> Iterator[dict[str, Debugging]]:
    """Three functions at once, on two runtimes; no port is named."""
    sessions = {name: Debugging(project, name) for name in ("front", "back", "script")}
    try:
        for session in sessions.values():
            session.read()
        yield sessions
    finally:
        for session in sessions.values():
            session.process.kill()
            session.process.wait(SECONDS)


def test_each_function_has_a_port_of_its_own_and_the_editors_are_told(
    project: Repository, debugged: dict[str, Debugging]
) -> None:
    assert len({session.port for session in debugged.values()}) == 3
    for name in ("front", "back"):
        session = debugged[name]
        assert session.configuration["connect"] == {"host": "127.0.0.1", "port": session.port}
        assert session.lines[-1] == (
            f"PyCharm, where it has the run configuration `Attach to DAP`: 127.0.0.1:{session.port}, "
            f"path mappings {project.directory / 'src'} = /var/task"
        )
    node = debugged["script"]
    assert (node.configuration["type"], node.configuration["port"]) == ("node", node.port)
    assert (node.configuration["localRoot"], node.configuration["remoteRoot"]) == (
        "${workspaceFolder}/node",
        "/var/task",
    )
    assert node.lines[-1] == f"WebStorm, PyCharm: Attach to Node.js/Chrome, 127.0.0.1:{node.port}"


def test_two_functions_stand_at_their_breakpoints_at_once(project: Repository, debugged: dict[str, Debugging]) -> None:
    assert asyncio.run(both_stopped(project, debugged)) == {
        "front": (str(project.directory / "src" / "front.py"), {"front": 3}),
        "back": (str(project.directory / "src" / "back.py"), {"back": 6}),
    }


async def both_stopped(project: Repository, debugged: dict[str, Debugging]) -> dict[str, tuple[str, Any]]:
    """Of each, the file that it stopped in while the other one stood, and its answer once it went on."""
    attached, answers = {}, {}
    for name in ("front", "back"):
        session = debugged[name]
        file = project.directory / "src" / f"{name}.py"
        await asyncio.to_thread(wait_until, lambda port=session.port: not port_is_free("127.0.0.1", port), SECONDS)
        debugger = await PythonDebugger.connect(session.port)
        mappings = {
            pair["remoteRoot"]: pair["localRoot"].replace("${workspaceFolder}", str(project.directory))
            for pair in session.configuration["pathMappings"]
        }
        await debugger.attach(mappings, {str(file): [line_of(file.read_text(), "return answer")]}, [])
        attached[name] = debugger
        answers[name] = asyncio.create_task(asyncio.to_thread(project.invoke, name))
    stops = {name: await debugger.stopped() for name, debugger in attached.items()}
    stood: dict[str, tuple[str, Any]] = {}
    for name, (_, thread, file_name, _) in stops.items():
        assert not answers[name].done()
        await attached[name].ask("continue", threadId=thread)
        stood[name] = (file_name, await answers[name])
        await attached[name].ask("disconnect")
        await attached[name].close()
    return stood


def test_node_stands_at_a_breakpoint(project: Repository, debugged: dict[str, Debugging]) -> None:
    session = debugged["script"]
    file = Path(session.configuration["localRoot"].replace("${workspaceFolder}", str(project.directory))) / "index.js"
    assert wait_until(lambda: not port_is_free("127.0.0.1", session.port), SECONDS)
    debugger = NodeDebugger(session.port)
    debugger.ask("Debugger.enable")
    line = line_of(file.read_text(), "return answer")
    debugger.ask("Debugger.setBreakpointByUrl", urlRegex=r".*/var/task/index\.js", lineNumber=line - 1)
    debugger.ask("Runtime.runIfWaitingForDebugger")
    answers: list[Any] = []
    invoking = threading.Thread(target=lambda: answers.append(project.invoke("script")))
    invoking.start()
    frame = debugger.event("Debugger.paused", lambda at: debugger.url(at["callFrames"][0]).endswith("/index.js"))
    assert frame["callFrames"][0]["location"]["lineNumber"] + 1 == line
    assert answers == []
    debugger.ask("Debugger.resume")
    invoking.join(SECONDS)
    debugger.close()
    assert answers == [{"script": 4}]


def test_ctrl_c_ends_debugging_and_all_is_as_it_was(project: Repository, debugged: dict[str, Debugging]) -> None:
    assert {session.end() for session in debugged.values()} == {INTERRUPTED}
    assert wait_until(lambda: all(port_is_free("127.0.0.1", session.port) for session in debugged.values()), SECONDS)
    assert project.invoke("back") == {"back": 6}


def test_with_apply_a_change_of_the_terraform_needs_no_enter_and_ctrl_c_ends_all(
    project: Repository, up: Terminal
) -> None:
    """It is the last: nothing runs any more."""
    up.kill()
    terminal = Terminal(project, "up", "--apply")
    try:
        terminal.says(WATCHES)
        save(project, "main.tf", '"second"', '"third"')
        terminal.says(r"watch: \S+: main\.tf changed\.\r?\n")
        terminal.says(r"Apply \S+: \d changed", SECONDS)
        assert word(project) == "third"
        assert terminal.interrupt() == INTERRUPTED
    finally:
        terminal.kill()
    project.staticfire("status", code=NOT_RUNNING)
