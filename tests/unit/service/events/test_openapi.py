"""The OpenAPI document says what the code does: the same routes, and the same events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from events.signature import RIGHT_ID, RIGHT_TIMESTAMP
from events.validation import BATCH, Submitted, read_batch
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from servicekit.errors import Refused
from servicekit.requests import check, read_json

from tests.unit.service import openapi

DOCUMENT = openapi.read("events")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
words = st.sampled_from(
    ["", "a", "a b", "a#b", "-a", "a\n", "\0", "order.paid", "x" * 128, "x" * 129, "ü" * 256, "ü" * 257]
)
times = st.sampled_from(
    ["2026-11-21T09:30:00Z", "2026-11-21T09:30:00.5+01:00", "2026-11-21", "2026-11-21T09:30:00", ""]
)
values: st.SearchStrategy[Any] = (
    words | times | texts | st.sampled_from([None, True, 1, 1.5, [], {}, {"a": {"b": [1]}}])
)
right = {"type": "t", "source": "s", "data": {}, "id": "i", "time": "2026-11-21T09:30:00Z"}
bodies: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={name: st.just(value) | values for name, value in right.items()}
) | (st.sampled_from([right, {**right, "x": 1}, [], None, "event"]))


def takes(read: Any) -> bool:
    try:
        read()
    except Refused:
        return False
    return True


def test_the_document_has_the_routes_of_the_code() -> None:
    from events.api import app

    assert openapi.routes(DOCUMENT) == openapi.routes_of(app)


def test_the_document_itself_is_right() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        Draft202012Validator.check_schema(openapi.schema(DOCUMENT, name).schema)


@given(bodies)
def test_the_document_and_the_code_take_the_same_events(body: Any) -> None:
    is_valid = openapi.schema(DOCUMENT, "Event").is_valid(body)
    assert takes(lambda: check(read_json(json.dumps(body).encode(), 10**6), Submitted)) == is_valid


@pytest.mark.parametrize("number", [0, 1, BATCH, BATCH + 1])
def test_the_document_and_the_code_take_the_same_batches(number: int) -> None:
    body = {"events": [right] * number}
    assert takes(lambda: read_batch({"body": json.dumps(body)})) == openapi.schema(DOCUMENT, "Batch").is_valid(body)


@pytest.mark.parametrize(("name", "pattern"), [("WebhookId", RIGHT_ID), ("WebhookTimestamp", RIGHT_TIMESTAMP)])
def test_the_document_tells_what_a_signed_messages_headers_are(name: str, pattern: Any) -> None:
    assert DOCUMENT["components"]["parameters"][name]["schema"]["pattern"] == f"^{pattern.pattern}$"
