"""When the requests of an open load are due, and which user sends each: no request waits for another one's answer.

    due --> a user is idle? it sends at once          --> latency counts from when the request was due
        --> none is? it waits for one, WAITING at most --> sent late, and the wait counts
                                                       --> never sent: counted as unsent

Users are only what limits how many requests are in flight. Of the idle ones the one that was busy last sends next, so
that a light load uses few connections. Locust has no open model of its own.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable

import gevent
from gevent.event import AsyncResult

# A request that waited for longer is not sent any more: a stalled service must not be buried when it comes back.
WAITING = 10.0
# With no users yet, or none left.
NOBODY = 0.05


class Arrivals:
    """Those of one process: each of its `users` stands for `pace` requests a second, sent evenly."""

    def __init__(self, pace: float, users: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = pace
        self._users = users
        self._clock = clock
        self._idle: list[AsyncResult] = []
        self._overdue: deque[float] = deque()
        self._unsent: Counter[int] = Counter()

    def run(self) -> None:
        """Issue what is due, for ever."""
        due = self._clock()
        while True:
            users = self._users()
            if not users:
                gevent.sleep(NOBODY)
                due = self._clock()
                continue
            due += 1 / (self._pace * users)
            ahead = due - self._clock()
            # Also when late: whoever was woken must come to run.
            gevent.sleep(max(ahead, 0.0))
            self.issue(due)

    def issue(self, due: float) -> None:
        """Have it sent by an idle user, or by the next one that is."""
        if self._idle:
            self._idle.pop().set(due)
            return
        self._overdue.append(due)
        self._give_up(self._clock() - WAITING)

    def next(self) -> AsyncResult:
        """What the next request of a user that has become idle waits for: the time at which it was due."""
        turn = AsyncResult()
        self._give_up(self._clock() - WAITING)
        if self._overdue:
            turn.set(self._overdue.popleft())
        else:
            self._idle.append(turn)
        return turn

    def leave(self, turn: AsyncResult) -> None:
        """The user that waited is gone; what it was to send, another one sends."""
        if turn in self._idle:
            self._idle.remove(turn)
        elif turn.ready() and turn.successful():
            self.issue(turn.get())

    def end(self) -> None:
        """The run is over: what still waits is not sent."""
        self._give_up(float("inf"))

    def unsent(self) -> Counter[int]:
        """How many were given up since this was last asked for, by the second in which they were due."""
        counts, self._unsent = self._unsent, Counter()
        return counts

    def _give_up(self, before: float) -> None:
        began = time.time() - self._clock()
        while self._overdue and self._overdue[0] < before:
            self._unsent[int(began + self._overdue.popleft())] += 1
