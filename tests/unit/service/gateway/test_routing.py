"""Which route takes a path, and which paths are none."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from gateway.routing import KEY, Router, encoded, encoded_query, path_of
from hypothesis import given
from hypothesis import strategies as st
from servicekit.errors import Refused

router = Router(
    [
        "GET /",
        "GET /things/{id}",
        "GET /things/special",
        "ANY /things/{id}",
        "ANY /things/{path+}",
        "GET /things/{id}/parts/{part}",
        "POST /{all+}",
        "GET /a.b/{x}",
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/", "GET /", {}),
        ("GET", "/things/7", "GET /things/{id}", {"id": "7"}),
        ("GET", "/things/special", "GET /things/special", {}),
        ("PUT", "/things/special", "ANY /things/{id}", {"id": "special"}),
        ("GET", "/things/7/parts/8", "GET /things/{id}/parts/{part}", {"id": "7", "part": "8"}),
        ("GET", "/things/7/parts", "ANY /things/{path+}", {"path": "7/parts"}),
        ("POST", "/things/7/x", "ANY /things/{path+}", {"path": "7/x"}),
        ("POST", "/other/x\ny", "POST /{all+}", {"all": "other/x\ny"}),
        ("GET", "/a.b/1", "GET /a.b/{x}", {"x": "1"}),
    ],
)
def test_the_most_specific_route_takes_the_request(
    method: str, path: str, key: str, parameters: dict[str, Any]
) -> None:
    match = router.match(method, path)

    assert (match.key, match.parameters) == (key, parameters)


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("GET", "/things"), ("GET", "/aXb/1")])
def test_where_only_other_methods_have_a_route_they_are_told(method: str, path: str) -> None:
    with pytest.raises(Refused) as refused:
        router.match(method, path)

    assert refused.value.status == 405
    assert refused.value.headers == {"allow": "POST"}


def test_without_any_route_nothing_is_found() -> None:
    with pytest.raises(Refused) as refused:
        Router([]).match("GET", "/")

    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("raw", "stage", "path"),
    [
        ("/v1/a/b", "v1", "/a/b"),
        ("/v1", "v1", "/"),
        ("/a b", "$default", "/a b"),
        ("/v1/a%25b", "v1", "/a%b"),
        ("/v1/ü", "v1", "/ü"),
        ("/v1/...", "v1", "/..."),
        ("/v1/a..b/.c", "v1", "/a..b/.c"),
        ("/v1/100%25", "v1", "/100%"),
    ],
)
def test_a_path_is_read_below_its_stage(raw: str, stage: str, path: str) -> None:
    assert path_of(raw, stage) == path


@pytest.mark.parametrize("times", range(5))
@pytest.mark.parametrize("bad", ["..", ".", "a\\b", "a\0", "a\r\nb", "a/../b", "\x7f", "..;", ".;a=1/b"])
def test_what_could_be_another_path_is_refused_however_often_it_is_encoded(bad: str, times: int) -> None:
    text = bad
    for _ in range(times):
        text = "".join(f"%{byte:02x}" for byte in text.encode())

    with pytest.raises(Refused) as refused:
        path_of(f"/v1/{text.replace('%', '%25')}", "v1")

    assert refused.value.status == 400


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_encoded_path_is_ascii_and_decodes_to_what_it_was(path: str) -> None:
    text = encoded(f"/{path}")

    assert text.isascii()
    assert not set(text) & set('?# \r\n"<>')
    assert unquote(text) == f"/{path}"


@pytest.mark.parametrize("query", ["a=b&c=%2F", "", "a=b+c", "x=[1]", "q=http://x/?y"])
def test_a_query_that_is_one_stays_as_it_is(query: str) -> None:
    assert encoded_query(query) == query


def test_what_no_query_may_hold_is_encoded() -> None:
    assert encoded_query("a=b c\r\nHost: x#é") == "a=b%20c%0D%0AHost:%20x%23%C3%A9"


@pytest.mark.parametrize("key", ["GET /", "ANY /{a+}", "GET /a/{b}/c", "DELETE /a/{b}/{c+}", "OPTIONS /a.b_~-1"])
def test_these_are_keys_of_routes(key: str) -> None:
    assert KEY.fullmatch(key)


@pytest.mark.parametrize(
    "key",
    [
        "get /",
        "GET",
        "GET a",
        "GET /a/",
        "GET //a",
        "TRACE /",
        "GET /{a+}/b",
        "GET /{a}b",
        "GET /ä",
        "GET /a b",
        "$default",
    ],
)
def test_these_are_none(key: str) -> None:
    assert not KEY.fullmatch(key)
