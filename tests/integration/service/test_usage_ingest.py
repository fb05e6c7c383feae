from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import boto3
import pytest
from pg8000.exceptions import DatabaseError
from usage.validation import Usage

from tests.integration.service.kit import CREDENTIALS, Api, Stack, get, poster


def test_an_accepted_event_is_in_both_stores(stack: Stack, post: Api) -> None:
    answer = post("user123", "150.25")
    assert answer["statusCode"] == 201
    assert answer["body"] == {
        "id": answer["body"]["id"],
        "user": "user123",
        "usage": Decimal("150.25"),
        "recorded_at": answer["body"]["recorded_at"],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", answer["body"]["recorded_at"])
    [[event_id, user, usage]] = stack.rows("select id::text, user_id, usage from usage_events")
    assert (event_id, user, usage) == (answer["body"]["id"], "user123", Decimal("150.25"))
    assert stack.aggregates() == {"user123": (1, Decimal("150.25"))}
    assert "idempotent-replayed" not in answer["headers"]


def test_a_replayed_key_counts_nothing_again(stack: Stack, post: Api) -> None:
    first = post("u", "1.50", key="k")
    again = post("u", "15e-1", key="k")
    assert again["statusCode"] == 201
    assert again["body"] == first["body"]
    assert again["headers"]["idempotent-replayed"] == "true"
    assert stack.truth() == stack.aggregates() == {"u": (1, Decimal("1.5"))}


@pytest.mark.parametrize("other", [("u", "2"), ("v", "1")])
def test_a_key_with_another_body_is_a_conflict(stack: Stack, post: Api, other: tuple[str, str]) -> None:
    post("u", "1", key="k")
    assert post(*other, key="k")["statusCode"] == 409
    assert stack.truth() == stack.aggregates() == {"u": (1, Decimal(1))}


def test_concurrent_posts_of_one_key_count_once(stack: Stack, new_recorder: Callable[[], Any]) -> None:
    recorders = [new_recorder() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        recorded = list(pool.map(lambda recorder: recorder.record(Usage("u", Decimal(3), "k")), recorders))
    assert len({event.id for event in recorded}) == 1
    assert sum(event.replayed for event in recorded) == 7
    assert stack.truth() == stack.aggregates() == {"u": (1, Decimal(3))}


def test_many_writers_add_up_exactly_in_both_stores(stack: Stack, new_recorder: Callable[[], Any]) -> None:
    recorders = [new_recorder() for _ in range(8)]

    def work(number: int) -> None:
        for turn in range(25):
            recorders[number].record(Usage(f"u{(number + turn) % 5}", Decimal("0.1"), None))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert stack.aggregates() == stack.truth() == {f"u{n}": (40, Decimal("4.0")) for n in range(5)}
    totals = "select sum(events), sum(users), sum(total) from usage_totals"
    assert stack.rows(totals) == [[Decimal(200), Decimal(5), Decimal("20.0")]]


def test_a_mark_of_a_key_expires_in_a_day(stack: Stack, post: Api) -> None:
    before = int(time.time())
    post("u", "1", key="k")
    assert before + 86_400 <= int(stack.items()["KEY#k"]["expires_at"]["N"]) <= int(time.time()) + 86_400


def test_an_event_without_a_key_leaves_no_mark(stack: Stack, post: Api) -> None:
    post("u", "1")
    assert set(stack.items()) == {"USER#u"}


@pytest.mark.usefixtures("stack")
def test_average_is_null_while_there_is_nothing(new_api: Callable[[], Any]) -> None:
    answer = get(new_api(), "/stats/average")
    assert answer["body"] == '{"average":null,"average_per_user":null,"users":0,"events":0,"total":0}'


@pytest.mark.usefixtures("stack")
def test_averages_are_exact_decimals(new_api: Callable[[], Any]) -> None:
    api = new_api()
    post = poster(api)
    post("a", "0.1")
    post("a", "0.2")
    post("b", "1e2")
    answer = get(api, "/stats/average")
    assert answer["body"] == (
        '{"average":33.43333333333333333333333333,"average_per_user":50.15,"users":2,"events":3,"total":100.3}'
    )


def test_a_migration_below_a_warm_function_costs_no_more_than_one_request(
    stack: Stack, new_api: Callable[[], Any]
) -> None:
    api = new_api()
    get(api, "/stats/average")
    stack.rows("alter table usage_totals alter column total type double precision")
    with pytest.raises(DatabaseError, match="cached plan"):
        get(api, "/stats/average")
    assert get(api, "/stats/average")["statusCode"] == 200


def test_a_route_that_is_not_there_is_not_found(new_api: Callable[[], Any]) -> None:
    assert get(new_api(), "/nowhere")["statusCode"] == 404


def test_a_refusal_names_its_problems_and_stores_nothing(stack: Stack, post: Api) -> None:
    answer = post("", "-1")
    assert answer["statusCode"] == 400
    assert [problem["field"] for problem in answer["body"]["errors"]] == ["user", "usage"]
    assert stack.items() == {}


def test_a_body_over_16_kib_is_refused(post: Api) -> None:
    assert post("u" * 17_000)["statusCode"] == 413


def test_a_database_without_a_schema_is_503(new_api: Callable[[], Any]) -> None:
    answer = poster(new_api())("u", "1")
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")


def test_a_changed_password_is_read_again(stack: Stack, post: Api) -> None:
    """As after a rotation: connections go on, new ones need the new password."""
    post("u", "1")
    stack.rows(f"alter role {stack.name} password 'rotated'")
    secrets = boto3.client("secretsmanager", endpoint_url=stack.endpoint, **CREDENTIALS)
    secret = secrets.get_secret_value(SecretId=stack.secret_arn)["SecretString"]
    secrets.put_secret_value(
        SecretId=stack.secret_arn, SecretString=secret.replace(f'"password": "{stack.name}"', '"password": "rotated"')
    )
    end_connections(stack)
    assert post("u", "1")["statusCode"] == 201


@pytest.mark.parametrize("key", [None, "k"])
def test_a_connection_that_the_server_ended_is_made_again(stack: Stack, post: Api, key: str | None) -> None:
    post("u", "1")
    end_connections(stack)
    answer = post("u", "1", key=key)
    assert answer["statusCode"] == 201
    assert "idempotent-replayed" not in answer["headers"]
    assert stack.truth() == stack.aggregates() == {"u": (2, Decimal(2))}


def end_connections(stack: Stack) -> None:
    admin = stack.server.connect()
    admin.run("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name", name=stack.name)
    admin.close()
