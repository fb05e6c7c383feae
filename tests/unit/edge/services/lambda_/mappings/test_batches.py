"""What a function's answer says of a batch, as AWS was recorded to understand it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staticfire.edge.services.lambda_.mappings.batches import failed_items

ITEMS = ("1", "2", "3")


@pytest.mark.parametrize("answer", [[], None, {}, "", {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_a_success(answer: Any) -> None:
    assert failed_items(json.dumps(answer).encode(), ITEMS) == []


@pytest.mark.parametrize(
    "failures",
    [[{"itemIdentifier": ""}], [{"itemIdentifier": None}], [{"foo": "1"}], [{"foo": None}], [{"itemIdentifier": "9"}]],
)
def test_an_item_that_is_not_in_the_batch_fails_all_of_it(failures: Any) -> None:
    assert failed_items(json.dumps({"batchItemFailures": [{"itemIdentifier": "1"}, *failures]}).encode(), ITEMS) is None


@pytest.mark.parametrize("answer", [b"{not json", b'"done"', b"7", b'[{"foo": 1}]', b'{"batchItemFailures": "1"}'])
def test_what_is_not_an_answer_of_the_batch_fails_all_of_it(answer: bytes) -> None:
    assert failed_items(answer, ITEMS) is None


def test_the_items_that_failed() -> None:
    failures = [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]
    assert failed_items(json.dumps({"batchItemFailures": failures}).encode(), ITEMS) == ["3", "2"]
