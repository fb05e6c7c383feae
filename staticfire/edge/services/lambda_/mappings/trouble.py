"""What keeps a reader waiting: said once in the log, and waited for a little longer each time."""

from __future__ import annotations

import asyncio
import logging

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 5.0

log = logging.getLogger(__name__)


class Trouble:
    """The trouble of one reader."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._said = ""
        self._seconds = FIRST_SECONDS

    async def wait(self, error: Exception) -> None:
        if str(error) != self._said:
            self._said = str(error)
            log.warning("%s waits: %s", self._reader, error)
        await asyncio.sleep(self._seconds)
        self._seconds = min(2 * self._seconds, LONGEST_SECONDS)

    def over(self) -> None:
        if self._said:
            log.info("%s goes on", self._reader)
        self._said = ""
        self._seconds = FIRST_SECONDS
