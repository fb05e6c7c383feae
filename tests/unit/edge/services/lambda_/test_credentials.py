"""Which credentials a function gets: its account's, or a session of its role."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from staticfire.edge.aws.access_keys import AccessKeys, Caller
from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.lambda_.credentials import OfEdge, OfEmulator
from staticfire.edge.services.lambda_.model import FunctionConfig

SCOPE = Scope("100000000001", "eu-west-1")
ROLE = "arn:aws:iam::100000000001:role/worker"
ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""


class Sts:
    def __init__(self, error: AwsError | None = None) -> None:
        self.asked: list[Any] = []
        self._error = error

    async def query(self, scope: Scope, service: str, action: str, params: dict[str, str]) -> ElementTree.Element:
        self.asked.append((scope, service, action, params["RoleArn"], params["RoleSessionName"]))
        if self._error is not None:
            raise self._error
        return ElementTree.fromstring(ANSWER)


def of_role(sts: Any) -> OfEmulator:
    return OfEmulator(sts)


def config(name: str = "worker") -> FunctionConfig:
    described = {"FunctionName": name, "Version": "1", "Runtime": "python3.13", "Handler": "a.b", "Role": ROLE}
    return FunctionConfig.read(SCOPE, {"Configuration": {**described, "Timeout": 3, "MemorySize": 128}})


async def test_each_execution_environment_signs_with_a_key_of_its_own() -> None:
    keys = AccessKeys("s")
    variables = [await OfEdge(keys).variables(config(), f"1-{number}") for number in range(2)]
    for number, own in enumerate(variables):
        assert keys.caller(own["AWS_ACCESS_KEY_ID"]) == Caller(SCOPE.account, ROLE, "worker", f"1-{number}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        assert variables[0][name] != variables[1][name]


async def test_a_role_is_assumed_in_its_account_for_the_function() -> None:
    sts = Sts()
    assert await of_role(sts).variables(config("f" * 64), "1-1") == {
        "AWS_ACCESS_KEY_ID": "ASIA1",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
    }
    assert sts.asked == [(SCOPE, "sts", "AssumeRole", ROLE, "f" * 64)]


async def test_a_role_that_cannot_be_assumed_is_named() -> None:
    with pytest.raises(AwsError, match=f"cannot be assumed by Lambda: {ROLE}: no such role") as refused:
        await of_role(Sts(AwsError(404, "NoSuchEntity", "no such role"))).variables(config(), "1-1")
    assert (refused.value.status, refused.value.code) == (403, "AccessDeniedException")


async def test_an_emulator_that_is_away_is_what_the_caller_hears() -> None:
    with pytest.raises(AwsError, match="ServiceUnavailable"):
        await of_role(Sts(AwsError(503, "ServiceUnavailable", "away"))).variables(config(), "1-1")
