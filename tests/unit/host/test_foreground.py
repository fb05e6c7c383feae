"""A command in the place of this one: exit codes as a shell's, signals handed on, its own input and output."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from staticfire.host import foreground
from staticfire.host.waiting import wait_until

# A shell has what it starts in the background ignore SIGINT, and so would these where the tests run there.
RUN = """
import os, signal, sys
from staticfire.host import foreground

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(foreground.run(sys.argv[1:], os.environ))
"""
# Writes the name of each signal that it gets, and ends at the second one.
TELLS = """
import signal, sys, time
count = 0
def hear(number, frame):
    global count
    count += 1
    with open(sys.argv[1], "a") as file:
        file.write(signal.Signals(number).name + "\\n")
    if count == 2:
        sys.exit(7)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
    signal.signal(number, hear)
open(sys.argv[1], "a").write("ready\\n")
while True:
    time.sleep(60)
"""


def of(*command: str) -> list[str]:
    return [sys.executable, "-c", RUN, *command]


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -9 $$", 137)]
)
def test_the_exit_code_is_that_of_a_shell(script: str, code: int) -> None:
    assert foreground.run(["sh", "-c", script], os.environ) == code


def test_input_and_output_are_its_own() -> None:
    done = subprocess.run(of("cat"), input=b"both\0ways", capture_output=True, check=True)
    assert done.stdout == b"both\0ways"


def test_signals_are_handed_on_and_how_it_ends_is_its_own_matter(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    with subprocess.Popen(of(sys.executable, "-c", TELLS, str(heard)), start_new_session=True) as process:
        try:
            wait_until(lambda: heard.exists() and heard.read_text() == "ready\n", 30)
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: "SIGTERM\n" in heard.read_text(), 30)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 7
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert heard.read_text() == "ready\nSIGTERM\nSIGINT\n"


def test_a_terminals_ctrl_c_reaches_it_once(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, of(sys.executable, "-c", TELLS, str(heard)))
    try:
        wait_until(lambda: heard.exists() and heard.read_text() == "ready\n", 30)
        os.write(terminal, b"\x03")
        wait_until(lambda: "SIGINT\n" in heard.read_text(), 30)
        os.kill(pid, signal.SIGUSR1)  # a second SIGINT would have ended it before
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    finally:
        os.close(terminal)
    assert heard.read_text() == "ready\nSIGINT\nSIGUSR1\n"


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    script = "trap '' HUP; exec \"$@\""
    says = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    done = subprocess.run(
        ["sh", "-c", script, "sh", *of(sys.executable, "-c", says)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_the_handlers_are_back_after_it() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(FileNotFoundError):
        foreground.run(["/does/not/exist"], os.environ)
    assert signal.getsignal(signal.SIGTERM) is before
