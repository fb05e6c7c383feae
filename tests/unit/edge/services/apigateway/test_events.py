"""What a function gets of a request."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staticfire.edge.aws.calls import Scope
from staticfire.edge.http1.messages import Headers, Request
from staticfire.edge.services.apigateway.http import event as events
from staticfire.edge.services.apigateway.http.exchange import Exchange, decoded_path
from staticfire.edge.services.apigateway.http.model import Route, Stage

SCOPE = Scope("123456789012", "eu-west-1")


def exchange(
    method: str = "GET",
    path: str = "/",
    query: str = "",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    stage: Stage | None = None,
    key: str = "$default",
    parameters: dict[str, str] | None = None,
    base_path: str | None = None,
) -> Exchange:
    x = Exchange(
        Request(method, path, query, Headers(headers), body, peer="192.0.2.1"),
        scope=SCOPE,
        api_id="abc",
        stage=stage or Stage("$default"),
        path=path,
        domain_name="abc.execute-api.localhost",
        base_path=base_path,
    )
    x.route = Route(key)
    x.parameters = parameters or {}
    x.arrived(body, "4566")
    return x


def version_2(*args: Any, **options: Any) -> Any:
    return json.loads(events.version_2(exchange(*args, **options)))


def version_1(*args: Any, **options: Any) -> Any:
    return json.loads(events.version_1(exchange(*args, **options)))


def test_keys_with_nothing_to_say_are_absent_in_format_2_0() -> None:
    event = version_2()
    assert set(event) == {
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "headers",
        "requestContext",
        "isBase64Encoded",
    }
    assert "authorizer" not in event["requestContext"]


def test_the_request_context_says_who_and_what() -> None:
    x = exchange("POST", "/a", headers=[("user-agent", "agent/1")], key="POST /a")
    context = json.loads(events.version_2(x))["requestContext"]
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("time"))
    assert context == {
        "accountId": "123456789012",
        "apiId": "abc",
        "domainName": "abc.execute-api.localhost",
        "domainPrefix": "abc",
        "http": {
            "method": "POST",
            "path": "/a",
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.1",
            "userAgent": "agent/1",
        },
        "requestId": x.request_id,
        "routeKey": "POST /a",
        "stage": "$default",
        "timeEpoch": x.epoch_ms,
    }


def test_a_named_stage_is_part_of_the_raw_path() -> None:
    event = version_2(path="/pets", stage=Stage("prod", variables={"v": "1"}))
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/prod/pets"
    assert event["stageVariables"] == {"v": "1"}


def test_the_raw_path_has_no_mapping_key_and_the_path_of_format_1_0_has() -> None:
    assert version_2(path="/x", base_path="v1")["rawPath"] == "/x"
    assert version_1(path="/x", base_path="v1", stage=Stage("prod"))["path"] == "/v1/x"
    assert version_1(path="/x", base_path="", stage=Stage("prod"))["path"] == "/x"


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("/a%20b", "/a b"),
        ("/a%252Fb", "/a%252Fb"),
        ("/a%25", "/a%25"),
        ("/%C3%BC/%25%20", "/ü/%25 "),
        ("/plain", "/plain"),
    ],
)
def test_the_path_is_decoded_apart_from_encoded_percent_signs(raw: str, decoded: str) -> None:
    assert decoded_path(raw) == decoded
    assert version_2(path=raw)["rawPath"] == decoded


def test_repeated_headers_are_joined_and_cookies_are_apart() -> None:
    headers = [("x-a", "1"), ("cookie", "a=1; b=2"), ("x-a", "2"), ("cookie", "c=3")]
    event = version_2(headers=headers)
    assert event["headers"]["x-a"] == "1,2"
    assert event["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in event["headers"]


def test_what_is_between_client_and_gateway_does_not_reach_the_function() -> None:
    headers = [("connection", "keep-alive"), ("transfer-encoding", "chunked"), ("expect", "100-continue"), ("te", "x")]
    seen = version_2(headers=headers, body=b"abc")["headers"]
    assert not {name for name, _ in headers} & set(seen)
    assert seen["content-length"] == "3"


def test_forwarding_headers_are_continued() -> None:
    seen = version_2(headers=[("x-forwarded-for", "203.0.113.9"), ("x-amzn-trace-id", "Root=1-2-3")])["headers"]
    assert seen["x-forwarded-for"] == "203.0.113.9, 192.0.2.1"
    assert (seen["x-forwarded-port"], seen["x-forwarded-proto"]) == ("4566", "http")
    assert seen["x-amzn-trace-id"] == "Root=1-2-3"
    made = version_2()["headers"]["x-amzn-trace-id"]
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", made)


@pytest.mark.parametrize(
    "kind", ["application/json", "text/csv; charset=utf-8", "APPLICATION/XML", "application/javascript"]
)
def test_a_body_of_a_text_type_is_text(kind: str) -> None:
    event = version_2("POST", headers=[("content-type", kind)], body="grüße".encode())
    assert (event["body"], event["isBase64Encoded"]) == ("grüße", False)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", "application/octet-stream")],
        [("content-type", "application/x-www-form-urlencoded")],
        [("content-type", "application/json"), ("content-encoding", "gzip")],
    ],
)
def test_every_other_body_is_base64(headers: list[tuple[str, str]]) -> None:
    event = version_2("POST", headers=headers, body=b"abc")
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"abc").decode(), True)


def test_text_that_is_no_utf_8_is_base64() -> None:
    event = version_2("POST", headers=[("content-type", "text/plain")], body=b"\xff\xfe")
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\xff\xfe", True)


def test_format_1_0_has_both_forms_of_headers_and_query_and_nulls() -> None:
    event = version_1(
        "POST",
        "/pets/7",
        "a=1&a=2",
        [("x-a", "1"), ("x-a", "2"), ("cookie", "c=1")],
        stage=Stage("prod"),
        key="POST /pets/{id}",
        parameters={"id": "7"},
    )
    assert (event["version"], event["resource"], event["path"], event["httpMethod"]) == (
        "1.0",
        "/pets/{id}",
        "/prod/pets/7",
        "POST",
    )
    assert (event["headers"]["x-a"], event["multiValueHeaders"]["x-a"]) == ("2", ["1", "2"])
    assert (event["headers"]["cookie"], event["multiValueHeaders"]["cookie"]) == ("c=1", ["c=1"])
    assert event["queryStringParameters"] == {"a": "2"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert event["pathParameters"] == {"id": "7"}
    assert event["stageVariables"] is None
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    context = event["requestContext"]
    assert context["identity"]["sourceIp"] == "192.0.2.1"
    assert context["identity"]["user"] is None
    assert (context["resourcePath"], context["path"]) == ("/pets/{id}", "/prod/pets/7")


def test_the_authorizer_events_name_the_route_and_the_identities() -> None:
    x = exchange("GET", "/a", key="GET /a")
    new, old = (json.loads(build(x, ["one", "two"])) for build in (events.authorizer_2, events.authorizer_1))
    arn = "arn:aws:execute-api:eu-west-1:123456789012:abc/$default/GET/a"
    assert (new["version"], new["type"], new["routeArn"], new["identitySource"]) == (
        "2.0",
        "REQUEST",
        arn,
        ["one", "two"],
    )
    assert (old["version"], old["type"], old["methodArn"], old["identitySource"]) == ("1.0", "REQUEST", arn, "one,two")
    assert "body" not in new
    assert "isBase64Encoded" not in new


HEADER_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True).filter(
    lambda name: not name.startswith(("x-forwarded", "x-amzn", "content-", "te")) and name not in ("cookie", "expect")
)
LATIN = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20)


@given(
    path=st.text(st.characters(min_codepoint=33, max_codepoint=126, blacklist_characters="?#"), max_size=20),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126, blacklist_characters="#"), max_size=30),
    headers=st.lists(st.tuples(HEADER_NAMES, LATIN), max_size=6),
    kind=st.sampled_from(["", "text/plain", "application/json", "image/png", "text/plain; charset=latin-1"]),
    body=st.binary(max_size=200),
    stage=st.sampled_from(["$default", "prod"]),
)
def test_any_request_is_a_right_event(
    path: str, query: str, headers: list[tuple[str, str]], kind: str, body: bytes, stage: str
) -> None:
    sent = [*headers, *([("content-type", kind)] if kind else [])]
    x = exchange("POST", f"/{path}", query, sent, body, stage=Stage(stage))
    event = json.loads(events.version_2(x))
    assert event["rawQueryString"] == query
    for name in {name for name, _ in headers}:
        assert event["headers"][name] == ",".join(value for key, value in headers if key == name)
    content = event.get("body", "")
    assert (base64.b64decode(content) if event["isBase64Encoded"] else content.encode()) == body
    assert ("body" in event) == bool(body)
    assert event["rawPath"].startswith("/prod/" if stage == "prod" else "/")
    json.loads(events.version_1(x))
