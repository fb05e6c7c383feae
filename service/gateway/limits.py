"""Rate limits in DynamoDB: a sliding window, exact under any concurrency.

The window is approximated from two counters, as is usual: at 30 % of the current window, 70 % of the previous window's
hits still count, rounded up. A hit is one conditional write that adds to the current counter unless it has reached what
is left of the limit, so parallel hits queue up at the item, and exactly as many pass as there is room for.

That is exact only if the previous counter no longer moves, whatever the clocks of the environments say. So the first
to need it closes it, and no hit is added to a closed counter: an environment whose clock is behind, or a write that
was long on its way, goes on to the next window. What was closed and what was refused stays true, and is remembered: a
closed counter is not read again, and a refused client does not cost a write until the moment when it could pass.

    limiter_key (hash): limit and client     window_start (range): Unix second     hits, closed, expires_at

A write whose answer was lost is sent again and may count twice: the limit then lets one hit fewer pass, never one more.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from servicekit.table import ConditionFailed, Table

from gateway.configuration import Limit

REMEMBERED = 10_000
SLACK_SECONDS = 60

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reset` is when there is more room: after a refusal, the seconds until the client can pass at the earliest."""

    name: str
    limit: Limit
    passes: bool
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-10, and Retry-After with a refusal."""
        name = f'"{self.name}"'
        fields = {
            "ratelimit-policy": f"{name};q={self.limit.requests};w={self.limit.seconds}",
            "ratelimit": f"{name};r={self.remaining};t={self.reset}",
        }
        return fields if self.passes else {**fields, "retry-after": str(self.reset)}


class Limiter:
    """Times are milliseconds, whole ones: what is left of a window is exact."""

    def __init__(self, table: Table, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._closed: _Memory[tuple[str, int], int] = _Memory()
        self._refused_until: _Memory[str, int] = _Memory()

    def hit(self, name: str, limit: Limit, client: str) -> Verdict:
        """Counts the request if it passes. Unavailable when the table is."""
        key = f"{name}#{client}"
        now = round(self._clock() * 1000)
        refused_until = self._refused_until.get(key, now)
        if now < refused_until:
            return _refused(name, limit, refused_until - now)
        window = limit.seconds * 1000
        start = now // window * window
        while True:
            before = self._close(key, start - window, limit)
            left = min(window, start + window - now)
            room = limit.requests - math.ceil(Fraction(before * left, window))
            try:
                hits = self._add(key, start, room, limit)
            except _Closed:
                start += window
            except _Full as full:
                until = _earliest(limit, start, before, full.hits)
                self._refused_until.put(key, until)
                return _refused(name, limit, until - now)
            else:
                return Verdict(name, limit, True, room - hits, _seconds(start + window - now))

    def _close(self, key: str, start: int, limit: Limit) -> int:
        """The hits of a window that is over; none can be added from here on."""
        hits = self._closed.get((key, start), -1)
        if hits >= 0:
            return hits
        item = self._table.update(
            _key(key, start),
            "SET closed = :yes, expires_at = :expiry",
            values={":yes": True, ":expiry": _expiry(start, limit)},
        )
        hits = int(item.get("hits", 0))
        self._closed.put((key, start), hits)
        return hits

    def _add(self, key: str, start: int, room: int, limit: Limit) -> int:
        """The hits of the window, this one among them."""
        if room <= 0:
            raise _Full(0)
        try:
            item = self._table.update(
                _key(key, start),
                "ADD hits :one SET expires_at = :expiry",
                condition="attribute_not_exists(closed) AND (attribute_not_exists(hits) OR hits < :room)",
                values={":one": 1, ":room": room, ":expiry": _expiry(start, limit)},
            )
        except ConditionFailed as failed:
            item = failed.item or {}
            if "closed" in item:
                raise _Closed from None
            raise _Full(int(item.get("hits", 0))) from None
        return int(item["hits"])


class _Closed(Exception):
    """The window is over for somebody, so for everybody."""


class _Full(Exception):
    """Nothing is left of the limit; `hits` of the current window are known of."""

    def __init__(self, hits: int) -> None:
        super().__init__(hits)
        self.hits = hits


class _Memory(OrderedDict[K, V]):
    """What an environment remembers; of too much, the oldest is forgotten."""

    def put(self, key: K, value: V) -> None:
        self[key] = value
        if len(self) > REMEMBERED:
            self.popitem(last=False)


def _refused(name: str, limit: Limit, wait: int) -> Verdict:
    return Verdict(name, limit, False, 0, _seconds(wait))


def _earliest(limit: Limit, start: int, before: int, hits: int) -> int:
    """When one more hit can pass at the earliest: the previous window's weight falls, the current hits only grow."""
    window = limit.seconds * 1000
    free = limit.requests - hits - 1
    if free < 0:
        return _earliest(limit, start + window, hits, 0)
    left = min(window, free * window // before) if before else window
    return start + window - left


def _key(key: str, start: int) -> dict[str, str | int]:
    return {"limiter_key": key, "window_start": start // 1000}


def _expiry(start: int, limit: Limit) -> int:
    """The counter matters until the end of the next window."""
    return start // 1000 + 2 * limit.seconds + SLACK_SECONDS


def _seconds(milliseconds: int) -> int:
    """Whole ones, so that it is not too early then."""
    return max(1, math.ceil(milliseconds / 1000))
