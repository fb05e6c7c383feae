"""MiniStack keeps the newest lines of each log group, however many are written, in however many streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from staticfire.edge.emulators.ministack_main import LINES_KEPT
from tests.integration.edge.kit import Edge

BATCH = 10_000  # AWS' limit


@pytest.fixture
def logs(ministack_python: str, tmp_path: Any) -> Iterator[Any]:
    edge = Edge(ministack_python, tmp_path)
    yield edge.client("logs")
    edge.end()


def lines(logs: Any, group: str) -> list[str]:
    """All of them, in windows of what one answer holds."""
    messages = []
    for begin in range(0, LINES_KEPT * 2, BATCH):
        window = {"startTime": begin, "endTime": begin + BATCH - 1}
        messages += [event["message"] for event in logs.filter_log_events(logGroupName=group, **window)["events"]]
    return messages


def test_a_group_keeps_its_newest_lines_whatever_is_written_to_it_and_others(logs: Any) -> None:
    streams = [f"environment-{number}" for number in range(4)]
    for group, names in (("quiet", ["one"]), ("busy", streams)):
        logs.create_log_group(logGroupName=group)
        for name in names:
            logs.create_log_stream(logGroupName=group, logStreamName=name)
    logs.put_log_events(logGroupName="quiet", logStreamName="one", logEvents=[{"timestamp": 1, "message": "kept"}])
    batches = LINES_KEPT * 2 // BATCH
    for batch in range(batches):
        first = batch * BATCH
        events = [{"timestamp": number, "message": str(number)} for number in range(first, first + BATCH)]
        stream = streams[batch * len(streams) // batches]  # one after the other, as execution environments come and go
        logs.put_log_events(logGroupName="busy", logStreamName=stream, logEvents=events)

    kept = [int(line) for line in lines(logs, "busy")]
    assert LINES_KEPT <= len(kept) <= LINES_KEPT * 3 // 2
    assert sorted(kept) == list(range(batches * BATCH - len(kept), batches * BATCH))
    assert lines(logs, "quiet") == ["kept"]
    left = [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName="busy")["logStreams"]]
    assert "environment-0" not in left
    assert "environment-3" in left
