"""Requests through an edge's HTTP APIs, from the address to the answer."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.http1.messages import Headers, Request
from staticfire.edge.services.apigateway.domains.address import api_domain
from tests.unit.edge.services.apigateway.kit import ACCOUNT, REGION, Answer, Lab

INTERNAL = {"message": "Internal Server Error"}
UNAVAILABLE = {"message": "Service Unavailable"}


async def test_a_request_reaches_its_function_and_its_answer_comes_back(lab: Lab) -> None:
    api = await lab.api({"POST /usage": "echo"})
    answer = await api.send("POST", "/usage", {"Content-Type": "application/json"}, b'{"a": 1}')
    event = answer.json()
    assert (answer.status, event["body"], event["routeKey"]) == (200, '{"a": 1}', "POST /usage")
    assert event["requestContext"]["requestId"] == answer.headers.get("apigw-requestid")
    assert event["requestContext"]["accountId"] == ACCOUNT


async def test_the_execute_api_host_names_the_stage_by_the_first_segment_or_means_default(lab: Lab) -> None:
    api = await lab.api({"GET /x": "echo"}, stage="prod")
    await lab.call("POST", f"/v2/apis/{api.id}/stages", {"stageName": "$default", "autoDeploy": True})
    for path, stage in (("/prod/x", "prod"), ("/x", "$default")):
        host = f"{api.id}.execute-api.{REGION}.amazonaws.com"
        answer = await lab.send(Request("GET", path, "", Headers([("host", f"{host}:4566")])))
        context = answer.json()["requestContext"]
        assert (context["stage"], context["domainName"]) == (stage, host)


@pytest.mark.parametrize("stage", ["$default", "%24default"])
async def test_the_path_form_always_names_the_stage(lab: Lab, stage: str) -> None:
    api = await lab.api({"GET /x": "echo", "GET /": "echo"})
    for path in ("/x", "/", ""):
        answer = await lab.send(
            Request("GET", f"/_aws/execute-api/{api.id}/{stage}{path}", "", Headers([("host", "h")]))
        )
        assert answer.status == 200
        assert answer.json()["rawPath"] == (path or "/")


@pytest.mark.parametrize(
    ("host", "domain"),
    [("127.0.0.1", "execute-api.localhost"), ("::1", "execute-api.localhost"), ("dev.box", "execute-api.dev.box")],
)
async def test_an_apis_host_name_is_below_the_public_host(host: str, domain: str) -> None:
    assert api_domain(host) == domain


async def test_what_is_for_no_api_is_not_matched(lab: Lab) -> None:
    for host, path in (
        ("localhost:4566", "/"),
        ("sqs.us-east-1.amazonaws.com", "/"),
        ("127.0.0.1", "/_staticfire/health"),
    ):
        assert lab.apis.match(Request("GET", path, "", Headers([("host", host)]))) is None


async def test_an_unknown_api_stage_or_route_is_not_found(lab: Lab) -> None:
    api = await lab.api({"GET /x": "echo"}, stage="prod")
    for path in (f"/{api.id}/prod/y", f"/{api.id}/beta/x", "/nosuchapi/prod/x", f"/{api.id}"):
        answer = await lab.send(Request("GET", f"/_aws/execute-api{path}", "", Headers([("host", "h")])))
        assert (answer.status, answer.json()) == (404, {"message": "Not Found"})
        assert answer.headers.get("apigw-requestid")


async def test_a_disabled_endpoint_is_not_found_and_its_custom_domain_serves(lab: Lab) -> None:
    api = await lab.api({"GET /x": "echo"}, disableExecuteApiEndpoint=True)
    assert (await api.send("GET", "/x")).status == 404
    await lab.call("POST", "/v2/domainnames", {"domainName": "api.example.com"})
    mapping = {"apiId": api.id, "stage": "$default"}
    await lab.call("POST", "/v2/domainnames/api.example.com/apimappings", mapping)
    answer = await lab.send(Request("GET", "/x", "", Headers([("host", "api.example.com")])))
    assert answer.json()["requestContext"]["domainPrefix"] == "api"


async def test_the_longest_mapping_of_a_custom_domain_wins(lab: Lab) -> None:
    one, two = [await lab.api({"$default": "echo"}, stage=stage) for stage in ("prod", "$default")]
    await lab.call("POST", "/v2/domainnames", {"domainName": "API.example.com"})
    for key, api in (("v1", one), ("v1/deep", two)):
        mapping = {"apiId": api.id, "stage": api.stage, "apiMappingKey": key}
        await lab.call("POST", "/v2/domainnames/API.example.com/apimappings", mapping)

    async def get(path: str) -> Answer:
        return await lab.send(Request("GET", path, "", Headers([("host", "api.example.com:4566")])))

    assert (await get("/v1/x")).json()["rawPath"] == "/prod/x"
    assert (await get("/v1/deep/x")).json()["requestContext"]["apiId"] == two.id
    assert (await get("/v1/deeper")).json()["requestContext"]["apiId"] == one.id
    assert (await get("/v2")).status == 404


async def test_an_api_of_another_account_is_found(lab: Lab) -> None:
    other = Scope("100000000001", "us-east-2")
    api = await lab.api({"GET /": "echo"}, scope=other)
    context = (await api.event("GET", "/"))["requestContext"]
    assert context["accountId"] == other.account
    assert lab.functions.refs[-1].scope == other


async def test_a_write_counts_for_the_next_request(lab: Lab) -> None:
    api = await lab.api({"GET /old": "echo"})
    assert (await api.send("GET", "/new")).status == 404
    target = await lab.integrate(api.id, "echo")
    await lab.call("POST", f"/v2/apis/{api.id}/routes", {"routeKey": "GET /new", "target": target})
    assert (await api.send("GET", "/new")).status == 200
    await lab.call("DELETE", f"/v2/apis/{api.id}")
    assert (await api.send("GET", "/new")).status == 404


async def test_a_stage_without_auto_deploy_serves_what_was_deployed(lab: Lab) -> None:
    api = await lab.api({"GET /old": "echo"}, stage="held", stage_settings={"autoDeploy": False})
    assert (await api.send("GET", "/old")).status == 404
    base = f"/v2/apis/{api.id}"
    await lab.call("POST", f"{base}/deployments", {"stageName": "held"})
    assert (await api.send("GET", "/old")).status == 200
    target = await lab.integrate(api.id, "echo")
    await lab.call("POST", f"{base}/routes", {"routeKey": "GET /new", "target": target})
    assert (await api.send("GET", "/new")).status == 404
    made = await lab.call("POST", f"{base}/deployments", {})
    assert (await api.send("GET", "/new")).status == 404
    await lab.call("PATCH", f"{base}/stages/held", {"deploymentId": made["deploymentId"]})
    assert (await api.send("GET", "/new")).status == 200


async def test_descriptions_say_where_the_api_is_served(lab: Lab) -> None:
    api = await lab.api({"GET /": "echo"})
    endpoint = f"http://{api.id}.execute-api.localhost:4566"
    assert (await lab.call("GET", f"/v2/apis/{api.id}"))["apiEndpoint"] == endpoint
    assert [one["apiEndpoint"] for one in (await lab.call("GET", "/v2/apis"))["items"]] == [endpoint]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (AwsError(429, "TooManyRequestsException", "Rate Exceeded."), 503, UNAVAILABLE),
        (AwsError(404, "ResourceNotFoundException", "Function not found: secret"), 500, INTERNAL),
        (AwsError(413, "RequestTooLargeException", "too large"), 413, {"message": "Request Entity Too Large"}),
        (ValueError("secret"), 500, INTERNAL),
    ],
)
async def test_a_function_that_cannot_answer_tells_the_client_nothing(
    lab: Lab, caplog: pytest.LogCaptureFixture, error: Exception, status: int, message: dict[str, str]
) -> None:
    def fail(event: object) -> None:
        raise error

    lab.functions.handlers["fails"] = fail
    api = await lab.api({"GET /": "fails"})
    with caplog.at_level(logging.INFO):
        answer = await api.send("GET", "/")
    assert (answer.status, answer.json()) == (status, message)
    assert (error.message if isinstance(error, AwsError) else str(error)) in caplog.text


async def test_a_malformed_answer_is_an_internal_error_and_the_log_says_why(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab.functions.handlers["odd"] = lambda event: {"statusCode": "teapot"}
    api = await lab.api({"GET /": "odd"})
    answer = await api.send("GET", "/")
    assert (answer.status, answer.json()) == (500, INTERNAL)
    assert "'teapot'" in caplog.text


async def test_without_permission_the_answer_is_500_and_the_log_says_what_to_add(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    api = await lab.api({"GET /a/{id}": "echo", "$default": "echo"})
    lab.functions.refused = lambda ref, source_arn: source_arn.endswith("/GET/a/{id}")
    answer = await api.send("GET", "/a/1")
    assert (answer.status, answer.json()) == (500, INTERNAL)
    assert "aws_lambda_permission" in caplog.text
    assert (await api.send("GET", "/b")).status == 200
    base = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.id}/$default"
    assert lab.functions.asked == [f"{base}/GET/a/{{id}}", f"{base}/$default"]


async def test_a_slow_integration_is_given_up_after_its_time_out(lab: Lab) -> None:
    api = await lab.api({"GET /": "echo"}, integration={"timeoutInMillis": 50})
    lab.functions.gate = asyncio.Event()
    answer = await api.send("GET", "/")
    assert (answer.status, answer.json()) == (503, UNAVAILABLE)


async def test_qualified_functions_and_stage_variables_in_uris(lab: Lab) -> None:
    uri = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{}/invocations"
    lab.functions.handlers["a"] = lab.functions.handlers["echo"]
    qualified = uri.format(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:a:live")
    api = await lab.api({"GET /": "x"}, integration={"integrationUri": qualified})
    await api.send("GET", "/")
    assert (lab.functions.refs[-1].name, lab.functions.refs[-1].qualifier) == ("a", "live")
    variable = uri.format(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:${{stageVariables.fn}}")
    settings = {"stageVariables": {"fn": "a"}}
    api = await lab.api({"GET /": "x"}, integration={"integrationUri": variable}, stage_settings=settings)
    assert (await api.event("GET", "/"))["stageVariables"] == {"fn": "a"}


async def test_what_a_vpc_link_leads_to_is_not_served_and_says_so(lab: Lab) -> None:
    link = {"connectionType": "VPC_LINK", "connectionId": "abc123", "integrationType": "HTTP_PROXY"}
    method = {"integrationMethod": "ANY", "payloadFormatVersion": "1.0"}
    answer = await (await lab.api({"GET /": "x"}, integration=link | method)).send("GET", "/")
    assert answer.status == 501
    assert "VPC" in answer.json()["message"]


async def test_a_second_request_reads_no_store(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    api = await lab.api({"GET /": "echo"})
    await api.send("GET", "/")
    for name in ("get", "list", "everywhere"):
        monkeypatch.setattr(lab.store, name, None)
    assert (await api.send("GET", "/")).status == 200


async def test_a_route_without_an_integration_is_an_internal_error(lab: Lab) -> None:
    api = await lab.api({})
    await lab.call("POST", f"/v2/apis/{api.id}/routes", {"routeKey": "GET /"})
    answer = await api.send("GET", "/")
    assert (answer.status, answer.json()) == (500, INTERNAL)


async def test_a_body_over_10_mb_or_over_lambdas_limit_is_too_large(lab: Lab) -> None:
    api = await lab.api({"POST /": "echo"})
    for size in (10 * 1024 * 1024 + 1, 7 * 1024 * 1024):
        answer = await api.send("POST", "/", {"Content-Type": "text/plain"}, b"x" * size)
        assert (answer.status, answer.json()) == (413, {"message": "Request Entity Too Large"})
    assert lab.functions.events == []


async def test_headers_over_10_kb_are_too_large(lab: Lab) -> None:
    api = await lab.api({"GET /": "echo"})
    assert (await api.send("GET", "/", {"X-Large": "x" * 8000})).status == 200
    assert (await api.send("GET", "/", {"X-Large": "x" * 10240})).status == 431


async def test_over_the_limits_a_route_is_throttled_and_writes_do_not_refill_it(lab: Lab) -> None:
    settings = {
        "defaultRouteSettings": {"throttlingBurstLimit": 1000, "throttlingRateLimit": 1000},
        "routeSettings": {"GET /tight": {"throttlingBurstLimit": 2, "throttlingRateLimit": 0.0001}},
    }
    api = await lab.api({"GET /tight": "echo", "GET /wide": "echo"}, stage_settings=settings)
    assert [(await api.send("GET", "/tight")).status for _ in range(4)] == [200, 200, 429, 429]
    assert [(await api.send("GET", "/wide")).status for _ in range(4)] == [200] * 4
    await lab.call("PATCH", f"/v2/apis/{api.id}", {"description": "another"})
    answer = await api.send("GET", "/tight")
    assert (answer.status, answer.json()) == (429, {"message": "Too Many Requests"})


async def test_cors_is_answered_by_the_api(lab: Lab) -> None:
    cors = {"allowOrigins": ["https://a.example"], "allowMethods": ["POST"]}
    api = await lab.api({"POST /": "echo"}, corsConfiguration=cors)
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    answer = await api.send("OPTIONS", "/anywhere", asked)
    assert (answer.status, answer.headers.get("access-control-allow-methods")) == (204, "POST")
    assert lab.functions.events == []
    for path in ("/", "/nowhere"):
        answer = await api.send("POST", path, {"Origin": "https://a.example"})
        assert answer.headers.get("access-control-allow-origin") == "https://a.example"
    await lab.call("DELETE", f"/v2/apis/{api.id}/cors")


async def test_an_options_route_serves_what_is_no_preflight(lab: Lab) -> None:
    cors = {"allowOrigins": ["*"]}
    api = await lab.api({"OPTIONS /": "echo"}, corsConfiguration=cors)
    answer = await api.send("OPTIONS", "/", {"Origin": "https://a.example"})
    assert (answer.status, "access-control-allow-origin" in answer.headers) == (200, False)


async def test_after_a_reset_everything_is_learned_anew(lab: Lab) -> None:
    api = await lab.api({"GET /": "echo"})
    await api.send("GET", "/")
    await lab.lose()
    assert (await api.send("GET", "/")).status == 503


async def test_access_logs_are_lines_of_the_stages_format_in_its_group(lab: Lab) -> None:
    names = {"id": "requestId", "agent": "identity.userAgent", "s": "status", "e": "integrationErrorMessage"}
    form = json.dumps({key: f"$context.{name}" for key, name in names.items()})
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/http/api:*"
    settings = {"accessLogSettings": {"destinationArn": group, "format": form}}
    lab.functions.handlers["odd"] = lambda event: {"statusCode": "teapot"}
    api = await lab.api({"GET /": "echo", "GET /odd": "odd"}, stage_settings=settings)
    answers = [await api.send("GET", path, {"User-Agent": 'an "agent"'}) for path in ("/", "/odd", "/nowhere")]
    await lab.apis.close()
    [(_, body)] = [call for call in lab.emulator.log_calls if call[0] == "PutLogEvents"]
    assert body["logGroupName"] == "/http/api"
    lines = [json.loads(event["message"]) for event in body["logEvents"]]
    assert [line["s"] for line in lines] == ["200", "500", "404"]
    assert [line["id"] for line in lines] == [answer.headers.get("apigw-requestid") for answer in answers]
    assert lines[0]["agent"] == 'an "agent"'
    assert (lines[0]["e"], "teapot" in lines[1]["e"]) == ("-", True)


async def test_metrics_count_requests_by_api_stage_and_route(lab: Lab) -> None:
    lab.functions.handlers["fails"] = lambda event: {"statusCode": 503}
    settings = {"routeSettings": {"GET /": {"detailedMetricsEnabled": True}}}
    api = await lab.api({"GET /": "echo", "GET /f": "fails"}, stage_settings=settings)
    for path in ("/", "/", "/f", "/nowhere"):
        await api.send("GET", path)
    await lab.apis.close()
    sums: dict[tuple[str, ...], float] = {}
    for params in lab.emulator.metrics:
        assert params["Namespace"] == "AWS/ApiGateway"
        for place in range(1, 21):
            prefix = f"MetricData.member.{place}."
            if f"{prefix}MetricName" not in params:
                break
            names = [params[key] for key in sorted(params) if key.startswith(f"{prefix}Dim") and key.endswith("Name")]
            values = [float(params[key]) for key in sorted(params) if key.startswith(f"{prefix}Values")]
            counts = [float(params[key]) for key in sorted(params) if key.startswith(f"{prefix}Counts")]
            key = (params[f"{prefix}MetricName"], *names)
            sums[key] = sums.get(key, 0) + sum(v * c for v, c in zip(values, counts, strict=True))
    assert sums["Count", "ApiId"] == sums["Count", "ApiId", "Stage"] == 4
    assert (sums["4xx", "ApiId"], sums["5xx", "ApiId"]) == (1, 1)
    assert sums["Count", "ApiId", "Method", "Resource", "Stage"] == 2
