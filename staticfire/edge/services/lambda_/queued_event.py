"""An event that was accepted, as it lies in the store until it is done."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from staticfire.edge.aws.calls import Scope
from staticfire.edge.store import Key

from .model import FunctionRef

SERVICE, KIND = "lambda", "event"


@dataclass(slots=True)
class QueuedEvent:
    ref: FunctionRef
    payload: bytes
    client_context: str | None = None
    trace_id: str = ""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    queued: float = field(default_factory=time.time)
    attempts: int = 0

    @property
    def key(self) -> Key:
        return Key(*self.ref.scope, SERVICE, KIND, f"{self.ref.name}:{self.request_id}")

    def document(self) -> dict[str, Any]:
        return {
            "name": self.ref.name,
            "qualifier": self.ref.qualifier,
            "payload": self.payload.decode(),
            "client_context": self.client_context,
            "trace_id": self.trace_id,
            "request_id": self.request_id,
            "queued": self.queued,
            "attempts": self.attempts,
        }

    @classmethod
    def read(cls, key: Key, document: Mapping[str, Any]) -> QueuedEvent:
        ref = FunctionRef(Scope(key.account, key.region), document["name"], document["qualifier"])
        kept = ("client_context", "trace_id", "request_id", "queued", "attempts")
        return cls(ref, document["payload"].encode(), **{name: document[name] for name in kept})
