"""CloudFormation's REST APIs are the edge's: a template makes, changes and removes them as calls of the API do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.edge.kit import Edge, eventually

OVER = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_ROLLBACK_COMPLETE")


def template(description: str, message: str) -> str:
    api = {"Ref": "Api"}
    integration = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": '{"statusCode": 200}'},
        "IntegrationResponses": [{"StatusCode": 200, "ResponseTemplates": {"application/json": message}}],
    }
    method = {
        **{"RestApiId": api, "ResourceId": {"Ref": "Items"}, "HttpMethod": "GET", "AuthorizationType": "NONE"},
        **{"Integration": integration, "MethodResponses": [{"StatusCode": "200"}]},
    }
    stage = {
        **{"RestApiId": api, "DeploymentId": {"Ref": "Deployed"}, "StageName": "prod", "Variables": {"a": "b"}},
        "MethodSettings": [{"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingBurstLimit": "5"}],
    }
    root = {"Fn::GetAtt": ["Api", "RootResourceId"]}
    plan = {"UsagePlanName": "p", "ApiStages": [{"ApiId": api, "Stage": {"Ref": "Prod"}}]}
    resources = {
        "Api": ("RestApi", {"Name": "of-a-template", "Description": description}),
        "Items": ("Resource", {"RestApiId": api, "ParentId": root, "PathPart": "items"}),
        "Get": ("Method", method),
        "Deployed": ("Deployment", {"RestApiId": api}),
        "Prod": ("Stage", stage),
        "Plan": ("UsagePlan", plan),
    }
    made: dict[str, Any] = {
        name: {"Type": f"AWS::ApiGateway::{kind}", "Properties": properties}
        for name, (kind, properties) in resources.items()
    }
    made["Deployed"]["DependsOn"] = ["Get"]
    return json.dumps({"Resources": made, "Outputs": {"Api": {"Value": api}}})


@pytest.fixture
def edge(ministack_python: str, tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path)
    yield edge
    edge.end()


def over(templates: Any) -> str:
    stack = eventually(
        lambda: next(
            (one for one in templates.describe_stacks(StackName="s")["Stacks"] if one["StackStatus"] in OVER), None
        )
    )
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack
    [output] = stack["Outputs"]
    return str(output["OutputValue"])


def test_a_template_makes_changes_and_removes_a_rest_api(edge: Edge) -> None:
    templates, client = edge.client("cloudformation"), edge.client("apigateway")
    templates.create_stack(StackName="s", TemplateBody=template("one", '{"said": 1}'))
    api = over(templates)
    assert client.get_rest_api(restApiId=api)["description"] == "one"
    stage = client.get_stage(restApiId=api, stageName="prod")
    assert (stage["variables"], stage["methodSettings"]["*/*"]["throttlingBurstLimit"]) == ({"a": "b"}, 5)
    [plan] = client.get_usage_plans()["items"]
    assert plan["apiStages"] == [{"apiId": api, "stage": "prod"}]

    templates.update_stack(StackName="s", TemplateBody=template("two", '{"said": 2}'))
    assert eventually(lambda: client.get_rest_api(restApiId=api)["description"] == "two")
    assert over(templates) == api
    [items] = [one for one in client.get_resources(restApiId=api)["items"] if one["path"] == "/items"]
    method = client.get_method(restApiId=api, resourceId=items["id"], httpMethod="GET")
    response = method["methodIntegration"]["integrationResponses"]["200"]
    assert response["responseTemplates"] == {"application/json": '{"said": 2}'}

    templates.delete_stack(StackName="s")
    eventually(lambda: client.get_rest_apis()["items"] == [] and client.get_usage_plans()["items"] == [])
