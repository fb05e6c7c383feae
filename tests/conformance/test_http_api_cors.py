"""CORS as the API's configuration says it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Answer, Api, Lab

AREA = "HTTP API: CORS"
PAGE = "apigateway/latest/developerguide/http-api-cors.html"
SITE = "https://www.example.com"


@pytest.fixture(scope="module")
def configured(lab: Lab, dictated: str) -> Api:
    return lab.api(
        {"POST /": dictated},
        CorsConfiguration={
            "AllowOrigins": [SITE, "https://other.example.com"],
            "AllowMethods": ["GET", "POST"],
            "AllowHeaders": ["authorization", "content-type"],
            "ExposeHeaders": ["date", "x-api-id"],
            "AllowCredentials": True,
            "MaxAge": 300,
        },
    )


def preflight(api: Api, origin: str = SITE, method: str | None = "POST", headers: str = "content-type") -> Answer:
    asked = {"Origin": origin, "Access-Control-Request-Headers": headers}
    if method:
        asked["Access-Control-Request-Method"] = method
    return api.send("OPTIONS", "/", asked)


def listed(value: str | None) -> set[str]:
    return {part.strip().lower() for part in (value or "").split(",") if part.strip()}


def cors(answer: Answer) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


@documented(AREA, "A preflight is answered from the configuration, without a route and without the function", PAGE)
def test_a_preflight_is_answered_from_the_configuration(configured: Api) -> None:
    answer = preflight(configured)
    assert (answer.status, answer.body) == (204, b"")
    headers = cors(answer)
    assert headers["access-control-allow-origin"] == SITE
    assert listed(headers["access-control-allow-methods"]) == {"get", "post"}
    assert listed(headers["access-control-allow-headers"]) == {"authorization", "content-type"}
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-max-age"] == "300"


@documented(AREA, "A preflight from an origin that is not allowed gets no CORS headers", PAGE)
def test_a_preflight_from_another_origin_is_not_allowed(configured: Api) -> None:
    assert "access-control-allow-origin" not in cors(preflight(configured, "https://evil.example.com"))


@documented(AREA, "A preflight needs `Origin` and `Access-Control-Request-Method`", PAGE)
def test_a_preflight_without_a_method_gets_no_headers(configured: Api) -> None:
    assert "access-control-allow-origin" not in cors(preflight(configured, method=None))


@documented(AREA, "The answer to a CORS request carries the configured headers", PAGE)
def test_an_answer_carries_the_configured_headers(configured: Api) -> None:
    answer = configured.send("POST", "/", {"Origin": SITE, "Content-Type": "application/json"}, '{"statusCode": 200}')
    headers = cors(answer)
    assert answer.status == 200
    assert headers["access-control-allow-origin"] == SITE
    assert headers["access-control-allow-credentials"] == "true"
    assert listed(headers["access-control-expose-headers"]) == {"date", "x-api-id"}


@documented(AREA, "Without `Origin`, or from another one, an answer carries none", PAGE)
@pytest.mark.parametrize("origin", [{}, {"Origin": "https://evil.example.com"}])
def test_other_requests_get_no_cors_headers(configured: Api, origin: dict[str, str]) -> None:
    answer = configured.send("POST", "/", {**origin, "Content-Type": "application/json"}, '{"statusCode": 200}')
    assert answer.status == 200
    assert "access-control-allow-origin" not in cors(answer)


@documented(AREA, "CORS headers of the integration are ignored when the API configures CORS", PAGE)
def test_the_functions_cors_headers_are_ignored(configured: Api) -> None:
    result = '{"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "access-control-max-age": "9"}}'
    answer = configured.send("POST", "/", {"Origin": SITE, "Content-Type": "application/json"}, result)
    assert answer.headers.get_all("access-control-allow-origin") == [SITE]
    assert "access-control-max-age" not in cors(answer)


@documented(AREA, "Without a configuration the function's own CORS headers are passed on", PAGE)
def test_without_a_configuration_the_functions_headers_count(dictating: Api) -> None:
    answer = dictating.dictate({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}})
    assert answer.headers["access-control-allow-origin"] == "*"


@documented(AREA, "Without a configuration OPTIONS takes its route like any method", PAGE)
def test_without_a_configuration_options_takes_its_route(echoing: Api) -> None:
    assert echoing.event("OPTIONS", "/")["requestContext"]["http"]["method"] == "OPTIONS"


@documented(AREA, "`*`, `https://*` and `http://*` allow any origin, any https and any http origin", PAGE)
@pytest.mark.parametrize(
    ("allowed", "origin", "answered"),
    [
        ("*", "http://any.example", {"*", "http://any.example"}),
        ("https://*", "https://any.example", {"https://any.example"}),
        ("http://*", "http://any.example", {"http://any.example"}),
        ("https://*", "http://any.example", {None}),
    ],
)
def test_origins_may_be_wildcards(
    lab: Lab, dictated: str, allowed: str, origin: str, answered: set[str | None]
) -> None:
    config: dict[str, Any] = {"AllowOrigins": [allowed], "AllowMethods": ["*"], "AllowHeaders": ["*"]}
    api = lab.api({"POST /": dictated}, CorsConfiguration=config)
    assert cors(preflight(api, origin)).get("access-control-allow-origin") in answered


@documented(AREA, "A configuration that changes counts at once; deleted, it counts no more", PAGE)
def test_a_changed_configuration_counts_at_once(lab: Lab, echo: str) -> None:
    api = lab.api({"ANY /": echo}, CorsConfiguration={"AllowOrigins": [SITE], "AllowMethods": ["GET"]})
    client = lab.aws("apigatewayv2")
    assert cors(preflight(api, method="GET"))["access-control-allow-origin"] == SITE
    client.update_api(ApiId=api.id, CorsConfiguration={"AllowOrigins": ["https://b.example"], "AllowMethods": ["GET"]})
    assert "access-control-allow-origin" not in cors(preflight(api, method="GET"))
    client.delete_cors_configuration(ApiId=api.id)
    assert preflight(api).json()["requestContext"]["http"]["method"] == "OPTIONS"
