"""The route matcher against the rules of the documentation, written down naively."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from staticfire.edge.services.apigateway.http.routes import RouteTable

KEYS = ["GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"]


def table(*keys: str) -> RouteTable[str]:
    return RouteTable((key, key) for key in keys)


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
        ("GET", "/", "$default", {}),
    ],
)
def test_the_documentations_example_matches_as_documented(
    method: str, path: str, key: str, parameters: dict[str, Any]
) -> None:
    assert table(*KEYS).match(method, path) == (key, parameters)


def test_the_requests_method_beats_any_on_the_same_path() -> None:
    routes = table("ANY /a", "GET /a")
    assert routes.match("GET", "/a") == ("GET /a", {})
    assert routes.match("PUT", "/a") == ("ANY /a", {})


def test_a_route_whose_method_does_not_fit_is_passed_over() -> None:
    routes = table("POST /a/b", "GET /a/{id}", "GET /{proxy+}")
    assert routes.match("GET", "/a/b") == ("GET /a/{id}", {"id": "b"})
    assert routes.match("PUT", "/a/b") is None


def test_variables_on_one_path_may_differ_by_method() -> None:
    routes = table("GET /users/{id}", "PUT /users/{name}")
    assert routes.match("GET", "/users/1") == ("GET /users/{id}", {"id": "1"})
    assert routes.match("PUT", "/users/1") == ("PUT /users/{name}", {"name": "1"})


def test_the_method_beats_any_whatever_the_variables_are_called() -> None:
    routes = table("ANY /users/{id}", "GET /users/{name}")
    assert routes.match("GET", "/users/1") == ("GET /users/{name}", {"name": "1"})


def test_a_literal_segment_beats_a_variable_from_the_left() -> None:
    routes = table("GET /{a}/x", "GET /b/{c}")
    assert routes.match("GET", "/b/x") == ("GET /b/{c}", {"c": "x"})


def test_the_longer_greedy_prefix_wins() -> None:
    routes = table("GET /{proxy+}", "GET /a/{proxy+}", "GET /a/{b}/{proxy+}")
    assert routes.match("GET", "/a/b/c") == ("GET /a/{b}/{proxy+}", {"b": "b", "proxy": "c"})
    assert routes.match("GET", "/a/b") == ("GET /a/{proxy+}", {"proxy": "b"})


@pytest.mark.parametrize("path", ["/pets", "/pets/"])
def test_a_greedy_variable_needs_something_to_take(path: str) -> None:
    assert table("GET /pets/{proxy+}").match("GET", path) is None


def test_a_variable_takes_no_empty_segment() -> None:
    assert table("GET /pets/{id}").match("GET", "/pets/") is None


def test_a_trailing_slash_is_another_path() -> None:
    assert table("GET /pets").match("GET", "/pets/") is None


def test_segments_are_decoded_one_by_one() -> None:
    routes = table("GET /u/{id}", "GET /caf\u00e9/{proxy+}")
    assert routes.match("GET", "/u/a%2Fb%20c") == ("GET /u/{id}", {"id": "a/b c"})
    assert routes.match("GET", "/caf%C3%A9/x%2By/z") == ("GET /caf\u00e9/{proxy+}", {"proxy": "x+y/z"})


NAMES = st.sampled_from(["a", "b", "c d", "\u00fc"])
SEGMENTS = st.one_of(NAMES, st.sampled_from(["{x}", "{y}"]))
METHODS = st.sampled_from(["GET", "POST", "ANY"])


@st.composite
def route_keys(draw: st.DrawFn) -> str:
    segments = draw(st.lists(SEGMENTS, max_size=4, unique=True))
    if draw(st.booleans()):
        segments.append("{rest+}")
    return f"{draw(METHODS)} /{'/'.join(segments)}"


def shape(key: str) -> tuple[str, tuple[str, ...]]:
    """Two routes may not have the same method and the same path apart from variables' names."""
    method, _, path = key.partition(" ")
    return method, tuple("{}" if part.startswith("{") and "+" not in part else part for part in path.split("/"))


KEY_LISTS = st.lists(st.one_of(route_keys(), st.just("$default")), max_size=8, unique_by=shape)


def naive(keys: Iterable[str], method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """The most specific of all routes that fit: full before greedy, literal before variable, method before ANY."""
    segments = [unquote(part) for part in path[1:].split("/")]
    fitting: list[tuple[tuple[Any, ...], str, dict[str, str]]] = []
    for key in keys:
        if key == "$default":
            fitting.append(((2,), key, {}))
            continue
        wanted_method, _, wanted_path = key.partition(" ")
        if wanted_method not in (method, "ANY"):
            continue
        wanted = wanted_path[1:].split("/")
        greedy = wanted[-1].endswith("+}")
        fixed = wanted[:-1] if greedy else wanted
        if len(segments) < len(fixed) if greedy else len(segments) != len(fixed):
            continue
        parameters = {}
        fits = True
        for one, other in zip(fixed, segments, strict=False):
            if one.startswith("{"):
                parameters[one[1:-1]] = other
                fits = fits and other != ""
            else:
                fits = fits and one == other
        if greedy:
            parameters["rest"] = "/".join(segments[len(fixed) :])
            fits = fits and parameters["rest"] != ""
        if fits:
            literal = tuple(0 if not part.startswith("{") else 1 for part in fixed)
            rank = (1, -len(fixed), literal) if greedy else (0, 0, literal)
            fitting.append(((*rank, wanted_method == "ANY"), key, parameters))
    if not fitting:
        return None
    _, key, parameters = min(fitting, key=lambda one: one[0])
    return key, parameters


@given(
    keys=KEY_LISTS,
    method=st.sampled_from(["GET", "POST", "PUT"]),
    segments=st.lists(st.one_of(NAMES, st.sampled_from(["", "z", "a/b", "%", "+"])), max_size=5),
    encoded=st.booleans(),
)
@example(keys=["GET /{x}", "ANY /a"], method="GET", segments=["a"], encoded=False)
@example(keys=["ANY /{x}", "GET /{y}"], method="GET", segments=["a"], encoded=False)
def test_any_table_matches_like_the_naive_reading_of_the_rules(
    keys: list[str], method: str, segments: list[str], encoded: bool
) -> None:
    path = "/" + "/".join(quote(part, safe="" if encoded else "+") for part in segments)
    assert table(*keys).match(method, path) == naive(keys, method, path)
