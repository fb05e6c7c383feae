"""The shape of a load run within Locust: its phases in turn, judged on the way, and its record written down."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from locust import LoadTestShape
from locust.runners import STATE_MISSING, MasterRunner

from .journal import write_reported
from .profiles import PlannedPhase, Profile
from .record import Record, Tally
from .thresholds import LoadLimits, LoadStep, limits_of

SPAWN_RATE = 100.0
STOP_SECONDS = 30.0
# More than a report takes on a local network: beyond, seconds of two machines do not add up.
CLOCK_SECONDS = 0.5
WORKERS_LATE_SECONDS = 4.0
# In the context of a request: for how long it was due before it was sent, in milliseconds.
LATE = "late_ms"


class RequestTallies:
    """Tallies of this process's requests since they were last taken; how many are in flight, and were never sent.

    `unsent`: what else of this process gives requests up.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.unsent: Callable[[], int] = lambda: 0
        self._dropped = 0
        self._flows: list[dict[str, Any]] = []
        self._tallies: dict[tuple[int, str], Tally] = {}

    def request(
        self, name: str, response_time: float, exception: Exception | None, context: Mapping[str, Any], **_: Any
    ) -> None:
        key = (int(time.time()), name)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        failure = None if exception is None else str(exception) or type(exception).__name__
        tally.add(response_time, failure, late=context.get(LATE, 0.0))

    def drop(self, count: int) -> None:
        """So many requests were due, and are not sent."""
        self._dropped += count

    def sample(self) -> None:
        """Note what is in flight, and what was given up since the last time."""
        dropped, self._dropped = self._dropped + self.unsent(), 0
        self._flows.append({"second": int(time.time()), "in_flight": self.in_flight, "unsent": dropped})

    def sample_each_second(self) -> None:
        while True:
            gevent.sleep(1 - time.time() % 1)
            self.sample()

    def take(self) -> list[dict[str, Any]]:
        taken, self._tallies = self._tallies, {}
        flows, self._flows = self._flows, []
        return [{"second": second, "name": name, **tally.line()} for (second, name), tally in taken.items()] + flows


class Leader:
    """Writes the record of the run: its own requests and its workers', and the phases; then judges it.

    `idle`: the workers whose last report says that they have no users, and so nothing under way.
    """

    def __init__(self, path: Path | None, measured: RequestTallies, journal: Path | None = None) -> None:
        self.ended = False
        self.idle: set[str] = set()
        self._path = path
        self._journal = journal
        self._clocks: set[str] = set()
        self._measured = measured
        self._lines: list[Mapping[str, Any]] = []

    def add(self, *lines: Mapping[str, Any]) -> None:
        self._lines += lines
        if self._path is not None and lines:
            with self._path.open("ab") as file:
                file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def begin(self, phase: PlannedPhase) -> None:
        self.collect()
        self.add({"phase": phase.name, "at": time.time(), "users": phase.users, "rate": phase.rate})

    def end(self, *, cut: bool = False) -> None:
        """The run is over; `cut`: in the middle of a phase that is not to count. Answers that come later are kept."""
        self.collect()
        if not self.ended:
            self.ended = True
            self.idle.clear()
            self.add({"phase": None, "at": time.time(), "cut": cut})

    def report(self, client_id: str, data: dict[str, Any]) -> None:
        """What a worker reports every few seconds. It counted its users before it took its figures."""
        self.add(*data.pop("seconds", ()))
        if (lines := data.pop("journal", ())) and self._journal is not None:
            write_reported(self._journal, client_id, lines)
        ahead = data.pop("clock", time.time()) - time.time()
        if abs(ahead) > CLOCK_SECONDS and client_id not in self._clocks:
            self._clocks.add(client_id)
            text = (
                f"The clock of the worker {client_id} is {abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}, or "
                "its reports come late: its seconds are not those of the others. Set the clocks (NTP) and run again."
            )
            self.add({"warning": text, "at": time.time()})
        (self.idle.discard if data["user_count"] else self.idle.add)(client_id)

    def collect(self) -> None:
        self.add(*self._measured.take())

    def collect_each_second(self) -> None:
        while True:
            gevent.sleep(1)
            self.collect()

    @property
    def record(self) -> Record:
        return Record(self._lines)


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
