"""What one apply describes of a REST API after it deployed it is served; what somebody changes later is not."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.unit.edge.services.apigateway.kit import ACCOUNT, Api, Lab

MOCK = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}


@pytest.fixture
async def deployed(lab: Lab) -> tuple[Api, str]:
    """An API whose GET / was deployed before it had an integration response, and the address of that."""
    made = await lab.call("POST", "/restapis", {"name": "orders"})
    at = f"/restapis/{made['id']}/resources/{made['rootResourceId']}/methods/GET"
    await lab.call("PUT", at, {"authorizationType": "NONE"})
    await lab.call("PUT", f"{at}/integration", MOCK)
    await lab.call("PUT", f"{at}/responses/200", {})
    await lab.call("POST", f"/restapis/{made['id']}/deployments", {"stageName": "prod"})
    return Api(lab, made["id"], "prod"), f"{at}/integration/responses/200"


async def describe_the_rest(lab: Lab, deployed: tuple[Api, str]) -> None:
    await lab.call("PUT", deployed[1], {"responseTemplates": {"application/json": "late"}})


async def test_a_deployment_is_completed(lab: Lab, deployed: tuple[Api, str]) -> None:
    begun, (api, _) = time.time() - 1, deployed
    assert (await api.send("GET", "/")).status == 500
    await describe_the_rest(lab, deployed)
    completed = await lab.apis.complete(ACCOUNT, begun)
    assert completed == [{"api": api.id, "name": "orders", "late": ["GET /"]}]
    answer = await api.send("GET", "/")
    assert (answer.status, answer.body) == (200, b"late")
    assert await lab.apis.complete(ACCOUNT, begun) == []


@pytest.mark.parametrize(("account", "seconds"), [(ACCOUNT, 0.0), ("210987654321", -60.0)], ids=["earlier", "another"])
async def test_a_deployment_of_before_or_of_another_stays(
    lab: Lab, deployed: tuple[Api, str], account: str, seconds: float
) -> None:
    begun = time.time() + seconds
    await describe_the_rest(lab, deployed)
    assert await lab.apis.complete(account, begun) == []
    assert (await deployed[0].send("GET", "/")).status == 500


async def test_what_came_late_is_told_by_name(lab: Lab, deployed: tuple[Api, str]) -> None:
    begun, (api, _) = time.time() - 1, deployed
    at = f"/restapis/{api.id}"
    body: dict[str, Any] = {"name": "Order", "contentType": "application/json", "schema": "{}"}
    await lab.call("POST", f"{at}/models", body)
    await lab.call("PUT", f"{at}/gatewayresponses/DEFAULT_4XX", {})
    await lab.call("PATCH", at, {"patchOperations": [{"op": "replace", "path": "/description", "value": "d"}]})
    (completed,) = await lab.apis.complete(ACCOUNT, begun)
    assert completed["late"] == ["the API itself", "model Order", "gateway response DEFAULT_4XX"]
