"""REST APIs: variables and canaries of stages, access logs, execution logs, metrics, trials."""

from __future__ import annotations

import json
import re

from tests.conformance.fidelity import ADDED_UP, documented, recorded
from tests.conformance.lab import Lab, eventually, metric_sum
from tests.conformance.rest_lab import Rest

AREA = "REST API: stages at work"
LOGS = "apigateway/latest/developerguide/set-up-logging.html"
VARIABLES = "apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html"
CANARY = "apigateway/latest/developerguide/canary-release.html"
METRICS = "apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html"
NAMES = (
    *("requestId", "extendedRequestId", "httpMethod", "resourcePath", "path", "stage", "status", "protocol"),
    *("responseLength", "apiId", "accountId", "error.message", "error.responseType", "identity.sourceIp", "nothing"),
)


@documented(AREA, "Each request is a line of the stage's format in its log group, refused ones too", VARIABLES)
def test_access_logs(lab: Lab, client_ip: str) -> None:
    group = f"/rest-api/{lab.name()}"
    lab.aws("logs").create_log_group(logGroupName=group)
    api = Rest(lab)
    api.mock("GET /x/{id}", "four")
    api.deploy()
    form = json.dumps({name: f"$context.{name}" for name in NAMES})
    destination = f"arn:aws:logs:{lab.region}:{lab.account}:log-group:{group}"
    api.update_stage(
        ("replace", "/accessLogSettings/destinationArn", destination), ("replace", "/accessLogSettings/format", form)
    )
    taken, refused = api.get("/x/1"), api.get("/nope")

    def line(request_id: str) -> dict[str, str]:
        text = eventually(
            lambda: next((line for line in lab.lines(group) if request_id in line), None), f"a line of {request_id}"
        )
        return dict(json.loads(text))

    seen = line(taken.headers["x-amzn-RequestId"])
    assert (seen["httpMethod"], seen["resourcePath"], seen["path"]) == ("GET", "/x/{id}", "/prod/x/1")
    assert (seen["status"], seen["responseLength"], seen["stage"]) == ("200", "4", "prod")
    assert (seen["identity.sourceIp"], seen["apiId"], seen["accountId"]) == (client_ip, api.id, lab.account)
    assert (seen["extendedRequestId"], seen["nothing"]) == (taken.headers["x-amz-apigw-id"], "-")
    failed = line(refused.headers["x-amzn-RequestId"])
    assert (failed["status"], failed["error.message"]) == ("403", "Missing Authentication Token")
    assert failed["error.responseType"] == "MISSING_AUTHENTICATION_TOKEN"


@documented(AREA, "With a logging level the execution is in API-Gateway-Execution-Logs_ID/STAGE", LOGS)
def test_execution_logs(lab: Lab) -> None:
    api = Rest(lab)
    api.mock("GET /x", "the answer")
    api.deploy()
    api.update_stage(("replace", "/*/*/logging/loglevel", "INFO"), ("replace", "/*/*/logging/dataTrace", "true"))
    request_id = api.get("/x?q=1").headers["x-amzn-RequestId"]

    def lines() -> list[str]:
        own = [line for line in lab.lines(f"API-Gateway-Execution-Logs_{api.id}/prod") if request_id in line]
        return own if any("Method completed with status: 200" in line for line in own) else []

    text = "\n".join(eventually(lines, "the execution's log"))
    assert f"({request_id}) HTTP Method: GET, Resource Path: /x" in text
    assert f"({request_id}) Method request query string: {{q=1}}" in text
    assert f"({request_id}) Method response body after transformations: the answer" in text


@documented(AREA, "A canary has its own deployment and variables, and its share of the requests", CANARY)
def test_canary(lab: Lab) -> None:
    api = Rest(lab)
    api.mock("GET /", "first $stageVariables.v")
    api.deploy(variables={"v": "base"})
    api.client.delete_method(restApiId=api.id, resourceId=api.resource("/"), httpMethod="GET")
    api.mock("GET /", "second $stageVariables.v")
    canary = {"percentTraffic": 50.0, "stageVariableOverrides": {"v": "own"}, "useStageCache": False}
    api.client.create_deployment(restApiId=api.id, stageName="prod", canarySettings=canary)
    seen = {api.get("/").body for _ in range(60)}
    assert seen == {b"first base", b"second own"}


@documented(
    AREA,
    "With a cache cluster and caching switched on, answers are kept for the TTL",
    "apigateway/latest/developerguide/api-gateway-caching.html",
    "nothing is kept: each request reaches its integration, and x-cache is not told",
)
def test_caching(lab: Lab) -> None:
    api = Rest(lab)
    api.mock("GET /", "$context.requestId")
    api.deploy()
    api.update_stage(("replace", "/cacheClusterEnabled", "true"), ("replace", "/*/*/caching/enabled", "true"))
    assert api.get("/").body != api.get("/").body


@documented(
    AREA,
    "Requests and errors are counted by API, by stage, and by method with detailed metrics",
    METRICS,
    elsewhere=ADDED_UP,
)
def test_metrics(lab: Lab) -> None:
    api = Rest(lab)
    api.mock("GET /x", "")
    api.deploy()
    api.update_stage(("replace", "/~1x/GET/metrics/enabled", "true"))
    name = api.client.get_rest_api(restApiId=api.id)["name"]
    for path in ("/x", "/x", "/nope"):
        api.get(path)
    of_stage = {"ApiName": name, "Stage": "prod"}
    namespace = "AWS/ApiGateway"
    eventually(lambda: metric_sum(lab, namespace, "Count", {"ApiName": name}) == 3, "three requests")
    assert metric_sum(lab, namespace, "4XXError", of_stage) == 1
    assert metric_sum(lab, namespace, "5XXError", of_stage) == 0
    assert metric_sum(lab, namespace, "Count", {**of_stage, "Method": "GET", "Resource": "/x"}) == 2


@recorded(AREA, "TestInvokeMethod runs a method as it stands, and tells the log of it", "2025-09-29")
def test_trials(lab: Lab, echo: str) -> None:
    api = Rest(lab)
    api.mock("GET /pets/{petId}", '{"petId": "$input.params(\'petId\')"}')
    api.method(
        "GET /", {"type": "HTTP", "integrationHttpMethod": "GET", "uri": "http://${stageVariables.x}/"}, {"200": {}}
    )
    place = {"restApiId": api.id, "resourceId": api.resource("/pets/{petId}"), "httpMethod": "GET"}
    tried = api.client.test_invoke_method(**place, pathWithQueryString="/pets/123?foo=bar")
    assert (tried["status"], json.loads(tried["body"])) == (200, {"petId": "123"})
    assert tried["headers"] == {"Content-Type": "application/json"}
    first, *lines = tried["log"].split("\n")
    request_id = first.removeprefix("Execution log for request ")
    assert [re.sub(r"^\w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC \d{4} : ", "", line) for line in lines] == [
        f"Starting execution for request: {request_id}",
        "HTTP Method: GET, Resource Path: /pets/123",
        "Method request path: {petId=123}",
        "Method request query string: {foo=bar}",
        "Method request headers: {}",
        "Method request body before transformations: ",
        'Method response body after transformations: {"petId": "123"}',
        "Method response headers: {Content-Type=application/json}",
        "Successfully completed execution",
        "Method completed with status: 200",
        "",
    ]
    bare = api.client.test_invoke_method(**place)
    assert json.loads(bare["body"]) == {"petId": "{petId}"}
    failed = api.client.test_invoke_method(restApiId=api.id, resourceId=api.resource("/"), httpMethod="GET")
    assert (failed["status"], json.loads(failed["body"])) == (500, {"message": "Internal server error"})
    assert failed["headers"] == {"x-amzn-ErrorType": "InternalServerErrorException"}
    assert "Execution failed due to configuration error: Invalid endpoint address\n" in failed["log"]
