"""Work that happens a little later, in batches: access logs and metrics leave the hot path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Batch:
    """Calls `flush` some time after the first `wake`, then rests until the next one."""

    def __init__(self, flush: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._flush = flush
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._later())

    async def _later(self) -> None:
        await asyncio.sleep(self._seconds)
        self._task = None
        await self._flush()

    async def close(self) -> None:
        """What is left goes out now."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        await self._flush()
