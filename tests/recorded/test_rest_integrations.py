"""Integrations of REST APIs, their responses and those of methods as AWS describes, changes and refuses them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab
from tests.recorded.answers import Answers
from tests.recorded.rest_apis import INVALID, MOCK, OPERATIONS, RestLab, patches

AREA = "REST API: integrations and responses (recorded)"

NO_RESOURCE = "Invalid Resource identifier specified"
NO_METHOD = "Invalid Method identifier specified"
NO_INTEGRATION = "Invalid Integration identifier specified"
NO_STATUS = "Invalid Response status code specified"
NO_PARAMETER = "Invalid parameter name specified"
NO_CONTENT_TYPE = "Content-Type specified was not found"
HEADER = "method.response.header.my-header"
AT_HEADER, AT_MODEL = f"/responseParameters/{HEADER}", "/responseModels/application~1json"
BOTH = {"responseModels": {"application/json": "Empty"}, "responseParameters": {HEADER: True}}


@pytest.fixture
def rest(lab: Lab, answers: Answers) -> RestLab:
    return RestLab(lab, answers)


@recorded(AREA, "An integration is told with AWS's defaults; its responses stand in the method", "2025-06-11")
def test_integration_responses(rest: RestLab) -> None:
    names = rest.mock()
    ok = {**names, "statusCode": "200"}
    response = {"responseTemplates": {"application/json": '"created"'}, "selectionPattern": "", "statusCode": "200"}
    put = {"responseTemplates": response["responseTemplates"], "selectionPattern": ""}
    rest.match(rest.client.put_integration_response(**ok, **put), response, 201)
    rest.match(rest.client.get_integration_response(**ok), response)
    changed = patches(("replace", "/selectionPattern", "updated"))
    updated = rest.client.update_integration_response(**ok, patchOperations=changed)
    rest.match(updated, {**response, "selectionPattern": "updated"})
    integration = {
        **{"cacheKeyParameters": [], "cacheNamespace": rest.root, "passthroughBehavior": "WHEN_NO_MATCH"},
        **{"requestTemplates": {"application/json": {"statusCode": 200}}, "timeoutInMillis": 29000, "type": "MOCK"},
    }
    method = {"apiKeyRequired": False, "authorizationType": "NONE", "httpMethod": "GET"}
    responses = {"integrationResponses": {"200": {**response, "selectionPattern": "updated"}}}
    rest.match(rest.client.get_method(**names), {**method, "methodIntegration": integration | responses})
    rest.match(rest.client.delete_integration_response(**ok), {}, 204)
    rest.match(rest.client.get_method(**names), {**method, "methodIntegration": integration})


@recorded(AREA, "An empty template is none, and is told so", "2026-02-12")
def test_empty_templates(rest: RestLab) -> None:
    ok = {**rest.mock(), "statusCode": "200", "selectionPattern": ""}
    none = {"responseTemplates": {"application/json": None}, "selectionPattern": "", "statusCode": "200"}
    rest.match(rest.client.put_integration_response(**ok, responseTemplates={"application/json": ""}), none, 201)
    rest.match(rest.client.put_integration_response(**ok), {"selectionPattern": "", "statusCode": "200"}, 201)


@recorded(AREA, "What an integration or a response of it is missing is said in order: resource, method", "2025-06-26")
def test_what_is_not_there(rest: RestLab) -> None:
    names = rest.method()
    client, ok = rest.client, {**names, "statusCode": "200"}
    rest.missing(lambda: client.get_integration(**{**names, "resourceId": "x"}), NO_RESOURCE)
    rest.missing(lambda: client.get_integration(**{**names, "httpMethod": "POST"}), NO_METHOD)
    rest.missing(lambda: client.get_integration(**names), NO_INTEGRATION)
    rest.missing(lambda: client.get_integration_response(**ok), NO_INTEGRATION)
    client.put_integration(**names, type="MOCK", requestTemplates=MOCK)
    rest.missing(lambda: client.get_integration_response(**ok), NO_STATUS)
    rest.missing(lambda: client.delete_integration_response(**{**ok, "httpMethod": "POST"}), NO_INTEGRATION)
    pattern = f"Value 'wrong' at 'statusCode' {INVALID}Member must satisfy regular expression pattern: [1-5]\\d\\d"
    rest.invalid(lambda: client.get_integration_response(**{**ok, "statusCode": "wrong"}), pattern)
    rest.match(client.delete_integration(**names), {}, 204)
    rest.missing(lambda: client.get_integration(**names), NO_INTEGRATION)


@recorded(AREA, "An ARN of AWS_PROXY must lead to a function or a delivery stream", "2026-02-12")
@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("arn:aws:lambda:us-east-1:000000000000:function:f", "AWS ARN for integration must contain path or action"),
        ("lambda:f", "Invalid ARN specified in the request"),
        (
            "arn:aws:apigateway:us-east-1:sqs:path/000000000000/queue",
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        ),
    ],
    ids=["no path", "no ARN", "another service"],
)
def test_proxies(rest: RestLab, uri: str, text: str) -> None:
    names = rest.method()
    rest.bad(
        lambda: rest.client.put_integration(**names, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri), text
    )


@recorded(
    AREA, "A method's responses: what is set is told, empty too; the last entry takes the member away", "2025-06-30"
)
def test_method_responses(rest: RestLab) -> None:
    ok = {**rest.mock(), "statusCode": "200"}
    client = rest.client

    def update(*operations: tuple[str, ...]) -> Any:
        return client.update_method_response(**ok, patchOperations=patches(*operations))

    empty = {"responseModels": {}, "responseParameters": {}, "statusCode": "200"}
    rest.match(client.put_method_response(**ok, responseParameters={}, responseModels={}), empty, 201)
    full = {**BOTH, "statusCode": "200"}
    rest.match(update(("add", AT_HEADER, "true"), ("add", AT_MODEL, "Empty")), full, 201)
    rest.match(update(("replace", AT_HEADER, "true"), ("replace", AT_MODEL, "Empty")), full, 201)
    rest.match(update(("remove", AT_HEADER), ("remove", AT_MODEL)), {"statusCode": "200"}, 201)
    rest.missing(lambda: update(("remove", AT_HEADER)), NO_PARAMETER)
    rest.missing(lambda: update(("remove", AT_MODEL)), NO_CONTENT_TYPE)
    rest.bad(lambda: update(("remove", f"/wrong/{HEADER}")), f"Invalid patch path /wrong/{HEADER}")
    rest.match(client.delete_method_response(**ok), {}, 204)


@recorded(
    AREA, "What is wrong with a patch's operation and its status code is said at once, the body first", "2025-06-30"
)
def test_all_that_is_wrong(rest: RestLab) -> None:
    wrong = {**rest.mock(), "statusCode": "wrong", "patchOperations": patches(("wrong_op", AT_HEADER, "true"))}
    operation = f"Value 'wrong_op' at 'updateMethodResponseInput.patchOperations.1.member.op' {INVALID}{OPERATIONS}"
    status = f"Value 'wrong' at 'statusCode' {INVALID}Member must satisfy regular expression pattern: [1-5]\\d\\d"
    rest.invalid(lambda: rest.client.update_method_response(**wrong), operation, status)
