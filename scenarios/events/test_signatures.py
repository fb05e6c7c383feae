"""Signed webhooks: a signature that is there must be right, fresh, and of this very body."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from scenarios.events.kit import Event, Sign, Stored
from staticfire.testing.kit import ApiClient, AwsClients, StackUnderTest

HEADERS = ["webhook-id", "webhook-timestamp", "webhook-signature"]


def test_a_rightly_signed_event_is_accepted(
    api: ApiClient, event: Event, body: bytes, signed: Sign, stored: Stored
) -> None:
    assert api.post("/events", body=body, headers=signed(body)).status == 202
    assert stored(event["id"])


def test_one_of_several_signatures_is_enough_while_secrets_are_exchanged(
    api: ApiClient, body: bytes, signed: Sign
) -> None:
    headers = signed(body)
    headers["webhook-signature"] = f"v1,{base64.b64encode(bytes(32)).decode()} {headers['webhook-signature']}"

    assert api.post("/events", body=body, headers=headers).status == 202


@pytest.mark.parametrize("age", [310, -310], ids=["too old", "of the future"])
def test_a_message_outside_the_window_is_refused(
    api: ApiClient, event: Event, body: bytes, signed: Sign, stored: Stored, age: int
) -> None:
    answer = api.post("/events", body=body, headers=signed(body, age=age))

    assert answer.status == 401
    assert [error["field"] for error in answer.json()["errors"]] == ["webhook-timestamp"]
    assert stored(event["id"]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": f"v1,{base64.b64encode(bytes(32)).decode()}"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,"},
        {"webhook-id": "another"},
    ],
    ids=["another's", "nonsense", "empty", "another message's"],
)
def test_a_wrong_signature_is_refused_and_nothing_is_stored(
    api: ApiClient, event: Event, body: bytes, signed: Sign, stored: Stored, change: dict[str, Any]
) -> None:
    answer = api.post("/events", body=body, headers=signed(body) | change)

    assert answer.status == 401
    assert [error["field"] for error in answer.json()["errors"]] == ["webhook-signature"]
    assert stored(event["id"]) is None


def test_another_body_is_not_what_was_signed(
    api: ApiClient, event: Event, body: bytes, signed: Sign, stored: Stored
) -> None:
    assert api.post("/events", body=body + b" ", headers=signed(body)).status == 401
    assert stored(event["id"]) is None


@pytest.mark.parametrize("missing", HEADERS)
def test_half_a_signature_is_none(api: ApiClient, body: bytes, signed: Sign, missing: str) -> None:
    headers = signed(body)
    del headers[missing]

    answer = api.post("/events", body=body, headers=headers)

    assert answer.status == 401
    assert [error["field"] for error in answer.json()["errors"]] == [missing]


@pytest.fixture
def signatures_are_required(staticfire_stack: StackUnderTest, aws: AwsClients) -> Iterator[None]:
    """As with `signatures = "required"`, for one scenario."""
    functions, name = aws("lambda"), staticfire_stack.outputs["api_function_name"]
    made = functions.get_function_configuration(FunctionName=name)["Environment"]

    def configure(environment: dict[str, dict[str, str]]) -> None:
        functions.update_function_configuration(FunctionName=name, Environment=environment)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    configure({"Variables": {**made["Variables"], "SIGNATURES": "required"}})
    yield
    configure(made)


@pytest.mark.usefixtures("signatures_are_required")
def test_where_signatures_are_required_an_unsigned_event_is_refused(
    api: ApiClient, event: Event, body: bytes, signed: Sign, stored: Stored
) -> None:
    refused = api.post("/events", body=body)

    assert refused.status == 401
    assert [error["field"] for error in refused.json()["errors"]] == HEADERS
    assert stored(event["id"]) is None
    assert api.post("/events", body=body, headers=signed(body)).status == 202


def test_a_message_that_is_replayed_stores_nothing_again_even_without_an_id(
    api: ApiClient, event: Event, signed: Sign
) -> None:
    del event["id"]
    body = json.dumps(event).encode()
    headers = signed(body)

    first, again = (api.post("/events", body=body, headers=headers) for _ in range(2))

    assert (first.status, again.status) == (202, 202)
    assert again.json() == {**first.json(), "duplicate": True}
    assert first.json()["event_id"] == headers["webhook-id"]


def test_a_batch_is_signed_as_a_whole_and_replayed_without_effect(api: ApiClient, event: Event, signed: Sign) -> None:
    del event["id"]
    body = json.dumps({"events": [event, event]}).encode()
    headers = signed(body)

    first, again = (api.post("/events/batch", body=body, headers=headers) for _ in range(2))

    assert (first.status, again.status) == (202, 202)
    assert len({result["event_id"] for result in first.json()["results"]}) == 2
    assert all(result["duplicate"] for result in again.json()["results"])
    assert api.post("/events/batch", body=body, headers=headers | {"webhook-id": "x"}).status == 401
