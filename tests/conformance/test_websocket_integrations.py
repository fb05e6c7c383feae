"""WebSocket APIs: integrations beside AWS_PROXY, custom domains, access logs and metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.conformance.fidelity import ADDED_UP, documented
from tests.conformance.lab import Lab, eventually, metric_sum
from tests.conformance.rooms import Room, asked, deployed, room
from tests.conformance.test_http_api_proxying import Backend

AREA = "WebSocket API: integrations, domains, logs"
GUIDE = "apigateway/latest/developerguide/"
INTEGRATIONS = f"{GUIDE}apigateway-websocket-api-integration-requests.html"
RESPONSES = f"{GUIDE}apigateway-websocket-api-integration-responses.html"
DOMAINS = f"{GUIDE}websocket-api-custom-domain-names.html"
LOGS = f"{GUIDE}websocket-api-logging.html"
METRICS = f"{GUIDE}apigateway-websocket-api-logging.html"

CUSTOM = """
    def handler(event, context):
        if event.get("fail"):
            raise ValueError("as asked")
        return {"got": event}
"""


def answering(
    lab: Lab,
    integration: Mapping[str, Any],
    responses: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    function: str = "",
) -> Room:
    """An API with one route, `$default`, that answers; its integration has these responses."""
    client = lab.aws("apigatewayv2")
    api = client.create_api(
        Name=lab.name("room"), ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    target = client.create_integration(ApiId=api, **integration)["IntegrationId"]
    for key, response in (responses or {}).items():
        client.create_integration_response(ApiId=api, IntegrationId=target, IntegrationResponseKey=key, **response)
    route = client.create_route(
        ApiId=api,
        RouteKey="$default",
        Target=f"integrations/{target}",
        RouteResponseSelectionExpression="$default",
    )["RouteId"]
    client.create_route_response(ApiId=api, RouteId=route, RouteResponseKey="$default")
    deployed(lab, api, "prod", StageVariables={"colour": "red"})
    return Room(lab, api, "prod", function)


@documented(AREA, "MOCK: the request template says the status, the response's template what is answered", RESPONSES)
def test_mock(lab: Lab) -> None:
    made = answering(
        lab,
        {
            "IntegrationType": "MOCK",
            "TemplateSelectionExpression": "\\$default",
            "RequestTemplates": {"$default": "{\"statusCode\": $input.path('$.status')}"},
        },
        {
            "/2\\d\\d/": {
                "ResponseTemplates": {"$default": '{"id": "$context.connectionId", "c": "$stageVariables.colour"}'}
            },
            "$default": {"ResponseTemplates": {"$default": '{"other": true}'}},
        },
    )
    with made.joined() as client:
        answer = asked(client, {"status": 201})
        assert answer == {"id": answer["id"], "c": "red"}
        assert asked(client, {"status": 404}) == {"other": True}
        assert asked(client, {"status": "none"})["message"] == "Internal server error"


@pytest.fixture(scope="module")
def backend(this_machine: tuple[str, str]) -> Iterator[str]:
    listening, host = this_machine
    server = ThreadingHTTPServer((listening, 0), Backend)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{host}:{server.server_port}"
    server.shutdown()
    server.server_close()


@documented(AREA, "HTTP_PROXY: the message is the body, request parameters make headers", INTEGRATIONS)
def test_http_proxy(lab: Lab, backend: str) -> None:
    made = answering(
        lab,
        {
            "IntegrationType": "HTTP_PROXY",
            "IntegrationMethod": "POST",
            "IntegrationUri": f"{backend}/messages?a=1",
            "RequestParameters": {
                "integration.request.header.connection-id": "context.connectionId",
                "integration.request.header.kind": "'fixed'",
                "integration.request.header.colour": "stageVariables.colour",
                "integration.request.header.who": "route.request.body.who",
            },
        },
    )
    with made.joined() as client:
        received = asked(client, {"who": "ann"})
    assert (received["method"], received["target"], received["body"]) == ("POST", "/messages?a=1", '{"who": "ann"}')
    headers = received["headers"]
    assert (headers["kind"], headers["colour"], headers["who"]) == ("fixed", "red", "ann")
    assert headers["connection-id"].endswith("=")


@documented(
    AREA, "AWS: a function gets what the request template makes, its answer goes through the response's", RESPONSES
)
def test_custom_functions(lab: Lab) -> None:
    function = lab.function(CUSTOM)
    uri = f"arn:aws:apigateway:{lab.region}:lambda:path/2015-03-31/functions/{lab.arn(function)}/invocations"
    made = answering(
        lab,
        {
            "IntegrationType": "AWS",
            "IntegrationMethod": "POST",
            "IntegrationUri": uri,
            "RequestTemplates": {"$default": '{"text": $input.json(\'$.text\'), "from": "$context.connectionId"}'},
        },
        {"$default": {"ResponseTemplates": {"$default": "{\"said\": $input.json('$.got.text')}"}}},
    )
    lab.aws("lambda").add_permission(
        FunctionName=function,
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{lab.region}:{lab.account}:{made.api}/*",
    )
    with made.joined() as client:
        assert asked(client, {"text": "hi", "fail": True}) == {"said": "hi"}


@documented(
    AREA,
    "AWS: a service of AWS is called with what the request template makes",
    INTEGRATIONS,
    "not done for WebSocket APIs: the client is told so, as an error",
)
def test_services(lab: Lab) -> None:
    uri = f"arn:aws:apigateway:{lab.region}:sqs:action/SendMessage"
    made = answering(lab, {"IntegrationType": "AWS", "IntegrationMethod": "POST", "IntegrationUri": uri})
    with made.joined() as client:
        assert "are not served here" in asked(client, "x")["message"]


@documented(AREA, "A custom domain's mapping leads to a stage; `@connections` is below it too", DOMAINS)
def test_custom_domains(lab: Lab) -> None:
    made = room(lab)
    client = lab.aws("apigatewayv2")
    name = f"{lab.name('chat')}.example.com"
    certificate = f"arn:aws:acm:{lab.region}:{lab.account}:certificate/0f0c1fb5-9d45-4a1b-8b4c-1d4c2f1d9a11"
    configuration = {"CertificateArn": certificate, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
    client.create_domain_name(DomainName=name, DomainNameConfigurations=[configuration])
    client.create_api_mapping(DomainName=name, ApiId=made.api, Stage=made.stage, ApiMappingKey="talk")
    port = lab.address[1]
    with made.joined(url=f"http://{name}:{port}/talk", address=lab.address) as chat:
        context = asked(chat, "hello")["requestContext"]
        sending = made.management(url=f"http://{name}:{port}/talk", proxies={"http": lab.endpoint})
        sending.post_to_connection(ConnectionId=context["connectionId"], Data=b"from below the domain")
        assert chat.recv(timeout=60) == "from below the domain"
    assert (context["domainName"], context["stage"], context["apiId"]) == (name, "prod", made.api)


@documented(AREA, "Each connection and message is a line of the access log", LOGS)
def test_access_logs(lab: Lab) -> None:
    group = f"/web-sockets/{lab.name()}"
    lab.aws("logs").create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:{lab.region}:{lab.account}:log-group:{group}"
    names = ("eventType", "routeKey", "status", "connectionId", "messageId", "error.message", "stage")
    form = "{" + ",".join(f'"{name}":"$context.{name}"' for name in names) + "}"
    made = room(lab, stage_settings={"AccessLogSettings": {"DestinationArn": arn, "Format": form}})
    with made.joined() as client:
        asked(client, {"action": "say"})
        connection = asked(client, {"action": "say", "fail": True})["connectionId"]
    made.refused("status=403")

    def lines() -> list[dict[str, str]]:
        logged = [json.loads(line) for line in lab.lines(group)]
        return logged if len(logged) >= 5 else []

    logged = eventually(lines, "five lines of the access log")
    assert sorted((line["eventType"], line["routeKey"], line["status"]) for line in logged) == [
        ("CONNECT", "$connect", "200"),
        ("CONNECT", "$connect", "403"),
        ("DISCONNECT", "$disconnect", "200"),
        ("MESSAGE", "say", "200"),
        ("MESSAGE", "say", "502"),
    ]
    assert {line["connectionId"] for line in logged if line["status"] != "403"} == {connection}
    assert [line["error.message"] for line in logged if line["status"] == "502"] == ["Internal server error"]


@documented(AREA, "Connections, messages, errors and latencies are metrics of the API", METRICS, elsewhere=ADDED_UP)
def test_metrics(lab: Lab) -> None:
    made = room(lab)
    with made.joined() as client:
        asked(client, {"action": "say"})
        connection = asked(client, {"action": "say", "fail": True})["connectionId"]
        made.management().post_to_connection(ConnectionId=connection, Data=b"x")
        client.recv(timeout=60)
    made.refused("status=403")
    dimensions = {"ApiId": made.api, "Stage": made.stage}

    def total(name: str, stat: str = "Sum") -> float:
        return float(metric_sum(lab, "AWS/ApiGateway", name, dimensions, stat))

    expected = {"ConnectCount": 2, "MessageCount": 3, "IntegrationError": 1, "ClientError": 1}
    eventually(lambda: {name: total(name) for name in expected} == expected, f"metrics {expected}")
    assert total("IntegrationLatency", "SampleCount") >= 4
