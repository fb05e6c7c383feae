"""From a function's answer to the client's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staticfire.edge.http1.messages import Response
from staticfire.edge.services.apigateway.http.response import Malformed, version_1, version_2

Version = Callable[[bytes], Response]


def answer(result: Any, version: Version = version_2) -> Response:
    return version(json.dumps(result).encode())


@pytest.mark.parametrize(
    ("result", "body"), [("hello", b"hello"), ({"a": 1}, b'{"a": 1}'), ([1], b"[1]"), (None, b"null")]
)
def test_json_without_a_status_is_the_body_of_a_200(result: Any, body: bytes) -> None:
    response = answer(result)
    assert (response.status, response.headers, response.body) == (200, [("content-type", "application/json")], body)


def test_a_structured_answer_is_taken_over() -> None:
    response = answer(
        {"statusCode": "201", "headers": {"X-A": 1, "X-B": True, "X-C": None}, "cookies": ["a=1"], "body": "é"}
    )
    assert response.status == 201
    assert response.headers == [
        ("x-a", "1"),
        ("x-b", "true"),
        ("set-cookie", "a=1"),
        ("content-type", "text/plain;charset=UTF-8"),
    ]
    assert response.body == "é".encode()


@pytest.mark.parametrize("body", ["AAH/", "AA\r\nH/\n"])
def test_a_base64_body_is_decoded(body: str) -> None:
    assert answer({"statusCode": 200, "isBase64Encoded": True, "body": body}).body == b"\x00\x01\xff"


def test_hop_by_hop_headers_and_the_length_are_the_gateways() -> None:
    headers = {"Connection": "close", "Transfer-Encoding": "chunked", "Content-Length": "9", "Apigw-Requestid": "x"}
    assert answer({"statusCode": 200, "headers": headers}).headers == []


def test_header_text_beyond_ascii_is_utf_8_on_the_wire() -> None:
    [(_, value)] = answer({"statusCode": 200, "headers": {"x-a": "ü€"}}).headers
    assert value.encode("latin-1").decode("utf-8") == "ü€"


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "teapot"},
        {"statusCode": 99},
        {"statusCode": 1000},
        {"statusCode": True},
        {"statusCode": None},
        {"statusCode": 200, "headers": ["x"]},
        {"statusCode": 200, "headers": {"a b": "x"}},
        {"statusCode": 200, "headers": {"x-a": ["x"]}},
        {"statusCode": 200, "headers": {"x-a": "1\r\nx-b: 2"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": ["a=1\nb"]},
        {"statusCode": 200, "body": {"an": "object"}},
        *({"statusCode": 200, "isBase64Encoded": True, "body": text} for text in ("not base64!", "%%%", "AA-_", "AAH")),
    ],
)
def test_what_is_no_response_is_malformed(result: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        answer(result)


def test_what_is_no_json_is_malformed() -> None:
    with pytest.raises(Malformed):
        version_2(b"{")


@pytest.mark.parametrize("result", [{"message": "hello"}, "text", None])
def test_format_1_0_infers_nothing(result: dict[str, Any] | str | None) -> None:
    with pytest.raises(Malformed):
        answer(result, version_1)


def test_format_1_0_merges_both_kinds_of_headers() -> None:
    response = answer(
        {"statusCode": 200, "headers": {"x-a": "2", "x-b": "3"}, "multiValueHeaders": {"X-A": ["1", "2"]}}, version_1
    )
    assert response.headers == [("x-a", "1"), ("x-a", "2"), ("x-b", "3")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("statusCode", "headers", "cookies", "body", "isBase64Encoded", "multiValueHeaders")
ANSWERS = JSON | st.dictionaries(st.sampled_from(KEYS), JSON | st.just(200), max_size=5)


@given(result=ANSWERS, version=st.sampled_from([version_1, version_2]))
def test_any_answer_is_a_response_or_malformed(result: Any, version: Version) -> None:
    try:
        response = answer(result, version)
    except Malformed:
        return
    assert 200 <= response.status <= 599
    for name, value in response.headers:
        assert name == name.lower()
        value.encode("latin-1")
        assert not set("\r\n\0") & set(name + value)
