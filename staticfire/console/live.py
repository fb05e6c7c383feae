"""What the page is told while it is open: server-sent events, from what the edge says of itself.

One look a tick serves every page that is open, and nobody looks while none is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from staticfire.errors import StaticfireError

from .api import ConsoleApi

TICK_SECONDS = 0.5
HEARTBEAT_TICKS = 20
PAGES = 50
WAITING = 100
NEWEST = 200


class TooManyPages(Exception):
    """More pages are open than anybody looks at."""


class Live:
    def __init__(self, api: ConsoleApi, run: Callable[..., Awaitable[Any]]) -> None:
        """`run` runs a blocking function in a thread."""
        self._api = api
        self._run = run
        self._pages: set[asyncio.Queue[bytes]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._last: dict[str, str] = {}

    def stream(self) -> AsyncIterator[bytes]:
        if len(self._pages) >= PAGES:
            raise TooManyPages(f"{PAGES} pages of the console are open: close some.")
        queue: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._pages.add(queue)
        self._last.clear()  # who comes new is told all
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return self._events(queue)

    async def _events(self, queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
        try:
            yield b"retry: 1000\n\n"
            while True:
                yield await queue.get()
        finally:
            self._pages.discard(queue)

    async def _look(self) -> None:
        ticks = 0
        while self._pages:
            ticks += 1
            for event, look in (("state", self._state), ("traces", self._traces)):
                document = json.dumps(await self._run(look))
                if self._last.get(event) != document:
                    self._last[event] = document
                    self._tell(f"event: {event}\ndata: {document}\n\n".encode())
            if ticks % HEARTBEAT_TICKS == 0:
                self._tell(b": still here\n\n")
            await asyncio.sleep(TICK_SECONDS)

    def _state(self) -> dict[str, Any]:
        try:
            running = self._api.now.running()
            return {"state": running.health.state, "parts": dict(running.health.parts), **self._api.functions()}
        except StaticfireError as error:
            return {"state": "silent", "why": str(error), "parts": {}, "functions": []}

    def _traces(self) -> dict[str, Any]:
        try:
            return self._api.traces_kept.recent(limit=NEWEST)
        except StaticfireError:
            return {"traces": []}  # `state` says why

    def _tell(self, event: bytes) -> None:
        for queue in self._pages:
            if queue.full():  # a page that does not read: it misses the oldest
                queue.get_nowait()
            queue.put_nowait(event)
