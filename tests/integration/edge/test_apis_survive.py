"""HTTP APIs survive a kill -9 of the edge, at their URLs; those of a template are made, changed and removed there."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.edge.kit import Edge, eventually

Start = Callable[[], Edge]
OVER = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_ROLLBACK_COMPLETE")


@pytest.fixture
def start(ministack_python: str, tmp_path: Path) -> Iterator[Start]:
    edges: list[Edge] = []

    def begin() -> Edge:
        if edges:
            edges[-1].announced.unlink(missing_ok=True)
        edges.append(Edge(ministack_python, tmp_path))
        return edges[-1]

    yield begin
    for edge in edges:
        edge.end()


def status(edge: Edge, api: str, path: str) -> int:
    """What the API answers; its integrations lead to a port where nobody listens, which is a 503."""
    try:
        with urllib.request.urlopen(f"{edge.endpoint}/_aws/execute-api/{api}{path}", timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_what_was_answered_is_there_after_a_kill_9(start: Start) -> None:
    edge = start()
    edge.client("sqs").create_queue(QueueName="kept")
    edge.control("POST", "save")
    client = edge.client("apigatewayv2")
    api = client.create_api(Name="kept", ProtocolType="HTTP", Target="http://127.0.0.1:9/")["ApiId"]
    [integration] = client.get_integrations(ApiId=api)["Items"]
    client.create_stage(ApiId=api, StageName="held")
    client.create_deployment(ApiId=api, StageName="held")
    assert status(edge, api, "/$default/any") == 503
    route = client.create_route(ApiId=api, RouteKey="GET /last", Target=f"integrations/{integration['IntegrationId']}")
    edge.process.kill()
    edge.process.wait()

    edge = start()
    client = edge.client("apigatewayv2")
    assert client.get_route(ApiId=api, RouteId=route["RouteId"])["RouteKey"] == "GET /last"
    assert [status(edge, api, path) for path in ("/$default/any", "/held/any", "/none/any")] == [503, 503, 404]
    deployment = client.create_deployment(ApiId=api, StageName="held")["DeploymentId"]
    edge.process.kill()
    edge.process.wait()

    client = start().client("apigatewayv2")
    assert client.get_stage(ApiId=api, StageName="held")["DeploymentId"] == deployment
    assert client.get_deployment(ApiId=api, DeploymentId=deployment)["DeploymentStatus"] == "DEPLOYED"


def template(key: str, burst: str) -> str:
    in_api = {"ApiId": {"Ref": "Api"}}
    integration = {
        "IntegrationType": "HTTP_PROXY",
        "IntegrationMethod": "ANY",
        "IntegrationUri": "http://127.0.0.1:9/",
        "PayloadFormatVersion": "1.0",
        "TimeoutInMillis": "1000",
    }
    stage = {
        "StageName": "live",
        "AutoDeploy": "true",
        "DefaultRouteSettings": {"ThrottlingBurstLimit": burst, "ThrottlingRateLimit": "5.5"},
        "StageVariables": {"Name": "x"},
    }
    target = {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]}
    resources = {
        "Api": {"Name": "made", "ProtocolType": "HTTP", "CorsConfiguration": {"AllowOrigins": ["*"], "MaxAge": "5"}},
        "Integration": {**in_api, **integration},
        "Route": {**in_api, "RouteKey": key, "Target": target},
        "Stage": {**in_api, **stage},
    }
    return json.dumps(
        {
            "Resources": {
                name: {"Type": f"AWS::ApiGatewayV2::{name}", "Properties": properties}
                for name, properties in resources.items()
            },
            "Outputs": {
                "Id": {"Value": {"Ref": "Api"}},
                "Endpoint": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}},
            },
        }
    )


def over(templates: Any) -> dict[str, Any]:
    stack = eventually(
        lambda: next(
            (one for one in templates.describe_stacks(StackName="s")["Stacks"] if one["StackStatus"] in OVER), None
        )
    )
    why = [one.get("ResourceStatusReason") for one in templates.describe_stack_events(StackName="s")["StackEvents"]]
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), why
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def test_a_template_makes_changes_and_removes_an_api(start: Start) -> None:
    edge = start()
    templates, client = edge.client("cloudformation"), edge.client("apigatewayv2")
    templates.create_stack(StackName="s", TemplateBody=template("GET /one", "7"))
    made = over(templates)
    described = client.get_api(ApiId=made["Id"])
    assert (described["ApiEndpoint"], described["CorsConfiguration"]["MaxAge"]) == (made["Endpoint"], 5)
    stage = client.get_stage(ApiId=made["Id"], StageName="live")
    assert (stage["DefaultRouteSettings"]["ThrottlingBurstLimit"], stage["StageVariables"]) == (7, {"Name": "x"})
    assert [status(edge, made["Id"], path) for path in ("/live/one", "/live/two")] == [503, 404]

    templates.update_stack(StackName="s", TemplateBody=template("GET /two", "8"))
    eventually(lambda: status(edge, made["Id"], "/live/two") == 503)
    assert over(templates) == made
    assert status(edge, made["Id"], "/live/one") == 404
    assert len(client.get_routes(ApiId=made["Id"])["Items"]) == 1

    templates.delete_stack(StackName="s")
    eventually(lambda: client.get_apis()["Items"] == [])
