from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from events.validation import BATCH, DEPTH, Submitted, read_batch
from hypothesis import given
from hypothesis import strategies as st
from servicekit.errors import Refused
from servicekit.requests import check, read_json

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False).filter(lambda n: abs(n.adjusted()) < 100)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


def event(data: str) -> Any:
    return read_json(f'{{"type": "t", "source": "s", "data": {data}}}'.encode(), 10**6)


def read_event(content: Any) -> Submitted:
    return check(content, Submitted)


def text_of(value: Any) -> str:
    """JSON with decimals as they are, in another way than the service's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {text_of(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(text_of, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


@given(st.dictionaries(texts, values, max_size=4))
def test_data_is_stored_as_json_of_the_same_value(data: dict[str, Any]) -> None:
    stored = read_event(event(text_of(data))).data
    assert json.loads(stored, parse_float=Decimal, parse_int=Decimal) == data


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_in_another_way(raw: bytes) -> None:
    with pytest.raises(Refused):
        read_event(read_json(raw, 1000))


@pytest.mark.parametrize("open_close", [("[", "]"), ('{"a":', "}")])
def test_data_may_be_as_deep_as_an_item_of_dynamodb(open_close: tuple[str, str]) -> None:
    def nested(depth: int) -> str:
        inner = open_close[0] * (depth - 1) + "1" + open_close[1] * (depth - 1)
        return f'{{"a": {inner}}}'

    assert read_event(event(nested(DEPTH - 1))).data
    with pytest.raises(Refused) as refused:
        read_event(event(nested(DEPTH + 1)))
    assert refused.value.problems == [{"field": "data", "problem": f"must be nested at most {DEPTH} deep"}]


def test_a_batch_tells_of_each_event_whether_it_is_right() -> None:
    right = {"type": "t", "source": "s", "data": {}}
    read = read_batch({"body": json.dumps({"events": [right, {}, right]})})
    assert [isinstance(event, Submitted) for event in read] == [True, False, True]


@pytest.mark.parametrize("number", [0, BATCH + 1])
def test_a_batch_has_1_to_100_events(number: int) -> None:
    with pytest.raises(Refused) as refused:
        read_batch({"body": json.dumps({"events": [{}] * number})})
    assert refused.value.problems == [{"field": "events", "problem": f"must have 1 to {BATCH} events"}]
