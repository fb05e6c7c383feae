"""Custom domain names by both generations, and the addresses that lead to APIs."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.http1.messages import Headers, Request
from tests.unit.edge.services.apigateway.kit import REGION, Answer, Lab


async def get(lab: Lab, path: str, host: str = "api.example.com") -> Answer:
    return await lab.send(Request("GET", path, "", Headers([("host", host)])))


async def test_a_name_of_one_generation_is_told_by_the_other(lab: Lab) -> None:
    body = {
        "domainName": "api.example.com",
        "regionalCertificateArn": "arn:aws:acm:eu-west-1:1:certificate/a",
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "tags": {"a": "1"},
    }
    first = await lab.call("POST", "/domainnames", body)
    second = await lab.call("GET", "/v2/domainnames/api.example.com")
    [configuration] = second["domainNameConfigurations"]
    assert configuration["certificateArn"] == body["regionalCertificateArn"]
    assert configuration["apiGatewayDomainName"] == first["regionalDomainName"]
    assert second["tags"] == {"a": "1"}
    assert (await lab.call("GET", "/v2/domainnames"))["items"] == [second]
    patch = {"patchOperations": [{"op": "replace", "path": "/securityPolicy", "value": "TLS_1_0"}]}
    assert (await lab.call("PATCH", "/domainnames/api.example.com", patch))["securityPolicy"] == "TLS_1_0"
    with pytest.raises(AwsError) as taken:
        await lab.call("POST", "/v2/domainnames", {"domainName": "api.example.com"})
    assert taken.value.code == "ConflictException"
    await lab.call("DELETE", "/domainnames/api.example.com")
    with pytest.raises(AwsError):
        await lab.call("GET", "/v2/domainnames/api.example.com")


async def test_a_base_path_mapping_is_an_api_mapping(lab: Lab) -> None:
    api = await lab.api({"$default": "echo"})
    await lab.call("POST", "/v2/domainnames", {"domainName": "api.example.com"})
    mappings = "/domainnames/api.example.com/basepathmappings"
    assert await lab.call("POST", mappings, {"restApiId": api.id, "stage": "$default", "basePath": "v1"}) == {
        "basePath": "v1",
        "restApiId": api.id,
        "stage": "$default",
    }
    assert (await get(lab, "/v1/x")).json()["requestContext"]["apiId"] == api.id
    [mapping] = (await lab.call("GET", "/v2/domainnames/api.example.com/apimappings"))["items"]
    assert mapping["apiMappingKey"] == "v1"
    patch = {"patchOperations": [{"op": "replace", "path": "/basePath", "value": "(none)"}]}
    assert (await lab.call("PATCH", f"{mappings}/v1", patch))["basePath"] == "(none)"
    assert (await get(lab, "/x")).status == 200
    await lab.call("DELETE", f"{mappings}/(none)")
    assert (await get(lab, "/x")).status == 404


async def test_a_mapping_without_a_stage_leaves_it_to_the_path(lab: Lab) -> None:
    api = await lab.api({"GET /x": "echo"}, stage="live")
    await lab.call("POST", "/v2/domainnames", {"domainName": "api.example.com"})
    await lab.call("POST", "/domainnames/api.example.com/basepathmappings", {"restApiId": api.id, "basePath": "v1"})
    assert (await get(lab, "/v1/live/x")).json()["requestContext"]["stage"] == "live"
    assert (await get(lab, "/v1/x")).status == 404


@pytest.mark.parametrize("key", ["/a", "a/", "a//b", "a b", "x" * 301])
async def test_a_key_that_is_no_path_is_refused(lab: Lab, key: str) -> None:
    api = await lab.api({})
    await lab.call("POST", "/v2/domainnames", {"domainName": "api.example.com"})
    body = {"apiId": api.id, "stage": "$default", "apiMappingKey": key}
    with pytest.raises(AwsError) as refused:
        await lab.call("POST", "/v2/domainnames/api.example.com/apimappings", body)
    assert refused.value.code == "BadRequestException"


async def test_what_a_mapping_names_must_be_there_and_its_key_is_its_own(lab: Lab) -> None:
    api = await lab.api({})
    await lab.call("POST", "/v2/domainnames", {"domainName": "api.example.com"})
    path = "/v2/domainnames/api.example.com/apimappings"
    codes = []
    for body in ({"apiId": "none", "stage": "x"}, {"apiId": api.id, "stage": "none"}):
        with pytest.raises(AwsError) as refused:
            await lab.call("POST", path, body)
        codes.append(refused.value.code)
    await lab.call("POST", path, {"apiId": api.id, "stage": "$default"})
    with pytest.raises(AwsError) as refused:
        await lab.call("POST", path, {"apiId": api.id, "stage": "$default"})
    assert [*codes, refused.value.code] == ["BadRequestException", "BadRequestException", "ConflictException"]


async def test_a_wildcard_name_takes_every_name_of_one_label(lab: Lab) -> None:
    api = await lab.api({"$default": "echo"})
    await lab.call("POST", "/v2/domainnames", {"domainName": "*.example.com"})
    body = {"apiId": api.id, "stage": "$default"}
    await lab.call("POST", "/v2/domainnames/*.example.com/apimappings", body)
    assert (await get(lab, "/x", "shop.example.com:4566")).status == 200
    for host in ("a.b.example.com", "example.com"):
        assert lab.apis.match(Request("GET", "/", "", Headers([("host", host)]))) is None


async def test_localstacks_path_leads_to_an_api_and_its_control_plane_stays(lab: Lab) -> None:
    api = await lab.api({"GET /x/{id}": "echo"}, stage="live")
    answer = await get(lab, f"/restapis/{api.id}/live/_user_request_/x/1", "localhost:4566")
    assert answer.json()["pathParameters"] == {"id": "1"}
    plane = Request("GET", f"/restapis/{api.id}/stages", "", Headers([("host", "localhost:4566")]))
    assert lab.apis.match(plane) is None


async def test_domains_and_mappings_are_known_to_the_next_edge(lab: Lab) -> None:
    api = await lab.api({"$default": "echo"})
    await lab.call("POST", "/v2/domainnames", {"domainName": "api.example.com"})
    await lab.call("POST", "/v2/domainnames/api.example.com/apimappings", {"apiId": api.id, "stage": "$default"})
    await lab.restart()
    assert (await get(lab, "/x")).status == 200


async def test_changes_at_the_same_time_lose_nothing(lab: Lab) -> None:
    """Tags by both generations beside a change of the name, and two changes of one mapping."""
    configurations = [
        {"endpointType": "REGIONAL", "certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/a"}
    ]
    at = "/v2/domainnames/api.example.com"
    await lab.call(
        "POST", "/v2/domainnames", {"domainName": "api.example.com", "domainNameConfigurations": configurations}
    )
    arn = quote(f"arn:aws:apigateway:{REGION}::/domainnames/api.example.com", safe="")
    await asyncio.gather(
        lab.call("POST", f"/v2/tags/{arn}", {"tags": {"second": "2"}}),
        lab.call("PATCH", at, {"domainNameConfigurations": [{"securityPolicy": "TLS_1_0"}]}),
        lab.call("PUT", f"/tags/{arn}", {"tags": {"first": "1"}}),
    )
    domain = await lab.call("GET", at)
    assert domain["tags"] == {"first": "1", "second": "2"}
    assert domain["domainNameConfigurations"][0]["securityPolicy"] == "TLS_1_0"

    api = await lab.api({"GET /": "echo"}, stage="live")
    other = await lab.api({"GET /": "echo"}, stage="live", name="b")
    mapping = await lab.call("POST", f"{at}/apimappings", {"apiId": api.id, "stage": "live"})
    one = f"{at}/apimappings/{mapping['apiMappingId']}"
    await asyncio.gather(
        lab.call("PATCH", one, {"apiId": api.id, "apiMappingKey": "k"}), lab.call("PATCH", one, {"apiId": other.id})
    )
    mapping = await lab.call("GET", one)
    assert (mapping["apiMappingKey"], mapping["apiId"]) == ("k", other.id)


@pytest.mark.parametrize(
    "name",
    [
        "gateway.example",
        "*.gateway.example",
        "execute-api.localhost",
        "a.execute-api.gateway.example",
        "b.s3.localhost",
    ],
)
async def test_a_name_of_the_endpoint_itself_is_no_domain(lab: Lab, name: str) -> None:
    for path in ("/v2/domainnames", "/domainnames"):
        with pytest.raises(AwsError, match="a name of this endpoint itself") as refused:
            await lab.call("POST", path, {"domainName": name})
        assert refused.value.code == "BadRequestException"


async def test_names_below_the_endpoints_own_may_be_domains(lab: Lab) -> None:
    for name in ("shop.localhost", "api.gateway.example"):
        assert (await lab.call("POST", "/v2/domainnames", {"domainName": name}))["domainName"] == name
