"""What a load run measured, second by second, as its Locust file wrote it down.

The process that leads the run (Locust's master, or its only process) appends lines to the file that
STATICFIRE_LOAD_RECORD names:

    {"phase": "step 3", "at": 1795212783.5, "users": 40, "rate": 200.0}      from here on; rate null: no rate is held
    {"second": 1795212784, "name": "POST /orders", "requests": 190, "failures": 0, "times": {"4.21": 17, ...},
     "from_due": {"4.5": 17, ...}, "kinds": {"503: ...": 2}}
    {"second": 1795212784, "in_flight": 12, "unsent": 0}                     of one process
    {"warning": "...", "at": ...}                                            what makes the figures doubtful
    {"phase": null, "at": ..., "cut": false}                                 the end; cut: the last phase does not count

A request belongs to the second in which it was answered; what is answered after the end was due before it, and so its
times and failures are the last phase's. Several workers make several lines of one second: they add
up. `times` is a histogram: milliseconds, rounded to three digits, and how many took that long from when they were sent.
`from_due` is the same from when they were due, which is what a caller would have waited: a service that stands still
for two seconds keeps back what is due meanwhile, and none of that may be missing (coordinated omission). `kinds` says
why requests failed. `unsent` counts those that were due in that second and were never sent, whenever that came out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

VARIABLE = "STATICFIRE_LOAD_RECORD"
WARM_UP = "warm-up"
UNLOADED = "unloaded"
# Kinds of failures that one tally tells apart: texts that differ from answer to answer must not fill the record.
MOST_KINDS = 20
OTHER_KINDS = "other failures"
MOST_OF_A_KIND = 160


def bucket(milliseconds: float) -> float:
    """The time's place in a histogram: half a percent is as exact as any figure of a load run."""
    return float(f"{milliseconds:.3g}")


@dataclass
class Tally:
    """Requests, how many of them failed and why, and how long they took: from sending, and from when they were due.

    Tallies add up. `after`: those that were answered, but only after the end of the run: no rate counts them.
    """

    requests: int = 0
    failures: int = 0
    times: Counter[float] = field(default_factory=Counter)
    from_due: Counter[float] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    after: int = 0

    def add(self, milliseconds: float, failure: str | None = None, *, late: float = 0.0) -> None:
        """`late`: for how long it was due before it was sent, in milliseconds."""
        self.requests += 1
        self.times[bucket(milliseconds)] += 1
        self.from_due[bucket(milliseconds + late)] += 1
        if failure is not None:
            self.failures += 1
            self._fails(failure[:MOST_OF_A_KIND], 1)

    def _fails(self, kind: str, count: int) -> None:
        self.kinds[kind if kind in self.kinds or len(self.kinds) < MOST_KINDS else OTHER_KINDS] += count

    def __iadd__(self, other: Tally) -> Tally:
        self.requests += other.requests
        self.failures += other.failures
        self.after += other.after
        self.times.update(other.times)
        self.from_due.update(other.from_due)
        for kind, count in other.kinds.items():
            self._fails(kind, count)
        return self

    def percentile(self, share: float) -> float | None:
        """The shortest time, from when it was due, within which `share` (0 to 1) of the requests were answered.

        None when there are none.
        """
        return percentile(self.from_due, share)

    def percentiles(self) -> dict[str, float | None]:
        return {f"p{percent}_ms": self.percentile(percent / 100) for percent in (50, 95, 99)}

    @property
    def failed_share(self) -> float:
        return self.failures / self.requests if self.requests else 0.0

    def line(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "failures": self.failures,
            "times": _line(self.times),
            "from_due": _line(self.from_due),
            "kinds": dict(self.kinds),
        }

    @classmethod
    def of_line(cls, line: Mapping[str, Any]) -> Tally:
        times, from_due = (
            Counter({float(milliseconds): count for milliseconds, count in line[name].items()})
            for name in ("times", "from_due")
        )
        return cls(line["requests"], line["failures"], times, from_due, Counter(line["kinds"]))


def percentile(times: Counter[float], share: float) -> float | None:
    """The shortest time of a histogram within which `share` (0 to 1) of it lie; None of an empty one."""
    rank, seen = share * times.total(), 0
    for milliseconds, count in sorted(times.items()):
        seen += count
        if seen >= rank:
            return milliseconds
    return None


def _line(times: Counter[float]) -> dict[str, int]:
    return {str(milliseconds): count for milliseconds, count in times.items()}


@dataclass
class InFlight:
    """What a second's generators had in flight, and what they gave up; of several processes it adds up."""

    in_flight: int = 0
    unsent: int = 0


def total(tallies: Iterable[Tally]) -> Tally:
    result = Tally()
    for tally in tallies:
        result += tally
    return result


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run at one load, as the warm-up or a step; `rate` is what its users were to hold."""

    name: str
    begun: float
    ended: float
    users: int
    rate: float | None

    @property
    def seconds(self) -> range:
        """The seconds that lie in it as a whole."""
        return range(int(self.begun) + 1, int(self.ended))


class Record:
    """A record as it was written so far; it may be read while the run goes on."""

    def __init__(self, lines: Iterable[Mapping[str, Any]]) -> None:
        self.seconds: dict[int, dict[str, Tally]] = {}
        self.flows: dict[int, InFlight] = {}
        self.phases: list[Phase] = []
        self.warnings: list[str] = []
        marks: list[Mapping[str, Any]] = []
        for line in lines:
            if "in_flight" in line:
                flow = self.flows.setdefault(line["second"], InFlight())
                flow.in_flight += line["in_flight"]
                flow.unsent += line["unsent"]
            elif "second" in line:
                routes = self.seconds.setdefault(line["second"], {})
                routes.setdefault(line["name"], Tally()).__iadd__(Tally.of_line(line))
            elif "warning" in line:
                self.warnings.append(line["warning"])
            else:
                marks.append(line)
        self.ended = bool(marks) and marks[-1]["phase"] is None
        last = max([*(mark["at"] for mark in marks), *(second + 1 for second in self.seconds)], default=0.0)
        ends = [mark["at"] for mark in marks[1:]] + [last]
        for mark, end in zip(marks, ends, strict=False):
            if mark["phase"] is not None:
                self.phases.append(Phase(mark["phase"], mark["at"], end, mark["users"], mark["rate"]))
        self._last: Phase | None = None  # in which was due what is answered after the end
        if self.ended and marks[-1]["cut"]:
            self.phases.pop()
        elif self.ended and self.phases:
            self._last = self.phases[-1]

    @classmethod
    def read(cls, path: Path) -> Record:
        """What is in the file; nothing when there is none. A line that is still being written is left out."""
        if not path.exists():
            return cls([])
        with path.open("rb") as file:
            return cls([json.loads(line) for line in file if line.endswith(b"\n")])

    @property
    def requests(self) -> int:
        """All of them, those of the warm-up too."""
        return sum(tally.requests for routes in self.seconds.values() for tally in routes.values())

    @property
    def measured(self) -> list[Phase]:
        """The phases that count: all but those before."""
        return [phase for phase in self.phases if phase.name not in (WARM_UP, UNLOADED)]

    @property
    def warm_up(self) -> list[Phase]:
        return self.named(WARM_UP)

    def named(self, name: str) -> list[Phase]:
        return [phase for phase in self.phases if phase.name == name]

    def unsent(self, phases: Iterable[Phase]) -> int:
        """Those that were due in these phases and were never sent."""
        return sum(self.flows[second].unsent for phase in phases for second in phase.seconds if second in self.flows)

    def routes(self, phases: Iterable[Phase]) -> dict[str, Tally]:
        """What was answered in these phases, a tally a route, and what came after the end of the last one."""
        tallies: dict[str, Tally] = {}
        for phase in phases:
            for second in phase.seconds:
                for name, tally in self.seconds.get(second, {}).items():
                    tallies.setdefault(name, Tally()).__iadd__(tally)
            if phase == self._last:
                for second, routes in self.seconds.items():
                    for name, tally in routes.items() if second >= phase.ended else ():
                        tallies.setdefault(name, Tally()).__iadd__(
                            replace(tally, after=tally.requests - tally.failures)
                        )
        return tallies

    def total(self, phases: Iterable[Phase]) -> Tally:
        return total(self.routes(phases).values())


class Following:
    """A record that goes on being written, looked at again and again: each look costs what is new, not what there is.

    It keeps the phases and the last two seconds. Reading the whole of a long run every time would take from the machine
    what is being measured.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._lines: list[dict[str, Any]] = []

    def look(self) -> Record:
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if line.endswith(b"\n"):
                        self._read += len(line)
                        self._lines.append(json.loads(line))
        newest = max((line["second"] for line in self._lines if "second" in line), default=0)
        self._lines = [line for line in self._lines if line.get("second", newest) >= newest - 1]
        return Record(self._lines)
