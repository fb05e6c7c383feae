"""Where REST APIs answer: the stage's address, the API's own host name, custom domains."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, send

AREA = "REST API: addresses"
PAGE = "apigateway/latest/developerguide/how-to-call-api.html"
PROXY = "apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"


@pytest.fixture(scope="module")
def rest_api(lab: Lab, echo: str) -> str:
    """Any method below /things goes to a function that tells its event."""
    client = lab.aws("apigateway")
    api: str = client.create_rest_api(name=lab.name("rest"))["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    things = client.create_resource(restApiId=api, parentId=root, pathPart="things")["id"]
    proxy = client.create_resource(restApiId=api, parentId=things, pathPart="{proxy+}")["id"]
    method = {"restApiId": api, "resourceId": proxy, "httpMethod": "ANY"}
    client.put_method(**method, authorizationType="NONE")
    arn = f"arn:aws:apigateway:{lab.region}:lambda:path/2015-03-31/functions/{lab.arn(echo)}/invocations"
    client.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=arn)
    client.create_deployment(restApiId=api, stageName="prod")
    lab.permit(api, echo)
    return api


@documented(AREA, "A function behind a proxy resource answers at the stage's address, with path and query", PROXY)
def test_the_stages_address(lab: Lab, rest_api: str) -> None:
    answer = send("PUT", f"{lab.url(rest_api, 'prod')}/things/a/b?x=1", {"content-type": "text/plain"}, "body")
    assert answer.status == 200
    event = json.loads(answer.body)
    assert (event["httpMethod"], event["path"], event["resource"]) == ("PUT", "/things/a/b", "/things/{proxy+}")
    assert (event["queryStringParameters"], event["body"]) == ({"x": "1"}, "body")
    assert event["requestContext"]["stage"] == "prod"


@documented(AREA, "The API's own host name leads to it too, the stage first", PAGE)
def test_the_apis_host_name(lab: Lab, rest_api: str) -> None:
    host = f"{rest_api}.execute-api.{lab.region}.amazonaws.com"
    answer = send("GET", f"{lab.endpoint}/prod/things/one", {"host": host})
    assert (answer.status, json.loads(answer.body)["path"]) == (200, "/things/one")


@documented(AREA, "A deleted API is not found, nor one that never was", PAGE)
def test_a_deleted_api(lab: Lab) -> None:
    client = lab.aws("apigateway")
    api = client.create_rest_api(name=lab.name("rest"))["id"]
    client.delete_rest_api(restApiId=api)
    assert send("GET", f"{lab.url(api, 'prod')}/").status == 404
    assert send("GET", f"{lab.url('nosuchapi1', 'prod')}/").status == 404


@documented(
    AREA, "A base path of a custom domain leads to a stage", "apigateway/latest/developerguide/rest-api-mappings.html"
)
def test_base_path_mappings(lab: Lab, rest_api: str) -> None:
    client = lab.aws("apigateway")
    name = f"{lab.name('d')}.example.com"
    client.create_domain_name(
        domainName=name,
        regionalCertificateArn=f"arn:aws:acm:{lab.region}:{lab.account}:certificate/{uuid.uuid4()}",
        endpointConfiguration={"types": ["REGIONAL"]},
    )
    client.create_base_path_mapping(domainName=name, basePath="shop", restApiId=rest_api, stage="prod")
    event = send("GET", f"{lab.endpoint}/shop/things/one", {"host": name}).json()
    assert (event["path"], event["requestContext"]["path"]) == ("/shop/things/one", "/shop/things/one")
    assert (event["resource"], event["requestContext"]["domainName"]) == ("/things/{proxy+}", name)
    assert send("GET", f"{lab.endpoint}/elsewhere", {"host": name}).status in (403, 404)


@documented(AREA, "The default address of an API can be switched off: 403", PAGE)
def test_a_disabled_address(lab: Lab) -> None:
    client = lab.aws("apigateway")
    made = client.create_rest_api(name=lab.name("rest"), disableExecuteApiEndpoint=True)
    place = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    client.put_method(**place, authorizationType="NONE")
    client.put_integration(**place, type="MOCK")
    client.create_deployment(restApiId=made["id"], stageName="prod")
    answer = send("GET", f"{lab.url(made['id'], 'prod')}/")
    assert (answer.status, answer.json()) == (403, {"message": "Forbidden"})
