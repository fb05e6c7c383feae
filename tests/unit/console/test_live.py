"""What open pages of the console are told, and what becomes of those that nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from staticfire.console import live
from staticfire.console.live import Live, OpenPage


async def run(look: Callable[[], Any]) -> Any:
    return look()


async def test_a_page_that_was_never_read_is_not_kept() -> None:
    pages = Live(None, run)  # type: ignore[arg-type]
    for _ in range(live.PAGES + 1):
        await pages.stream().aclose()  # type: ignore[attr-defined]
    assert not pages._pages


async def test_a_page_that_reads_slowly_gets_the_newest_of_each_event() -> None:
    page = OpenPage()
    page.put("state", b"s")
    for number in range(1000):
        page.put("traces", b"%d" % number)
    assert await page.next() == b"s999"


async def test_a_look_that_fails_is_not_the_last(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TICK_SECONDS", 0.01)
    failures = [KeyError("as nobody foresaw")]

    async def look(_: Callable[[], Any]) -> Any:
        if failures:
            raise failures.pop()
        return {}

    events = Live(None, look).stream()  # type: ignore[arg-type]
    assert await anext(events) == b"retry: 1000\n\n"
    async with asyncio.timeout(30):
        assert b"event: state" in await anext(events)
    assert "could not be looked at" in caplog.text
