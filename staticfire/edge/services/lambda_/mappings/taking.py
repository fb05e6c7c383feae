"""Whoever takes the batches of a source: a function of a mapping, the target of a pipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .records import Record

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Attempt:
    """What became of a batch that was handed over: `failed` are the items that failed, None is all of them."""

    failed: Sequence[str] | None
    request_id: str
    version: str = ""
    error: str | None = None
    answer: bytes = b""


class Taker(Protocol):
    """Takes a batch. An AwsError says that it was not taken at all: it comes again, and that does not count."""

    async def take(
        self, records: Sequence[Record], items: Sequence[str], window: Mapping[str, Any] = NOTHING
    ) -> Attempt:
        """`items` name the records, in what a function answers of them; `window` goes beside them into the event."""
