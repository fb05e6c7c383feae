"""apigatewayv2's control plane: what is kept, frozen, refused and removed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError
from tests.unit.edge.services.apigateway.kit import REGION, SCOPE, Lab

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:echo"


async def refused(lab: Lab, method: str, path: str, body: Any = None) -> AwsError:
    with pytest.raises(AwsError) as caught:
        await lab.call(method, path, body)
    return caught.value


async def test_an_api_has_awss_defaults_and_its_address_stays(lab: Lab) -> None:
    made = await lab.call("POST", "/v2/apis", {"name": "a", "protocolType": "HTTP"})
    assert made["routeSelectionExpression"] == "$request.method $request.path"
    assert (made["disableExecuteApiEndpoint"], made["ipAddressType"], made["tags"]) == (False, "ipv4", {})
    second = await lab.call("POST", "/v2/apis", {"name": "a", "protocolType": "HTTP"})
    assert second["apiId"] != made["apiId"]
    await lab.restart()
    assert await lab.call("GET", f"/v2/apis/{made['apiId']}") == made
    await lab.lose()
    again = await lab.call("POST", "/v2/apis", {"name": "a", "protocolType": "HTTP"})
    assert again["apiId"] == made["apiId"]


async def test_a_custom_id_is_taken_from_a_tag_once(lab: Lab) -> None:
    body = {"name": "a", "protocolType": "HTTP", "tags": {"_custom_id_": "mine"}}
    assert (await lab.call("POST", "/v2/apis", body))["apiId"] == "mine"
    assert (await refused(lab, "POST", "/v2/apis", body)).code == "ConflictException"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v2/apis", {"name": "a", "protocolType": "FTP"}, "BadRequestException"),
        ("/v2/apis", {"name": "a", "protocolType": "WEBSOCKET"}, "BadRequestException"),
        ("/v2/apis/none/routes", {"routeKey": "GET /"}, "NotFoundException"),
        ("/v2/apis/{api}/routes", {"routeKey": "GET x"}, "BadRequestException"),
        ("/v2/apis/{api}/routes", {"routeKey": "GET /"}, "ConflictException"),
        ("/v2/apis/{api}/routes", {"routeKey": "PUT /", "authorizationType": "JWT"}, "BadRequestException"),
        ("/v2/apis/{api}/stages", {"stageName": "a b"}, "BadRequestException"),
        ("/v2/apis/{api}/stages", {"stageName": "$default"}, "ConflictException"),
        ("/v2/apis/{api}/integrations", {"integrationType": "MOCK"}, "BadRequestException"),
        ("/v2/apis/{api}/integrations", {"integrationType": "AWS_PROXY"}, "BadRequestException"),
        ("/v2/apis/{api}/authorizers", {"name": "x", "authorizerType": "REQUEST"}, "BadRequestException"),
        ("/v2/apis/{api}/deployments", {"stageName": "none"}, "NotFoundException"),
        ("/v2/domainnames/none.example.com/apimappings", {"apiId": "x", "stage": "y"}, "NotFoundException"),
    ],
)
async def test_what_aws_refuses_is_refused(lab: Lab, path: str, body: dict[str, Any], code: str) -> None:
    api = await lab.api({"GET /": "echo"})
    body = {"identitySource": [], **body} if path.endswith("authorizers") else body
    assert (await refused(lab, "POST", path.replace("{api}", api.id), body)).code == code


async def test_auto_deploy_makes_a_deployment_of_each_change_and_keeps_one(lab: Lab) -> None:
    api = await lab.api({"GET /": "echo"})
    base = f"/v2/apis/{api.id}"
    before = (await lab.call("GET", f"{base}/stages/$default"))["deploymentId"]
    target = await lab.integrate(api.id, "echo")
    await lab.call("POST", f"{base}/routes", {"routeKey": "GET /b", "target": target})
    [deployment] = (await lab.call("GET", f"{base}/deployments"))["items"]
    stage = await lab.call("GET", f"{base}/stages/$default")
    assert deployment["autoDeployed"]
    assert stage["deploymentId"] == deployment["deploymentId"] != before
    assert stage["lastDeploymentStatusMessage"].endswith(f"'{deployment['deploymentId']}'")


async def test_a_stage_that_points_at_an_automatic_deployment_keeps_what_that_was(lab: Lab) -> None:
    api = await lab.api({"GET /old": "echo"})
    base = f"/v2/apis/{api.id}"
    automatic = (await lab.call("GET", f"{base}/stages/$default"))["deploymentId"]
    await lab.call("POST", f"{base}/stages", {"stageName": "held", "deploymentId": automatic})
    target = await lab.integrate(api.id, "echo")
    await lab.call("POST", f"{base}/routes", {"routeKey": "GET /new", "target": target})
    assert (await api.send("GET", "/new")).status == 200
    api.stage = "held"
    assert [(await api.send("GET", path)).status for path in ("/old", "/new")] == [200, 404]


async def test_auto_deploy_that_is_switched_off_freezes_what_is_served(lab: Lab) -> None:
    api = await lab.api({"GET /old": "echo"})
    base = f"/v2/apis/{api.id}"
    await lab.call("PATCH", f"{base}/stages/$default", {"autoDeploy": False})
    target = await lab.integrate(api.id, "echo")
    await lab.call("POST", f"{base}/routes", {"routeKey": "GET /new", "target": target})
    assert [(await api.send("GET", path)).status for path in ("/old", "/new")] == [200, 404]
    await lab.call("PATCH", f"{base}/stages/$default", {"autoDeploy": True})
    assert (await api.send("GET", "/new")).status == 200


async def test_an_api_without_routes_is_not_deployed(lab: Lab) -> None:
    api = await lab.api({})
    stage = await lab.call("GET", f"/v2/apis/{api.id}/stages/$default")
    assert "no routes exist" in stage["lastDeploymentStatusMessage"]
    assert "no routes exist" in (await refused(lab, "POST", f"/v2/apis/{api.id}/deployments", {})).message


async def test_a_deployment_in_use_stays(lab: Lab) -> None:
    api = await lab.api({"GET /": "echo"}, stage="held", stage_settings={"autoDeploy": False})
    base = f"/v2/apis/{api.id}"
    made = await lab.call("POST", f"{base}/deployments", {"stageName": "held"})
    path = f"{base}/deployments/{made['deploymentId']}"
    assert (await refused(lab, "DELETE", path)).code == "BadRequestException"
    await lab.call("DELETE", f"{base}/stages/held")
    await lab.call("DELETE", path)


async def test_an_api_goes_with_everything_it_has(lab: Lab) -> None:
    api = await lab.api({"GET /": "echo", "GET /b": "echo"})
    await lab.call("DELETE", f"/v2/apis/{api.id}")
    assert [key for key in lab.records.of_api(SCOPE, api.id) if lab.store.get(key) is not None] == []
    assert (await lab.call("GET", "/v2/apis"))["items"] == []


async def test_an_api_with_a_mapping_is_not_deleted(lab: Lab) -> None:
    api = await lab.api({"GET /": "echo"})
    await lab.call("POST", "/v2/domainnames", {"domainName": "a.example.com"})
    body = {"apiId": api.id, "stage": "$default"}
    mapping = await lab.call("POST", "/v2/domainnames/a.example.com/apimappings", body)
    for path in (f"/v2/apis/{api.id}", f"/v2/apis/{api.id}/stages/$default"):
        assert "a.example.com" in (await refused(lab, "DELETE", path)).message
    path = f"/v2/domainnames/a.example.com/apimappings/{mapping['apiMappingId']}"
    assert await lab.call("GET", path) == mapping
    await lab.call("DELETE", path)
    await lab.call("DELETE", f"/v2/apis/{api.id}")


async def test_an_update_adds_to_maps_and_an_empty_value_takes_away(lab: Lab) -> None:
    api = await lab.api({}, stage_settings={"stageVariables": {"a": "1", "b": "2"}})
    path = f"/v2/apis/{api.id}/stages/$default"
    changed = await lab.call("PATCH", path, {"stageVariables": {"a": "", "c": "3"}, "description": "d"})
    assert (changed["stageVariables"], changed["description"]) == ({"b": "2", "c": "3"}, "d")
    assert "description" not in await lab.call("PATCH", path, {"description": ""})


async def test_settings_of_a_route_are_added_and_deleted_alone(lab: Lab) -> None:
    settings = {"routeSettings": {"GET /a": {"throttlingBurstLimit": 1}}}
    api = await lab.api({}, stage_settings=settings)
    path = f"/v2/apis/{api.id}/stages/$default"
    await lab.call("PATCH", path, {"routeSettings": {"GET /b": {"throttlingBurstLimit": 2}}})
    await lab.call("DELETE", f"{path}/routesettings/GET%20%2Fa")
    assert list((await lab.call("GET", path))["routeSettings"]) == ["GET /b"]


async def test_lists_come_in_pages(lab: Lab) -> None:
    api = await lab.api({f"GET /{number}": "echo" for number in range(5)})
    keys, query = [], "?maxResults=2"
    while query:
        page = await lab.call("GET", f"/v2/apis/{api.id}/routes{query}")
        keys += [route["routeKey"] for route in page["items"]]
        query = f"?maxResults=2&nextToken={page['nextToken']}" if "nextToken" in page else ""
    assert sorted(keys) == [f"GET /{number}" for number in range(5)]


async def test_tags_are_told_by_arn(lab: Lab) -> None:
    api = await lab.api({}, tags={"a": "1"})
    arn = f"/v2/tags/arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2Fapis%2F{api.id}"
    await lab.call("POST", arn, {"tags": {"b": "2"}})
    assert (await lab.call("GET", arn))["tags"] == {"a": "1", "b": "2"}
    await lab.call("DELETE", f"{arn}?tagKeys=a")
    assert (await lab.call("GET", f"/v2/apis/{api.id}"))["tags"] == {"b": "2"}


async def test_responses_go_with_their_route(lab: Lab) -> None:
    body = {"name": "w", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action"}
    base = f"/v2/apis/{(await lab.call('POST', '/v2/apis', body))['apiId']}"
    route = await lab.call("POST", f"{base}/routes", {"routeKey": "$default"})
    responses = f"{base}/routes/{route['routeId']}/routeresponses"
    made = await lab.call("POST", responses, {"routeResponseKey": "$default"})
    assert (await lab.call("GET", responses))["items"] == [made]
    await lab.call("DELETE", f"{base}/routes/{route['routeId']}")
    assert lab.records.list(SCOPE, "route-response", base.rpartition("/")[2]) == []


async def test_a_document_becomes_an_api_and_an_api_a_document(lab: Lab) -> None:
    document = """
    openapi: 3.0.1
    info: {title: pets, version: "2"}
    servers: [{url: "/v1"}]
    x-amazon-apigateway-cors: {allowOrigins: ["*"]}
    components:
      securitySchemes:
        tokens:
          type: oauth2
          x-amazon-apigateway-authorizer:
            type: jwt
            identitySource: $request.header.Authorization
            jwtConfiguration: {issuer: "https://issuer.example", audience: [me]}
    paths:
      /pets/{id}:
        get:
          security: [{tokens: [read]}]
          x-amazon-apigateway-integration: &echo
            {type: aws_proxy, uri: "FUNCTION", payloadFormatVersion: "2.0", httpMethod: POST}
      /$default:
        x-amazon-apigateway-any-method:
          x-amazon-apigateway-integration: *echo
    """.replace("FUNCTION", FUNCTION)
    made = await lab.call("PUT", "/v2/apis?basepath=prepend", {"body": document})
    base = f"/v2/apis/{made['apiId']}"
    routes = {route["routeKey"]: route for route in (await lab.call("GET", f"{base}/routes"))["items"]}
    assert (made["name"], made["version"], made["corsConfiguration"]) == ("pets", "2", {"allowOrigins": ["*"]})
    assert (routes["GET /v1/pets/{id}"]["authorizationType"], len(routes)) == ("JWT", 2)
    assert routes["GET /v1/pets/{id}"]["authorizationScopes"] == ["read"]
    await lab.call("POST", f"{base}/stages", {"stageName": "$default", "autoDeploy": True})
    exported = await lab.call("GET", f"{base}/exports/OAS30?outputType=JSON")
    await lab.call("PUT", base, {"body": json.dumps(exported)})
    again = (await lab.call("GET", f"{base}/routes"))["items"]
    assert sorted(route["routeKey"] for route in again) == sorted(routes)
    assert (await lab.call("GET", f"{base}/exports/OAS30?outputType=JSON"))["paths"] == exported["paths"]


@pytest.mark.parametrize("body", ["{", "[]", '{"swagger": "2.0"}', '{"openapi": "3.0.1", "info": {}}'])
async def test_what_is_no_document_is_refused_and_nothing_is_made(lab: Lab, body: str) -> None:
    assert (await refused(lab, "PUT", "/v2/apis", {"body": body})).code == "BadRequestException"
    assert (await lab.call("GET", "/v2/apis"))["items"] == []
