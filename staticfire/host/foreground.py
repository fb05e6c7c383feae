"""Run a command in the place of this one: its own terminal, our signals handed on, its end told as a shell tells it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
OF_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
BY_SIGNAL = 128


def run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Its exit code; 128 and the signal's number where a signal ended it. An OSError where it cannot be started."""
    early: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def hand_on(number: int, _: FrameType | None = None) -> None:
        if child is None:
            early.append(number)
        elif number not in OF_TERMINALS or not _is_in_foreground():
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)

    # One that is ignored, as nohup has it, stays so, there too.
    before = {number: handler for number in HANDED_ON if (handler := signal.getsignal(number)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, hand_on)
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        child = subprocess.Popen(command, env=dict(variables))
        for came in early:
            hand_on(came)
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return BY_SIGNAL - code if code < 0 else code


def _is_in_foreground() -> bool:
    """Whether a terminal sends its Ctrl-C to this process group, and so to the command itself."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
