"""CORS as the API configures it."""

from __future__ import annotations

import pytest

from staticfire.edge.http1.messages import Headers, Request, Response
from staticfire.edge.services.apigateway.common.cors import CorsPolicy
from staticfire.edge.services.apigateway.common.settings import Cors

SITE = "https://www.example.com"


def request(origin: str, method: str = "POST") -> Request:
    return Request(method, "/", "", Headers([("origin", origin)] if origin else []))


def preflight(policy: CorsPolicy, origin: str = SITE, method: str = "POST") -> Response:
    headers = [("origin", origin), ("access-control-request-method", method)]
    response = policy.preflight(Request("OPTIONS", "/", "", Headers(headers)))
    assert response is not None
    return response


def test_a_preflight_says_all_that_is_configured() -> None:
    policy = CorsPolicy(Cors((SITE,), ("GET", "POST"), ("authorization",), ("date",), True, 300))
    response = preflight(policy)
    assert response.status == 204
    assert dict(response.headers) == {
        "access-control-allow-origin": SITE,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "date",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "authorization",
        "access-control-max-age": "300",
    }


def test_a_preflight_from_elsewhere_gets_no_headers() -> None:
    response = preflight(CorsPolicy(Cors((SITE,), ("GET",))), "https://evil.example.com")
    assert (response.status, response.headers) == (204, [])


@pytest.mark.parametrize(
    "headers", [[], [("origin", SITE)], [("access-control-request-method", "GET")], [("origin", ""), ("x", "y")]]
)
def test_options_without_origin_and_method_is_no_preflight(
    headers: list[tuple[str, str]],
) -> None:
    assert CorsPolicy(Cors((SITE,))).preflight(Request("OPTIONS", "/", "", Headers(headers))) is None


@pytest.mark.parametrize(
    ("allowed", "origin", "answered"),
    [
        ("*", "http://any.example", "*"),
        ("https://*", "https://any.example", "https://any.example"),
        ("https://*", "http://any.example", None),
        ("http://*", "http://any.example", "http://any.example"),
        (SITE, SITE, SITE),
        (SITE, f"{SITE}.evil.com", None),
    ],
)
def test_origins_may_be_wildcards(allowed: str, origin: str, answered: str | None) -> None:
    headers = dict(CorsPolicy(Cors((allowed,))).apply(request(origin), []))
    assert headers.get("access-control-allow-origin") == answered


def test_the_integrations_cors_headers_are_replaced() -> None:
    headers = [("access-control-allow-origin", "*"), ("access-control-max-age", "9"), ("x-a", "1")]
    policy = CorsPolicy(Cors((SITE,)))
    assert policy.apply(request(SITE), headers) == [("x-a", "1"), ("access-control-allow-origin", SITE)]
    assert policy.apply(request(""), headers) == [("x-a", "1")]
    assert policy.apply(request(SITE, "OPTIONS"), headers) == [("x-a", "1")]
