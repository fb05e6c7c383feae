"""Faults on request, as a caller of the router meets them."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from typing import Any

import pytest

from staticfire.edge.aws.access_keys import AccessKeys
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.aws.faults import BadFault, Fault, Faults
from staticfire.edge.aws.models import UnknownName
from staticfire.edge.aws.router import Router
from staticfire.edge.http1.client import Client, ClientResponse
from staticfire.edge.http1.messages import ConnectionBroken
from staticfire.edge.http1.server import Server
from tests.unit.edge.kit import Upstream, eventually, serving, signed, wire


class Stack:
    """A client, the router with its faults, and an emulator's stand-in."""

    def __init__(self, edge: Server, upstream: Upstream, faults: Faults) -> None:
        self.edge = edge
        self.url = f"http://127.0.0.1:{edge.port}"
        self.upstream = upstream
        self.faults = faults
        self.client = Client()

    async def get_item(self) -> int:
        response = await self.call("dynamodb", "GetItem")
        await response.read()
        return response.status

    async def call(self, service: str, operation: str) -> ClientResponse:
        headers = [signed(service), ("x-amz-target", f"{service}.{operation}")]
        return await self.client.request("POST", self.url, "/", headers, b"{}")

    @property
    def executed(self) -> int:
        return len(self.upstream.requests)


async def run(test: Any) -> None:
    upstream, faults = Upstream(), Faults()
    async with serving(upstream.handle) as emulator:
        behind = Emulator(f"http://127.0.0.1:{emulator.port}", Client())
        router = Router(behind, services={}, faults=faults, access_keys=AccessKeys("s"))
        async with serving(router.handle) as edge:
            await test(Stack(edge, upstream, faults))


async def test_an_error_before_is_answered_and_nothing_is_executed() -> None:
    async def test(stack: Stack) -> None:
        fault = stack.faults.add({"kind": "error", "status": 503, "code": "Busy", "service": "dynamodb"})
        assert await stack.get_item() == 503
        assert (fault.hits, stack.executed) == (1, 0)

    await run(test)


async def test_an_error_after_is_answered_though_the_call_was_executed() -> None:
    async def test(stack: Stack) -> None:
        stack.faults.add({"kind": "error", "when": "after", "times": 1})
        assert await stack.get_item() == 500
        assert stack.executed == 1
        assert await stack.get_item() == 200

    await run(test)


async def test_a_fault_strikes_as_often_as_it_was_told() -> None:
    async def test(stack: Stack) -> None:
        fault = stack.faults.add({"kind": "error", "times": 2})
        assert [await stack.get_item() for _ in range(4)] == [500, 500, 200, 200]
        assert fault.hits == 2

    await run(test)


@pytest.mark.parametrize(("when", "executed"), [("before", 0), ("after", 1)])
async def test_a_drop_loses_the_answer(when: str, executed: int) -> None:
    async def test(stack: Stack) -> None:
        stack.faults.add({"kind": "drop", "when": when})
        with pytest.raises(ConnectionBroken):
            await stack.get_item()
        assert stack.executed == executed

    await run(test)


async def test_a_hanging_call_goes_on_when_its_fault_is_cleared() -> None:
    async def test(stack: Stack) -> None:
        fault = stack.faults.add({"kind": "hang", "service": "dynamodb"})
        call = asyncio.create_task(stack.get_item())
        await eventually(lambda: fault.hits == 1)
        assert stack.executed == 0
        assert stack.faults.clear(fault.id) == 1
        assert await call == 200

    await run(test)


async def test_a_hanging_call_ends_unexecuted_when_its_client_gives_up() -> None:
    async def test(stack: Stack) -> None:
        fault = stack.faults.add({"kind": "hang"})
        call = asyncio.create_task(stack.get_item())
        await eventually(lambda: fault.hits == 1)
        call.cancel()
        await eventually(lambda: not stack.edge.connections)
        stack.faults.clear()
        assert await stack.get_item() == 200
        assert stack.executed == 1

    await run(test)


async def test_a_delayed_call_is_executed() -> None:
    async def test(stack: Stack) -> None:
        fault = stack.faults.add({"kind": "delay", "seconds": 0.01})
        assert await stack.get_item() == 200
        assert (fault.hits, stack.executed) == (1, 1)

    await run(test)


async def test_a_delayed_call_goes_on_at_once_when_its_fault_is_cleared() -> None:
    async def test(stack: Stack) -> None:
        fault = stack.faults.add({"kind": "delay", "seconds": 1e6})
        call = asyncio.create_task(stack.get_item())
        await eventually(lambda: fault.hits == 1)
        stack.faults.clear()
        assert await call == 200

    await run(test)


async def test_a_late_error_is_an_error() -> None:
    async def test(stack: Stack) -> None:
        stack.faults.add({"kind": "error", "code": "ThrottlingException", "service": "dynamodb", "seconds": 0.01})
        assert await stack.get_item() == 400
        assert stack.executed == 0

    await run(test)


@pytest.mark.parametrize(
    ("kind", "ending"),
    [("reset", ConnectionResetError), ("drop", asyncio.IncompleteReadError)],
)
async def test_a_reset_is_one_of_TCP_and_a_drop_closes_without_a_word(kind: str, ending: type[Exception]) -> None:
    async def test(stack: Stack) -> None:
        stack.faults.add({"kind": kind})
        async with wire(stack.edge) as client:
            await client.send(b"GET /bucket/key HTTP/1.1\r\nhost: s3.localhost\r\n\r\n")
            with pytest.raises(ending):
                await client.until(b"\r\n")

    await run(test)


@pytest.mark.parametrize(
    ("service", "code", "status", "kind"),
    [
        ("dynamodb", "ProvisionedThroughputExceededException", 400, "com.amazonaws.dynamodb.v20120810#"),
        ("dynamodb", "InternalServerError", 500, "com.amazonaws.dynamodb.v20120810#"),
        ("secretsmanager", "InternalServiceError", 500, ""),
    ],
)
async def test_an_error_has_the_status_and_the_shape_of_AWS(service: str, code: str, status: int, kind: str) -> None:
    async def test(stack: Stack) -> None:
        stack.faults.add({"kind": "error", "service": service, "code": code})
        response = await stack.call(service, "Any")
        assert response.status == status
        assert json.loads(await response.read())["__type"] == f"{kind}{code}"

    await run(test)


async def test_a_status_that_is_given_is_answered() -> None:
    async def test(stack: Stack) -> None:
        stack.faults.add({"kind": "error", "service": "dynamodb", "code": "NotOfAws", "status": 418})
        assert await stack.get_item() == 418

    await run(test)


async def test_a_share_of_the_calls_is_struck_and_the_same_ones_in_every_run() -> None:
    async def struck(stack: Stack) -> list[bool]:
        fault = stack.faults.add({"kind": "error", "operation": "GetItem", "share": 0.3})
        answers = [await stack.get_item() == 500 for _ in range(400)]
        await stack.call("dynamodb", "PutItem")
        assert (fault.calls, fault.hits) == (400, sum(answers))
        stack.faults.clear()
        return answers

    async def test(stack: Stack) -> None:
        first = await struck(stack)
        assert 90 <= sum(first) <= 150
        assert any(one and other for one, other in itertools.pairwise(first)), "a retry is never struck"
        assert await struck(stack) == first

    await run(test)


async def test_what_one_fault_spares_another_may_strike() -> None:
    async def test(stack: Stack) -> None:
        some = stack.faults.add({"kind": "error", "status": 503, "code": "Busy", "share": 0.5})
        rest = stack.faults.add({"kind": "error", "status": 502, "code": "Gone"})
        answers = [await stack.get_item() for _ in range(50)]
        assert (answers.count(503), answers.count(502)) == (some.hits, rest.hits)
        assert some.hits + rest.hits == 50
        assert min(some.hits, rest.hits) > 0

    await run(test)


async def test_another_accounts_calls_are_not_even_drawn_for() -> None:
    async def test(stack: Stack) -> None:
        fault = stack.faults.add({"kind": "error", "account": "100000000002", "share": 0.5})
        assert {await stack.get_item() for _ in range(20)} == {200}
        assert (fault.calls, fault.hits) == (0, 0)

    await run(test)


async def test_an_operation_of_a_REST_service_is_struck_by_its_name() -> None:
    async def test(stack: Stack) -> None:
        fault = stack.faults.add({"kind": "error", "service": "s3", "operation": "PutObject", "code": "SlowDown"})
        for method, path, status in (
            ("PUT", "/bucket/key", 503),
            ("PUT", "/bucket", 200),
            ("PUT", "/bucket/key?partNumber=1&uploadId=u", 200),
            ("GET", "/bucket/key", 200),
        ):
            response = await stack.client.request(method, stack.url, path, [signed("s3")], b"")
            content = await response.read()
            assert response.status == status
            assert (b"<Code>SlowDown</Code>" in content) == (status == 503)
        assert fault.hits == 1

    await run(test)


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ({"service": "dynamodb"}, True),
        ({"service": "s3"}, False),
        ({"operation": "GetItem"}, True),
        ({"operation": "PutItem"}, False),
        ({"operation": "POST /"}, True),
        ({"operation": "POST /x"}, False),
        ({"operation": "GET /"}, False),
        ({"account": "100000000001"}, True),
        ({"account": "100000000002"}, False),
    ],
)
async def test_a_fault_strikes_the_calls_that_it_names(match: dict[str, str], struck: bool) -> None:
    async def test(stack: Stack) -> None:
        stack.faults.add({"kind": "error", **match})
        assert (await stack.get_item() == 500) == struck

    await run(test)


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"kind": "explode"},
        {"kind": "delay"},
        {"kind": "error", "status": 200},
        {"kind": "error", "times": "2"},
        {"kind": "error", "times": True},
        {"kind": "drop", "when": "later"},
        {"kind": "drop", "servce": "s3"},
        {"kind": "drop", "share": 0},
        {"kind": "drop", "share": 1.1},
        {"kind": "drop", "share": math.nan},
        {"kind": "drop", "times": 0},
        {"kind": "drop", "code": "Busy"},
        *(
            {"kind": "drop", "account": account}
            for account in ("x", "", "12345678901", "1234567890123", "00000000000a")
        ),
        {"kind": "hang", "seconds": 1},
        {"kind": "delay", "seconds": math.inf},
        {"kind": "drop", "service": "dynamo"},
        {"kind": "drop", "service": "dynamodb", "operation": "Update"},
        {"kind": "error", "service": "dynamodb", "code": "Busy"},
        {"kind": "error", "code": "ProvisionedThroughputExceededException"},
    ],
)
def test_a_description_that_cannot_be_meant_is_refused(description: dict[str, Any]) -> None:
    faults = Faults()
    with pytest.raises((BadFault, UnknownName)):
        faults.add(description)
    assert not faults


def test_clearing_all_counts_what_ended() -> None:
    faults = Faults()
    for _ in range(3):
        assert isinstance(faults.add({"kind": "drop"}), Fault)
    assert (faults.clear("nothing"), faults.clear(), faults.clear()) == (0, 3, 0)
