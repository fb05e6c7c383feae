"""Ctrl-C, SIGTERM and SIGHUP end a command once: what follows the first is tidying, which nothing interrupts.

`listen` has the next of them raise KeyboardInterrupt in the main thread; those after it change nothing, until somebody
listens again. Other threads are not interrupted: `run` ends their commands.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_SECONDS = 0.1
AGAIN_SECONDS = 0.02

_came = threading.Event()


def listen() -> None:
    """The next signal interrupts; one that whoever started this process has it ignore, as nohup does, does not."""
    _came.clear()
    sys.unraisablehook = _not_lost
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def listen_again() -> None:
    """The next signal interrupts too, where the one that came has ended a part of the work only."""
    if _came.is_set():
        listen()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """A signal that comes within has its effect right after: what begins here is recorded, or it never begins."""
    if threading.current_thread() is not threading.main_thread():  # where signals have no effect
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers = {int(number): handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda *of: came.append(of))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            number, frame = came[0]
            handlers[number](number, frame)


def run(command: Sequence[Any], **options: Any) -> subprocess.CompletedProcess[str]:
    """As subprocess.run with its output as text; the command ends when an interrupt comes, in whichever thread."""
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **options) as child:
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    output, errors = child.communicate(timeout=LOOK_SECONDS)
                    break
                if _came.is_set():
                    raise KeyboardInterrupt
        except BaseException:
            child.terminate()
            raise
    if _came.is_set():  # the terminal's Ctrl-C reached the command too: what it came to says nothing
        raise KeyboardInterrupt
    return subprocess.CompletedProcess(command, child.returncode, output, errors)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for other in SIGNALS:
        if signal.getsignal(other) is _interrupt:
            signal.signal(other, lambda *_: None)
    _came.set()
    raise KeyboardInterrupt


def _not_lost(unraisable: sys.UnraisableHookArgs) -> None:
    """An interrupt in a destructor or a weak reference's callback, where Python drops exceptions, comes once more."""
    if unraisable.exc_type is KeyboardInterrupt:
        listen()
        again = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(unraisable)
