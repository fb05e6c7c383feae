"""POST /events: what is taken is stored once, with where it came from; what is wrong is refused by name."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from scenarios.events.kit import Event, Stored
from staticfire.testing.kit import AccountFaults, ApiClient, AwsClients, StackUnderTest, wait_until

KIB = 1024
DATA_LIMIT = 256 * KIB
MIB = 1024 * KIB
LIMITS = ["the service's", "Lambda's", "the HTTP API's"]


def test_an_event_is_accepted_and_stored_with_where_it_came_from(api: ApiClient, event: Event, stored: Stored) -> None:
    before = datetime.now(UTC)

    answer = api.post("/events", json=event)

    assert answer.status == 202
    assert set(answer.json()) == {"event_id", "received_at", "duplicate"}
    assert (answer.json()["event_id"], answer.json()["duplicate"]) == (event["id"], False)
    assert abs((datetime.fromisoformat(answer.json()["received_at"]) - before).total_seconds()) < 300
    item = stored(event["id"])
    assert (item["type"], item["source"], json.loads(item["data"])) == ("order.paid", "shop", event["data"])
    assert item["received_at"] == answer.json()["received_at"]
    assert item["request_id"] == answer.headers["apigw-requestid"]
    assert re.fullmatch(r"[0-9a-f.:]+", item["source_ip"])
    assert item["schema_version"] == "1"


def test_an_event_without_an_id_gets_a_ulid(api: ApiClient, event: Event, stored: Stored) -> None:
    del event["id"]

    answers = [api.post("/events", json=event) for _ in range(2)]

    ids = [answer.json()["event_id"] for answer in answers]
    assert len(set(ids)) == 2
    assert all(re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", identity) for identity in ids)
    assert ids == sorted(ids)
    assert all(stored(identity) for identity in ids)


def test_a_repeated_id_is_stored_once_and_answered_as_at_first(api: ApiClient, event: Event, stored: Stored) -> None:
    first = api.post("/events", json=event)
    item = stored(event["id"])

    again = api.post("/events", body=json.dumps(dict(reversed(event.items())), indent=1))

    assert (first.status, again.status) == (202, 202)
    assert again.json() == {**first.json(), "duplicate": True}
    assert stored(event["id"]) == item


@pytest.mark.parametrize("change", [{"data": {"order": 8}}, {"type": "order.refunded"}, {"source": "another"}])
def test_another_event_with_a_known_id_is_a_conflict(
    api: ApiClient, event: Event, stored: Stored, change: dict[str, Any]
) -> None:
    assert api.post("/events", json=event).status == 202
    item = stored(event["id"])

    answer = api.post("/events", json=event | change)

    assert answer.status == 409
    assert answer.json()["message"]
    assert stored(event["id"]) == item


def test_32_posts_of_one_id_at_the_same_time_store_it_once(api: ApiClient, event: Event) -> None:
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda _: api.post("/events", json=event), range(32)))

    assert Counter(answer.status for answer in answers) == {202: 32}
    assert Counter(answer.json()["duplicate"] for answer in answers) == {False: 1, True: 31}
    assert len({answer.json()["received_at"] for answer in answers}) == 1


def test_an_event_keeps_its_own_time(api: ApiClient, event: Event, stored: Stored) -> None:
    event["time"] = "2026-11-20T23:59:59.5+01:00"

    assert api.post("/events", json=event).status == 202

    assert stored(event["id"])["time"] == event["time"]


def test_numbers_are_stored_as_they_were_written(api: ApiClient, event_id: str, stored: Stored) -> None:
    data = '{"n": 0.1000000000000000055511151231257827, "m": 1e400}'
    body = f'{{"type": "t", "source": "s", "id": "{event_id}", "data": {data}}}'

    assert api.post("/events", body=body).status == 202

    assert stored(event_id)["data"] == '{"n":0.1000000000000000055511151231257827,"m":1E+400}'


def test_the_events_of_a_type_and_day_are_found_in_the_shards_of_the_index(
    api: ApiClient, staticfire_stack: StackUnderTest, aws: AwsClients, event: Event
) -> None:
    event["type"] = f"test.{uuid.uuid4().hex}"
    del event["id"]
    sent = {api.post("/events", json=event).json()["event_id"] for _ in range(20)}
    days = {f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in (time.time() - 60, time.time())}

    shards = {}

    def all_are_found() -> bool:
        for day in days:
            for shard in range(staticfire_stack.outputs["index_shards"]):
                answer = aws("dynamodb").query(
                    TableName=staticfire_stack.outputs["table_name"],
                    IndexName="by-type-and-day",
                    KeyConditionExpression="type_day = :type_day",
                    ExpressionAttributeValues={":type_day": {"S": f"{event['type']}#{day}#{shard}"}},
                )
                shards.update({item["event_id"]["S"]: shard for item in answer["Items"]})
        return shards.keys() >= sent

    wait_until(all_are_found, "the events in the index")
    assert shards.keys() == sent
    assert len(set(shards.values())) > 1, "all events of the day are in one partition of the index"


def test_every_event_is_in_the_stream_for_later_consumers(
    api: ApiClient, staticfire_stack: StackUnderTest, aws: AwsClients, event: Event
) -> None:
    streams, arn = aws("dynamodbstreams"), staticfire_stack.outputs["stream_arn"]
    table = staticfire_stack.outputs["table_name"]
    description = aws("dynamodb").describe_table(TableName=table)["Table"]
    assert (description["StreamSpecification"], description["LatestStreamArn"]) == (
        {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        arn,
    )
    if arn not in {stream["StreamArn"] for stream in streams.list_streams(TableName=table)["Streams"]}:
        pytest.skip("this emulator tells of a stream and keeps none: LocalStack without DynamoDB Local")

    def is_there() -> bool:
        return event["id"] in {image["event_id"]["S"] for image in new_images(streams, arn)}

    assert not is_there()
    assert api.post("/events", json=event).status == 202
    wait_until(is_there, "the event in the table's stream")


def test_an_event_expires_after_its_retention(
    api: ApiClient, event: Event, stored: Stored, staticfire_stack: StackUnderTest, aws: AwsClients
) -> None:
    before = time.time()
    assert api.post("/events", json=event).status == 202

    ttl = aws("dynamodb").describe_time_to_live(TableName=staticfire_stack.outputs["table_name"])
    assert ttl["TimeToLiveDescription"]["AttributeName"] == "expires_at"
    days = (int(stored(event["id"])["expires_at"]) - before) / (24 * 60 * 60)
    assert 89.9 < days < 90.1


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        pytest.param({"type": None}, {"type"}, id="type null"),
        pytest.param({"type": ""}, {"type"}, id="type empty"),
        pytest.param({"type": "a b"}, {"type"}, id="type with a space"),
        pytest.param({"type": "a#b"}, {"type"}, id="type with the index's own separator"),
        pytest.param({"type": "t" * 129}, {"type"}, id="type of 129 characters"),
        pytest.param({"source": 5}, {"source"}, id="source a number"),
        pytest.param({"source": "s" * 257}, {"source"}, id="source of 257 characters"),
        pytest.param({"data": []}, {"data"}, id="data a list"),
        pytest.param({"data": "text"}, {"data"}, id="data a string"),
        pytest.param({"data": {"a": "\ud800"}}, {"data"}, id="data with half of a surrogate pair"),
        pytest.param({"id": ""}, {"id"}, id="id empty"),
        pytest.param({"id": "two words"}, {"id"}, id="id with a space"),
        pytest.param({"id": 7}, {"id"}, id="id a number"),
        pytest.param({"time": "yesterday"}, {"time"}, id="time no time"),
        pytest.param({"time": "2026-11-21T09:30:00"}, {"time"}, id="time without a zone"),
        pytest.param({"time": "2026-02-30T09:30:00Z"}, {"time"}, id="time that there is not"),
        pytest.param({"colour": "red"}, {"colour"}, id="unknown field"),
        pytest.param({"type": 1, "source": 1, "data": 1, "x": 1}, {"type", "source", "data", "x"}, id="everything"),
    ],
)
def test_a_wrong_event_is_refused_with_every_problem_named(
    api: ApiClient, event: Event, stored: Stored, change: dict[str, Any], fields: set[str]
) -> None:
    answer = api.post("/events", json=event | change)

    assert answer.status == 400
    assert {error["field"] for error in answer.json()["errors"]} == fields
    assert all(error["problem"] for error in answer.json()["errors"])
    assert stored(event["id"]) is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "body"),
        ("{", "body"),
        (b"\xff\xfe", "body"),
        ("[]", "event"),
        ("null", "event"),
        ('{"type": "t", "source": "s", "data": {"a": NaN}}', "data"),
        ('{"type": "t", "source": "s", "data": {"a": {"b": 1, "b": 2}}}', "data"),
        ('{"type": "t", "source": "s", "data": ' + '{"a":' * 33 + "1" + "}" * 33 + "}", "data"),
        ('{"type": "t", "type": "t", "source": "s", "data": {}}', "type"),
    ],
)
def test_what_is_no_event_is_refused_by_name(api: ApiClient, body: str | bytes, field: str) -> None:
    answer = api.post("/events", body=body)

    assert answer.status == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_data_of_256_KiB_is_taken_and_one_byte_more_is_not(api: ApiClient, event: Event, stored: Stored) -> None:
    event["data"] = {"text": "x" * (DATA_LIMIT - len('{"text":""}'))}
    assert api.post("/events", json=event).status == 202
    assert len(stored(event["id"])["data"]) == DATA_LIMIT

    event["data"]["text"] += "x"
    refused = api.post("/events", json=event)

    assert refused.status == 400
    assert [error["field"] for error in refused.json()["errors"]] == ["data"]


@pytest.mark.parametrize("size", [MIB + 1, 7 * MIB, 11 * MIB], ids=LIMITS)
def test_a_body_over_any_of_the_limits_is_413(api: ApiClient, event: Event, size: int) -> None:
    event["data"] = {"text": "x" * size}

    answer = api.post("/events", json=event)

    assert answer.status == 413
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/events"), ("GET", "/"), ("POST", "/events/1"), ("PUT", "/events")]
)
def test_an_unknown_route_is_not_found(api: ApiClient, method: str, path: str) -> None:
    answer = api.request(method, path)

    assert answer.status == 404
    assert answer.json() == {"message": "Not Found"}


def test_while_the_table_is_away_the_answer_is_503_and_a_retry_completes_it(
    api: ApiClient, event: Event, faults: AccountFaults, stored: Stored
) -> None:
    with faults("dynamodb", "PutItem", kind="error", status=500, code="InternalServerError"):
        away = api.post("/events", json=event)
    assert away.status == 503
    assert away.headers["retry-after"]
    assert set(away.json()) == {"message"}

    assert api.post("/events", json=event).status == 202
    assert stored(event["id"])


def test_a_write_that_was_not_answered_at_first_is_no_duplicate(
    api: ApiClient, event: Event, faults: AccountFaults
) -> None:
    with faults("dynamodb", "PutItem", kind="drop", when="after", times=1):
        answer = api.post("/events", json=event)

    assert (answer.status, answer.json()["duplicate"]) == (202, False)
    assert api.post("/events", json=event).json() == {**answer.json(), "duplicate": True}


def test_a_write_that_was_never_answered_is_503_and_what_is_sent_again_is_stored_once(
    api: ApiClient, event: Event, faults: AccountFaults, stored: Stored
) -> None:
    with faults("dynamodb", "PutItem", kind="drop", when="after") as struck:
        answer = api.post("/events", json=event)
        assert struck()
    item = stored(event["id"])

    again = api.post("/events", json=event)

    assert (answer.status, again.status, again.json()["duplicate"]) == (503, 202, True)
    assert item == stored(event["id"])


def new_images(streams: Any, arn: str) -> Iterator[dict[str, Any]]:
    """What was put into the table, as its stream tells it."""
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        page = streams.get_records(ShardIterator=iterator["ShardIterator"])
        while page["Records"]:
            yield from (record["dynamodb"]["NewImage"] for record in page["Records"] if record["eventName"] == "INSERT")
            if "NextShardIterator" not in page:
                break
            page = streams.get_records(ShardIterator=page["NextShardIterator"])
