"""Faults on request, as a caller of the router meets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from edge_core_kit import Upstream, eventually, serving, signed

from staticfire.edge.emulator import Emulator
from staticfire.edge.faults import BadFault, Fault, Faults
from staticfire.edge.http1.client import Client, ConnectionBroken
from staticfire.edge.http1.server import Server
from staticfire.edge.router import Router

GET_ITEM = [signed("dynamodb"), ("x-amz-target", "DynamoDB_20120810.GetItem")]


class Stack:
    """A client, the router with its faults, and an emulator's stand-in."""

    def __init__(self, edge: Server, upstream: Upstream, faults: Faults) -> None:
        self.edge = edge
        self._url = f"http://127.0.0.1:{edge.port}"
        self.upstream = upstream
        self.faults = faults
        self.client = Client()

    async def get_item(self) -> int:
        response = await self.client.request("POST", self._url, "/", GET_ITEM, b"{}")
        await response.read()
        return response.status

    @property
    def executed(self) -> int:
        return len(self.upstream.requests)


async def run(test: Any) -> None:
    upstream, faults = Upstream(), Faults()
    async with serving(upstream.handle) as emulator:
        behind = Emulator(f"http://127.0.0.1:{emulator.port}", Client())
        router = Router(behind, services={}, faults=faults)
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
    ],
)
def test_a_description_that_cannot_be_meant_is_refused(description: dict[str, Any]) -> None:
    faults = Faults()
    with pytest.raises(BadFault):
        faults.add(description)
    assert not faults


def test_clearing_all_counts_what_ended() -> None:
    faults = Faults()
    for _ in range(3):
        assert isinstance(faults.add({"kind": "drop"}), Fault)
    assert (faults.clear("nothing"), faults.clear(), faults.clear()) == (0, 3, 0)
