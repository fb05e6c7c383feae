"""What the control plane of HTTP APIs does not take."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab
from tests.conformance.test_lambda_described import refused

AREA = "HTTP API: what is refused"
BAD = (400, "BadRequestException")
ROUTES = "apigateway/latest/developerguide/http-api-develop-routes.html"
MAPPING = "apigateway/latest/developerguide/http-api-parameter-mapping.html"
PROXY = {
    **{"IntegrationType": "HTTP_PROXY", "IntegrationUri": "http://example.com", "IntegrationMethod": "GET"},
    "PayloadFormatVersion": "1.0",
}


@pytest.fixture(scope="module")
def api_id(lab: Lab) -> str:
    return str(lab.aws("apigatewayv2").create_api(Name=lab.name(), ProtocolType="HTTP")["ApiId"])


@documented(AREA, "A path variable is a whole part of a route's path, and a greedy one is the last", ROUTES)
@pytest.mark.parametrize("path", ["/{a", "/a}", "/x{a}", "/{a}{b}", "/{p+}/x", "/x?y=1"])
def test_paths(lab: Lab, api_id: str, path: str) -> None:
    assert refused(lab.aws("apigatewayv2").create_route, ApiId=api_id, RouteKey=f"GET {path}") == (
        *BAD,
        'The provided route key is not formatted properly for HTTP protocol. Format should be "<HTTP METHOD> '
        '/<RESOURCE PATH>" or "$default"',
    )


@documented(AREA, "A mapping changes nothing that API Gateway keeps for itself, and is an action on a place", MAPPING)
@pytest.mark.parametrize(
    ("member", "said"),
    [
        ({"RequestParameters": {"overwrite:header.Authorization": "x"}}, "Operations on header authorization are"),
        ({"RequestParameters": {"mine": "x"}}, "Invalid mapping expression specified: mine"),
        ({"ResponseParameters": {"200": {"append:header.X-Amzn-Mine": "x"}}}, "Operations on header x-amzn-mine are"),
        ({"ResponseParameters": {"99": {"append:header.x": "x"}}}, "Invalid status code specified: 99"),
        ({"RequestTemplates": {"application/json": "{}"}}, "RequestTemplates is supported only for WebSocket APIs"),
    ],
)
def test_mappings(lab: Lab, api_id: str, member: dict[str, Any], said: str) -> None:
    status, code, message = refused(lab.aws("apigatewayv2").create_integration, ApiId=api_id, **PROXY, **member)
    assert (status, code) == BAD
    assert said in message


@documented(
    AREA,
    "An integration's method is one of HTTP's, or ANY",
    "apigatewayv2/latest/api-reference/apis-apiid-integrations.html",
)
def test_methods(lab: Lab, api_id: str) -> None:
    settings = {**PROXY, "IntegrationMethod": "FETCH"}
    assert refused(lab.aws("apigatewayv2").create_integration, ApiId=api_id, **settings)[:2] == BAD


@documented(AREA, "Models are for WebSocket APIs", "apigatewayv2/latest/api-reference/apis-apiid-models.html")
def test_models(lab: Lab, api_id: str) -> None:
    model = {"Name": "Order", "Schema": "{}", "ContentType": "application/json"}
    assert refused(lab.aws("apigatewayv2").create_model, ApiId=api_id, **model)[:2] == BAD
