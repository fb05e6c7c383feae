"""An emulator that was restarted has no APIs until they are applied again: 503 and the reason, no 404."""

from __future__ import annotations

import pytest

from staticfire.edge.http1.messages import Headers, Request
from tests.unit.edge.services.apigateway.kit import REGION, Api, Lab


async def served(lab: Lab) -> Api:
    """An API that answered once."""
    api = await lab.api({"POST /usage": "echo", "GET /users/{id}": "echo"}, stage="v1")
    assert (await api.send("POST", "/usage")).status == 200
    return api


@pytest.mark.parametrize("restart", [False, True], ids=["the emulator ended", "the edge ended"])
async def test_a_lost_api_answers_503_and_says_what_to_do(lab: Lab, restart: bool) -> None:
    api = await served(lab)
    await (lab.restart(lost=True) if restart else lab.lose())
    answer = await api.send("GET", "/users/3")
    assert (answer.status, answer.headers.get("retry-after")) == (503, "1")
    assert "staticfire up" in answer.json()["message"]


async def test_a_lost_api_answers_503_at_its_own_host_too(lab: Lab) -> None:
    api = await served(lab)
    await lab.restart(lost=True)
    host = f"{api.id}.execute-api.{REGION}.amazonaws.com"
    for path, status in (("/v1/usage", 503), ("/v1/other", 404)):
        assert (await lab.send(Request("POST", path, "", Headers([("host", host)])))).status == status


async def test_what_no_lost_api_served_is_not_found(lab: Lab) -> None:
    api = await served(lab)
    await lab.restart(lost=True)
    assert (await api.send("POST", "/other")).status == 404


async def test_a_route_of_an_api_that_is_half_applied_again_is_still_lost(lab: Lab) -> None:
    api = await served(lab)
    await lab.restart(lost=True)
    again = await lab.api({"POST /usage": "echo"}, stage="v1")
    assert again.id == api.id
    assert (await api.send("POST", "/usage")).status == 200
    assert (await api.send("GET", "/users/3")).status == 503


async def test_an_api_that_was_applied_again_is_served_and_its_unknown_routes_are_not_found(lab: Lab) -> None:
    api = await served(lab)
    await lab.restart(lost=True)
    await served(lab)
    assert (await api.send("GET", "/users/3")).status == 200
    assert (await api.send("GET", "/other")).status == 404


async def test_an_api_that_was_deleted_is_not_lost(lab: Lab) -> None:
    api = await served(lab)
    await lab.lose()
    await served(lab)
    await lab.call("DELETE", f"/v2/apis/{api.id}")
    await lab.restart(lost=True)
    assert (await api.send("POST", "/usage")).status == 404


async def test_a_route_that_is_deleted_after_a_restart_is_not_found(lab: Lab) -> None:
    api = await served(lab)
    await lab.restart(lost=True)
    again = await lab.api({"POST /usage": "echo"}, stage="v1")
    [route] = (await lab.call("GET", f"/v2/apis/{again.id}/routes"))["items"]
    await lab.call("DELETE", f"/v2/apis/{again.id}/routes/{route['routeId']}")
    assert (await api.send("POST", "/usage")).status == 404


async def test_what_was_lost_is_known_to_the_next_edge_too(lab: Lab) -> None:
    api = await served(lab)
    await lab.lose()
    await lab.restart()
    assert (await api.send("POST", "/usage")).status == 503


async def test_an_edge_that_ended_has_lost_nothing(lab: Lab) -> None:
    api = await served(lab)
    await lab.restart()
    assert (await api.send("GET", "/users/3")).status == 200
    assert (await api.send("GET", "/other")).status == 404


async def test_an_api_that_is_applied_again_is_still_lost_until_it_has_a_stage(lab: Lab) -> None:
    api = await served(lab)
    await lab.restart(lost=True)
    again = await lab.call("POST", "/v2/apis", {"name": "a", "protocolType": "HTTP"})
    assert again["apiId"] == api.id
    assert (await api.send("POST", "/usage")).status == 503
    for key in ("POST /usage", "GET /users/{id}"):
        body = {"routeKey": key, "target": await lab.integrate(api.id, "echo")}
        await lab.call("POST", f"/v2/apis/{api.id}/routes", body)
    assert (await api.send("POST", "/usage")).status == 503
    await lab.call("POST", f"/v2/apis/{api.id}/stages", {"stageName": "v1", "autoDeploy": True})
    assert (await api.send("POST", "/usage")).status == 200
    assert (await api.send("GET", "/other")).status == 404
