from __future__ import annotations

import base64
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.http import body_of, json_text, plain


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("150", "150"),
        ("1E+2", "100"),
        ("0.10", "0.1"),
        ("0.300000", "0.3"),
        ("1000.000", "1000"),
        ("100", "100"),
        ("0E-6", "0"),
        ("-0.00", "0"),
        ("1E-6", "0.000001"),
        ("-2.50", "-2.5"),
    ],
)
def test_a_decimal_is_written_plainly(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15))
def test_a_decimal_keeps_its_value(number: Decimal) -> None:
    assert Decimal(plain(number)) == number


def test_an_object_with_decimals_is_json_with_exact_numbers() -> None:
    text = json_text({"total": Decimal("0.1") + Decimal("0.2"), "users": 2, "average": None, 'na"me': "ü\n"})
    assert text == '{"total":0.3,"users":2,"average":null,"na\\"me":"ü\\n"}'
    assert json.loads(text, parse_float=Decimal)["total"] == Decimal("0.3")


def test_a_body_is_its_bytes_however_the_event_carries_it() -> None:
    assert body_of({"body": "ü", "isBase64Encoded": False}) == "ü".encode()
    assert body_of({"body": base64.b64encode(b"\xff\x00").decode(), "isBase64Encoded": True}) == b"\xff\x00"
    assert body_of({"isBase64Encoded": False}) == b""
