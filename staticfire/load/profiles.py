"""Usage profiles: which rate a load run holds when, by which model, and how many users hold it.

Open: requests are sent when they are due, whether or not earlier ones were answered, as callers who know nothing of
each other send them. Users only limit how many are in flight: by default as many as the rate sends in a second.

Closed: users who each send PACE requests a second, and wait for each answer. While the service is quick the rate is the
profile's; when all users wait, the rate falls.

`rate` is the highest rate of a profile, and `seconds` the length of all its phases; the warm-up comes on top, and so
does the unloaded phase of a profile that has no light one of its own, from which the limit of latency follows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .record import UNLOADED, WARM_UP

OPEN, CLOSED = "open", "closed"
PACE = 5.0
# Of an open load: as many users as requests in a second, so that a second's stall keeps nothing back.
OPEN_PACE = 1.0
LEAST_IN_FLIGHT = 16
UNLOADED_SECONDS = 6.0
UNLOADED_RATE = 10.0
STEPS = 11
STEP_FACTOR = math.sqrt(2)
CLIENTS = 16


@dataclass(frozen=True)
class PlannedPhase:
    """A time with one rate; None: no rate is held, each user sends its next request once the last one is answered."""

    name: str
    seconds: float
    rate: float | None
    users: int


@dataclass(frozen=True)
class LoadOptions:
    """What the caller chose; None: the profile's own."""

    rate: float | None = None
    users: int | None = None
    seconds: int | None = None
    warm_up: float = 5.0
    model: str = OPEN


@dataclass(frozen=True)
class Profile:
    """`shares` splits the seconds into named phases, each with its share of the highest rate.

    `light`: its first phase tells how quick the service is without load.
    """

    name: str
    what: str
    rate: float | None
    seconds: float
    shares: Mapping[str, float]
    light: bool = False

    def model(self, options: LoadOptions) -> str:
        """Without a rate to be held, a load is closed."""
        return CLOSED if self.rate is None else options.model

    def pace(self, options: LoadOptions) -> float:
        """Requests a second that one user sends; 0: as many as are answered."""
        rate = self._rate(options)
        if rate is None:
            return 0.0
        if options.users:
            return rate / options.users
        if options.model == CLOSED:
            return min(PACE, rate)
        return rate / max(LEAST_IN_FLIGHT, rate / OPEN_PACE)

    def phases(self, options: LoadOptions, *, unloaded: bool = False) -> list[PlannedPhase]:
        """The warm-up, an unloaded phase where one is wanted and none is light, then the others in turn."""
        seconds = (options.seconds or self.seconds) / len(self.shares)
        phases = [self._phase(name, seconds, share, options) for name, share in self.shares.items()]
        rate = self._rate(options)
        if unloaded and rate is not None and not self.light:
            phases.insert(0, self._phase(UNLOADED, UNLOADED_SECONDS, min(UNLOADED_RATE / rate, 1.0), options))
        if options.warm_up:
            phases.insert(0, self._phase(WARM_UP, options.warm_up, next(iter(self.shares.values())), options))
        return phases

    def _phase(self, name: str, seconds: float, share: float, options: LoadOptions) -> PlannedPhase:
        rate = self._rate(options)
        if rate is None:
            return PlannedPhase(name, seconds, None, options.users or CLIENTS)
        return PlannedPhase(name, seconds, rate * share, math.ceil(round(rate * share / self.pace(options), 6)))

    def _rate(self, options: LoadOptions) -> float | None:
        return None if self.rate is None else options.rate or self.rate


RAMP = {f"step {number}": STEP_FACTOR ** (number - STEPS) for number in range(1, STEPS + 1)}
SPIKE = {"before": 0.2, "spike": 1.0, "after": 0.2}
PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("steady", "holds a rate", 50, 60, {"steady": 1.0}),
        Profile("ramp", "steps up to a rate; ends after the step that does not hold", 800, 110, RAMP, light=True),
        Profile("spike", "a rate for a third of the time, a fifth of it before and after", 250, 60, SPIKE, light=True),
        Profile("soak", "holds a rate for half an hour", 50, 1800, {"soak": 1.0}),
        Profile("flood", "as many requests as a number of users get answered", None, 10, {"flood": 1.0}),
    )
}
