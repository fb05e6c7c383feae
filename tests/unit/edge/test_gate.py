"""Who waits while the edge is shut, and that it never stays so."""

from __future__ import annotations

import asyncio

import pytest

from staticfire.edge import gate as module
from staticfire.edge.gate import Gate
from tests.unit.edge.kit import request

FUNCTION = [("authorization", "AWS4-HMAC-SHA256 Credential=ASIA1/20260101/us-east-1/dynamodb/aws4_request")]


async def entered(gate: Gate, headers: list[tuple[str, str]] = []) -> bool:  # noqa: B006 - only read
    try:
        await asyncio.wait_for(gate.enter(request("POST", "/", headers, b"")), 0.05)
    except TimeoutError:
        return False
    return True


async def test_while_functions_end_their_calls_alone_go_on() -> None:
    busy = 1
    gate = Gate(lambda: busy)
    shutting = asyncio.create_task(gate.shut())
    await asyncio.sleep(0)
    assert not await entered(gate)
    assert await entered(gate, FUNCTION)
    gate.leave()
    assert not shutting.done()
    busy = 0
    assert await shutting == 0
    assert not await entered(gate, FUNCTION)
    assert gate.open()
    assert await entered(gate)


async def test_what_does_not_end_is_counted_and_waits_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.02)
    gate = Gate(lambda: 1)
    assert await entered(gate)
    assert await gate.shut() == 2
    assert not await entered(gate, FUNCTION)


async def test_it_opens_by_itself_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.02)
    gate = Gate(lambda: 0)
    await gate.shut()
    await gate.enter(request("GET", "/", [], b""))
    assert not gate.open()
