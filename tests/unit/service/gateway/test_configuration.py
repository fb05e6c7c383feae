"""The configuration: right ones are read, wrong ones are refused with every problem named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gateway import configuration
from gateway.configuration import Wrong

RIGHT: dict[str, Any] = {
    "upstreams": {"server": {"url": "https://x.example/base/"}, "function": {"function": "f-1_a", "retries": 0}},
    "limits": {"slow": {"requests": 5, "seconds": 60, "by": "user"}},
    "routes": {
        "GET /": {"upstream": "server", "auth": "none"},
        "ANY /a/{path+}": {"upstream": "function", "auth": "any", "limit": "slow", "strip_prefix": "/a"},
    },
    "tokens": {"issuer": "i", "audience": "a"},
}


def with_changes(**tables: Any) -> bytes:
    return json.dumps({**RIGHT, **tables}).encode()


def problems(content: bytes) -> list[str]:
    with pytest.raises(Wrong) as wrong:
        configuration.read(content)
    return [problem["field"] for problem in wrong.value.problems]


def test_a_right_one_is_read_with_defaults() -> None:
    read = configuration.read(with_changes())

    route = read.routes["ANY /a/{path+}"]
    assert (route.upstream, route.limit) == ("function", "slow")
    assert (read.limits["slow"].requests, read.limits["slow"].refuses_unknown) == (5, False)
    assert read.upstreams["server"].url == "https://x.example/base"
    assert (read.upstreams["server"].timeout_seconds, read.upstreams["server"].retries) == (10, 2)
    assert read.upstreams["function"].retries == 0
    assert (read.tokens.leeway_seconds, read.tokens.jwks_url) == (30, None)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff"])
def test_what_is_no_object_is_refused(content: bytes) -> None:
    assert len(problems(content)) == 1


def test_every_problem_is_named_and_not_only_the_first() -> None:
    wrong = problems(
        with_changes(
            upstreams={"Server": {"url": "ftp://x"}, "b": {"function": "a:b", "retries": 9}},
            limits={"l": {"requests": 0, "seconds": "1", "by": "colour"}},
            routes={"FETCH /x": {"auth": "perhaps", "upstream": "b"}},
            tokens={"issuer": ""},
            sessions={"seconds": 0},
            colour="red",
        )
    )

    assert set(wrong) == {
        "colour",
        "upstreams.Server",
        "upstreams.Server.url",
        "upstreams.b.function",
        "upstreams.b.retries",
        "limits.l.requests",
        "limits.l.seconds",
        "limits.l.by",
        "routes.FETCH /x",
        "routes.FETCH /x.auth",
        "tokens.issuer",
        "tokens.audience",
        "sessions.seconds",
    }


@pytest.mark.parametrize("table", ["upstreams", "limits", "routes", "tokens"])
@pytest.mark.parametrize("value", [7, [], None, "x"])
def test_a_table_is_an_object(table: str, value: Any) -> None:
    assert table in {field.partition(".")[0] for field in problems(with_changes(**{table: value}))}


@pytest.mark.parametrize(
    "url",
    [
        "x.example",
        "//x.example",
        "file:///etc/passwd",
        "http://",
        "http://user@x.example",
        "http://x.example/?a=b",
        "http://x.example/#a",
        "http://x.example:99999",
        "http://x .example",
        "http://x.example/\r\n",
        "http://[::1",
        7,
    ],
)
def test_an_upstreams_url_names_a_host_and_nothing_else_but_a_path(url: str | int) -> None:
    assert problems(with_changes(upstreams={"a": {"url": url}}, routes={})) == ["upstreams.a.url"]


@pytest.mark.parametrize(
    ("tables", "field"),
    [
        ({"upstreams": {"a": {}}, "routes": {}}, "upstreams.a"),
        ({"upstreams": {"a": {"url": "http://x", "function": "f"}}, "routes": {}}, "upstreams.a"),
        ({"routes": {"GET /x": {"upstream": "nobody", "auth": "none"}}}, "routes.GET /x.upstream"),
        ({"routes": {"GET /x": {"upstream": "server", "auth": "jwt", "limit": "no"}}}, "routes.GET /x.limit"),
        ({"routes": {"GET /x": {"upstream": "server", "auth": "none", "limit": "slow"}}}, "routes.GET /x.limit"),
        (
            {"routes": {"GET /x": {"upstream": "server", "auth": "none", "strip_prefix": "/y"}}},
            "routes.GET /x.strip_prefix",
        ),
        (
            {"routes": {"GET /xyz": {"upstream": "server", "auth": "none", "strip_prefix": "/x"}}},
            "routes.GET /xyz.strip_prefix",
        ),
        ({"routes": {"GET /health/live": {"upstream": "server", "auth": "none"}}}, "routes.GET /health/live"),
        ({"routes": {"GET /{a}/{a}": {"upstream": "server", "auth": "none"}}}, "routes.GET /{a}/{a}"),
    ],
)
def test_what_does_not_fit_together_is_named(tables: dict[str, Any], field: str) -> None:
    assert problems(with_changes(**tables)) == [field]


def test_who_may_must_be_said() -> None:
    assert problems(with_changes(routes={"GET /": {"upstream": "server"}})) == ["routes.GET /.auth"]
