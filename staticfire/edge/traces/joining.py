"""The records of one root as a tree: which span belongs to which, and what the whole came to."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

from .model import Outcome, Record, Span, TraceSummary
from .unfolding import unfolded

DEPTH = 40
Cause = tuple[str, str]  # of what kind what began a trace is, and its ARN, where no event says it
NO_CAUSE: Cause = ("", "")


def joined(root: str, records: Sequence[Record], cause: Cause = NO_CAUSE) -> tuple[list[Span], list[int]]:
    """The spans, each after its parent and the others by their start, with how deep each is."""
    spans = _latest([unfolded(record) for record in records])
    parents = _parents(spans)
    spans = [span if parents[span.id] else _caused(span, cause) for span in spans]
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        children[parents[span.id]].append(span)
    ordered: list[Span] = []
    depths: list[int] = []
    waiting = [(0, span) for span in sorted(children.pop("", []), key=_start, reverse=True)]
    while waiting:
        depth, span = waiting.pop()
        ordered.append(span._replace(parent=parents[span.id]))
        depths.append(min(depth, DEPTH))
        below = sorted(children.pop(span.id, []), key=_start, reverse=True)
        waiting += [(depth + 1, child) for child in below]
    return ordered, depths


def _latest(spans: Sequence[Span]) -> list[Span]:
    """A segment may be sent again as it grows: the last one counts. All else that has the id of another is itself: of
    two requests that came with one trace id, each is the one that entered it."""
    latest: dict[str, Span] = {}
    others = (f"{number:016x}" for number in itertools.count(1))
    for span in spans:
        identifier = span.id
        while span.kind != "segment" and identifier in latest:
            identifier = next(others)
        latest[identifier] = span if identifier == span.id else span._replace(id=identifier)
    return list(latest.values())


def _start(span: Span) -> tuple[float, float]:
    return span.start, -span.end


def _parents(spans: Sequence[Span]) -> dict[str, str]:
    """The parent of each; empty for those that have none here. One that does not say is within what encloses it."""
    ids = {span.id for span in spans}
    enclosing = [span for span in spans if span.kind in ("api", "function")]
    parents = {}
    for span in spans:
        parent = span.parent if span.parent in ids and span.parent != span.id else ""
        if not parent and span.kind != "api":
            around = [
                one
                for one in enclosing
                if one.id != span.id
                and one.start <= span.start
                and span.end <= one.end + 0.001
                and (span.kind != "function" or one.kind == "api")
            ]
            parent = max(around, key=_start).id if around else ""
        parents[span.id] = parent
    _break_circles(parents)
    return parents


def _break_circles(parents: dict[str, str]) -> None:
    """Parents are what somebody sent: a circle of them would hide its spans."""
    safe = {""}
    for identifier in parents:
        path = []
        at = identifier
        while at not in safe and at not in path:
            path.append(at)
            at = parents[at]
        if at not in safe:
            parents[at] = ""
        safe.update(path)


def summarised(root: str, number: int, records: Sequence[Record], cause: Cause = NO_CAUSE) -> TraceSummary:
    """What a list of traces says of it. Records are not taken apart but the one that counts."""
    first = min(records, key=_weight)
    start, end = min(record[4] for record in records), max(record[5] for record in records)
    functions = tuple(dict.fromkeys(record[3] for record in records if record[0] == "function"))
    # Of a request nothing but its facts is folded, and none of them is told here.
    span = Span(*first[:9], {}) if first[0] == "api" else _caused(unfolded(first), cause)  # type: ignore[arg-type]
    outcome, error = span.outcome, span.error
    if outcome == "ok":
        outcome, error = _worst(records)
    return TraceSummary(
        number=number,
        id=root,
        name=span.name,
        start=start,
        seconds=end - start,
        status=span.status,
        outcome=outcome,
        error=error,
        cold=any(record[0] == "init" for record in records),
        source=_source(span),
        functions=functions,
        calls=sum(record[0] == "call" for record in records),
        spans=len(records),
        request_ids=tuple(dict.fromkeys(record[8] for record in records if record[8])),
    )


def _caused(span: Span, cause: Cause) -> Span:
    """An invocation whose event does not say what it is of."""
    if cause == NO_CAUSE or span.kind != "function" or span.facts["source"]:
        return span
    return span._replace(facts={**span.facts, "source": cause[0], "source_arn": cause[1]})


def _weight(record: Record) -> tuple[int, float]:
    """What began a trace: a request to an API before an invocation before all else."""
    return ("api", "function").index(record[0]) if record[0] in ("api", "function") else 2, record[4]


def _source(span: Span) -> str:
    if span.kind == "function":
        return str(span.facts["source"]) or "invoke"
    return span.kind


def _worst(records: Sequence[Record]) -> tuple[Outcome, str]:
    """A function that failed behind an answer that was well: an event's, or one that its caller caught."""
    for record in records:
        if record[0] == "function" and record[7]:
            return "fault", unfolded(record).error
    return "ok", ""
