"""Items in DynamoDB's own JSON, as boto3 makes it of plain values."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from servicekit.table import marshal, unmarshal

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
