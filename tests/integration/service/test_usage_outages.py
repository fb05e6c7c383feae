"""One of the stores is away. Postgres is stopped here, so these tests have a server of their own."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.postgres.server import Postgres
from tests.integration.service.kit import Api, Stack


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    root = tmp_path_factory.mktemp("stopped")
    server = Postgres(Settings(project=root, state_dir=root / "state", cache_dir=root / "state"))
    server.start(Progress())
    yield server
    server.stop()


def test_without_postgres_what_was_counted_is_replayed_and_the_rest_is_503(
    stack: Stack, postgres: Postgres, post: Api
) -> None:
    first = post("u", "1", key="counted")
    postgres.stop()

    replay = post("u", "1.0", key="counted")
    assert (replay["statusCode"], replay["body"]) == (201, first["body"])
    assert replay["headers"]["idempotent-replayed"] == "true"
    assert post("u", "2", key="counted")["statusCode"] == 409
    for key in ("new", None):
        answer = post("u", "1", key=key)
        assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")

    postgres.start(Progress())
    assert post("u", "1", key="new")["statusCode"] == 201
    assert stack.truth() == stack.aggregates() == {"u": (2, Decimal(2))}


def test_without_dynamodb_a_post_is_503_and_its_retry_counts_it_once(stack: Stack, post: Api) -> None:
    stack.dynamodb.delete_table(TableName=stack.name)
    answer = post("u", "1", key="k")
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")

    stack.dynamodb.create_table(
        TableName=stack.name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    assert post("u", "1", key="k")["statusCode"] == 201
    assert stack.truth() == stack.aggregates() == {"u": (1, Decimal(1))}
