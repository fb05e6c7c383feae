"""Tumbling windows: records fall into windows by the time of their arrival; a state is handed on within each.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from staticfire.host.clock import rfc3339

STATE_LIMIT = 1024 * 1024


@dataclass
class Window:
    """An open window: from `start` for `seconds`, and what the function handed on."""

    start: int
    seconds: int
    state: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, arrival: float, seconds: int) -> Window:
        return cls(int(arrival // seconds) * seconds, seconds)

    @property
    def end(self) -> int:
        return self.start + self.seconds

    def holds(self, arrival: float) -> bool:
        """A record that arrives late still belongs to the window that is open."""
        return arrival < self.end

    def fields(self, shard: str, arn: str, *, final: bool, early: bool = False) -> dict[str, Any]:
        """What the event tells of the window, beside its records."""
        return {
            "window": {"start": _second(self.start), "end": _second(self.end)},
            "state": self.state,
            "shardId": shard,
            "eventSourceARN": arn,
            "isFinalInvokeForWindow": final,
            "isWindowTerminatedEarly": early,
        }

    def hand_on(self, answer: bytes) -> bool:
        """Keep the state that the function answered; whether it is too large to go on with."""
        try:
            document = json.loads(answer or b"null")
        except ValueError:
            document = None
        state = document.get("state") if isinstance(document, dict) else None
        self.state = state if isinstance(state, dict) else {}
        return len(json.dumps(self.state)) > STATE_LIMIT

    def document(self) -> dict[str, Any]:
        return {"start": self.start, "seconds": self.seconds, "state": self.state}


def _second(moment: int) -> str:
    return rfc3339(datetime.fromtimestamp(moment, UTC), "seconds")
