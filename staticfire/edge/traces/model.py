"""What a trace is: its spans, in the order in which they began, and links to the traces before and after it.

    Trace    one root id: what began with one request, one batch of messages, one asynchronous event
    Span     one step: a request to an API, an invocation, an initialisation, an AWS call, a function's own segment
    Link     another trace: the one that sent what this one was set off by, or one that this one set off

A record is a span as it is noted: a plain tuple (KIND, ID, PARENT, NAME, START, END, STATUS, ERROR, REQUEST_ID, FACTS),
whose facts are a tuple in the order of FACTS[kind]; or a function and its arguments, which gives that tuple when
somebody reads: what thousands of records share (a function's configuration) is held on to instead of copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["api", "function", "init", "call", "segment"]
Outcome = Literal["ok", "error", "fault", "throttle"]

# kind, id, parent, name, start, end, status, error, request id, facts
Record = tuple[str, str, str, str, float, float, int, str, str, tuple[Any, ...]]

FACTS: Mapping[str, tuple[str, ...]] = {
    "api": (
        *("account", "region", "api_id", "stage", "route", "method", "path", "query", "host", "source_ip", "headers"),
        *("body", "answer_headers", "answer", "error_kind", "integration_error", "integration_ms"),
        *("integration_status", "integration_request_id", "authorizer_ms", "authorizer_error", "principal", "api_type"),
    ),
    "function": (
        *("account", "region", "function", "version", "arn", "execution_environment", "cold", "init_ms", "waited_ms"),
        *("billed_ms", "memory_mb", "max_memory_mb", "timeout_s", "outcome", "error_type", "event", "answer"),
        *("log_group", "log_stream"),
    ),
    "init": ("function", "version", "execution_environment"),
    "call": (
        *("account", "region", "service", "operation", "method", "path", "request", "answer", "function"),
        *("execution_environment", "fault"),
    ),
    "segment": ("document",),
}


class Span(NamedTuple):
    """One step. Times are seconds since 1970. `status` is HTTP's (0: none); `error` is empty where all went well."""

    kind: Kind
    id: str
    parent: str
    name: str
    start: float
    end: float
    status: int
    error: str
    request_id: str
    facts: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def outcome(self) -> Outcome:
        if self.status == 429 or self.facts.get("throttled"):
            return "throttle"
        if self.status >= 500:
            return "fault"
        if self.status >= 400 or self.facts.get("is_error"):
            return "error"
        return "fault" if self.error else "ok"

    def document(self) -> dict[str, Any]:
        """As JSON has it. Bodies are text, or `{"base64": ...}` where they are none."""
        return {
            "kind": self.kind,
            "id": self.id,
            "parent": self.parent or None,
            "name": self.name,
            "start": self.start,
            "end": self.end,
            "milliseconds": round(self.seconds * 1000, 3),
            "status": self.status or None,
            "outcome": self.outcome,
            "error": self.error or None,
            "request_id": self.request_id or None,
            "facts": dict(self.facts),
        }


class Link(NamedTuple):
    """`by`: what carried it: sqs, sns, events, kinesis, dynamodb, s3, lambda, states."""

    trace: str
    by: str
    what: str

    def document(self) -> dict[str, str]:
        return {"trace": self.trace, "by": self.by, "what": self.what}


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A line of the list of traces. `number` grows from trace to trace: `before` asks for what is older."""

    number: int
    id: str
    name: str
    start: float
    seconds: float
    status: int
    outcome: Outcome
    error: str
    cold: bool
    source: str  # what it came from: api, url, sqs, sns, dynamodb, kinesis, events, s3, invoke, call
    functions: tuple[str, ...]
    calls: int
    spans: int
    request_ids: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "id": self.id,
            "name": self.name,
            "start": self.start,
            "milliseconds": round(self.seconds * 1000, 3),
            "status": self.status or None,
            "outcome": self.outcome,
            "error": self.error or None,
            "cold": self.cold,
            "source": self.source,
            "functions": list(self.functions),
            "calls": self.calls,
            "spans": self.spans,
            "request_ids": list(self.request_ids),
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """All that is known of one root: `spans` by their start, each after its parent; `dropped` had no room, and of the
    bodies of `cut` spans an excerpt had."""

    summary: TraceSummary
    spans: Sequence[Span]
    came_from: Sequence[Link] = ()
    set_off: Sequence[Link] = ()
    dropped: int = 0
    depths: Sequence[int] = field(default=())
    cut: int = 0

    @property
    def id(self) -> str:
        return self.summary.id

    def document(self) -> dict[str, Any]:
        spans = [{**span.document(), "depth": depth} for span, depth in zip(self.spans, self.depths, strict=True)]
        return {
            **self.summary.document(),
            "spans_dropped": self.dropped,
            "spans_cut": self.cut,
            "came_from": [link.document() for link in self.came_from],
            "set_off": [link.document() for link in self.set_off],
            "waterfall": spans,
        }
