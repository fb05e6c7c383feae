"""Usage profiles: which rate a load run holds when, and how many users hold it.

A rate is held by users who each send PACE requests a second, whatever the answers take: while the service is quick the
rate is the one that was asked for. Once an answer takes longer than a user's pace, that user is late, and catches up
as soon as it can. When all users are late the rate falls below what was asked for, which the report shows as a step
that does not hold: no generator with a limited number of users is fully open.

`rate` is the highest rate of a profile, and `seconds` the length of all its stages; the warm-up comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .record import WARM_UP

PACE = 5.0
STEPS = 11
STEP_FACTOR = math.sqrt(2)
CLIENTS = 16


@dataclass(frozen=True)
class Stage:
    """A time with one rate; None: no rate is held, each user sends its next request once the last one is answered."""

    name: str
    seconds: float
    rate: float | None
    users: int


@dataclass(frozen=True)
class Asked:
    """What the caller asked for; None: the profile's own."""

    rate: float | None = None
    users: int | None = None
    seconds: int | None = None
    warm_up: float = 5.0


@dataclass(frozen=True)
class Profile:
    """`parts` splits the seconds into named parts, each with its share of the highest rate."""

    name: str
    what: str
    rate: float | None
    seconds: float
    parts: Callable[[], Mapping[str, float]]

    def pace(self, asked: Asked) -> float:
        """Requests a second that one user sends; 0: as many as are answered."""
        rate = self._rate(asked)
        if rate is None:
            return 0.0
        return rate / asked.users if asked.users else min(PACE, rate)

    def stages(self, asked: Asked) -> list[Stage]:
        """The warm-up, then the parts in turn."""
        parts = self.parts()
        seconds = (asked.seconds or self.seconds) / len(parts)
        stages = [self._stage(name, seconds, share, asked) for name, share in parts.items()]
        if asked.warm_up:
            stages.insert(0, self._stage(WARM_UP, asked.warm_up, next(iter(parts.values())), asked))
        return stages

    def _stage(self, name: str, seconds: float, share: float, asked: Asked) -> Stage:
        rate = self._rate(asked)
        if rate is None:
            return Stage(name, seconds, None, asked.users or CLIENTS)
        return Stage(name, seconds, rate * share, math.ceil(round(rate * share / self.pace(asked), 6)))

    def _rate(self, asked: Asked) -> float | None:
        return None if self.rate is None else asked.rate or self.rate


def _steps() -> Mapping[str, float]:
    return {f"step {number}": STEP_FACTOR ** (number - STEPS) for number in range(1, STEPS + 1)}


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("steady", "holds a rate", 50, 60, lambda: {"steady": 1.0}),
        Profile("ramp", "steps up to a rate; ends after the step that does not hold", 800, 110, _steps),
        Profile(
            "spike", "a rate for a third of the time, a fifth of it before and after", 250, 60,
            lambda: {"before": 0.2, "spike": 1.0, "after": 0.2},
        ),
        Profile("soak", "holds a rate for half an hour", 50, 1800, lambda: {"soak": 1.0}),
        Profile("flood", "as many requests as a number of users get answered", None, 10, lambda: {"flood": 1.0}),
    )
}  # fmt: skip
