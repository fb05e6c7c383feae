"""Looks after execution environments while there are any: memory of the busy, sleep and end of the idle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from .running_function import RunningFunction

SWEEP_SECONDS = 0.05


class Sweeper:
    """Asleep until the first invocation, and again once no execution environment is left."""

    def __init__(self, functions: Mapping[Any, RunningFunction], idle_seconds: float) -> None:
        self._functions = functions
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        self._timer = None
        now = time.monotonic()
        left = [function.look_after(now, now - self._idle_seconds) for function in self._functions.values()]
        if any(left):
            self.wake()
