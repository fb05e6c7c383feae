"""The state of the stack's AWS resources, as the edge reports it and answers for it, whichever emulator keeps it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from staticfire.edge.aws.emulator import Emulator


class EmulatorState(Protocol):
    async def health(self) -> dict[str, Any]:
        """Whether the emulator answers, and what is known of it."""

    async def instance(self) -> str:
        """Names this life of the state: another name, and what was applied is gone. Empty while that is not known."""

    async def save(self) -> dict[str, Any]:
        """Have it on the disk, where it is kept at all: `kept`, and else an `error` where it should be."""


async def answers(emulator: Emulator, path: str, seconds: float = 3.0) -> bool:
    """Whether it answers an HTTP request now; any answer but a failure of its own is one."""
    try:
        response = await emulator.client.request("GET", emulator.base_url, path, within=seconds)
        async with asyncio.timeout(seconds):
            await response.read()
    except OSError:
        return False
    return response.status < 500
