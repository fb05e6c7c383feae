"""Items that are deleted many at a time: DynamoDB takes 25 in a batch, and may leave some of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from servicekit.errors import Unavailable
from servicekit.table import BATCH_ATTEMPTS, Table


class Client:
    """Leaves as many of each batch as it is told to, and remembers what it was asked to delete."""

    def __init__(self, left: Iterator[int]) -> None:
        self.batches: list[list[str]] = []
        self._left = left

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        requests = RequestItems["things"]
        self.batches.append([deletion["DeleteRequest"]["Key"]["pk"]["S"] for deletion in requests])
        left = requests[: next(self._left)]
        return {"UnprocessedItems": {"things": left} if left else {}}


def table(*left: int) -> tuple[Client, Table]:
    client: Any = Client(iter(left))
    return client, Table(client, "things")


KEYS = [{"pk": str(n)} for n in range(60)]


def test_keys_go_in_batches_that_dynamodb_takes() -> None:
    client, things = table(0, 0, 0)
    things.delete_many(KEYS)
    assert [len(batch) for batch in client.batches] == [25, 25, 10]
    assert [key for batch in client.batches for key in batch] == [key["pk"] for key in KEYS]


def test_what_a_batch_left_is_sent_again() -> None:
    client, things = table(2, 0, 1, 0)
    things.delete_many(KEYS)
    assert client.batches[3] == ["0", "1", "50"]


def test_what_is_left_every_time_is_unavailable() -> None:
    _, things = table(*[1] * BATCH_ATTEMPTS)
    with pytest.raises(Unavailable, match="left 1 of 1 items undeleted 5 times"):
        things.delete_many(KEYS[:1])


def test_no_keys_are_no_call() -> None:
    client, things = table()
    things.delete_many([])
    assert client.batches == []
