"""Lines on their way to CloudWatch Logs: what becomes of them when streams, groups or the whole emulator are away."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.log_writer import LogStream, LogWriter
from tests.unit.edge.kit import eventually


class Logs:
    """CloudWatch Logs in memory."""

    def __init__(self, *groups: str) -> None:
        self.groups = set(groups)
        self.streams: dict[tuple[str, str], list[str]] = {}
        self.down = False
        self.calls: list[str] = []

    async def json(self, scope: Scope, service: str, target: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.down:
            raise AwsError(503, "ServiceUnavailable", "it does not answer")
        operation, group = target.removeprefix("Logs_20140328."), body["logGroupName"]
        self.calls.append(operation)
        if operation == "CreateLogGroup":
            self.groups.add(group)
            return {}
        stream = group, body["logStreamName"]
        if group not in self.groups or (operation == "PutLogEvents" and stream not in self.streams):
            raise AwsError(400, "ResourceNotFoundException", "there is nothing of that name")
        if operation == "CreateLogStream":
            if stream in self.streams:
                raise AwsError(400, "ResourceAlreadyExistsException", "it is there")
            self.streams[stream] = []
        else:
            self.streams[stream] += [event["message"] for event in body["logEvents"]]
        return {}


def writing(logs: Logs, *, makes_group: bool = False, interval: float = 60.0) -> tuple[LogWriter, LogStream]:
    writer = LogWriter(cast(Emulator, logs), "lines", interval=interval)
    return writer, LogStream(writer, Scope(), "g", "s", makes_group=makes_group)


async def test_a_stream_is_made_once_and_a_batch_goes_in_the_order_of_time() -> None:
    logs = Logs("g")
    writer, stream = writing(logs)
    stream.add(2, "second")
    stream.add(1, "")
    assert not await writer.flush()
    stream.add(3, "third")
    await writer.close()
    assert logs.streams == {("g", "s"): [" ", "second", "third"]}
    assert logs.calls == ["CreateLogStream", "PutLogEvents", "PutLogEvents"]


async def test_a_group_is_made_only_where_the_service_makes_it(caplog: pytest.LogCaptureFixture) -> None:
    logs = Logs()
    writer, stream = writing(logs)
    stream.add(1, "lost")
    with caplog.at_level(logging.WARNING):
        assert not await writer.flush()
    assert "1 lines for g s were refused" in caplog.text
    writer, stream = writing(logs, makes_group=True)
    stream.add(1, "kept")
    await writer.close()
    assert logs.streams == {("g", "s"): ["kept"]}


async def test_a_stream_that_is_gone_is_made_again_and_a_group_is_not(caplog: pytest.LogCaptureFixture) -> None:
    logs = Logs()
    writer, stream = writing(logs, makes_group=True)
    stream.add(1, "first")
    await writer.flush()
    logs.streams.clear()
    stream.add(2, "second")
    await writer.flush()
    assert logs.streams == {("g", "s"): ["second"]}
    logs.groups.clear()
    logs.streams.clear()
    stream.add(3, "third")
    with caplog.at_level(logging.WARNING):
        await writer.close()
    assert "were refused" in caplog.text
    assert (logs.groups, logs.streams) == (set(), {})


async def test_lines_are_kept_while_the_emulator_is_away_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logs = Logs("g")
    writer, stream = writing(logs, interval=0.001)
    logs.down = True
    stream.add(1, "kept")
    with caplog.at_level(logging.WARNING):
        await eventually(lambda: "trying on: it does not answer" in caplog.text)
        assert await writer.flush()
    assert caplog.text.count("cannot be sent now") == 1
    logs.down = False
    await eventually(lambda: logs.streams.get(("g", "s")) == ["kept"])
    await writer.close()
    assert "were not sent" not in caplog.text


async def test_what_was_not_sent_at_the_end_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    logs = Logs("g")
    writer, stream = writing(logs)
    logs.down = True
    stream.add(1, "a")
    stream.add(1, "b")
    with caplog.at_level(logging.WARNING):
        await writer.close()
    assert "2 lines were not sent" in caplog.text
