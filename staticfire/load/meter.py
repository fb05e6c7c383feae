"""What a run's requests used of AWS, as the edge and CloudWatch Logs counted it: what the cost is reckoned from.

meter = Meter(stack)        what was used before does not count
...                         the load
meter.read(requests, ...)   what these requests used
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from staticfire.errors import StaticfireError
from staticfire.stacks.stack import Stack

# CloudWatch Logs charges for this much of each line besides its text.
LINE_OVERHEAD = 26
STREAMS = 3
LINES = 3000
REPORTS = ("REPORT RequestId:", '"type": "platform.report"', '"type":"platform.report"')


@dataclass(frozen=True)
class Metered:
    """AWS API calls by service and operation; bytes of log lines that each invocation writes, by group."""

    requests: int
    calls: Mapping[str, Mapping[str, int]]
    log_bytes: Mapping[str, float]


class Meter:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._edge = stack.running.edge()
        self._before = self._calls()

    def read(self, requests: int, log_groups: Sequence[str]) -> Metered:
        """`requests` came in since the meter was made; `log_groups` are the stack's."""
        calls: dict[str, dict[str, int]] = {}
        now = self._calls()
        if any(now[call] < count for call, count in self._before.items()):
            raise StaticfireError("The edge was started anew during the run, and counts from zero.")
        for (service, operation), count in sorted((now - self._before).items()):
            calls.setdefault(service, {})[operation] = count
        logs = self._stack.client("logs")
        sizes = {group: size for group in log_groups if (size := line_bytes(logs, group)) is not None}
        return Metered(requests, calls, sizes)

    def _calls(self) -> Counter[tuple[str, str]]:
        counts: Counter[tuple[str, str]] = Counter()
        for call in self._edge.calls():
            if call["account"] == self._stack.account:
                counts[call["service"], call["operation"] or ""] += call["count"]
        return counts


def line_bytes(logs: Any, group: str) -> float | None:
    """Bytes that are charged for each invocation (each line, where no function writes there); None when it is empty."""
    size = lines = reports = 0
    try:
        for message in islice(_newest(logs, group), LINES):
            size += len(message.encode()) + LINE_OVERHEAD
            lines += 1
            reports += any(mark in message for mark in REPORTS)
    except logs.exceptions.ResourceNotFoundException:
        return None
    return size / (reports or lines) if lines else None


def _newest(logs: Any, group: str) -> Iterator[str]:
    """The lines of the streams that were written last."""
    newest: Mapping[str, Any] = {"orderBy": "LastEventTime", "descending": True, "limit": STREAMS}
    for stream in logs.describe_log_streams(logGroupName=group, **newest)["logStreams"]:
        answer = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=LINES // STREAMS)
        for event in answer["events"]:
            yield event["message"]
