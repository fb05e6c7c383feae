"""The small values that services share: ids, cursors, and items in DynamoDB's own JSON."""

from __future__ import annotations

import re
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit import cursor, ulid
from servicekit.dynamodb import marshal, unmarshal
from servicekit.errors import Refused

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**37), 10**37),
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9),
    st.text(),
    st.binary(),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_an_item_survives_dynamodbs_json(item: dict[str, Any]) -> None:
    assert unmarshal(marshal(item)) == item


def test_a_whole_number_comes_back_as_int_and_another_as_the_exact_decimal() -> None:
    item = unmarshal({"whole": {"N": "7"}, "exact": {"N": "0.1"}, "set": {"SS": ["b", "a"]}})
    assert item == {"whole": 7, "exact": Decimal("0.1"), "set": {"a", "b"}}
    assert type(item["whole"]) is int


def test_what_dynamodb_has_no_type_for_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        marshal({"what": object()})


def test_ulids_are_new_each_time_and_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({ulid.new_ulid() for _ in range(1000)}) == 1000
    moments = [0, 1_000_000, 1_469_918_176_385_000_000, (2**48 - 1) * 1_000_000]
    made = []
    for moment in moments:
        monkeypatch.setattr(time, "time_ns", lambda now=moment: now)
        made.append(ulid.new_ulid())
    assert made == sorted(made)
    assert made[2][:10] == "01ARYZ6S41"  # the example of ULID's own specification
    assert all(re.fullmatch(ulid.PATTERN, identity) for identity in made)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text(max_size=20), max_size=4))
def test_a_cursor_leads_back_to_its_key(key: dict[str, str]) -> None:
    text = cursor.encode(key)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert cursor.decode(text, key.keys()) == key


@pytest.mark.parametrize(
    "text",
    ["", "=", "nonsense", "ü", "bnVsbA", "eyJhIjoxfQ", cursor.encode({"b": "1"}), cursor.encode({"a": "x" * 2000})],
)
def test_what_is_no_cursor_of_ours_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused) as refused:
        cursor.decode(text, {"a"})
    assert refused.value.status == 400
    assert [problem["field"] for problem in refused.value.problems] == ["cursor"]
