"""Who leads a load run: its record, written down as it is measured here and reported by workers elsewhere."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent

from .journal import write_reported
from .profiles import PlannedPhase
from .record import Record, Tally

# More than a report takes on a local network: beyond, seconds of two machines do not add up.
CLOCK_SECONDS = 0.5
# In the context of a request: for how long it was due before it was sent, in milliseconds.
LATE = "late_ms"


class RequestTallies:
    """Tallies of this process's requests since they were last taken; how many are in flight, and were never sent.

    `unsent`: what else of this process gives requests up, by the second in which they were due.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.unsent: Callable[[], Counter[int]] = Counter
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
        dropped, self._dropped = self._dropped, 0
        # It is noted as a second ends.
        self._flows.append({"second": int(time.time() - 0.5), "in_flight": self.in_flight, "unsent": dropped})
        self._flows += [{"second": due, "in_flight": 0, "unsent": count} for due, count in self.unsent().items()]

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
