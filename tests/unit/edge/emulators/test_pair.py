"""LocalStack and its filler as one: who is asked, as whom, and what happens when LocalStack's state is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from staticfire.edge.aws.calls import Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.emulators.localstack.state import LocalStackState
from staticfire.edge.emulators.ministack import MiniStack
from staticfire.edge.emulators.pair import PairedEmulator, PairedState
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.messages import Request, Response
from tests.unit.edge.kit import Upstream, serving

SCOPE = Scope("100000000001", "eu-west-1")


@asynccontextmanager
async def both() -> AsyncIterator[tuple[PairedEmulator, Upstream, Upstream]]:
    localstack, filler = Upstream(), Upstream()
    async with serving(localstack.handle) as one, serving(filler.handle) as two:
        emulators = (Emulator(f"http://127.0.0.1:{server.port}", Client()) for server in (one, two))
        yield PairedEmulator(*emulators), localstack, filler


@pytest.mark.parametrize("service", ["dynamodb", "s3", "sqs", "events", "monitoring", "iam", "secretsmanager"])
async def test_LocalStack_answers_what_it_can(service: str) -> None:
    async with both() as (pair, localstack, filler):
        await pair.raw(SCOPE, service, "GET", "/")
    assert (len(localstack.requests), len(filler.requests)) == (1, 0)


@pytest.mark.parametrize("service", ["lambda", "apigateway", "rds", "ecr", "budgets", "cognito-idp", "scheduler"])
async def test_the_filler_answers_the_rest(service: str) -> None:
    async with both() as (pair, localstack, filler):
        await pair.raw(SCOPE, service, "GET", "/")
    assert (len(localstack.requests), len(filler.requests)) == (0, 1)


async def test_the_filler_gets_the_account_that_a_session_of_LocalStack_stands_for() -> None:
    headers = [("authorization", "AWS4-HMAC-SHA256 Credential=ASIAX/1/eu-west-1/rds/x"), ("x-amz-security-token", "t")]
    async with both() as (pair, _, filler):
        await pair.raw(SCOPE, "rds", "POST", "/", headers, b"Action=X", as_is=True)
    sent = filler.requests[0].headers
    assert f"Credential={SCOPE.account}/" in sent.get("authorization")
    assert "x-amz-security-token" not in sent


class Parameters:
    """The one service of an emulator that tells its instance: a parameter store that can lose everything."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def handle(self, request: Request) -> Response:
        operation = request.headers.get("x-amz-target").rpartition(".")[2]
        body = json.loads(await request.body())
        if operation == "PutParameter":
            self.kept[body["Name"]] = body["Value"]
        if body["Name"] not in self.kept:
            return Response(400, [], json.dumps({"__type": "ParameterNotFound", "message": "none"}).encode())
        return Response(200, [], json.dumps({"Parameter": {"Value": self.kept[body["Name"]]}}).encode())


class Filler(MiniStack):
    """A filler that only counts how often it was emptied."""

    def __init__(self) -> None:
        self.invoke_token = "token"
        self.emptyings = 0

    async def instance(self) -> str:
        return f"filler-{self.emptyings}"

    async def empty(self) -> None:
        self.emptyings += 1


async def test_when_LocalStack_lost_its_state_the_filler_is_emptied_before_the_new_instance_is_told() -> None:
    parameters, filler = Parameters(), Filler()
    lost: list[int] = []

    async def forget() -> None:
        lost.append(filler.emptyings)

    async with serving(parameters.handle) as server:
        pair = PairedState(LocalStackState(Emulator(f"http://127.0.0.1:{server.port}", Client())), filler)
        pair.lost = forget
        first = await pair.instance()
        assert await pair.instance() == first
        assert filler.emptyings == 0

        parameters.kept.clear()
        second = await pair.instance()

    assert second != first
    assert second.endswith("-filler-1")
    assert lost == [1]


async def test_while_LocalStack_does_not_answer_no_instance_is_told_and_nothing_is_emptied() -> None:
    parameters, filler = Parameters(), Filler()
    async with serving(parameters.handle) as server:
        pair = PairedState(LocalStackState(Emulator(f"http://127.0.0.1:{server.port}", Client())), filler)
        assert await pair.instance()
    assert await pair.instance() == ""
    assert filler.emptyings == 0
