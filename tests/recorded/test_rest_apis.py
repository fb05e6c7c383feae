"""REST APIs as AWS describes, changes and refuses them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.conformance.fidelity import recorded
from tests.conformance.lab import Lab
from tests.recorded.answers import Answers
from tests.recorded.rest_apis import INVALID, OPERATIONS, RestLab, patches

AREA = "REST API: APIs (recorded)"

EDGE = {"types": ["EDGE"], "ipAddressType": "ipv4"}
COMPRESSION = "Invalid minimum compression size, must be between 0 and 10485760"
ONLY_DUALSTACK = "Only dualstack ipAddressType is supported for Private APIs."
REPLACE = "Invalid patch operation specified. Must be one of: [replace]"


@pytest.fixture
def rest(lab: Lab, answers: Answers) -> RestLab:
    return RestLab(lab, answers)


def described(**changes: Any) -> dict[str, Any]:
    api = {
        **{"id": "<id:1>", "name": "<name:1>", "rootResourceId": "<root:1>", "createdDate": "<date>"},
        **{"apiKeySource": "HEADER", "disableExecuteApiEndpoint": False, "endpointConfiguration": EDGE},
    }
    return api | changes


@recorded(AREA, "A new API is edge-optimized, takes keys from the header, and tells only what it has", "2025-07-02")
def test_a_new_api(rest: RestLab, lab: Lab) -> None:
    rest.match(rest.client.create_rest_api(name=lab.name("rest"), binaryMediaTypes=[]), described(), 201)


@recorded(AREA, "Tags, version, description and binary media types are told where they were set", "2025-07-02")
def test_what_was_set_is_told(rest: RestLab, lab: Lab) -> None:
    settings = {"description": "d", "version": "v1", "binaryMediaTypes": ["image/png"], "tags": {"A": "B"}}
    api = rest.client.create_rest_api(name=lab.name("rest"), **settings)
    rest.match(api, described(**settings), 201)
    rest.match(rest.client.get_rest_api(restApiId=api["id"]), described(**settings))
    rest.match(rest.client.delete_rest_api(restApiId=api["id"]), {}, 202)
    rest.missing(lambda: rest.client.get_rest_api(restApiId=api["id"]), rest.no_api(api["id"]))


@recorded(AREA, "An empty description and a compression size out of bounds are refused", "2025-07-02")
def test_refused_settings(rest: RestLab) -> None:
    create = rest.client.create_rest_api
    rest.bad(lambda: create(name="n", description=""), "Description cannot be an empty string")
    rest.bad(lambda: create(name="n", minimumCompressionSize=-1), COMPRESSION)


@recorded(AREA, "Binary media types are addressed by themselves, and what replaces one stands last", "2025-07-02")
def test_binary_media_types(rest: RestLab) -> None:
    def update(*operations: tuple[str, ...]) -> Any:
        return rest.client.update_rest_api(restApiId=rest.api, patchOperations=patches(*operations))

    types = "/binaryMediaTypes"
    rest.match(
        update(("add", f"{types}/image~1png"), ("add", f"{types}/image~1jpeg")),
        described(binaryMediaTypes=["image/png", "image/jpeg"], tags={}),
    )
    rest.match(
        update(("replace", f"{types}/image~1png", "image/gif")),
        described(binaryMediaTypes=["image/jpeg", "image/gif"], tags={}),
    )
    rest.match(update(("remove", f"{types}/image~1gif")), described(binaryMediaTypes=["image/jpeg"], tags={}))
    rest.match(update(("add", f"{types}/-", "x/y")), described(binaryMediaTypes=["image/jpeg", "-"], tags={}))
    for operation in ("add", "replace", "remove"):
        rest.bad(partial(update, (operation, types, "image/gif")), f"Invalid patch path {types}")


@recorded(AREA, "Compression is set, and ended by an empty value; only `replace` changes it", "2025-07-02")
def test_compression(rest: RestLab) -> None:
    def update(operation: str, value: str) -> Any:
        one = patches((operation, "/minimumCompressionSize", value))
        return rest.client.update_rest_api(restApiId=rest.api, patchOperations=one)

    rest.match(update("replace", "10"), described(minimumCompressionSize=10, tags={}))
    rest.match(update("replace", ""), described(tags={}))
    rest.match(update("replace", "0"), described(minimumCompressionSize=0, tags={}))
    rest.bad(lambda: update("replace", "-1"), COMPRESSION)
    rest.bad(lambda: update("replace", "test"), COMPRESSION)
    rest.bad(lambda: update("add", "10"), REPLACE)


@recorded(AREA, "Endpoint types and kinds of addresses are checked, all that is wrong at once", "2025-07-11")
def test_endpoint_configuration(rest: RestLab) -> None:
    def create(types: list[str], addresses: str = "ipv4", **more: Any) -> Any:
        configuration = {"types": types, "ipAddressType": addresses}
        return rest.client.create_rest_api(name="n", endpointConfiguration=configuration, **more)

    at = "'createRestApiInput.endpointConfiguration"
    types = (
        f"Value '[wrong]' at {at}.types' {INVALID}Member must satisfy constraint: "
        "[Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]"
    )
    addresses = f"Value 'wrong' at {at}.ipAddressType' {INVALID}Member must satisfy enum value set: [ipv4, dualstack]"
    rest.bad(lambda: create([]), "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.")
    rest.bad(lambda: create(["EDGE", "REGIONAL"]), "Cannot create an api with multiple Endpoint Types.")
    rest.bad(lambda: create(["PRIVATE"]), ONLY_DUALSTACK)
    rest.bad(lambda: create(["PRIVATE"], description=""), "Description cannot be an empty string")
    rest.invalid(lambda: create(["EDGE"], "wrong"), addresses)
    rest.invalid(lambda: create(["wrong"], "wrong"), types, addresses)


@recorded(AREA, "A private API has dualstack addresses; types change by `replace` with a value", "2025-07-07")
def test_private(rest: RestLab) -> None:
    def update(operation: str, member: str, value: str) -> Any:
        one = patches((operation, f"/endpointConfiguration/{member}", value))
        return rest.client.update_rest_api(restApiId=rest.api, patchOperations=one)

    private = {"types": ["PRIVATE"], "ipAddressType": "dualstack"}
    rest.match(update("replace", "types/EDGE", "PRIVATE"), described(endpointConfiguration=private, tags={}))
    rest.bad(lambda: update("replace", "ipAddressType", "ipv4"), ONLY_DUALSTACK)
    rest.bad(lambda: update("replace", "ipAddressType", "wrong"), "ipAddressType must be either ipv4 or dualstack.")
    kinds = "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE"
    rest.bad(lambda: update("replace", "types/PRIVATE", "wrong"), kinds)
    rest.bad(lambda: update("add", "ipAddressType", "dualstack"), REPLACE)
    three = "Invalid patch operation specified. Must be 'add'|'remove'|'replace'"
    rest.bad(lambda: update("test", "types/EDGE", "EDGE"), three)


@recorded(AREA, "Operations of patches that are none are refused, each of them", "2025-07-07")
def test_operations_that_are_none(rest: RestLab) -> None:
    two = patches(("wrong", "/name", "x"), ("wrong", "/description", "x"))
    problems = [
        f"Value 'wrong' at 'updateRestApiInput.patchOperations.{number}.member.op' {INVALID}{OPERATIONS}"
        for number in (1, 2)
    ]
    rest.invalid(lambda: rest.client.update_rest_api(restApiId=rest.api, patchOperations=two), *problems)
