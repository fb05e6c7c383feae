"""What the page is told while it is open: server-sent events, from what the edge says of itself.

One look a tick serves every page that is open, and nobody looks while none is.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from staticfire.errors import StaticfireError

from . import objects
from .api import ConsoleApi

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
HEARTBEAT_TICKS = 20
PAGES = 50
NEWEST = 200


class TooManyPages(Exception):
    """More pages are open than anybody looks at."""


class OpenPage:
    """What a page was not sent yet: of each event the newest, however slowly it reads."""

    def __init__(self) -> None:
        self._waiting: dict[str, bytes] = {}
        self._more = asyncio.Event()

    def put(self, event: str, text: bytes) -> None:
        self._waiting[event] = text
        self._more.set()

    async def next(self) -> bytes:
        await self._more.wait()
        self._more.clear()
        waiting, self._waiting = self._waiting, {}
        return b"".join(waiting.values())


class Live:
    def __init__(self, api: ConsoleApi, run: Callable[..., Awaitable[Any]]) -> None:
        """`run` runs a blocking function in a thread."""
        self._api = api
        self._run = run
        self._pages: set[OpenPage] = set()
        self._looking: asyncio.Task[None] | None = None
        self._last: dict[str, str] = {}

    def stream(self) -> AsyncIterator[bytes]:
        if len(self._pages) >= PAGES:
            raise TooManyPages(f"{PAGES} pages of the console are open: close some.")
        return self._events()

    async def _events(self) -> AsyncIterator[bytes]:
        # Not before the first event is wanted: of a page that is gone by then nothing would be heard again.
        page = OpenPage()
        self._pages.add(page)
        try:
            self._last.clear()  # who comes new is told all
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            yield b"retry: 1000\n\n"
            while True:
                yield await page.next()
        finally:
            self._pages.discard(page)

    async def _look(self) -> None:
        ticks = 0
        while self._pages:
            ticks += 1
            try:
                await self._look_once()
            except Exception:  # the next look may go well, and the pages wait for it
                log.exception("What runs could not be looked at")
            if ticks % HEARTBEAT_TICKS == 0:
                self._tell("", b": still here\n\n")
            await asyncio.sleep(TICK_SECONDS)

    async def _look_once(self) -> None:
        for event, look in (("state", self._state), ("traces", self._traces)):
            document = json.dumps(await self._run(look))
            if self._last.get(event) != document:
                self._last[event] = document
                self._tell(event, f"event: {event}\ndata: {document}\n\n".encode())

    def _state(self) -> dict[str, Any]:
        try:
            running = self._api.now.running()
            return {"state": running.health.state, "parts": dict(running.health.parts), **self._api.functions()}
        except StaticfireError as error:
            return {"state": "silent", "why": str(error), "parts": {}, "functions": []}

    def _traces(self) -> dict[str, Any]:
        try:
            return objects.traces(self._api.edge(), limit=NEWEST)
        except StaticfireError:
            return {"traces": []}  # `state` says why

    def _tell(self, event: str, text: bytes) -> None:
        for page in self._pages:
            page.put(event, text)
