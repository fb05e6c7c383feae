"""POST /events/batch: up to a hundred events, each with a result of its own."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from scenarios.events.kit import Event, Stored
from staticfire.testing.kit import AccountFaults, ApiClient

MIB = 1024 * 1024
LIMITS = ["the service's", "Lambda's", "the HTTP API's"]


def events(number: int) -> list[Event]:
    return [
        {"type": "metric.cpu", "source": "host-1", "id": f"evt-{uuid.uuid4().hex}", "data": {"value": n}}
        for n in range(number)
    ]


def test_a_hundred_events_are_stored_in_their_order_of_results(api: ApiClient, stored: Stored) -> None:
    sent = events(100)

    answer = api.post("/events/batch", json={"events": sent})

    assert answer.status == 202
    assert (answer.json()["accepted"], answer.json()["failed"]) == (100, 0)
    assert [(result["index"], result["event_id"]) for result in answer.json()["results"]] == [
        (at, event["id"]) for at, event in enumerate(sent)
    ]
    assert all(stored(event["id"]) for event in sent)


def test_what_is_wrong_with_some_is_said_of_these_and_the_others_are_stored(api: ApiClient, stored: Stored) -> None:
    right, taken, wrong = events(3)
    assert api.post("/events", json=taken).status == 202
    wrong["data"] = "text"

    answer = api.post("/events/batch", json={"events": [right, {**taken, "source": "another"}, wrong, 7]})

    assert answer.status == 207
    assert (answer.json()["accepted"], answer.json()["failed"]) == (1, 3)
    assert [result["status"] for result in answer.json()["results"]] == [202, 409, 400, 400]
    assert [error["field"] for error in answer.json()["results"][2]["errors"]] == ["data"]
    assert stored(right["id"])
    assert stored(wrong["id"]) is None


def test_a_batch_sent_again_stores_nothing_again(api: ApiClient) -> None:
    batch = {"events": events(20)}
    first = api.post("/events/batch", json=batch)

    again = api.post("/events/batch", json=batch)

    assert (first.status, again.status) == (202, 202)
    assert again.json()["results"] == [{**result, "duplicate": True} for result in first.json()["results"]]


def test_an_id_that_is_twice_in_a_batch_is_stored_once(api: ApiClient) -> None:
    one, other = events(2)
    other["id"] = one["id"]

    answer = api.post("/events/batch", json={"events": [one, one, other]})

    assert [result["status"] for result in answer.json()["results"]] == [202, 202, 409]
    assert [result["duplicate"] for result in answer.json()["results"][:2]] == [False, True]


def test_a_batch_whose_writes_fail_in_part_says_which_events_to_send_again(
    api: ApiClient, faults: AccountFaults, stored: Stored
) -> None:
    sent = events(30)

    with faults("dynamodb", "PutItem", kind="error", code="InternalServerError", share=0.8):
        answer = api.post("/events/batch", json={"events": sent})

    assert answer.status == 207
    statuses = [result["status"] for result in answer.json()["results"]]
    assert set(statuses) == {202, 503}
    assert [bool(stored(event["id"])) for event in sent] == [status == 202 for status in statuses]
    again = api.post("/events/batch", json={"events": sent})
    assert again.status == 202
    assert [result["duplicate"] for result in again.json()["results"]] == [status == 202 for status in statuses]


def test_while_the_table_is_away_a_batch_is_503_as_a_whole(api: ApiClient, faults: AccountFaults) -> None:
    with faults("dynamodb", "PutItem", kind="error", status=500, code="InternalServerError"):
        answer = api.post("/events/batch", json={"events": events(3)})

    assert answer.status == 503
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({}, "events"),
        ({"events": []}, "events"),
        ({"events": {}}, "events"),
        ({"events": [{}] * 101}, "events"),
        ({"events": [{}], "x": 1}, "x"),
        ([], "body"),
    ],
    ids=["no events", "none", "an object", "101", "unknown field", "a list"],
)
def test_what_is_no_batch_is_refused_by_name(api: ApiClient, content: dict[str, Any] | list[Any], field: str) -> None:
    answer = api.post("/events/batch", json=content)

    assert answer.status == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("size", [4 * MIB + 1, 7 * MIB, 11 * MIB], ids=LIMITS)
def test_a_batch_over_any_of_the_limits_is_413(api: ApiClient, size: int) -> None:
    answer = api.post("/events/batch", body=b'{"events": []}'.ljust(size))

    assert answer.status == 413
    assert answer.json()["message"]
