"""A circuit breaker: an upstream that keeps failing is left alone for a while, and its callers are told at once.

    closed --FAILURES in a row--> open --the rest is over--> half-open --a success--> closed
                                                                       --a failure--> open

Each execution environment has its own, one for each upstream, and handles one request at a time: half-open, the next
request is the probe. Environments do not share what they learned, so N of them find out N times: that costs no store,
and no environment trusts another's bad network.
"""

import time
from collections.abc import Callable

FAILURES = 5


class Breaker:
    def __init__(self, rest_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0

    @property
    def state(self) -> str:
        if self._failures < FAILURES:
            return "closed"
        return "open" if self.rest > 0 else "half-open"

    @property
    def rest(self) -> float:
        """Seconds until a request is let through; 0: now."""
        return max(0.0, self._open_until - self._clock())

    def succeeded(self) -> None:
        self._failures, self._open_until = 0, 0.0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._open_until = self._clock() + self._rest_seconds
