"""The edge's own endpoints."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.faults import Faults
from staticfire.edge.config import PostgresConfig
from staticfire.edge.endpoints import Endpoints, Listener
from staticfire.edge.gate import Gate
from staticfire.edge.http1.messages import Response
from staticfire.edge.services.lambda_.model import FunctionRef, Outcome
from staticfire.edge.services.mail.mailbox import Mail
from tests.unit.edge.kit import request

TOKEN = "secret"
SHOWN = [("x-staticfire-token", TOKEN)]
ARN = "arn:aws:lambda:eu-west-1:100000000001:function:f:3"
REF = FunctionRef(Scope("100000000001", "eu-west-1"), "f", "3")


class Emulator:
    def __init__(self, state: str = "running") -> None:
        self.state = state

    async def health(self) -> dict[str, Any]:
        return {"state": self.state}

    async def instance(self) -> str:
        return "first life"

    async def save(self) -> dict[str, Any]:
        return {"kept": True}


class Functions:
    def __init__(self, error: AwsError | None = None) -> None:
        self.error = error
        self.invoked: list[tuple[FunctionRef, bytes]] = []
        self.queued: list[tuple[FunctionRef, bytes]] = []
        self.resets = 0

    async def invoke(self, ref: FunctionRef, payload: bytes, *, tail: bool = False) -> Outcome:
        if self.error:
            raise self.error
        self.invoked.append((ref, payload))
        return Outcome("id-1", b'"done"', None, "3", "the log")

    async def enqueue(self, ref: FunctionRef, payload: bytes) -> str:
        self.queued.append((ref, payload))
        return "id-2"

    isolation = "namespaces"

    def snapshot(self) -> dict[str, Any]:
        return {"functions": []}

    def kill(self, environment: str) -> bool:
        return False

    async def reset(self) -> None:
        self.resets += 1


class Mappings:
    async def reset(self) -> None: ...


class HttpApis:
    async def reset(self) -> None: ...


class Router:
    def calls(self) -> list[dict[str, str | int | None]]:
        return [{"account": "100000000001", "service": "sqs", "operation": "SendMessage", "count": 2}]


class Mails:
    """Those of one address and account, and how often they were removed."""

    def __init__(self) -> None:
        self.mail = Mail("id-1", "2026-11-21T05:00:00.000Z", "100000000001", "eu-west-1", "from", ("to",), "s", "t")
        self.removed = 0

    async def find(self, to: str = "", account: str = "") -> list[Mail]:
        return [self.mail] if self.mail.is_for(to, account) else []

    async def remove(self, to: str = "", account: str = "") -> int:
        self.removed += 1
        return len(await self.find(to, account))


class Kept:
    """What the edge keeps beside the emulator's state."""

    async def follow(self, instance: str) -> None: ...


def control(
    functions: Functions | None = None,
    emulator: Emulator | None = None,
    postgres: PostgresConfig | None = None,
    mails: Mails | None = None,
    listeners: Mapping[str, Listener] | None = None,
) -> Endpoints:
    return Endpoints(
        token=TOKEN,
        emulator=emulator or Emulator(),
        kept=cast(Any, Kept()),
        postgres=postgres,
        functions=cast(Any, functions or Functions()),
        mappings=cast(Any, Mappings()),
        pipes=cast(Any, Mappings()),
        apis=cast(Any, HttpApis()),
        gate=Gate(lambda: 0),
        faults=Faults(),
        router=cast(Any, Router()),
        mails=mails or Mails(),
        listeners=listeners or {},
    )


async def ask(
    part: Endpoints, method: str, name: str, body: Any = None, headers: list[tuple[str, str]] = SHOWN
) -> tuple[int, Any]:
    data = b"" if body is None else json.dumps(body).encode()
    response: Response = await part.handle(request(method, f"/_staticfire/{name}", headers, data))
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


@asynccontextmanager
async def database(answer: bytes) -> AsyncIterator[PostgresConfig]:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == b"\0\0\0\x08\x04\xd2\x16\x2f"
        writer.write(answer)
        writer.close()

    listener = await asyncio.start_server(peer, "127.0.0.1", 0)
    yield PostgresConfig("127.0.0.1", listener.sockets[0].getsockname()[1], "u", "p")
    listener.close()


@pytest.mark.parametrize("body", [None, [], {}, {"env": "1"}])
async def test_a_kill_that_names_no_environment_is_refused(body: Any) -> None:
    status, answer = await ask(control(), "POST", "functions/kill", body)
    assert status == 400
    assert "environment" in answer["message"]


async def test_health_is_200_when_every_part_is_well() -> None:
    status, health = await ask(control(), "GET", "health")
    assert (status, health["state"], health["instance"]) == (200, "running", "first life")
    assert health["parts"]["postgres"] == {"state": "none"}


async def test_health_is_503_and_names_the_part_that_is_not_well() -> None:
    status, health = await ask(control(emulator=Emulator("dead")), "GET", "health")
    assert (status, health["state"], health["instance"]) == (503, "degraded", "")
    assert health["parts"]["emulator"]["state"] == "dead"


async def test_a_postgres_that_is_gone_or_none_is_said_to_be_dead() -> None:
    async with database(b"HTTP") as postgres:
        status, health = await ask(control(postgres=postgres), "GET", "health")
        assert (status, health["parts"]["postgres"]["state"]) == (503, "dead")
    status, health = await ask(control(postgres=postgres), "GET", "health")
    assert (status, health["parts"]["postgres"]["state"]) == (503, "dead")


async def test_a_postgres_that_answers_and_lets_nobody_in_is_refusing() -> None:
    async with database(b"S") as postgres:
        status, health = await ask(control(postgres=postgres), "GET", "health")
    part = health["parts"]["postgres"]
    assert (status, part["state"], part["tls"]) == (503, "refusing", True)
    assert part["why"].startswith("it does not take a write: ")


async def test_an_invocation_handed_over_runs_as_its_owner() -> None:
    functions = Functions()
    wanted = {"function": ARN, "type": "RequestResponse", "payload": '{"a": 1}'}
    status, answer = await ask(control(functions), "POST", "functions/invoke", wanted)
    assert functions.invoked == [(REF, b'{"a": 1}')]
    assert (status, answer["payload"], answer["error"], answer["log"]) == (200, '"done"', None, "the log")


async def test_an_event_handed_over_is_queued() -> None:
    functions = Functions()
    wanted = {"function": ARN, "type": "Event", "payload": "{}"}
    status, _ = await ask(control(functions), "POST", "functions/invoke", wanted)
    assert (status, functions.queued) == (202, [(REF, b"{}")])


async def test_a_throttled_invocation_says_so_to_the_emulator() -> None:
    functions = Functions(AwsError(429, "TooManyRequestsException", "Rate Exceeded."))
    wanted = {"function": ARN, "type": "RequestResponse", "payload": "{}"}
    status, answer = await ask(control(functions), "POST", "functions/invoke", wanted)
    assert (status, answer["__type"]) == (429, "TooManyRequestsException")


@pytest.mark.parametrize("shown", [[], [("x-staticfire-token", "guess")], [("x-staticfire-token", "")]])
@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("GET", "functions"),
        ("GET", "calls"),
        ("GET", "mail"),
        ("DELETE", "mail"),
        ("POST", "functions/invoke"),
        ("POST", "functions/kill"),
        ("POST", "emulator/mail"),
        ("GET", "faults"),
        ("POST", "faults"),
        ("DELETE", "faults"),
        ("DELETE", "faults/fault-1"),
        ("POST", "reset"),
        ("GET", "nothing"),
        ("POST", "health"),
    ],
)
async def test_nobody_steers_without_the_token(method: str, name: str, shown: list[tuple[str, str]]) -> None:
    functions = Functions()
    status, answer = await ask(control(functions), method, name, {}, shown)
    assert (status, functions.invoked, functions.resets) == (403, [], 0)
    assert "control-token" in answer["message"]


async def test_health_is_open() -> None:
    assert (await ask(control(), "GET", "health", headers=[]))[0] == 200


async def test_faults_are_added_listed_with_their_hits_and_cleared() -> None:
    part = control()
    status, added = await ask(part, "POST", "faults", {"kind": "drop", "service": "s3"})
    assert status == 201
    _, listed = await ask(part, "GET", "faults")
    assert [(fault["id"], fault["hits"]) for fault in listed["faults"]] == [(added["id"], 0)]
    assert await ask(part, "DELETE", f"faults/{added['id']}") == (200, {"cleared": 1})
    assert await ask(part, "DELETE", "faults") == (200, {"cleared": 0})


@pytest.mark.parametrize("body", [{"kind": "explode"}, [], "hang"])
async def test_what_is_not_a_fault_is_refused_with_the_reason(body: Any) -> None:
    status, answer = await ask(control(), "POST", "faults", body)
    assert status == 400
    assert "not a fault" in answer["message"]


async def test_calls_are_told_with_their_counts() -> None:
    status, answer = await ask(control(), "GET", "calls")
    assert (status, answer["calls"]) == (200, Router().calls())


async def test_reset_ends_the_environments_and_clears_the_faults() -> None:
    functions = Functions()
    part = control(functions)
    await ask(part, "POST", "faults", {"kind": "hang"})
    assert await ask(part, "POST", "reset") == (200, {})
    assert functions.resets == 1
    assert await ask(part, "GET", "faults") == (200, {"faults": []})


async def test_an_unknown_endpoint_is_a_404_that_names_it() -> None:
    status, answer = await ask(control(), "GET", "nothing")
    assert (status, answer["message"]) == (404, "There is no GET /_staticfire/nothing.")


async def test_mails_are_chosen_by_address_and_account() -> None:
    part = control()
    status, answer = await ask(part, "GET", "mail?to=to&account=100000000001")
    assert (status, [mail["subject"] for mail in answer["mails"]]) == (200, ["s"])
    assert await ask(part, "GET", "mail?to=other") == (200, {"mails": []})
    assert await ask(part, "DELETE", "mail?account=100000000001") == (200, {"removed": 1})


async def test_mails_are_chosen_by_nothing_else() -> None:
    status, answer = await ask(control(), "GET", "mail?subject=s")
    assert (status, answer["message"]) == (400, "Mails are chosen by to and account, not by subject.")


async def test_a_reset_removes_the_mails() -> None:
    mails = Mails()
    await ask(control(mails=mails), "POST", "reset")
    assert mails.removed == 1


async def test_a_reset_says_why_the_mails_are_still_there() -> None:
    class Unreachable(Mails):
        async def remove(self, to: str = "", account: str = "") -> int:
            raise AwsError(503, "ServiceUnavailable", "LocalStack does not answer.")

    functions = Functions()
    part = control(functions, mails=Unreachable())
    assert await ask(part, "POST", "reset") == (503, {"message": "LocalStack does not answer."})
    assert functions.resets == 1


async def test_the_emulators_reports_reach_their_listeners_and_nobody_elses_do() -> None:
    reports: list[Mapping[str, Any]] = []

    async def listen(report: Mapping[str, Any]) -> None:
        reports.append(report)

    part = control(listeners={"alarm": listen})
    assert (await ask(part, "POST", "emulator/alarm", {"account": "1"}, []))[0] == 403
    assert (await ask(part, "POST", "emulator/weather", {}))[0] == 404
    assert (await ask(part, "POST", "emulator/alarm", {"account": "1"}))[0] == 200
    assert reports == [{"account": "1"}]
