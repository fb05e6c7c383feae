"""What the control plane of REST APIs does not take, in its words."""

from __future__ import annotations

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab
from tests.conformance.rest_lab import Rest
from tests.conformance.test_lambda_described import refused

AREA = "REST API: what is refused"
BAD = (400, "BadRequestException")
INTEGRATION = "apigateway/latest/api/API_PutIntegration.html"


@pytest.fixture(scope="module")
def api(lab: Lab) -> Rest:
    api = Rest(lab)
    api.mock("GET /mock")
    return api


def place(api: Rest) -> dict[str, str]:
    return {"restApiId": api.id, "resourceId": api.resource("/mock"), "httpMethod": "GET"}


@documented(
    AREA,
    "A header of an integration's response is one that the method's response declares",
    "apigateway/latest/developerguide/request-response-data-mappings.html",
)
def test_undeclared_header(api: Rest) -> None:
    name = "method.response.header.X-Not-Declared"
    expected = (
        *BAD,
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
        f"[Invalid mapping expression parameter specified: {name}]",
    )
    put = api.client.put_integration_response
    assert refused(put, **place(api), statusCode="200", responseParameters={name: "'x'"}) == expected
    patch = [{"op": "add", "path": f"/responseParameters/{name}", "value": "'x'"}]
    assert (
        refused(api.client.update_integration_response, **place(api), statusCode="200", patchOperations=patch)
        == expected
    )


@documented(AREA, "A service is called as a role: an integration with one names it", INTEGRATION)
def test_no_role(api: Rest, lab: Lab) -> None:
    queue = f"arn:aws:apigateway:{lab.region}:sqs:path/{lab.account}/queue"
    settings = {**place(api), "type": "AWS", "uri": queue, "integrationHttpMethod": "POST"}
    put = api.client.put_integration
    assert refused(put, **settings) == (*BAD, "Role ARN must be specified for AWS integrations")
    assert refused(put, **settings, credentials="me") == (*BAD, "Invalid ARN specified in the request")
    put(**settings, credentials="arn:aws:iam::300000000001:role/other")  # a repository's own account is not this one


@documented(
    AREA,
    "An edge-optimized API waits for 29 s at the most; an account may have more granted for others",
    "apigateway/latest/developerguide/limits.html",
)
def test_long_time(api: Rest) -> None:
    settings = {"type": "MOCK", "timeoutInMillis": 29_001}
    assert refused(api.client.put_integration, **place(api), **settings) == (
        *BAD,
        "Timeout should be between 50 ms and 29000 ms",
    )


@documented(
    AREA, "Tags that begin with `aws:` are AWS's own", "apigateway/latest/developerguide/apigateway-tagging.html"
)
def test_tags_of_aws(lab: Lab, api: Rest) -> None:
    expected = (*BAD, "Invalid tag key. Tag keys cannot start with 'aws:' (case insensitive)")
    tags = {"AWS:owner": "me"}
    assert refused(api.client.create_rest_api, name="tagged", tags=tags) == expected
    arn = f"arn:aws:apigateway:{lab.region}::/restapis/{api.id}"
    assert refused(api.client.tag_resource, resourceArn=arn, tags=tags) == expected
    assert refused(lab.aws("apigatewayv2").create_api, Name="tagged", ProtocolType="HTTP", Tags=tags) == expected


STAGES = "apigateway/latest/api/API_UpdateStage.html"


@documented(
    AREA,
    "Stage variables have names of letters, digits and `_`, and values without braces",
    "apigateway/latest/developerguide/amazon-api-gateway-using-stage-variables.html",
)
def test_stage_variables(api: Rest) -> None:
    deployment = api.deploy()
    create = api.client.create_stage
    stage = {"restApiId": api.id, "stageName": "other", "deploymentId": deployment}
    assert refused(create, **stage, variables={"one": "{}"}) == (
        *BAD,
        "Invalid stage variable value of key one.  Please use values with alphanumeric characters and the symbols ' ', "
        "-', '.', '_', ':', '/', '?', '&', '=', and ','.",
    )
    assert refused(create, **stage, variables={"a b": "1"})[:2] == BAD
    patch = [{"op": "replace", "path": "/variables/one", "value": "é"}]
    change = api.client.update_stage
    assert refused(change, restApiId=api.id, stageName="prod", patchOperations=patch)[:2] == BAD


@documented(AREA, "A stage's settings lie within AWS's bounds: cache sizes and times, a canary's share", STAGES)
@pytest.mark.parametrize(
    ("path", "value"),
    [("/cacheClusterSize", "3"), ("/*/*/caching/ttlInSeconds", "3601"), ("/canarySettings/percentTraffic", "101")],
)
def test_stage_settings(api: Rest, path: str, value: str) -> None:
    api.deploy()
    patch = [{"op": "replace", "path": path, "value": value}]
    assert refused(api.client.update_stage, restApiId=api.id, stageName="prod", patchOperations=patch)[:2] == BAD


@documented(
    AREA,
    "A method that asks a user pool names an authorizer of one, and no other",
    "apigateway/latest/api/API_PutMethod.html",
)
def test_authorizer_of_another_kind(api: Rest) -> None:
    authorizer = api.client.create_authorizer(
        restApiId=api.id,
        name="token",
        type="TOKEN",
        identitySource="method.request.header.Authorization",
        authorizerUri=api.function_uri("authorizer"),
    )["id"]
    method = {**place(api), "httpMethod": "PUT", "authorizerId": authorizer}
    assert refused(api.client.put_method, **method, authorizationType="COGNITO_USER_POOLS") == (
        *BAD,
        "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a "
        "valid authorizer.",
    )
