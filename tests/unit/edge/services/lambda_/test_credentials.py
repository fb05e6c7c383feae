"""Which credentials a function gets: its account's, or a session of its role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from staticfire.edge.aws.access_keys import AccessKeys, Caller
from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.issued_keys import IssuedKeys
from staticfire.edge.services.lambda_.credentials import OfEdge, OfEmulator
from staticfire.edge.services.lambda_.model import FunctionConfig
from staticfire.edge.store import Store

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


@pytest.fixture
async def issued(tmp_path: Path) -> AsyncIterator[IssuedKeys]:
    store = Store(tmp_path / "edge.sqlite")
    yield IssuedKeys(store)
    await store.close()


def of_emulator(sts: Sts, issued: IssuedKeys) -> OfEmulator:
    return OfEmulator(cast(Any, sts), issued)


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


async def test_a_role_is_assumed_in_its_account_for_the_function(issued: IssuedKeys) -> None:
    sts = Sts()
    assert await of_emulator(sts, issued).variables(config("f" * 64), "1-1") == {
        "AWS_ACCESS_KEY_ID": "ASIA1",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
    }
    assert sts.asked == [(SCOPE, "sts", "AssumeRole", ROLE, "f" * 64)]
    kept = issued.get("ASIA1")
    assert kept is not None
    assert (kept.secret, kept.token) == ("s", "t")


async def test_a_role_that_cannot_be_assumed_is_named(issued: IssuedKeys) -> None:
    with pytest.raises(AwsError, match=f"cannot be assumed by Lambda: {ROLE}: no such role") as refused:
        await of_emulator(Sts(AwsError(404, "NoSuchEntity", "no such role")), issued).variables(config(), "1-1")
    assert (refused.value.status, refused.value.code) == (403, "AccessDeniedException")


async def test_an_emulator_that_is_away_is_what_the_caller_hears(issued: IssuedKeys) -> None:
    with pytest.raises(AwsError, match="ServiceUnavailable"):
        await of_emulator(Sts(AwsError(503, "ServiceUnavailable", "away")), issued).variables(config(), "1-1")
