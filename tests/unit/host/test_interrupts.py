"""What becomes of a signal: it interrupts once, it is held while a process begins, and it is never dropped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from staticfire.host import interrupts


@pytest.fixture(autouse=True)
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a command does; pytest's own handlers come back."""
    before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    interrupts.listen()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    interrupts._came.clear()


def send(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)
    for _ in range(1000):  # Python hears of it between two of its instructions
        pass


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_the_first_signal_interrupts_and_the_others_leave_the_tidying_alone(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        send(number)
    for other in interrupts.SIGNALS:
        send(other)


def test_whoever_listens_again_is_interrupted_again() -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            send()
        interrupts.listen_again()


def test_a_signal_that_is_ignored_on_purpose_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts.listen()
    send(signal.SIGHUP)


def test_a_signal_within_what_must_be_whole_comes_right_after() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - where it comes is the point
        with interrupts.held():
            send()
            steps.append("whole")
        steps.append("after")
    assert steps == ["whole"]


def test_what_begins_in_another_thread_is_whole_by_itself() -> None:
    def begin() -> None:
        with interrupts.held():
            seen.append(True)

    seen: list[bool] = []
    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    assert seen == [True]


class Loud:
    """Its destructor takes a signal; Python drops what a destructor raises."""

    def __del__(self) -> None:
        send()


def test_a_signal_in_a_destructor_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        Loud()
        threading.Event().wait(60)
    assert capsys.readouterr().err == ""


SLEEPER = "import os, sys, time; os.write(int(sys.argv[1]), str(os.getpid()).encode()); time.sleep(600)"


def test_a_command_of_another_thread_ends_with_the_interrupt() -> None:
    def work() -> None:
        try:
            interrupts.run([sys.executable, "-c", SLEEPER, str(begun)], pass_fds=(begun,))
        except KeyboardInterrupt:
            ended.append(True)

    said, begun = os.pipe()
    ended: list[bool] = []
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    pid = int(os.read(said, 100))
    with pytest.raises(KeyboardInterrupt):
        send()
    thread.join(60)
    assert ended == [True]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_command_that_ends_by_itself_says_what_it_wrote() -> None:
    run = interrupts.run([sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"])
    assert (run.returncode, run.stdout, run.stderr) == (3, "out\n", "err\n")
    assert isinstance(run, subprocess.CompletedProcess)
