"""The resolver: routes, refusals, and stores that are away."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from servicekit.errors import Refused, Unavailable
from servicekit.http import as_http_apis
from servicekit.resolver import Resolver


def ask(app: Resolver, path: str = "/things/7", *, raw: str | None = None, stage: str = "v1") -> dict[str, Any]:
    context = {"stage": stage, "requestId": "id", "http": {"method": "GET", "path": path}}
    event = {"rawPath": raw or f"/{stage}{path}", "headers": {}, "requestContext": context}
    answer = app.resolve(event, None)
    return {**answer, "headers": {name.lower(): value for name, value in answer["headers"].items()}}


def raising(error: Exception) -> Resolver:
    app = Resolver()

    @app.get("/things/<id>")
    def route(id: str) -> None:
        raise error

    return app


@pytest.fixture
def app() -> Resolver:
    app = Resolver()

    @app.get("/things/<id>")
    def route(id: str) -> dict[str, Any]:
        return {"id": id, "size": Decimal("0.10")}

    return app


def test_an_answer_has_its_decimals_as_numbers(app: Resolver) -> None:
    answer = ask(app)
    assert (answer["statusCode"], answer["body"]) == (200, '{"id":"7","size":0.1}')
    assert answer["headers"]["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("raw", "stage"),
    [("/v1/things/7", "v1"), ("/things/7", "v1"), ("/things/7", "$default"), ("/v1things/7", "v1")],
    ids=["the stage's own address", "a custom domain", "no stage", "what only begins like the stage"],
)
def test_a_path_is_found_with_and_without_its_stage(app: Resolver, raw: str, stage: str) -> None:
    assert ask(app, raw=raw, stage=stage)["statusCode"] == (404 if raw == "/v1things/7" else 200)


def test_there_is_nothing_where_no_route_is(app: Resolver) -> None:
    answer = ask(app, "/others")
    assert (answer["statusCode"], answer["body"]) == (404, '{"message":"Not Found"}')


def test_a_refusal_is_answered_with_its_problems_and_headers() -> None:
    problems = [{"field": "a", "problem": "is missing"}]
    answer = ask(raising(Refused(400, "No.", problems, {"x-why": "a"})))
    assert (answer["statusCode"], json.loads(answer["body"])) == (400, {"message": "No.", "errors": problems})
    assert answer["headers"]["x-why"] == "a"


def test_a_store_that_is_away_is_503_and_the_answer_does_not_say_which() -> None:
    answer = ask(raising(Unavailable("the table secret-name")))
    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == "1"
    assert "secret-name" not in answer["body"]


def test_a_bug_is_not_answered_here() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(raising(ZeroDivisionError()))


def rest_event(path: str, **changes: Any) -> dict[str, Any]:
    """The event of a REST API's function."""
    event = {
        **{"resource": "/things/{id}", "path": path, "httpMethod": "GET", "body": None, "isBase64Encoded": False},
        "headers": {"X-Mine": "b"},
        "multiValueHeaders": {"X-Mine": ["a", "b"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"id": "7"},
        "requestContext": {"stage": "v1", "path": f"/v1{path}", "requestId": "id", "identity": {"sourceIp": "::1"}},
    }
    return {**event, **changes}


def test_a_rest_apis_event_finds_its_route_too(app: Resolver) -> None:
    answer = app.resolve(rest_event("/things/a%20b"), None)

    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"id": "a b", "size": 0.1})


def test_a_custom_domains_path_of_a_rest_api_finds_its_route(app: Resolver) -> None:
    context = {"stage": "v1", "path": "/things/7", "requestId": "id", "identity": {}}
    assert app.resolve(rest_event("/things/7", requestContext=context), None)["statusCode"] == 200


def test_values_that_come_more_than_once_are_joined_as_an_http_apis_are() -> None:
    event = as_http_apis(rest_event("/things/7", multiValueQueryStringParameters={"q": ["1", "a b"]}))

    assert event["queryStringParameters"] == {"q": "1,a b"}
    assert (event["rawQueryString"], event["headers"]) == ("q=1&q=a+b", {"x-mine": "a,b"})
