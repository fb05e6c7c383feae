"""What the edge does in front of LocalStack alone.

LocalStack cannot invoke the functions: MiniStack describes them, the edge runs them. But it can put messages into
queues. So a function that it gets as a target (of a topic, a rule, a bucket's notification) is replaced by a queue, the
function's inbox, and put back into what LocalStack describes; the edge reads the queues and invokes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from staticfire.edge.aws.calls import Service
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.lambda_.service import Functions

from .gaps import AlarmTags, Scheduler
from .inbox import Inboxes
from .subscriptions import Notifications, Rules, Topics


class LocalStack:
    def __init__(self, emulator: Emulator, functions: Functions, state_dir: Path) -> None:
        self._inboxes = Inboxes(emulator, functions, state_dir / "inboxes.json")
        self.services: Mapping[str, Service] = {
            "events": Rules(emulator, self._inboxes),
            "monitoring": AlarmTags(emulator),
            "s3": Notifications(emulator, self._inboxes),
            "scheduler": Scheduler(),
            "sns": Topics(emulator, self._inboxes),
        }

    async def reset(self) -> None:
        """LocalStack's state is gone, and its queues with it."""
        await self._inboxes.clear()

    async def close(self) -> None:
        await self._inboxes.close()
