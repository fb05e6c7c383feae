"""What a load run measured, second by second, as its Locust file wrote it down.

The process that leads the run (Locust's master, or its only process) appends lines to the file that
STATICFIRE_LOAD_RECORD names:

    {"phase": "step 3", "at": 1795212783.5, "users": 40, "rate": 200.0}      from here on; rate null: no rate is held
    {"second": 1795212784, "name": "POST /orders", "requests": 190, "failures": 0, "times": {"4.21": 17, ...}}
    {"warning": "...", "at": ...}                                            what makes the figures doubtful
    {"phase": null, "at": ..., "cut": false}                                 the end; cut: the last phase does not count

A request belongs to the second in which it was answered. Several workers make several lines of one second: they add
up. `times` is a histogram: milliseconds, rounded to three digits, and how many took that long.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VARIABLE = "STATICFIRE_LOAD_RECORD"
WARM_UP = "warm-up"


def bucket(milliseconds: float) -> float:
    """The time's place in a histogram: half a percent is as exact as any figure of a load run."""
    return float(f"{milliseconds:.3g}")


@dataclass
class Tally:
    """Requests, how many of them failed, and how long they took. Tallies add up."""

    requests: int = 0
    failures: int = 0
    times: Counter[float] = field(default_factory=Counter)

    def add(self, milliseconds: float, failed: bool) -> None:
        self.requests += 1
        self.failures += failed
        self.times[bucket(milliseconds)] += 1

    def __iadd__(self, other: Tally) -> Tally:
        self.requests += other.requests
        self.failures += other.failures
        self.times.update(other.times)
        return self

    def percentile(self, share: float) -> float | None:
        """The shortest time within which `share` (0 to 1) of the requests were answered; None when there are none."""
        rank, seen = share * self.times.total(), 0
        for milliseconds, count in sorted(self.times.items()):
            seen += count
            if seen >= rank:
                return milliseconds
        return None

    def percentiles(self) -> dict[str, float | None]:
        return {f"p{percent}_ms": self.percentile(percent / 100) for percent in (50, 95, 99)}

    @property
    def failed_share(self) -> float:
        return self.failures / self.requests if self.requests else 0.0

    def line(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "failures": self.failures,
            "times": {str(milliseconds): count for milliseconds, count in self.times.items()},
        }

    @classmethod
    def of_line(cls, line: Mapping[str, Any]) -> Tally:
        times = Counter({float(milliseconds): count for milliseconds, count in line["times"].items()})
        return cls(line["requests"], line["failures"], times)


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
        self.phases: list[Phase] = []
        self.warnings: list[str] = []
        marks: list[Mapping[str, Any]] = []
        for line in lines:
            if "second" in line:
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
        if self.ended and marks[-1]["cut"]:
            self.phases.pop()

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
        """The phases that count: all but the warm-up."""
        return [phase for phase in self.phases if phase.name != WARM_UP]

    @property
    def warm_up(self) -> list[Phase]:
        return [phase for phase in self.phases if phase.name == WARM_UP]

    def routes(self, phases: Iterable[Phase]) -> dict[str, Tally]:
        """What was answered in these phases, a tally a route."""
        tallies: dict[str, Tally] = {}
        for phase in phases:
            for second in phase.seconds:
                for name, tally in self.seconds.get(second, {}).items():
                    tallies.setdefault(name, Tally()).__iadd__(tally)
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
