"""Filters of a mapping: which records reach the function, and what of a record a pattern sees.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .patterns import compile_pattern

Record = dict[str, Any]


class Filters:
    """Patterns that are joined by OR; without one, every record is taken. Raises BadPattern."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._matchers = [compile_pattern(pattern) for pattern in patterns]

    def take(self, record: Record) -> bool:
        if not self._matchers:
            return True
        seen = _seen(record)
        return any(matches(seen) for matches in self._matchers)


def patterns_of(criteria: Mapping[str, Any] | None) -> list[str]:
    return [str(criterion.get("Pattern")) for criterion in (criteria or {}).get("Filters") or ()]


def _seen(record: Record) -> Record:
    """A body or data that is a JSON object or array is seen as one; a Kinesis record's fields lie at the top too."""
    if "kinesis" in record:
        inner = record["kinesis"]
        return {**record, **inner, "data": _document(base64.b64decode(inner["data"]).decode("utf-8", "replace"))}
    if "body" in record:
        return {**record, "body": _document(record["body"])}
    return record


def _document(text: str) -> Any:
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return document if isinstance(document, dict | list) else text
