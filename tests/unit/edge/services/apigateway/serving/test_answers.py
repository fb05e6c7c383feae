"""What functions answer to REST APIs, which resource a path means, and periods of quotas."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from staticfire.edge.services.apigateway.rest.serving import proxy_answer, usage
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import GatewayRefusal
from staticfire.edge.services.apigateway.rest.serving.media_types import is_binary
from staticfire.edge.services.apigateway.rest.serving.routing import ResourceTable


def response(answer: Any, accept: str = "", binary: tuple[str, ...] = ()) -> Any:
    return proxy_answer.response(json.dumps(answer).encode(), accept, binary)


def test_headers_of_both_maps() -> None:
    answer = {
        "headers": {"A": "1", "Connection": "close"},
        "multiValueHeaders": {"a": ["2", "1"], "Set-Cookie": ["x", "y"]},
    }
    assert response(answer).headers == [
        ("Content-Type", "application/json"),
        ("a", "2"),
        ("a", "1"),
        ("Set-Cookie", "x"),
        ("Set-Cookie", "y"),
        ("x-amzn-Remapped-Connection", "close"),
    ]


def test_bytes_are_for_who_accepts_them() -> None:
    answer = {"body": "AAEC", "isBase64Encoded": True}
    assert response(answer).body == b"AAEC"
    assert response(answer, "image/png", ("image/*",)).body == b"\x00\x01\x02"
    assert response(answer, "text/html,image/png", ("image/*",)).body == b"AAEC"
    assert response(answer, "", ("*/*",)).body == b"\x00\x01\x02"


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"null", b"[]", b'"x"', b"{}", b"{", b'{"statusCode": 99}', b'{"statusCode": true}', b'{"x": 1}'),
        *(b'{"headers": {"a b": "c"}}', b'{"headers": [1]}', b'{"headers": {"a": {}}}', b'{"body": []}'),
    ],
)
def test_answers_that_are_none(payload: bytes) -> None:
    with pytest.raises(GatewayRefusal) as refused:
        proxy_answer.response(payload, "", ())
    assert (refused.value.status, refused.value.kind) == (502, "DEFAULT_5XX")


def test_binary_media_types() -> None:
    assert is_binary("image/png; x=1", ["image/*"])
    assert is_binary(None, ["*/*"])
    assert not is_binary("", ["image/png"])
    assert not is_binary("image/png", [])


def test_resources() -> None:
    table = ResourceTable(
        [
            ("/", {"GET": "root"}),
            ("/a", {}),
            ("/a/{x}", {"GET": "x", "ANY": "any"}),
            ("/a/{x}/b", {"GET": "b"}),
            ("/a/c/{rest+}", {"ANY": "rest"}),
            ("/{all+}", {"GET": "all"}),
        ]
    )
    for path, match in {
        "/": ("root", {}),
        "/a": ("all", {"all": "a"}),
        "/a/1/": ("x", {"x": "1"}),
        "/a/1/b": ("b", {"x": "1"}),
        "/a/c": ("x", {"x": "c"}),
        "/a/c/d//e": ("rest", {"rest": "d//e"}),
        "/a/1/2": ("all", {"all": "a/1/2"}),
        "/z%2Fz": ("all", {"all": "z%2Fz"}),
    }.items():
        assert table.match("GET", path) == match, path
    assert table.match("POST", "/a/1") == ("any", {"x": "1"})
    assert table.match("POST", "/a/1/b") is None
    assert table.match("GET", "/" + "x/" * 20_000) is not None


def test_periods_of_quotas() -> None:
    day = date(2026, 11, 30)  # a Monday
    assert usage._first_day(day, "DAY", 0) == day
    assert usage._first_day(day, "WEEK", 0) == date(2026, 11, 29)
    assert usage._first_day(day, "WEEK", 2) == date(2026, 11, 24)
    assert usage._first_day(day, "MONTH", 0) == date(2026, 11, 1)
    assert usage._first_day(date(2026, 3, 2), "MONTH", 10) == date(2026, 2, 11)
