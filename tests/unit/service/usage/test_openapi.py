"""The OpenAPI document says what the code does: the same routes, and the same bodies but for the decimals."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from servicekit.errors import Refused
from usage.validation import read

from tests.unit.service import openapi
from tests.unit.service.usage.kit import event_of

DOCUMENT = openapi.read("usage")

users = st.sampled_from(["u", "", "\0", "x" * 128, "x" * 129, "🚀" * 128, 5, None])
usages = st.sampled_from([0, 1, 1.5, 10**12, 10**12 + 1, -1, "1", True, None, 0.000001])
keys = st.none() | st.sampled_from(["k", "", "a b", "k" * 255, "k" * 256, "k\n", "ü"])
bodies = st.fixed_dictionaries({}, optional={"user": users, "usage": usages, "more": st.just(1)})


def test_the_document_has_the_routes_of_the_code() -> None:
    from usage.api import app

    assert openapi.routes(DOCUMENT) == openapi.routes_of(app)


@given(bodies, keys)
def test_the_document_and_the_code_take_the_same_requests(body: dict[str, Any], key: str | None) -> None:
    is_valid = openapi.schema(DOCUMENT, "NewUsage").is_valid(body)
    is_right_key = key is None or openapi.schema(DOCUMENT, "Key").is_valid(key)
    try:
        read(event_of(json.dumps(body).encode(), key))
    except Refused:
        assert not (is_valid and is_right_key)
    else:
        assert is_valid
        assert is_right_key
