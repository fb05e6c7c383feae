"""Custom domain names and their API mappings."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Answer, Api, Lab, send

AREA = "HTTP API: custom domains"
DOMAINS = "apigateway/latest/developerguide/http-api-custom-domain-names.html"
MAPPINGS = "apigateway/latest/developerguide/http-api-mappings.html"
DISABLED = "apigateway/latest/developerguide/http-api-disable-default-endpoint.html"


@dataclass
class Domain:
    lab: Lab
    name: str

    def get(self, path: str) -> Answer:
        return send("GET", self.lab.endpoint + path, {"Host": self.name})

    def api(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status == 200, answer.body
        return str(answer.json()["requestContext"]["apiId"])


def domain(lab: Lab, mappings: dict[str, Api]) -> Domain:
    client = lab.aws("apigatewayv2")
    name = f"{lab.name('api')}.example.com"
    certificate = f"arn:aws:acm:{lab.region}:{lab.account}:certificate/0f0c1fb5-9d45-4a1b-8b4c-1d4c2f1d9a11"
    client.create_domain_name(
        DomainName=name,
        DomainNameConfigurations=[
            {"CertificateArn": certificate, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
        ],
    )
    for key, api in mappings.items():
        client.create_api_mapping(DomainName=name, ApiId=api.id, Stage=api.stage, ApiMappingKey=key)
    return Domain(lab, name)


@pytest.fixture(scope="module")
def apis(lab: Lab, echo: str) -> list[Api]:
    """Four APIs, mapped to nothing, `orders/v1/items`, `orders/v2/items` and `orders/v2/items/categories`."""
    return [lab.api({"$default": echo}, stage=stage) for stage in ("$default", "$default", "prod", "$default")]


@pytest.fixture(scope="module")
def mapped(lab: Lab, apis: list[Api]) -> Domain:
    keys = ["", "orders/v1/items", "orders/v2/items", "orders/v2/items/categories"]
    return domain(lab, dict(zip(keys, apis, strict=True)))


@documented(AREA, "The mapping with the longest matching path selects the API; the empty one is the rest", MAPPINGS)
@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("/orders/v1/items", 1),
        ("/orders/v2/items", 2),
        ("/orders/v1/items/123", 1),
        ("/orders/v2/items/categories/5", 3),
        ("/customers", 0),
        ("/orders/v1/itemsandmore", 0),
    ],
)
def test_the_longest_mapping_selects_the_api(mapped: Domain, apis: list[Api], path: str, index: int) -> None:
    assert mapped.api(path) == apis[index].id


@documented(AREA, "The event names the custom domain", DOMAINS)
def test_the_event_names_the_domain(mapped: Domain) -> None:
    context = mapped.get("/customers").json()["requestContext"]
    assert (context["domainName"], context["domainPrefix"]) == (mapped.name, mapped.name.partition(".")[0])


@documented(AREA, "A domain without a mapping for the path answers 404", MAPPINGS)
def test_a_path_without_a_mapping_is_not_found(lab: Lab, apis: list[Api]) -> None:
    only = domain(lab, {"v1": apis[0]})
    assert only.get("/v1/x").status == 200
    answer = only.get("/v2/x")
    assert (answer.status, answer.json()) == (404, {"message": "Not Found"})


@documented(AREA, "A mapping that is deleted serves no more", MAPPINGS)
def test_a_deleted_mapping_serves_no_more(lab: Lab, apis: list[Api]) -> None:
    made = domain(lab, {"v1": apis[0], "v2": apis[1]})
    client = lab.aws("apigatewayv2")
    assert made.api("/v2/x") == apis[1].id
    mapping = next(
        item for item in client.get_api_mappings(DomainName=made.name)["Items"] if item["ApiMappingKey"] == "v2"
    )
    client.delete_api_mapping(DomainName=made.name, ApiMappingId=mapping["ApiMappingId"])
    assert made.get("/v2/x").status != 200
    assert made.api("/v1/x") == apis[0].id


@documented(AREA, "A disabled `execute-api` endpoint answers 404, the custom domain still serves", DISABLED)
def test_a_disabled_default_endpoint(lab: Lab, echo: str) -> None:
    api = lab.api({"$default": echo}, DisableExecuteApiEndpoint=True)
    assert api.get("/").status == 404
    assert domain(lab, {"": api}).api("/") == api.id
