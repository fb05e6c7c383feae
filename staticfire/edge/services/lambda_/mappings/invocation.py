"""A batch for a function: invoke it, and read what it answers of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ..model import FunctionRef
from ..service import Functions
from ..tracing import begun_by
from .batches import failed_items
from .records import Record
from .taking import NOTHING, Attempt


class FunctionTaker:
    """`reports`: the mapping has ReportBatchItemFailures."""

    def __init__(self, functions: Functions, ref: FunctionRef, *, reports: bool) -> None:
        self._functions = functions
        self._ref = ref
        self._reports = reports

    async def take(
        self, records: Sequence[Record], items: Sequence[str], window: Mapping[str, Any] = NOTHING
    ) -> Attempt:
        trace_id = begun_by(self._functions.traces, records)
        outcome = await self._functions.invoke(
            self._ref, orjson.dumps({"Records": records, **window}), trace_id=trace_id
        )
        failed: Sequence[str] | None = []
        if outcome.error is not None:
            failed = None
        elif self._reports and records:
            failed = failed_items(outcome.payload, items)
        return Attempt(failed, outcome.request_id, outcome.version, outcome.error, outcome.payload)
