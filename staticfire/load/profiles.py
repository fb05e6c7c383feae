"""Usage profiles: which rate a load run holds when, and how many users hold it.

A rate is held by users who each send PACE requests a second, whatever the answers take: while the service is quick the
rate is the profile's. Once an answer takes longer than a user's pace, that user is late, and catches up as soon as it
can. When all users are late the rate falls below the profile's, which the report shows as a step that does not hold: a
generator with a limited number of users is never fully open.

`rate` is the highest rate of a profile, and `seconds` the length of all its phases; the warm-up comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .record import WARM_UP

PACE = 5.0
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


@dataclass(frozen=True)
class Profile:
    """`shares` splits the seconds into named phases, each with its share of the highest rate."""

    name: str
    what: str
    rate: float | None
    seconds: float
    shares: Mapping[str, float]

    def pace(self, options: LoadOptions) -> float:
        """Requests a second that one user sends; 0: as many as are answered."""
        rate = self._rate(options)
        if rate is None:
            return 0.0
        return rate / options.users if options.users else min(PACE, rate)

    def phases(self, options: LoadOptions) -> list[PlannedPhase]:
        """The warm-up, then the others in turn."""
        seconds = (options.seconds or self.seconds) / len(self.shares)
        phases = [self._phase(name, seconds, share, options) for name, share in self.shares.items()]
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
        Profile("ramp", "steps up to a rate; ends after the step that does not hold", 800, 110, RAMP),
        Profile("spike", "a rate for a third of the time, a fifth of it before and after", 250, 60, SPIKE),
        Profile("soak", "holds a rate for half an hour", 50, 1800, {"soak": 1.0}),
        Profile("flood", "as many requests as a number of users get answered", None, 10, {"flood": 1.0}),
    )
}
