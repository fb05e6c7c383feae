"""Which route a request takes, and what a stage serves."""

from __future__ import annotations

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Api, Lab

AREA = "HTTP API: routes and stages"
ROUTES = "apigateway/latest/developerguide/http-api-develop-routes.html"
STAGES = "apigateway/latest/developerguide/http-api-stages.html"


@pytest.fixture(scope="module")
def api(lab: Lab, echo: str) -> Api:
    keys = [
        "GET /pets/dog/1",
        "GET /pets/dog/{id}",
        "GET /pets/{proxy+}",
        "ANY /pets/dog/1",
        "ANY /{proxy+}",
        "POST /pets",
        "GET /files/{proxy+}",
        "GET /files/a/{proxy+}",
        "$default",
    ]
    return lab.api(dict.fromkeys(keys, echo))


@documented(AREA, "A full match wins, then a greedy variable, then `$default`; a method wins over ANY", ROUTES)
@pytest.mark.parametrize(
    ("request_line", "route"),
    [
        ("GET /pets/dog/1", "GET /pets/dog/1"),
        ("GET /pets/dog/2", "GET /pets/dog/{id}"),
        ("GET /pets/cat/1", "GET /pets/{proxy+}"),
        ("GET /pets/dog/1/collar", "GET /pets/{proxy+}"),
        ("POST /pets/dog/1", "ANY /pets/dog/1"),
        ("POST /pets", "POST /pets"),
        ("PUT /pets", "ANY /{proxy+}"),
        ("POST /test/5", "ANY /{proxy+}"),
        ("GET /files/a/b", "GET /files/a/{proxy+}"),
        ("GET /files/b/a", "GET /files/{proxy+}"),
        ("GET /", "$default"),
        ("DELETE /", "$default"),
    ],
)
def test_the_most_specific_route_is_taken(api: Api, request_line: str, route: str) -> None:
    method, _, path = request_line.partition(" ")
    assert api.event(method, path)["routeKey"] == route


@documented(AREA, "A greedy variable catches what is left of the path", ROUTES)
def test_a_greedy_variable_catches_the_rest(api: Api) -> None:
    assert api.event("GET", "/files/x/y/z.txt")["pathParameters"] == {"proxy": "x/y/z.txt"}


@documented(AREA, "`$default` has no path parameters and tells its route key", ROUTES)
def test_the_default_route_has_no_path_parameters(api: Api) -> None:
    event = api.event("GET", "/")
    assert event["requestContext"]["routeKey"] == "$default"
    assert "pathParameters" not in event


@documented(AREA, 'No route: 404 `{"message":"Not Found"}`', ROUTES)
@pytest.mark.parametrize("request_line", ["GET /other", "POST /known", "GET /known/more", "GET /KNOWN"])
def test_a_request_without_a_route_is_not_found(lab: Lab, echo: str, request_line: str) -> None:
    api = lab.api({"GET /known": echo})
    method, _, path = request_line.partition(" ")
    answer = api.send(method, path)
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})
    assert answer.headers["apigw-requestid"]
    assert answer.headers["content-type"].startswith("application/json")


@documented(AREA, "An unknown API answers 404", ROUTES)
def test_an_unknown_api_is_not_found(lab: Lab) -> None:
    answer = Api(lab, "nosuchapi0", "$default", lab.url("nosuchapi0", "$default")).get("/")
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})


@documented(AREA, "An unknown stage answers 404", STAGES)
def test_an_unknown_stage_is_not_found(lab: Lab, echo: str) -> None:
    api = lab.api({"GET /": echo}, stage="prod")
    answer = Api(lab, api.id, "beta", lab.url(api.id, "beta")).get("/")
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})


@documented(AREA, "An API is reached by its `execute-api` host; the first segment names the stage", STAGES)
def test_an_api_is_reached_by_its_host(lab: Lab, echo: str) -> None:
    api = lab.api({"GET /x": echo}, stage="prod")
    lab.stage(api.id)
    host = f"{api.id}.execute-api.localhost"
    by_host = Api(lab, api.id, "$default", lab.endpoint)
    named = by_host.event("GET", "/prod/x", {"Host": f"{host}:{lab.netloc.rpartition(':')[2]}"})
    assert (named["requestContext"]["stage"], named["rawPath"]) == ("prod", "/prod/x")
    assert named["requestContext"]["domainName"] == host
    default = by_host.event("GET", "/x", {"Host": host})
    assert (default["requestContext"]["stage"], default["rawPath"]) == ("$default", "/x")


@documented(AREA, "A stage with auto-deploy serves a change of the routes at once", STAGES)
def test_auto_deploy_serves_changes(lab: Lab, echo: str) -> None:
    api = lab.api({"GET /old": echo})
    assert api.get("/new").status == 404
    client = lab.aws("apigatewayv2")
    target = f"integrations/{client.get_integrations(ApiId=api.id)['Items'][0]['IntegrationId']}"
    route = client.create_route(ApiId=api.id, RouteKey="GET /new", Target=target)["RouteId"]
    assert api.get("/new").status == 200
    client.update_route(ApiId=api.id, RouteId=route, RouteKey="GET /newer")
    assert (api.get("/new").status, api.get("/newer").status) == (404, 200)
    client.delete_route(ApiId=api.id, RouteId=route)
    assert (api.get("/old").status, api.get("/newer").status) == (200, 404)


@documented(AREA, "A stage without auto-deploy serves what was deployed to it", STAGES)
def test_a_stage_without_auto_deploy_serves_its_deployment(lab: Lab, echo: str) -> None:
    api = lab.api({"GET /old": echo}, stage="held", stage_settings={"AutoDeploy": False})
    client = lab.aws("apigatewayv2")
    client.create_deployment(ApiId=api.id, StageName="held")
    assert api.get("/old").status == 200
    target = f"integrations/{client.get_integrations(ApiId=api.id)['Items'][0]['IntegrationId']}"
    client.create_route(ApiId=api.id, RouteKey="GET /new", Target=target)
    assert api.get("/new").status == 404
    client.create_deployment(ApiId=api.id, StageName="held")
    assert api.get("/new").status == 200


@documented(AREA, "Stages of one API differ in their variables", STAGES)
def test_each_stage_has_its_own_variables(lab: Lab, echo: str) -> None:
    one = lab.api({"GET /": echo}, stage="one", stage_settings={"StageVariables": {"n": "1"}})
    two = lab.stage(one.id, "two", StageVariables={"n": "2"})
    assert [api.event("GET", "/")["stageVariables"]["n"] for api in (one, two)] == ["1", "2"]


@documented(AREA, "A deleted API is gone", ROUTES)
def test_a_deleted_api_is_gone(lab: Lab, echo: str) -> None:
    api = lab.api({"GET /": echo})
    assert api.get("/").status == 200
    lab.aws("apigatewayv2").delete_api(ApiId=api.id)
    assert api.get("/").status == 404


@documented(AREA, "An integration's URI may name a function by a stage variable", STAGES)
def test_a_stage_variable_names_the_function(lab: Lab, echo: str) -> None:
    client = lab.aws("apigatewayv2")
    api = client.create_api(Name=lab.name(), ProtocolType="HTTP")["ApiId"]
    uri = lab.arn("${stageVariables.function}")
    made = client.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=uri, PayloadFormatVersion="2.0"
    )
    lab.permit(api, echo)
    client.create_route(ApiId=api, RouteKey="GET /", Target=f"integrations/{made['IntegrationId']}")
    stage = lab.stage(api, StageVariables={"function": echo})
    assert stage.event("GET", "/")["stageVariables"] == {"function": echo}
