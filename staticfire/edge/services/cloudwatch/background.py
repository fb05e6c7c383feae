"""Work that happens a little later, in batches: what goes to CloudWatch keeps no request waiting."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod


class Background(ABC):
    """Calls `flush` every `interval` seconds from the first `wake` on, until nothing is left to do."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._due = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is something to flush."""
        self._due = True
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    @abstractmethod
    async def flush(self) -> bool:
        """Send what is here now; whether some of it is to be tried again."""

    async def close(self) -> None:
        """What is left goes out now."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    async def _run(self) -> None:
        try:
            while self._due:
                await asyncio.sleep(self._interval)
                self._due = False
                if await self.flush():
                    self._due = True
        finally:
            self._task = None
