"""Random choices of a load run: hot users (Zipf), and requests that are sent once more (replays)."""

from __future__ import annotations

import bisect
import itertools
import random
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Zipf:
    """Draws 0 to `count` - 1 as popularity goes: a few are drawn often, most of them seldom."""

    def __init__(self, count: int, exponent: float = 1.1) -> None:
        self._sums = list(itertools.accumulate(rank**-exponent for rank in range(1, count + 1)))

    def draw(self) -> int:
        return bisect.bisect_left(self._sums, random.random() * self._sums[-1])


class Replays(Generic[Item]):
    """Some of what was sent before, to be sent again: a client that saw no answer does that."""

    def __init__(self, share: float, remembered: int = 1000) -> None:
        self._share = share
        self._remembered: deque[Item] = deque(maxlen=remembered)

    def remember(self, item: Item) -> None:
        self._remembered.append(item)

    def draw(self) -> Item | None:
        """One of them for a share of the calls, else None."""
        return random.choice(self._remembered) if self._remembered and random.random() < self._share else None
