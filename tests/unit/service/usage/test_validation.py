from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.errors import Refused
from usage.validation import BODY_LIMIT, Usage, read

from tests.unit.service.usage.kit import event_of


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def parse(raw: bytes, key: str | None) -> Usage:
    return read(event_of(raw, key))


def problems_of(raw: bytes, key: str | None = None) -> set[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        parse(raw, key)
    assert refused.value.status == 400
    return {(problem["field"], problem["problem"]) for problem in refused.value.problems}


def test_a_right_request_is_read() -> None:
    assert parse(b'{"user": "user123", "usage": 150}', "k-1") == Usage("user123", Decimal(150), "k-1")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1e2", "100"),
        ("1E+2", "100"),
        ("1e12", "1000000000000"),
        ("1000000000000.000000", "1000000000000"),
        ("0.000001", "0.000001"),
        ("1e-6", "0.000001"),
        ("0.1234560000", "0.123456"),
        ("123.456e3", "123456"),
        ("999999999999.999999", "999999999999.999999"),
    ],
)
def test_usage_is_the_decimal_that_was_written(text: str, value: str) -> None:
    assert parse(f'{{"user": "u", "usage": {text}}}'.encode(), None).usage == Decimal(value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('"150"', "must be a number"),
        ("true", "must be a number"),
        ("false", "must be a number"),
        ("null", "must be a number"),
        ("[1]", "must be a number"),
        ("{}", "must be a number"),
        ("NaN", "must be a finite number"),
        ("Infinity", "must be a finite number"),
        ("-Infinity", "must be a finite number"),
        ("1e99999999999999999999", "must be a finite number"),
        ("-1", "must be at least 0"),
        ("-0.000001", "must be at least 0"),
        ("1000000000000.000001", "must be at most 1000000000000"),
        ("1e13", "must be at most 1000000000000"),
        ("1e999999", "must be at most 1000000000000"),
        ("9" * 5000, "must be at most 1000000000000"),
        ("0.0000001", "must have at most 6 decimals"),
        ("1.0000001", "must have at most 6 decimals"),
        ("1e-7", "must have at most 6 decimals"),
        ("1e-999999", "must have at most 6 decimals"),
        ("0." + "1" * 5000, "must have at most 6 decimals"),
    ],
)
def test_a_usage_that_is_none_is_refused(text: str, problem: str) -> None:
    assert problems_of(f'{{"user": "u", "usage": {text}}}'.encode()) == {("usage", problem)}


@pytest.mark.parametrize("user", ["u", "x" * 128, "\N{GRINNING FACE}" * 128, " ", "日本語", "a\nb"])
def test_a_user_of_1_to_128_characters_is_taken_as_it_is(user: str) -> None:
    assert parse(body(user=user, usage=1), None).user == user


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ("", "must have 1 characters at least"),
        ("x" * 129, "must have 128 characters at most"),
        (None, "must be a string"),
        (5, "must be a string"),
        (True, "must be a string"),
        ([], "must be a string"),
        ("a\0b", "must not contain the character NUL"),
        ("a\ud800b", "must not contain half of a surrogate pair"),
    ],
)
def test_a_user_that_is_none_is_refused(user: Any, problem: str) -> None:
    assert problems_of(body(user=user, usage=1)) == {("user", problem)}


@pytest.mark.parametrize("raw", [b"", b"{", b"nonsense", b'{"user": "u", "usage": 01}', b"[" * 10_000])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    assert problems_of(raw) == {("body", "must be JSON")}


@pytest.mark.parametrize("raw", [b"[]", b"null", b"5", b'"text"', b"NaN", b'[{"user": "u", "usage": 1}]'])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    assert problems_of(raw) == {("body", "must be a JSON object")}


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    assert problems_of(b'{"user": "\xff", "usage": 1}') == {("body", "must be UTF-8")}


def test_every_problem_is_named_at_once() -> None:
    raw = b'{"usage": -1, "usage": -2, "usgae": 1, "unit": "kWh"}'
    assert problems_of(raw, "a key with spaces") == {
        ("Idempotency-Key", "must be 1 to 255 visible ASCII characters"),
        ("user", "is missing"),
        ("usage", "is given more than once"),
        ("usage", "must be at least 0"),
        ("usgae", "is not a known field"),
        ("unit", "is not a known field"),
    }


def test_a_field_name_that_utf_8_cannot_hold_is_still_named() -> None:
    assert problems_of(rb'{"user": "u", "usage": 1, "\ud800": 1}') == {("?", "is not a known field")}


@pytest.mark.parametrize("key", ["k", "!", "~" * 255, "a,b;c=d"])
def test_a_key_of_visible_ascii_is_taken(key: str) -> None:
    assert parse(body(user="u", usage=1), key).key == key


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\t", "schlüssel", "a\n", "\x7f"])
def test_another_key_is_refused(key: str) -> None:
    assert problems_of(body(user="u", usage=1), key) == {
        ("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
    }


def test_a_body_of_16_kib_is_taken_and_one_byte_more_is_too_large() -> None:
    raw = body(user="u", usage=1)
    assert parse(raw.ljust(BODY_LIMIT), None).user == "u"
    with pytest.raises(Refused) as refused:
        parse(raw.ljust(BODY_LIMIT + 1), None)
    assert refused.value.status == 413


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_in_another_way(raw: bytes) -> None:
    with pytest.raises(Refused):
        parse(raw, None)


@given(
    st.decimals(min_value=0, max_value=10**12, places=6), st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
)
def test_every_right_pair_is_taken_exactly(usage: Decimal, user: str) -> None:
    user = user[:128].replace("\0", "0")
    raw = f'{{"user": {json.dumps(user)}, "usage": {usage}}}'.encode()
    if len(raw) <= BODY_LIMIT:
        assert parse(raw, None) == Usage(user, usage, None)
