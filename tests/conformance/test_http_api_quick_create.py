"""Quick create: one CreateApi with a target is a deployed API."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Api, Lab, send

AREA = "HTTP API: quick create"
PAGE = "apigatewayv2/latest/api-reference/apis.html"
STAGES = "apigatewayv2/latest/api-reference/apis-apiid-stages.html"
INTEGRATION = "apigatewayv2/latest/api-reference/apis-apiid-integrations-integrationid.html"


def created(lab: Lab, target: str, **settings: Any) -> Api:
    made = lab.aws("apigatewayv2").create_api(Name=lab.name("quick"), ProtocolType="HTTP", Target=target, **settings)
    return Api(lab, made["ApiId"], "$default", lab.url(made["ApiId"], "$default"))


def parts(lab: Lab, api: Api) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The only integration, route and stage of the API."""
    client = lab.aws("apigatewayv2")
    [integration] = client.get_integrations(ApiId=api.id)["Items"]
    [route] = client.get_routes(ApiId=api.id)["Items"]
    [stage] = client.get_stages(ApiId=api.id)["Items"]
    return integration, route, stage


@pytest.fixture(scope="module")
def quick(lab: Lab, echo: str) -> Api:
    api = created(lab, lab.arn(echo))
    lab.permit(api.id, echo)
    return api


@documented(AREA, "A function's ARN as `target` makes an integration in format 2.0, `$default` and its stage", PAGE)
def test_a_target_makes_all_parts(lab: Lab, echo: str, quick: Api) -> None:
    integration, route, stage = parts(lab, quick)
    assert integration["IntegrationUri"] == lab.arn(echo)
    assert (integration["IntegrationType"], integration["IntegrationMethod"]) == ("AWS_PROXY", "POST")
    assert (integration["PayloadFormatVersion"], integration["ApiGatewayManaged"]) == ("2.0", True)
    assert (route["RouteKey"], route["ApiGatewayManaged"]) == ("$default", True)
    assert route["Target"] == f"integrations/{integration['IntegrationId']}"
    assert (stage["StageName"], stage["AutoDeploy"], stage["ApiGatewayManaged"]) == ("$default", True, True)


@documented(AREA, "The API answers at once, at every path", PAGE)
def test_it_answers(quick: Api) -> None:
    event = quick.event("PUT", "/any/path")
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/any/path")


@documented(AREA, "`routeKey` names the route instead of `$default`", PAGE)
def test_a_route_key_is_the_only_route(lab: Lab, echo: str) -> None:
    api = created(lab, lab.arn(echo), RouteKey="GET /hello")
    lab.permit(api.id, echo)
    assert api.event("GET", "/hello")["routeKey"] == "GET /hello"
    assert api.get("/other").status == 404


@documented(AREA, "`credentialsArn` is the integration's", PAGE)
def test_credentials_are_the_integrations(lab: Lab, echo: str) -> None:
    integration, _, _ = parts(lab, created(lab, lab.arn(echo), CredentialsArn=lab.role()))
    assert integration["CredentialsArn"] == lab.role()


class Upstream(BaseHTTPRequestHandler):
    def do_DELETE(self) -> None:
        body = f"{self.command} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Not to the test's output."""


@pytest.fixture
def upstream(this_machine: tuple[str, str]) -> Iterator[str]:
    """A server of the case; its URL."""
    bind, name = this_machine
    with ThreadingHTTPServer((bind, 0), Upstream) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{name}:{server.server_port}/base"
        server.shutdown()


@documented(AREA, "A URL as `target` makes an HTTP proxy for any method", PAGE)
def test_a_url_makes_a_proxy(lab: Lab, upstream: str) -> None:
    api = created(lab, upstream)
    integration, _, _ = parts(lab, api)
    assert (integration["IntegrationType"], integration["IntegrationMethod"]) == ("HTTP_PROXY", "ANY")
    assert (integration["PayloadFormatVersion"], integration["IntegrationUri"]) == ("1.0", upstream)
    assert api.send("DELETE", "/x").body == b"DELETE /base"


@documented(AREA, "What is neither is refused, and no API is made", PAGE)
def test_another_target_is_refused(lab: Lab) -> None:
    client = lab.aws("apigatewayv2")
    name = lab.name("refused")
    with pytest.raises(client.exceptions.BadRequestException):
        client.create_api(Name=name, ProtocolType="HTTP", Target="ftp://example.com")
    assert name not in [api["Name"] for api in client.get_apis()["Items"]]


@documented(AREA, "UpdateApi with `target` and `routeKey` changes the integration and the route", PAGE)
def test_an_update_changes_the_parts(lab: Lab, echo: str, dictated: str) -> None:
    client = lab.aws("apigatewayv2")
    api = created(lab, lab.arn(dictated), RouteKey="GET /one")
    lab.permit(api.id, echo)
    client.update_api(ApiId=api.id, Target=lab.arn(echo), RouteKey="GET /two")
    integration, route, _ = parts(lab, api)
    assert (integration["IntegrationUri"], route["RouteKey"]) == (lab.arn(echo), "GET /two")
    assert api.event("GET", "/two")["routeKey"] == "GET /two"
    assert api.get("/one").status == 404


@documented(AREA, "UpdateApi refuses a `target` for an API that quick create did not make", PAGE)
def test_only_a_quick_api_takes_a_target(lab: Lab, echo: str, echoing: Api) -> None:
    client = lab.aws("apigatewayv2")
    with pytest.raises(client.exceptions.BadRequestException):
        client.update_api(ApiId=echoing.id, Target=lab.arn(echo))


@documented(AREA, "The integration can be updated, not deleted", INTEGRATION)
def test_the_integration_stays(lab: Lab, quick: Api) -> None:
    client = lab.aws("apigatewayv2")
    integration, _, _ = parts(lab, quick)
    with pytest.raises(ClientError) as refused:
        client.delete_integration(ApiId=quick.id, IntegrationId=integration["IntegrationId"])
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert parts(lab, quick)[0] == integration


@documented(AREA, "A second `$default` stage, or a route with the same key, is a ConflictException", STAGES)
def test_its_names_are_taken(lab: Lab, quick: Api) -> None:
    client = lab.aws("apigatewayv2")
    before = parts(lab, quick)
    with pytest.raises(client.exceptions.ConflictException):
        client.create_stage(ApiId=quick.id, StageName="$default")
    with pytest.raises(client.exceptions.ConflictException):
        client.create_route(ApiId=quick.id, RouteKey="$default")
    assert parts(lab, quick) == before


@documented(AREA, "The API is deleted with its parts", PAGE)
def test_it_is_deleted_whole(lab: Lab, echo: str) -> None:
    api = created(lab, lab.arn(echo))
    lab.permit(api.id, echo)
    assert api.get("/").status == 200
    lab.aws("apigatewayv2").delete_api(ApiId=api.id)
    assert send("GET", api.url + "/").status == 404
