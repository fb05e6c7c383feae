"""If-Match: which versions a request may change."""

from __future__ import annotations

import pytest
from servicekit.errors import Refused
from tasks.validation import expected, identity


@pytest.mark.parametrize(
    ("header", "version", "allowed"),
    [
        ("*", 7, True),
        ('"7"', 7, True),
        ('"7"', 8, False),
        ('"6", "7"', 7, True),
        ('W/"7"', 7, False),
        ('W/"7", "7"', 7, True),
        ('"07"', 7, False),
        ('"of-another-service"', 7, False),
    ],
)
def test_a_version_may_be_changed_when_it_was_named(header: str, version: int, allowed: bool) -> None:
    wanted = expected(header)
    assert wanted is not None
    assert wanted.allows(version) is allowed


def test_without_a_header_nothing_is_expected() -> None:
    assert expected(None) is None


def test_what_is_no_entity_tag_is_refused_and_named() -> None:
    with pytest.raises(Refused) as refused:
        expected("7")
    assert (refused.value.status, [problem["field"] for problem in refused.value.problems]) == (400, ["If-Match"])


@pytest.mark.parametrize(
    "text", ["", "1", "01ARZ3NDEKTSV4RRFFQ69G5FAVX", "01arz3ndektsv4rrffq69g5fav", "81ARZ3NDEKTSV4RRFFQ69G5FAV"]
)
def test_there_is_no_task_with_an_id_that_cannot_be_one(text: str) -> None:
    with pytest.raises(Refused) as refused:
        identity(text)
    assert refused.value.status == 404
