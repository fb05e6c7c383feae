"""Stages of REST APIs as they are described."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab

AREA = "REST API: stages"
PAGE = "apigateway/latest/api/API_Stage.html"
INTEGRATION = "apigateway/latest/api/API_Integration.html"


@pytest.fixture
def deployed(lab: Lab) -> dict[str, str]:
    """A REST API and a deployment of it."""
    client = lab.aws("apigateway")
    api = client.create_rest_api(name=lab.name("rest"))["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    client.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    client.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    return {"restApiId": api, "deploymentId": client.create_deployment(restApiId=api)["id"]}


BARE = {
    *("cacheClusterEnabled", "cacheClusterStatus", "createdDate", "deploymentId", "lastUpdatedDate"),
    *("methodSettings", "stageName", "tracingEnabled"),
}


@documented(AREA, "What a stage does not have is not told: access logs, description, variables", PAGE)
def test_what_a_stage_lacks_is_not_told(lab: Lab, deployed: dict[str, str]) -> None:
    client = lab.aws("apigateway")
    made = client.create_stage(**deployed, stageName="prod")
    [listed] = client.get_stages(restApiId=deployed["restApiId"])["item"]
    for stage in (made, client.get_stage(restApiId=deployed["restApiId"], stageName="prod"), listed):
        assert set(stage) - {"ResponseMetadata"} == BARE
        assert stage["cacheClusterStatus"] == "NOT_AVAILABLE"


@documented(
    AREA, "A method and an integration tell nothing that nobody gave", "apigateway/latest/api/API_Integration.html"
)
def test_what_methods_and_integrations_lack_is_not_told(lab: Lab, deployed: dict[str, str]) -> None:
    client = lab.aws("apigateway")
    api = deployed["restApiId"]
    [root] = client.get_resources(restApiId=api)["items"]
    method = {"restApiId": api, "resourceId": root["id"], "httpMethod": "GET"}
    integration = client.get_integration(**method)
    assert not {"requestParameters", "requestTemplates", "credentials", "contentHandling"} & integration.keys()
    described = client.get_method(**method)
    assert set(described) - {"ResponseMetadata"} == {
        *("apiKeyRequired", "authorizationType", "httpMethod", "methodIntegration"),
    }
    templates = {"application/json": '{"statusCode": 200}'}
    changed = client.put_integration(**method, type="MOCK", requestTemplates=templates)
    assert changed["requestTemplates"] == templates


@documented(AREA, "The stage that a deployment makes is described so too", PAGE)
def test_a_deployments_stage(lab: Lab, deployed: dict[str, str]) -> None:
    client = lab.aws("apigateway")
    client.create_deployment(restApiId=deployed["restApiId"], stageName="made")
    stage = client.get_stage(restApiId=deployed["restApiId"], stageName="made")
    assert set(stage) - {"ResponseMetadata"} == BARE


@documented(AREA, "What a stage has is told", PAGE)
def test_what_a_stage_has_is_told(lab: Lab, deployed: dict[str, str]) -> None:
    client = lab.aws("apigateway")
    extras: dict[str, Any] = {"description": "d", "variables": {"v": "1"}, "tags": {"t": "1"}}
    assert client.create_stage(**deployed, stageName="prod", **extras).items() >= extras.items()
    destination = f"arn:aws:logs:{lab.region}:{lab.account}:log-group:access"
    settings = {"destinationArn": destination, "format": "$context.requestId"}
    changed = client.update_stage(
        restApiId=deployed["restApiId"],
        stageName="prod",
        patchOperations=[
            {"op": "replace", "path": f"/accessLogSettings/{name}", "value": value} for name, value in settings.items()
        ],
    )
    assert changed["accessLogSettings"] == settings


@documented(
    AREA,
    "A patch has one of the operations of its path: one without, or a `move`, changes nothing",
    "apigateway/latest/api/API_PatchOperation.html",
)
def test_patches_without_an_operation_of_their_path(lab: Lab, deployed: dict[str, str]) -> None:
    client = lab.aws("apigateway")
    stage = {"restApiId": deployed["restApiId"], "stageName": "prod"}
    client.create_stage(**deployed, stageName="prod", description="before")
    for operation in ({}, {"op": "move"}, {"op": "test"}):
        patch = {**operation, "path": "/description", "value": "after"}
        with pytest.raises(client.exceptions.BadRequestException):
            client.update_stage(**stage, patchOperations=[patch])
    assert client.get_stage(**stage)["description"] == "before"
