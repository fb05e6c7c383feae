"""REST APIs: which method a path means, and what is answered where there is none."""

from __future__ import annotations

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, send
from tests.conformance.rest_lab import Rest

AREA = "REST API: routing"
PAGE = "apigateway/latest/developerguide/api-gateway-method-settings-method-request.html"
RESPONSES = "apigateway/latest/developerguide/supported-gateway-response-types.html"
HEADERS = "apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html"


@pytest.fixture(scope="module")
def api(lab: Lab) -> Rest:
    api = Rest(lab)
    shown = '{"resource": "$context.resourcePath", "method": "$context.httpMethod", "id": "$input.params(\'id\')"}'
    for key in ("GET /", "GET /pets", "ANY /pets/{id}", "GET /pets/mine", "GET /pets/{id}/toys"):
        api.mock(key, shown)
    for key in ("POST /all", "GET /all/orders", "ANY /all/{rest+}"):
        api.mock(key, shown)
    api.deploy()
    return api


@documented(
    AREA,
    "A literal segment goes before a parameter, a parameter before a greedy one; a trailing slash is the same",
    PAGE,
)
def test_precedence(api: Rest) -> None:
    for path, resource in {
        "/": "/",
        "/pets": "/pets",
        "/pets/": "/pets",
        "/pets/mine": "/pets/mine",
        "/pets/7": "/pets/{id}",
        "/pets/mine/toys": "/pets/{id}/toys",
        "/all/a/b": "/all/{rest+}",
    }.items():
        answer = api.get(path)
        assert (answer.status, answer.json()["resource"]) == (200, resource), path


@documented(
    AREA,
    "ANY takes every method; one that a resource lacks is the next less specific one's that has it, `{proxy+}` too",
    PAGE,
)
def test_any(api: Rest) -> None:
    assert api.send("PATCH", "/pets/7").json() == {"resource": "/pets/{id}", "method": "PATCH", "id": "7"}
    assert api.send("PATCH", "/pets/mine").json() == {"resource": "/pets/{id}", "method": "PATCH", "id": "mine"}
    assert api.send("OPTIONS", "/all/orders").json() == {"resource": "/all/{rest+}", "method": "OPTIONS", "id": ""}


@documented(
    AREA, "A path or a method that is not there is 403 Missing Authentication Token, with AWS's headers", RESPONSES
)
def test_unknown(api: Rest) -> None:
    for method, path in (("GET", "/nope"), ("POST", "/pets"), ("GET", "/all")):
        answer = api.send(method, path)
        assert (answer.status, answer.body) == (403, b'{"message":"Missing Authentication Token"}')
        assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
        assert answer.headers["content-type"] == "application/json"
        assert len(answer.headers["x-amzn-RequestId"]) == 36
        assert answer.headers["x-amz-apigw-id"]


@documented(AREA, "A stage that is not there is 403 Forbidden", RESPONSES)
def test_an_unknown_stage(api: Rest) -> None:
    refused = send("GET", f"{api.lab.url(api.id, 'nope')}/pets")
    assert (refused.status, refused.json()) == (403, {"message": "Forbidden"})
    assert refused.headers["x-amzn-ErrorType"] == "ForbiddenException"


@documented(AREA, "What is changed takes effect with the next deployment", PAGE)
def test_deployments_freeze(lab: Lab) -> None:
    api = Rest(lab)
    api.mock("GET /", "one")
    api.deploy()
    api.mock("GET /later", "two")
    assert api.get("/later").status == 403
    api.deploy()
    assert (api.get("/later").body, api.get("/").body) == (b"two", b"one")


@documented(AREA, "A gateway response has its own status, headers and template; its default stands for others", HEADERS)
def test_gateway_responses(lab: Lab) -> None:
    api = Rest(lab)
    api.mock("GET /", "")
    api.client.put_gateway_response(
        restApiId=api.id,
        responseType="MISSING_AUTHENTICATION_TOKEN",
        statusCode="404",
        responseParameters={
            "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
            "gatewayresponse.header.x-path": "context.path",
        },
        responseTemplates={
            "application/json": '{"error": $context.error.messageString, "t": "$context.error.responseType"}'
        },
    )
    api.deploy()
    answer = api.get("/nope")
    assert (answer.status, answer.json()) == (
        404,
        {"error": "Missing Authentication Token", "t": "MISSING_AUTHENTICATION_TOKEN"},
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["x-path"] == "/prod/nope"
