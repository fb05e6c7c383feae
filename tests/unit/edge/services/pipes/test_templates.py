"""Input templates: what a placeholder becomes, within quotes and as a value, in JSON that lies in a body too."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from staticfire.edge.services.pipes.templates import filled, parameter

EVENT = {
    "messageId": "m-1",
    "body": json.dumps({"id": 7, "name": 'a "b"', "tags": ["x", "y"], "to": {"city": "Rome"}}),
    "eventSource": "aws:sqs",
}
RECORD = {"data": base64.b64encode(b'{"id": 8}').decode(), "partitionKey": "k"}
RESERVED = {"aws.pipes.pipe-name": "copy"}


@pytest.mark.parametrize(
    ("template", "event", "out"),
    [
        ('{"id": <$.body.id>}', EVENT, {"id": 7}),
        ('{"id": "<$.body.id>"}', EVENT, {"id": "7"}),
        ('{"text": "it is <$.body.name>"}', EVENT, {"text": 'it is a "b"'}),
        ('{"name": <$.body.name>}', EVENT, {"name": 'a "b"'}),
        ('{"first": <$.body.tags[0]>, "city": <$.body.to.city>}', EVENT, {"first": "x", "city": "Rome"}),
        ("{\"city\": <$.body.to['city']>}", EVENT, {"city": "Rome"}),
        ("<$.body.to>", EVENT, {"city": "Rome"}),
        ('{"of": "<aws.pipes.pipe-name>", "m": <$.messageId>}', EVENT, {"of": "copy", "m": "m-1"}),
        ('{"none": "<$.body.nothing>", "here": <$.nor.here>}', EVENT, {"none": "", "here": ""}),
        ("hello <$.body.name>", EVENT, 'hello a "b"'),
        ('{"id": <$.data.id>}', RECORD, {"id": 8}),
        ("<aws.pipes.event.json>", RECORD, RECORD),
        ('{"a": "<b>"}', EVENT, {"a": "<b>"}),
    ],
)
def test_a_template_is_filled(template: str, event: Any, out: Any) -> None:
    assert filled(template, event, RESERVED) == out


@pytest.mark.parametrize(
    ("value", "text"), [("$.partitionKey", "k"), ("$.data.id", "8"), ("fixed", "fixed"), ("$.nowhere", "")]
)
def test_a_parameter_is_a_path_or_a_text(value: str, text: str) -> None:
    assert parameter(value, RECORD) == text
