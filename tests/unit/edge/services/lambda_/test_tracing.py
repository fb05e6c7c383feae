"""Events in traces: what they say of their senders, whoever wrote them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staticfire.edge.services.lambda_.tracing import begun_by_event
from staticfire.edge.traces import Traces
from staticfire.edge.traces.trace_id import root_of


@pytest.mark.parametrize(
    "record",
    [
        {"eventSource": "aws:dynamodb"},
        {"eventSource": "aws:dynamodb", "eventSourceARN": "arn:aws:dynamodb:r:1:table", "dynamodb": "x"},
        {"eventSource": "aws:dynamodb", "eventSourceARN": "arn:aws:dynamodb:r:1:table/t", "dynamodb": {"Keys": 1}},
        {"eventSource": "aws:s3", "s3": {"bucket": "b", "object": ["k"]}},
        {"eventSource": "aws:kinesis", "kinesis": "x"},
        {"EventSource": "aws:sns", "Sns": []},
        {"attributes": "x"},
    ],
)
def test_an_event_of_any_form_begins_a_trace(record: dict[str, Any]) -> None:
    assert root_of(begun_by_event(Traces(), json.dumps({"Records": [record]}).encode()))
