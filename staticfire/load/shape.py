"""The shape of a load run within Locust: its phases in turn, judged on the way."""

from __future__ import annotations

import time
from collections import deque

from locust import LoadTestShape
from locust.runners import STATE_MISSING, MasterRunner

from .leader import Leader
from .profiles import PlannedPhase, Profile
from .thresholds import LoadLimits, LoadStep, limits_of

SPAWN_RATE = 100.0
STOP_SECONDS = 30.0
WORKERS_LATE_SECONDS = 4.0


class Shape(LoadTestShape):
    """The phases of a profile in turn, and then no users. A ramp ends early, once a step that is over did not hold.

    Locust's master waits half a second for its workers at the end. The shape waits before that, until each has reported
    its last answers.
    """

    def __init__(
        self, profile: Profile, phases: list[PlannedPhase], leader: Leader, limits: LoadLimits, late: float
    ) -> None:
        self._profile = profile
        self._phases = deque(phases)
        self._leader = leader
        self._limits = limits
        self._late = late
        self._phase: PlannedPhase | None = None
        self._ends = 0.0
        self._unjudged: deque[float] = deque()  # when the phases began before which nothing was judged yet
        self._judged = 0

    def tick(self) -> tuple[int, float] | None:
        if not self._leader.ended:
            self._go_on()
        if self._leader.ended:
            return (0, SPAWN_RATE) if self._workers_are_busy() else None
        assert self._phase is not None
        return self._phase.users, SPAWN_RATE

    def _go_on(self) -> None:
        now = time.time()
        if self._phase is None or now >= self._ends:
            if not self._phases:
                self._ends = now
                self._leader.end()
                return
            self._phase = self._phases.popleft()
            self._ends = now + self._phase.seconds
            self._leader.begin(self._phase)
            self._unjudged.append(time.time())
        if self._profile.name == "ramp" and self._step_failed():
            self._ends = now
            self._leader.end(cut=True)

    def _workers_are_busy(self) -> bool:
        """Whether one has not reported its last answers. One that went missing is not waited for."""
        if not isinstance(self.runner, MasterRunner) or time.time() > self._ends + STOP_SECONDS + self._late:
            return False
        return any(
            worker.id not in self._leader.idle and worker.state != STATE_MISSING for worker in self.runner.clients.all
        )

    def end(self) -> None:
        """No more phases: users finish what they have begun."""
        self._phases.clear()
        self._ends = 0.0

    def _step_failed(self) -> bool:
        """Whether a step did not hold, of those that are over and whose figures have come from all workers."""
        if not self._unjudged or self._unjudged[0] + self._late > time.time():
            return False  # the whole record is read once a step, not at each tick: that would hold up the users
        self._unjudged.popleft()
        record = self._leader.record
        limits = limits_of(record, self._profile, self._limits)
        ready = [phase for phase in record.measured[:-1] if phase.ended + self._late <= time.time()]
        fresh, self._judged = ready[self._judged :], len(ready)
        return any(LoadStep.of(record, phase).broken_by(limits) for phase in fresh)
