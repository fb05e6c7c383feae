"""What a run's requests used of AWS, as the edge and CloudWatch Logs counted it: what the cost is reckoned from.

meter = Meter(stack)        what was used before does not count
...                         the load
meter.read(requests, ...)   what these requests used
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from staticfire.edge_client import EdgeClient
from staticfire.stacks.stack import Stack

# CloudWatch Logs charges for this much of each line besides its text.
LINE_OVERHEAD = 26
STREAMS = 3
LINES = 3000
REPORTS = ("REPORT RequestId:", '"type": "platform.report"', '"type":"platform.report"')


class Meter:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._control = EdgeClient(stack.running.endpoint)
        self._before = self._calls()

    def read(self, requests: int, log_groups: Sequence[str]) -> dict[str, Any]:
        """As in report.json. `requests` came in since the meter was made; `log_groups` are the stack's."""
        calls: dict[str, dict[str, int]] = {}
        for (service, operation), count in sorted((self._calls() - self._before).items()):
            calls.setdefault(service, {})[operation] = count
        logs = self._stack.client("logs")
        sizes = {group: size for group in log_groups if (size := line_bytes(logs, group)) is not None}
        return {"requests": requests, "calls": calls, "log_bytes": sizes}

    def _calls(self) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for call in self._control.calls():
            if call["account"] == self._stack.account:
                found[call["service"], call["operation"] or ""] += call["count"]
        return found


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
    asked: Mapping[str, Any] = {"logGroupName": group, "orderBy": "LastEventTime", "descending": True, "limit": STREAMS}
    for stream in logs.describe_log_streams(**asked)["logStreams"]:
        answer = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=LINES // STREAMS)
        for event in answer["events"]:
            yield event["message"]
