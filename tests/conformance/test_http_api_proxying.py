"""HTTP_PROXY integrations and parameter mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Api, Lab

AREA = "HTTP API: HTTP proxies and parameter mapping"
PROXY = "apigateway/latest/developerguide/http-api-develop-integrations-http.html"
MAPPING = "apigateway/latest/developerguide/http-api-parameter-mapping.html"
PRIVATE = "apigateway/latest/developerguide/http-api-develop-integrations-private.html"
NOTES = "apigateway/latest/developerguide/api-gateway-known-issues.html"


class Backend(BaseHTTPRequestHandler):
    """Answers what it was asked, with the status that the query's `status` names."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        received = {
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(),
        }
        data = json.dumps(received).encode()
        status = self.path.partition("status=")[2][:3]
        self.send_response(int(status or 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Backend", "yes")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def backend(this_machine: tuple[str, str]) -> Iterator[str]:
    listening, host = this_machine
    server = ThreadingHTTPServer((listening, 0), Backend)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{host}:{server.server_port}"
    server.shutdown()
    server.server_close()


def proxy(lab: Lab, route: str, uri: str, stage: Mapping[str, Any] | None = None, **integration: Any) -> Api:
    client = lab.aws("apigatewayv2")
    api = client.create_api(Name=lab.name(), ProtocolType="HTTP")["ApiId"]
    made = client.create_integration(
        **{
            "ApiId": api,
            "IntegrationType": "HTTP_PROXY",
            "IntegrationMethod": "ANY",
            "IntegrationUri": uri,
            "PayloadFormatVersion": "1.0",
            **integration,
        }
    )
    client.create_route(ApiId=api, RouteKey=route, Target=f"integrations/{made['IntegrationId']}")
    return lab.stage(api, **(stage or {}))


@documented(AREA, "The whole request goes to the endpoint, the whole response comes back", PROXY)
def test_request_and_response_are_passed_through(lab: Lab, backend: str) -> None:
    api = proxy(lab, "ANY /x/{proxy+}", f"{backend}/base/{{proxy}}")
    answer = api.post("/x/a/b?c=d&e=f%20g&status=202", "héllo", {"X-Mine": "1", "Content-Type": "text/plain"})
    assert (answer.status, answer.headers["x-backend"]) == (202, "yes")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    received = answer.json()
    assert (received["method"], received["target"]) == ("POST", "/base/a/b?c=d&e=f%20g&status=202")
    assert (received["headers"]["x-mine"], received["headers"]["content-type"]) == ("1", "text/plain")
    assert received["body"] == "héllo"
    assert received["headers"]["host"] == backend.removeprefix("http://")
    assert answer.headers["apigw-requestid"]


@documented(AREA, "Path variables of the route are filled in the integration's URI", PROXY)
def test_path_variables_are_filled_in(lab: Lab, backend: str) -> None:
    api = proxy(lab, "GET /pets/{id}/{kind}", f"{backend}/animals/{{kind}}/{{id}}")
    assert api.get("/pets/6/dog").json()["target"] == "/animals/dog/6"


@documented(AREA, "The endpoint learns of the client by the `Forwarded` header", NOTES)
def test_the_endpoint_learns_of_the_client(lab: Lab, backend: str, client_ip: str) -> None:
    forwarded = proxy(lab, "GET /", backend).get("/").json()["headers"]["forwarded"]
    assert f"for={client_ip}" in forwarded
    assert "proto=http" in forwarded


@documented(AREA, 'An endpoint that cannot be reached: 503 `{"message":"Service Unavailable"}`', PROXY)
def test_an_unreachable_endpoint_is_unavailable(lab: Lab) -> None:
    answer = proxy(lab, "GET /", "http://127.0.0.1:9").get("/")
    assert (answer.status, answer.json()) == (503, {"message": "Service Unavailable"})


@documented(AREA, "Request mapping appends, overwrites and removes headers and query strings", MAPPING)
def test_request_parameters_are_mapped(lab: Lab, backend: str) -> None:
    api = proxy(
        lab,
        "POST /users/{id}",
        f"{backend}/users",
        stage={"StageVariables": {"colour": "blue"}},
        RequestParameters={
            "append:header.x-id": "$request.path.id",
            "append:header.x-both": "$request.header.x-both-more",
            "overwrite:header.x-over": "$context.routeKey",
            "remove:header.x-gone": "''",
            "append:querystring.colour": "$stageVariables.colour",
            "overwrite:querystring.q": "$request.querystring.other",
            "remove:querystring.gone": "''",
            "append:header.x-name": "$request.body.user.name",
            "append:header.x-static": "constant",
        },
    )
    headers = {"X-Both": "a", "X-Both-More": "b", "X-Over": "c", "X-Gone": "d", "Content-Type": "application/json"}
    received = api.post("/users/7?q=1&other=2&gone=3", '{"user": {"name": "Ann"}}', headers).json()
    sent = received["headers"]
    assert (sent["x-id"], sent["x-over"], sent["x-name"]) == ("7", "POST /users/{id}", "Ann")
    assert sent["x-both"] in ("a,b", "a, b")
    assert sent["x-static"] == "constant"
    assert "x-gone" not in sent
    query = dict(pair.split("=") for pair in received["target"].partition("?")[2].split("&"))
    assert query == {"q": "2", "other": "2", "colour": "blue"}


@documented(AREA, "Request mapping overwrites the path", MAPPING)
def test_the_path_is_overwritten(lab: Lab, backend: str) -> None:
    api = proxy(lab, "GET /a/{proxy+}", backend, RequestParameters={"overwrite:path": "/other/$request.path.proxy"})
    assert api.get("/a/b/c").json()["target"] == "/other/b/c"


@documented(AREA, "Response mapping changes headers and the status, by the status that came", MAPPING)
def test_response_parameters_are_mapped(lab: Lab, backend: str) -> None:
    api = proxy(
        lab,
        "GET /",
        backend,
        ResponseParameters={
            "500": {"overwrite:statuscode": "403", "append:header.x-why": "$response.body.method"},
            "404": {"remove:header.x-backend": "''", "overwrite:header.x-id": "$context.requestId"},
        },
    )
    changed = api.get("/?status=500")
    assert (changed.status, changed.headers["x-why"]) == (403, "GET")
    missing = api.get("/?status=404")
    assert (missing.status, missing.headers["x-backend"]) == (404, None)
    assert missing.headers["x-id"] == missing.headers["apigw-requestid"]
    untouched = api.get("/?status=200")
    assert (untouched.status, untouched.headers["x-backend"], untouched.headers["x-why"]) == (200, "yes", None)


@documented(AREA, "HEAD goes through, without a body", PROXY)
def test_head_goes_through(lab: Lab, backend: str) -> None:
    answer = proxy(lab, "HEAD /", backend).send("HEAD", "/")
    assert (answer.status, answer.body, answer.headers["x-backend"]) == (200, b"", "yes")


@documented(AREA, "Private integrations go through a VPC link", PRIVATE, "not done: refused with an error that says so")
def test_a_private_integration_is_refused_clearly(lab: Lab) -> None:
    arn = f"arn:aws:servicediscovery:{lab.region}:{lab.account}:service/srv-1"
    api = proxy(lab, "GET /", arn, ConnectionType="VPC_LINK", ConnectionId="abc123")
    answer = api.get("/")
    assert answer.status == 501
    assert "VPC" in answer.json()["message"]
