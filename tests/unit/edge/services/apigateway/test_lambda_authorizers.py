"""Lambda authorizers, and the other kinds of authorization."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from staticfire.edge.aws.iam_policy import allows
from tests.unit.edge.services.apigateway.kit import Answer, Lab

ARN = "arn:aws:execute-api:eu-west-1:123456789012:abc/prod/GET/pets/1"


def statement(effect: str, resource: Any, action: str = "execute-api:Invoke") -> dict[str, Any]:
    return {"Effect": effect, "Resource": resource, "Action": action}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        (statement("Allow", ARN), True),
        ([statement("Allow", "*")], True),
        ([statement("Allow", ["x", "arn:aws:execute-api:*:*:abc/*/GET/pets/?"])], True),
        ([statement("Allow", "*", "execute-api:*")], True),
        ([statement("Allow", "*", "lambda:InvokeFunction")], False),
        ([statement("Allow", ARN + "0")], False),
        ([statement("Allow", "*"), statement("Deny", "*/pets/*")], False),
        ([statement("Deny", "*/POST/*"), statement("Allow", "*")], True),
    ],
)
def test_a_policy_is_evaluated_as_iam_does(statements: Any, allowed: bool) -> None:
    assert allows({"Statement": statements}, "execute-api:Invoke", ARN) is allowed


class Gate:
    """An API behind a Lambda authorizer that lets `open sesame` in."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.calls: list[Any] = []
        lab.functions.handlers["gate"] = self.handle
        self.simple = True

    def handle(self, event: Any) -> dict[str, Any] | bytes:
        self.calls.append(event)
        word = event["headers"].get("authorization", "")
        if word in ("Unauthorized", "crash"):
            raise ValueError(word)
        if word == "malformed":
            return {"what": "is this"}
        if word == "no JSON":
            return b"<html>"
        if self.simple:
            return {"isAuthorized": word == "open sesame", "context": {"n": 1, "b": True}}
        arn = event.get("routeArn") or event["methodArn"]
        effect = "Allow" if word == "open sesame" else "Deny"
        policy = {"Version": "2012-10-17", "Statement": [statement(effect, arn)]}
        return {"principalId": "user-1", "policyDocument": policy, "context": {"k": "v"}}

    async def build(
        self,
        *,
        simple: bool = True,
        version: str = "2.0",
        ttl: int = 0,
        sources: Iterable[str] = ("$request.header.Authorization",),
        **settings: Any,
    ) -> Gate:
        self.simple = simple
        self.api = await self.lab.api({}, **settings)
        body = {
            "name": "gate",
            "authorizerType": "REQUEST",
            "authorizerUri": "arn:aws:lambda:eu-west-1:123456789012:function:gate",
            "authorizerPayloadFormatVersion": version,
            "authorizerResultTtlInSeconds": ttl,
            "enableSimpleResponses": simple,
            "identitySource": list(sources),
        }
        made = await self.lab.call("POST", f"/v2/apis/{self.api.id}/authorizers", body)
        for key in ("GET /a", "GET /b"):
            route = {
                "routeKey": key,
                "target": await self.lab.integrate(self.api.id, "echo"),
                "authorizationType": "CUSTOM",
                "authorizerId": made["authorizerId"],
            }
            await self.lab.call("POST", f"/v2/apis/{self.api.id}/routes", route)
        return self

    async def get(self, word: str | None, path: str = "/a") -> Answer:
        return await self.api.send("GET", path, {"Authorization": word} if word else {})


@pytest.fixture
def gate(lab: Lab) -> Gate:
    return Gate(lab)


async def test_a_simple_response_decides_and_its_context_is_told(gate: Gate) -> None:
    await gate.build()
    answer = await gate.get("open sesame")
    assert answer.json()["requestContext"]["authorizer"] == {"lambda": {"n": 1, "b": True}}
    answer = await gate.get("open barley")
    assert (answer.status, answer.json()) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_a_policy_decides(gate: Gate, version: str) -> None:
    await gate.build(simple=False, version=version)
    assert (await gate.get("open sesame")).json()["requestContext"]["authorizer"] == {"lambda": {"k": "v"}}
    assert (await gate.get("no")).status == 403
    assert gate.calls[0]["version"] == version


async def test_without_an_identity_source_the_authorizer_is_not_asked(gate: Gate) -> None:
    await gate.build()
    for word in (None, ""):
        answer = await gate.get(word)
        assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"})
    assert gate.calls == []


async def test_every_kind_of_identity_source_is_read(gate: Gate) -> None:
    sources = [
        "$request.querystring.user",
        "$context.routeKey",
        "$stageVariables.kind",
        "$request.header.Authorization",
    ]
    await gate.build(sources=sources, stage_settings={"stageVariables": {"kind": "k"}})
    assert (await gate.get("open sesame", "/a?user=7")).status == 200
    assert gate.calls[0]["identitySource"] == ["7", "GET /a", "k", "open sesame"]
    assert (await gate.get("open sesame")).status == 401


async def test_an_answer_is_kept_by_its_identities_for_all_routes(gate: Gate) -> None:
    await gate.build(ttl=300)
    for path in ("/a", "/a", "/b"):
        assert (await gate.get("open sesame", path)).status == 200
    assert [(await gate.get("no")).status for _ in range(2)] == [403, 403]
    assert len(gate.calls) == 2


async def test_a_kept_policy_is_evaluated_for_each_route(gate: Gate) -> None:
    await gate.build(ttl=300, simple=False)
    assert [(await gate.get("open sesame", path)).status for path in ("/a", "/b")] == [200, 403]
    assert len(gate.calls) == 1


async def test_without_a_ttl_nothing_is_kept(gate: Gate) -> None:
    await gate.build(ttl=0)
    for _ in range(3):
        await gate.get("open sesame")
    assert len(gate.calls) == 3


@pytest.mark.parametrize("simple", [True, False])
@pytest.mark.parametrize("word", ["crash", "malformed", "no JSON"])
async def test_a_failing_authorizer_is_an_internal_error(gate: Gate, word: str, simple: bool) -> None:
    await gate.build(simple=simple)
    answer = await gate.get(word)
    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})
    assert gate.lab.functions.events[-1] == gate.calls[-1]


async def test_an_authorizer_may_answer_unauthorized(gate: Gate) -> None:
    await gate.build()
    assert (await gate.get("Unauthorized")).status == 401


async def test_without_permission_for_the_authorizer_the_answer_is_500(gate: Gate) -> None:
    await gate.build()
    gate.lab.functions.refused = lambda ref, source_arn: "/authorizers/" in source_arn
    assert (await gate.get("open sesame")).status == 500
    assert gate.calls == []


async def test_the_integration_of_format_1_0_learns_the_principal(gate: Gate) -> None:
    await gate.build(simple=False)
    for integration in (await gate.lab.call("GET", f"/v2/apis/{gate.api.id}/integrations"))["items"]:
        path = f"/v2/apis/{gate.api.id}/integrations/{integration['integrationId']}"
        await gate.lab.call("PATCH", path, {"payloadFormatVersion": "1.0"})
    authorizer = (await gate.get("open sesame")).json()["requestContext"]["authorizer"]
    assert authorizer == {"k": "v", "principalId": "user-1"}


async def test_a_route_whose_authorizer_is_gone_lets_nobody_through(gate: Gate) -> None:
    await gate.build()
    [authorizer] = (await gate.lab.call("GET", f"/v2/apis/{gate.api.id}/authorizers"))["items"]
    await gate.lab.call("DELETE", f"/v2/apis/{gate.api.id}/authorizers/{authorizer['authorizerId']}")
    assert (await gate.get("open sesame")).status == 500
    assert gate.calls == []
