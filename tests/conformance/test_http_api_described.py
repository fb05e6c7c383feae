"""HTTP APIs as they are described: defaults, deployments, refusals, documents."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Api, Lab

AREA = "HTTP API: how it is described"
REFERENCE = "apigatewayv2/latest/api-reference"
APIS = f"{REFERENCE}/apis.html"
ROUTES = f"{REFERENCE}/apis-apiid-routes.html"
STAGES = f"{REFERENCE}/apis-apiid-stages.html"
DEPLOYMENTS = f"{REFERENCE}/apis-apiid-deployments.html"
TAGS = f"{REFERENCE}/tags-resource-arn.html"
PUBLISH = "apigateway/latest/developerguide/http-api-stages.html"
DOCUMENTS = "apigateway/latest/developerguide/http-api-open-api.html"
EXPORT = "apigateway/latest/developerguide/http-api-export.html"


@pytest.fixture
def bare(lab: Lab) -> Iterator[str]:
    """An API without anything."""
    client = lab.aws("apigatewayv2")
    api = client.create_api(Name=lab.name("bare"), ProtocolType="HTTP")["ApiId"]
    yield api
    client.delete_api(ApiId=api)


@documented(AREA, "An API has its selection expressions, no tags and its endpoint from the beginning", APIS)
def test_an_api_has_its_defaults(lab: Lab, bare: str) -> None:
    api = lab.aws("apigatewayv2").get_api(ApiId=bare)
    assert api["RouteSelectionExpression"] == "$request.method $request.path"
    assert api["ApiKeySelectionExpression"] == "$request.header.x-api-key"
    assert (api["DisableExecuteApiEndpoint"], api["Tags"]) == (False, {})
    assert bare in api["ApiEndpoint"]


@documented(AREA, "A deployment of an API without routes is refused", DEPLOYMENTS)
def test_without_routes_there_is_no_deployment(lab: Lab, bare: str) -> None:
    with pytest.raises(ClientError, match="no routes exist in this API"):
        lab.aws("apigatewayv2").create_deployment(ApiId=bare)


@documented(AREA, "A stage without auto-deploy serves what its deployment froze", PUBLISH)
def test_a_deployment_is_frozen(lab: Lab, echo: str, dictated: str) -> None:
    client = lab.aws("apigatewayv2")
    api = lab.api({"GET /a": echo}, stage="held", stage_settings={"AutoDeploy": False})
    first = client.create_deployment(ApiId=api.id, StageName="held")["DeploymentId"]
    assert api.event("GET", "/a")["routeKey"] == "GET /a"
    [route] = client.get_routes(ApiId=api.id)["Items"]
    client.update_route(ApiId=api.id, RouteId=route["RouteId"], RouteKey="GET /b")
    assert [api.get(path).status for path in ("/a", "/b")] == [200, 404]
    second = client.create_deployment(ApiId=api.id, StageName="held")["DeploymentId"]
    assert [api.get(path).status for path in ("/a", "/b")] == [404, 200]
    client.update_stage(ApiId=api.id, StageName="held", DeploymentId=first)
    assert [api.get(path).status for path in ("/a", "/b")] == [200, 404]
    assert {one["DeploymentId"] for one in client.get_deployments(ApiId=api.id)["Items"]} == {first, second}


@documented(AREA, "With auto-deploy each change makes a deployment, which the stage names", PUBLISH)
def test_auto_deploy_names_its_deployment(lab: Lab, echo: str) -> None:
    client = lab.aws("apigatewayv2")
    api = lab.api({"GET /a": echo})
    stage = client.get_stage(ApiId=api.id, StageName="$default")
    deployment = client.get_deployment(ApiId=api.id, DeploymentId=stage["DeploymentId"])
    assert (deployment["AutoDeployed"], deployment["DeploymentStatus"]) == (True, "DEPLOYED")
    [route] = client.get_routes(ApiId=api.id)["Items"]
    client.update_route(ApiId=api.id, RouteId=route["RouteId"], RouteKey="GET /b")
    assert client.get_stage(ApiId=api.id, StageName="$default")["DeploymentId"] != stage["DeploymentId"]


@documented(AREA, "A route key is a method and a path, or `$default`, and an API's once", ROUTES)
def test_a_route_key_is_checked(lab: Lab, bare: str) -> None:
    client = lab.aws("apigatewayv2")
    for key in ("GET", "GET pets", "FETCH /pets"):
        with pytest.raises(client.exceptions.BadRequestException):
            client.create_route(ApiId=bare, RouteKey=key)
    client.create_route(ApiId=bare, RouteKey="GET /pets")
    with pytest.raises(client.exceptions.ConflictException):
        client.create_route(ApiId=bare, RouteKey="GET /pets")


@documented(AREA, "What is not there is a NotFoundException", ROUTES)
def test_what_is_not_there_is_not_found(lab: Lab, bare: str) -> None:
    client = lab.aws("apigatewayv2")
    missing: list[tuple[str, dict[str, str]]] = [
        ("get_api", {"ApiId": "none"}),
        ("get_route", {"ApiId": bare, "RouteId": "none"}),
        ("delete_integration", {"ApiId": bare, "IntegrationId": "none"}),
        ("update_stage", {"ApiId": bare, "StageName": "none"}),
        ("get_domain_name", {"DomainName": "none.example.com"}),
    ]
    for operation, parameters in missing:
        with pytest.raises(client.exceptions.NotFoundException):
            getattr(client, operation)(**parameters)


@documented(AREA, "Execution logs are refused: HTTP APIs have none", STAGES)
def test_execution_logs_are_refused(lab: Lab, bare: str) -> None:
    client = lab.aws("apigatewayv2")
    with pytest.raises(ClientError, match="Execution logs are not supported on protocol type HTTP"):
        client.create_stage(ApiId=bare, StageName="v1", DefaultRouteSettings={"LoggingLevel": "INFO"})


@documented(AREA, "Tags are added and removed by the API's ARN", TAGS)
def test_tags(lab: Lab, bare: str) -> None:
    client = lab.aws("apigatewayv2")
    arn = f"arn:aws:apigateway:{lab.region}::/apis/{bare}"
    client.tag_resource(ResourceArn=arn, Tags={"team": "a", "stage": "b"})
    client.untag_resource(ResourceArn=arn, TagKeys=["stage"])
    assert client.get_tags(ResourceArn=arn)["Tags"] == client.get_api(ApiId=bare)["Tags"] == {"team": "a"}


@documented(AREA, "A list of more than `maxResults` goes on at `nextToken`", ROUTES)
def test_lists_have_pages(lab: Lab, bare: str) -> None:
    client = lab.aws("apigatewayv2")
    keys = {f"GET /{number}" for number in range(3)}
    for key in keys:
        client.create_route(ApiId=bare, RouteKey=key)
    first = client.get_routes(ApiId=bare, MaxResults="2")
    rest = client.get_routes(ApiId=bare, MaxResults="2", NextToken=first["NextToken"])
    assert len(first["Items"]) == 2
    assert {route["RouteKey"] for route in first["Items"] + rest["Items"]} == keys
    assert "NextToken" not in rest


def document(lab: Lab, function: str) -> str:
    integration = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": lab.arn(function),
        "payloadFormatVersion": "2.0",
    }
    paths = {
        "/pets/{id}": {"get": {"x-amazon-apigateway-integration": integration}},
        "/$default": {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": integration}},
    }
    return json.dumps({"openapi": "3.0.1", "info": {"title": lab.name("pets"), "version": "1"}, "paths": paths})


@documented(AREA, "ImportApi makes the routes and integrations of an OpenAPI 3 document", DOCUMENTS)
def test_a_document_is_imported(lab: Lab, echo: str) -> None:
    made = lab.aws("apigatewayv2").import_api(Body=document(lab, echo))
    lab.permit(made["ApiId"], echo)
    api = lab.stage(made["ApiId"])
    assert api.event("GET", "/pets/7")["pathParameters"] == {"id": "7"}
    assert api.event("PUT", "/other")["routeKey"] == "$default"


@documented(AREA, "ReimportApi replaces what the API had; ExportApi tells it as a document", EXPORT)
def test_a_document_replaces_an_api_and_is_exported(lab: Lab, echo: str) -> None:
    client = lab.aws("apigatewayv2")
    api: Api = lab.api({"GET /old": echo})
    client.reimport_api(ApiId=api.id, Body=document(lab, echo))
    assert api.event("GET", "/old")["routeKey"] == "$default"
    exported = client.export_api(ApiId=api.id, Specification="OAS30", OutputType="JSON")["body"].read()
    paths = json.loads(exported)["paths"]
    assert set(paths) == {"/pets/{id}", "/$default"}
    assert paths["/pets/{id}"]["get"]["x-amazon-apigateway-integration"]["payloadFormatVersion"] == "2.0"
