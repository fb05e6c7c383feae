"""Access logs and metrics of a stage."""

from __future__ import annotations

import json

import pytest

from tests.conformance.fidelity import ADDED_UP, documented
from tests.conformance.lab import Api, Lab, eventually, metric_sum

AREA = "HTTP API: access logs and metrics"
LOGS = "apigateway/latest/developerguide/http-api-logging.html"
VARIABLES = "apigateway/latest/developerguide/http-api-logging-variables.html"
METRICS = "apigateway/latest/developerguide/http-api-metrics.html"
NAMES = (
    "requestId",
    "identity.sourceIp",
    "identity.userAgent",
    "requestTime",
    "requestTimeEpoch",
    "httpMethod",
    "path",
    "routeKey",
    "status",
    "protocol",
    "responseLength",
    "stage",
    "apiId",
    "accountId",
    "domainName",
    "domainPrefix",
    "integrationStatus",
    "integration.status",
    "integrationErrorMessage",
    "error.message",
    "nothing.of.the.kind",
)
JSON = "{" + ",".join(f'"{name}":"$context.{name}"' for name in NAMES) + "}"


def logged(lab: Lab, routes: dict[str, str], form: str) -> tuple[Api, str]:
    group = f"/http-api/{lab.name()}"
    lab.aws("logs").create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:{lab.region}:{lab.account}:log-group:{group}"
    settings = {"AccessLogSettings": {"DestinationArn": arn, "Format": form}}
    return lab.api(routes, stage_settings=settings), group


def entry(lab: Lab, group: str, containing: str = "") -> str:
    def look() -> str | None:
        return next((line for line in lab.lines(group) if containing in line), None)

    return str(eventually(look, f"an access log entry with {containing!r}"))


@documented(AREA, "Each request is a line of the stage's format in its log group", VARIABLES)
def test_a_request_is_a_line_of_the_format(lab: Lab, dictated: str, client_ip: str) -> None:
    api, group = logged(lab, {"POST /x/{id}": dictated}, JSON)
    headers = {"User-Agent": 'an "agent"', "Content-Type": "application/json"}
    answer = api.post("/x/1?a=b", '{"statusCode": 201, "body": "four"}', headers)
    line = json.loads(entry(lab, group, answer.headers["apigw-requestid"]))
    assert line["requestId"] == answer.headers["apigw-requestid"]
    assert line["identity.sourceIp"] == client_ip
    assert line["identity.userAgent"] == 'an "agent"'
    assert (line["httpMethod"], line["routeKey"], line["status"]) == ("POST", "POST /x/{id}", "201")
    assert (line["protocol"], line["responseLength"], line["stage"]) == ("HTTP/1.1", "4", "$default")
    assert (line["path"], line["apiId"], line["accountId"]) == ("/x/1", api.id, lab.account)
    assert (line["integrationStatus"], line["integration.status"]) == ("200", "201")
    assert line["requestTimeEpoch"].isdigit()
    assert line["nothing.of.the.kind"] == "-"


@documented(AREA, "The formats CLF and CSV are lines as they are written", LOGS)
def test_the_common_log_format(lab: Lab, dictated: str, client_ip: str) -> None:
    form = (
        '$context.identity.sourceIp - - [$context.requestTime] "$context.httpMethod $context.routeKey '
        '$context.protocol" $context.status $context.responseLength $context.requestId'
    )
    api, group = logged(lab, {"POST /": dictated}, form)
    answer = api.dictate({"statusCode": 200, "body": "abc"})
    line = entry(lab, group, answer.headers["apigw-requestid"])
    assert line.startswith(f"{client_ip} - - [")
    assert '"POST POST / HTTP/1.1" 200 3 ' in line


@documented(AREA, "What went wrong inside is in the access log, and not in the answer", LOGS)
@pytest.mark.parametrize(
    ("line", "wrong"),
    [("raise ValueError('a deep secret')", "a deep secret"), ("return {'statusCode': 'x'}", "")],
)
def test_an_error_is_explained_in_the_access_log(lab: Lab, line: str, wrong: str) -> None:
    function = lab.function(f"def handler(event, context):\n    {line}\n")
    api, group = logged(lab, {"GET /": function}, JSON)
    answer = api.get("/")
    logged_line = json.loads(entry(lab, group, answer.headers["apigw-requestid"]))
    assert (answer.status, logged_line["status"]) == (500, "500")
    assert logged_line["integrationErrorMessage"] not in ("", "-")
    assert wrong.encode() not in answer.body or not wrong


@documented(AREA, "Refused requests are logged too", LOGS)
def test_refused_requests_are_logged(lab: Lab, echo: str) -> None:
    api, group = logged(lab, {"GET /": echo}, '{"status":"$context.status","id":"$context.requestId"}')
    answer = api.get("/nowhere")
    assert json.loads(entry(lab, group, answer.headers["apigw-requestid"]))["status"] == "404"


@documented(
    AREA,
    "AWS/ApiGateway: Count, 4xx, 5xx, Latency, IntegrationLatency, DataProcessed by ApiId",
    METRICS,
    elsewhere=ADDED_UP,
)
def test_requests_are_counted_in_cloudwatch(lab: Lab, dictated: str) -> None:
    api = lab.api({"POST /": dictated})
    for status in (200, 200, 404, 500):
        api.dictate({"statusCode": status})

    def count(name: str, dimensions: dict[str, str], stat: str = "Sum") -> float:
        return metric_sum(lab, "AWS/ApiGateway", name, dimensions, stat)

    by_api = {"ApiId": api.id}
    eventually(lambda: count("Count", by_api) == 4, "4 requests counted")
    assert (count("4xx", by_api), count("5xx", by_api)) == (1, 1)
    by_stage = {"ApiId": api.id, "Stage": "$default"}
    assert count("Count", by_stage) == 4
    for name in ("Latency", "IntegrationLatency", "DataProcessed"):
        assert count(name, by_stage, "SampleCount") >= 4


@documented(AREA, "Route-level metrics are sent when detailed metrics are on, and only then", METRICS)
def test_detailed_metrics_are_by_route(lab: Lab, dictated: str) -> None:
    settings = {"DefaultRouteSettings": {"DetailedMetricsEnabled": True}}
    detailed = lab.api({"POST /": dictated}, stage_settings=settings)
    plain = lab.api({"POST /": dictated})
    detailed.dictate({"statusCode": 200})
    plain.dictate({"statusCode": 200})

    def metrics(api: Api) -> list[set[str]]:
        metrics = lab.aws("cloudwatch").list_metrics(
            Namespace="AWS/ApiGateway", MetricName="Count", Dimensions=[{"Name": "ApiId", "Value": api.id}]
        )["Metrics"]
        return [{dimension["Name"] for dimension in metric["Dimensions"]} for metric in metrics]

    eventually(lambda: metrics(detailed) and metrics(plain), "both APIs counted")
    assert any(len(names) > 2 for names in metrics(detailed))
    assert all(len(names) <= 2 for names in metrics(plain))
