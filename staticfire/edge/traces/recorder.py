"""The traces of the last requests, in memory: bounded in number and in bytes, the oldest go first.

`add` is on the way of each request: it puts a tuple into a list. All else is done when somebody reads.

    async with traces.subscribe() as changes:  # live: a summary of each trace that changed, 5 times a second
        async for summary in changes: ...
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from .joining import NO_CAUSE, joined, summarised
from .model import Link, Outcome, Record, Trace, TraceSummary
from .trace_id import root_of
from .writes import ItemWrites

KEEP = 10_000
KEEP_BYTES = 64 * 1024 * 1024
RECORDS_OF_A_TRACE = 1000
BYTES_OF_A_TRACE = 4 * 1024 * 1024  # what comes after them keeps an excerpt of its bodies
EXCERPT = 1024
OF_A_SEGMENT = ("in_progress", "throttle", "error", "fault")  # what is left of one that had no room
LINKS_OF_A_TRACE = 100
MARKS = 50_000
EARLY = 1000
BODY = 64 * 1024  # of a body this much is kept
RECORD_BYTES = 900  # what a record takes besides its bodies
LIVE_SECONDS = 0.2
LIVE_WAITING = 2000


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces: `text` is looked for in names, ids and functions; an outcome of `failed` is any but ok."""

    text: str = ""
    outcome: Outcome | str = ""
    function: str = ""
    source: str = ""
    status: int = 0
    slower_than: float = 0.0  # in seconds
    since: float = 0.0

    def may_take(self, records: Sequence[Record]) -> bool:
        """Whether to look at a summary at all, which has to be made: what is looked for is not in most traces."""
        if self.since and max(record[4] for record in records) < self.since:
            return False
        if self.outcome in ("", "ok"):
            return True
        return any(record[6] >= 400 or record[7] or record[0] == "segment" for record in records)

    def takes(self, summary: TraceSummary) -> bool:
        if self.outcome and self.outcome not in (summary.outcome, "ok" if summary.outcome == "ok" else "failed"):
            return False
        if self.function and self.function not in summary.functions:
            return False
        if self.source and self.source != summary.source:
            return False
        if self.status and self.status != summary.status:
            return False
        if summary.seconds < self.slower_than or summary.start < self.since:
            return False
        text = self.text.lower()
        looked_at = (summary.name, summary.id, summary.error, *summary.functions, *summary.request_ids)
        return not text or any(text in part.lower() for part in looked_at)


class Working(Protocol):
    """An execution environment, as its calls are told apart."""

    def in_flight(self) -> tuple[str, str]:
        """The root and the span of its invocation; before the first one, of what it initialises for."""


class Kept:
    """What was noted of one root."""

    __slots__ = ("cause", "number", "records", "root", "size")

    def __init__(self, root: str, number: int) -> None:
        self.root = root
        self.number = number
        self.records: list[Record] = []
        self.size = 0
        self.cause = NO_CAUSE


class Traces:
    """The last `keep` traces; 0 turns traces off, and nothing is noted. `on`: whether what happens is noted now."""

    def __init__(self, keep: int = KEEP, keep_bytes: int = KEEP_BYTES) -> None:
        self.kept = keep > 0
        self.on = self.kept
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._traces: dict[str, Kept] = {}
        # In the order in which they began: the first of a dict is far to look for once many before it are gone.
        self._order: deque[Kept] = deque()
        # What few have: links, what had no room, a summary that somebody read and of how many records it is.
        self._came_from: dict[str, tuple[Link, ...]] = {}
        self._set_off: dict[str, tuple[Link, ...]] = {}
        self._dropped: Counter[str] = Counter()
        self._cut: Counter[str] = Counter()
        self._summaries: dict[str, tuple[int, TraceSummary]] = {}
        self._size = 0
        self._numbers = itertools.count(1)
        self._marks: dict[str, str] = {}
        # What came before the call that sent it was answered, by its mark: its sender is known a moment later.
        self._early: dict[str, tuple[str, ...]] = {}
        self._subscriptions: set[Subscription] = set()
        self._changed: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.listeners: list[Callable[[str, Record], None]] = []  # who takes each record as it comes
        self.forgetting: list[Callable[[], None]] = []  # who is told that all of it is to be forgotten
        # The execution environments that run, by their id: what they call belongs to what is in flight there.
        self.running: dict[str, Working] = {}
        self.item_writes = ItemWrites()

    # -- what happens

    def add(self, root: str, record: Record, bodies: int = 0) -> None:
        """Note a step of the trace `root`; `bodies` is how many bytes its facts hold on to."""
        kept = self._traces.get(root)
        if kept is None:
            kept = self._new(root)
        elif len(kept.records) >= RECORDS_OF_A_TRACE:
            self._dropped[root] += 1
            return
        if kept.size + bodies > BYTES_OF_A_TRACE and bodies > EXCERPT:
            record, bodies = _excerpt(record)
            self._cut[root] += 1
        size = RECORD_BYTES + bodies
        kept.records.append(record)
        kept.size += size
        self._size += size
        if self._size > self._keep_bytes:
            self._evict()
        if self._subscriptions:
            self._tell(root)
        if self.listeners:
            for listener in self.listeners:
                listener(root, record)

    def mark(self, root: str, marks: Sequence[str]) -> None:
        """`root` sent what has these marks (`sqs:MESSAGE-ID`): what they set off is linked to it."""
        for mark in marks:
            self._marks[mark] = root
            if self._early:
                self._link_early(root, mark)
        if len(self._marks) > MARKS:
            # Many at once: what was deleted at a dict's beginning is stepped over each time.
            for mark in list(itertools.islice(self._marks, len(self._marks) - MARKS + MARKS // 10)):
                del self._marks[mark]

    def _link_early(self, root: str, mark: str) -> None:
        for other in self._early.pop(mark, ()):
            if other in self._traces:
                if root not in self._traces:
                    self._new(root)
                self.came_from(other, [mark])

    def came_from(self, root: str, marks: Sequence[str], roots: Sequence[tuple[str, str]] = ()) -> None:
        """What `root` was set off by: link it to the traces that sent it, both ways. Marks that nobody sets are none.
        `roots` are traces that are known, each with what carried it."""
        for mark in marks:
            sender = self._marks.get(mark)
            if sender is None:
                if len(self._early) >= EARLY:
                    del self._early[next(iter(self._early))]
                self._early[mark] = (*self._early.get(mark, ()), root)
            elif sender != root:
                by, _, what = mark.partition(":")
                self._link(sender, root, by, what)
        for sender, by in roots:
            if sender != root:
                self._link(sender, root, by, "")

    def caused(self, root: str, by: str, arn: str) -> None:
        """`root` is begun by that, a rule or a schedule, whatever its event says."""
        (self._traces.get(root) or self._new(root)).cause = by, arn

    def _link(self, sender: str, root: str, by: str, what: str) -> None:
        if sender not in self._traces:
            return  # it had to go
        if root not in self._traces:
            self._new(root)
            if sender not in self._traces:
                return  # it was the oldest, and made room
        for links, one, link in (
            (self._came_from, root, Link(sender, by, what)),
            (self._set_off, sender, Link(root, by, what)),
        ):
            present = links.get(one, ())
            if len(present) < LINKS_OF_A_TRACE and all(one_link.trace != link.trace for one_link in present):
                links[one] = (*present, link)
        if self._subscriptions:
            self._tell(sender)

    def _new(self, root: str) -> Kept:
        if len(self._traces) >= self._keep:
            self._drop()
        kept = self._traces[root] = Kept(root, next(self._numbers))
        self._order.append(kept)
        return kept

    def _evict(self) -> None:
        while self._size > self._keep_bytes and len(self._traces) > 1:
            self._drop()

    def _drop(self) -> None:
        kept = self._order.popleft()
        root = kept.root
        del self._traces[root]
        self._size -= kept.size
        for few in (self._came_from, self._set_off, self._dropped, self._cut, self._summaries):
            if few:
                few.pop(root, None)

    def _summary(self, kept: Kept) -> TraceSummary:
        count, root = len(kept.records), kept.root
        made = self._summaries.get(root)
        if made is None or made[0] != count:
            made = self._summaries[root] = count, summarised(root, kept.number, kept.records, kept.cause)
        return made[1]

    def switch(self, on: bool) -> None:
        """Pause, or go on; what is kept stays."""
        self.on = on and self.kept

    # -- what is read

    def __len__(self) -> int:
        return len(self._traces)

    @property
    def size(self) -> int:
        """How many bytes are held on to, about."""
        return self._size

    def recent(self, chosen: TraceFilter | None = None, before: int = 0, limit: int = 50) -> list[TraceSummary]:
        """The newest that the filter takes, newest first; `before` is the number of the last one read."""
        return list(itertools.islice(self._recent(chosen or TraceFilter(), before), limit))

    def _recent(self, chosen: TraceFilter, before: int) -> Iterator[TraceSummary]:
        for kept in reversed(tuple(self._order)):
            if kept.records and not 0 < before <= kept.number and chosen.may_take(kept.records):
                summary = self._summary(kept)
                if chosen.takes(summary):
                    yield summary

    def get(self, identifier: str) -> Trace | None:
        """The trace that any of its ids names: its root, with or without `Root=`; a request id of Lambda's or API
        Gateway's; the id of a message or an event that it sent or was set off by; the id of a span."""
        identifier = identifier.strip()
        kept = self._traces.get(root_of(identifier) or identifier) or self._searched(identifier)
        if kept is None or not kept.records:
            return None
        spans, depths = joined(kept.root, kept.records, kept.cause)
        return Trace(
            self._summary(kept),
            spans,
            self._came_from.get(kept.root, ()),
            self._set_off.get(kept.root, ()),
            self._dropped.get(kept.root, 0),
            depths,
            self._cut.get(kept.root, 0),
        )

    def _searched(self, identifier: str) -> Kept | None:
        bare = identifier.replace("-", "")
        for kept in reversed(tuple(self._order)):
            if kept.root.replace("-", "")[1:] == bare:  # OpenTelemetry's form
                return kept
            for record in kept.records:
                if identifier in (record[8], record[1]):
                    return kept
        by_mark = next((root for mark, root in self._marks.items() if mark.partition(":")[2] == identifier), "")
        return self._traces.get(by_mark)

    async def all(self, start: float = 0.0, end: float = math.inf) -> AsyncIterator[Trace]:
        """Every trace that began between these times, oldest first. Others have their turn between them."""
        for root in list(self._traces):
            kept = self._traces.get(root)
            if kept is None or not kept.records or not start <= min(record[4] for record in kept.records) <= end:
                continue
            trace = self.get(root)
            if trace is not None:
                yield trace
                await asyncio.sleep(0)

    def clear(self) -> int:
        count = len(self._traces)
        for what in (self._traces, self._order, self._marks, self._came_from, self._set_off, self._dropped, self._cut):
            what.clear()
        self._early.clear()
        self._summaries.clear()
        self._size = 0
        for forget in self.forgetting:
            forget()
        return count

    # -- live

    def subscribe(self) -> Subscription:
        return Subscription(self._subscriptions)

    def _tell(self, root: str) -> None:
        self._changed[root] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LIVE_SECONDS, self._tell_all)

    def _tell_all(self) -> None:
        self._timer = None
        changed, self._changed = self._changed, {}
        summaries = [self._summary(kept) for root in changed if (kept := self._traces.get(root)) and kept.records]
        for subscription in self._subscriptions:
            subscription.put(summaries)


class Subscription:
    """Summaries as they change. A reader that is too slow misses the oldest: `missed` says how many."""

    def __init__(self, of: set[Subscription]) -> None:
        self._of = of
        self._waiting: dict[str, TraceSummary] = {}
        self._more = asyncio.Event()
        self.missed = 0

    def put(self, summaries: Sequence[TraceSummary]) -> None:
        for summary in summaries:
            self._waiting[summary.id] = summary
        while len(self._waiting) > LIVE_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self.missed += 1
        self._more.set()

    async def __aenter__(self) -> Subscription:
        self._of.add(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._of.discard(self)

    async def __aiter__(self) -> AsyncIterator[TraceSummary]:
        while True:
            await self._more.wait()
            self._more.clear()
            waiting, self._waiting = self._waiting, {}
            for summary in waiting.values():
                yield summary


def _excerpt(record: Record) -> tuple[Record, int]:
    """The same with excerpts of its bodies, and how many bytes are left of them."""
    if record[0] == "segment":
        segment = orjson.loads(record[9][0])
        facts: tuple[object, ...] = (orjson.dumps({name: bool(segment.get(name)) for name in OF_A_SEGMENT}),)
    else:
        facts = tuple(part[:EXCERPT] if isinstance(part, bytes) else part for part in record[9])
    left = sum(len(part) for part in facts if isinstance(part, bytes))
    return (*record[:9], facts), left


def clipped(body: bytes) -> bytes:
    """What is kept of a body."""
    return body if len(body) <= BODY else body[:BODY]
