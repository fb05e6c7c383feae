"""What log lines cost, from the newest of a group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from staticfire import boto as aws
from staticfire.load.meter import line_bytes

GROUP = "/aws/lambda/shop-api"


@pytest.fixture
def logs() -> Iterator[Any]:
    """A client whose answers the test gives, checked against AWS's own model of the calls."""
    client = aws.client("http://127.0.0.1:1", "us-east-1", "000000000000", "logs")
    with Stubber(client) as stubber:
        client.stubber = stubber
        yield client
        stubber.assert_no_pending_responses()


def holds(logs: Any, *streams: list[str]) -> None:
    names = [{"logStreamName": str(number)} for number in range(len(streams))]
    asked = {"logGroupName": GROUP, "orderBy": "LastEventTime", "descending": True, "limit": ANY}
    logs.stubber.add_response("describe_log_streams", {"logStreams": names}, asked)
    for name, lines in zip(names, streams, strict=True):
        events = [{"message": line, "timestamp": 1} for line in lines]
        logs.stubber.add_response("get_log_events", {"events": events}, {"logGroupName": GROUP, "limit": ANY} | name)


def test_all_lines_of_an_invocation_are_counted_with_what_aws_adds_to_each(logs: Any) -> None:
    report = '{"type": "platform.report"}'
    holds(logs, ["é" * 50, report, "x" * 73], [report])
    # 100 + 27 + 73 + 27 bytes of text, 26 more for each of four lines; two invocations
    assert line_bytes(logs, GROUP) == (227 + 4 * 26) / 2


def test_reports_in_plain_text_are_known_too(logs: Any) -> None:
    lines = ["START", "END", "REPORT RequestId: 1"]
    holds(logs, lines * 2)
    assert line_bytes(logs, GROUP) == sum(len(line) + 26 for line in lines)


def test_where_no_function_writes_each_line_is_one_request(logs: Any) -> None:
    holds(logs, ["x" * 74, "x" * 174])
    assert line_bytes(logs, GROUP) == 150


def test_an_empty_group_has_no_size(logs: Any) -> None:
    holds(logs)
    assert line_bytes(logs, GROUP) is None


def test_a_group_that_is_not_there_yet_has_no_size(logs: Any) -> None:
    logs.stubber.add_client_error("describe_log_streams", "ResourceNotFoundException")
    assert line_bytes(logs, GROUP) is None
