"""A log event as a row of fields: `@message` and its like, what is discovered in JSON and in Lambda's lines.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

Value: TypeAlias = "str | float | int | None"

FIELDS_OF_AN_EVENT = 1000
DEEPEST = 20

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_PLATFORM = re.compile(rf"(START|END|REPORT) RequestId: ({_UUID})")
_OF_FUNCTION = re.compile(rf"^(?:\[\w+\]\t)?\S+Z?\t({_UUID})\t")
_INIT = re.compile(r"INIT_START |INIT_REPORT ")
_REPORTED: Mapping[str, tuple[re.Pattern[str], int]] = {
    "@duration": (re.compile(r"\tDuration: ([\d.]+) ms"), 1),
    "@billedDuration": (re.compile(r"\tBilled Duration: ([\d.]+) ms"), 1),
    "@initDuration": (re.compile(r"\tInit Duration: ([\d.]+) ms"), 1),
    "@memorySize": (re.compile(r"\tMemory Size: (\d+) MB"), 1_000_000),
    "@maxMemoryUsed": (re.compile(r"\tMax Memory Used: (\d+) MB"), 1_000_000),
}


class Row:
    """Fields by name. What a query computes stands above what the event says."""

    __slots__ = ("_event", "_fields", "_group", "computed")

    def __init__(self, event: Mapping[str, Any] | None = None, group: str = "") -> None:
        self.computed: dict[str, Value] = {}
        self._event = event
        self._group = group
        self._fields: dict[str, Value] | None = None

    def get(self, name: str) -> Value:
        if name in self.computed:
            return self.computed[name]
        if self._event is None:
            return None
        if self._fields is None:
            self._fields = _discovered(self._event, self._group)
        return self._fields.get(name)

    @property
    def is_event(self) -> bool:
        return self._event is not None


def _discovered(event: Mapping[str, Any], group: str) -> dict[str, Value]:
    message: str = event.get("message") or ""
    fields: dict[str, Value] = {
        "@timestamp": moment(event["timestamp"]),
        "@ingestionTime": moment(event.get("ingestionTime") or event["timestamp"]),
        "@message": message,
        "@logStream": event.get("logStreamName") or "",
        "@log": group,
        "@ptr": base64.b64encode(f"{group}\n{event.get('eventId') or ''}".encode()).decode(),
    }
    _of_lambda(message, fields)
    start = message.find("{")
    if start >= 0:
        try:
            document, _ = json.JSONDecoder().raw_decode(message, start)
        except (ValueError, RecursionError):
            return fields
        for name, value in _flattened(document, "", 0):
            if len(fields) >= FIELDS_OF_AN_EVENT:
                break
            fields.setdefault(name, value)
    return fields


def _of_lambda(message: str, fields: dict[str, Value]) -> None:
    platform = _PLATFORM.match(message)
    if platform is None:
        own = _OF_FUNCTION.match(message)
        if own is not None:
            fields["@requestId"] = own[1]
        elif _INIT.match(message):
            fields["@type"] = message.split(" ", 1)[0]
        return
    fields["@type"], fields["@requestId"] = platform[1], platform[2]
    if platform[1] == "REPORT":
        for name, (pattern, times) in _REPORTED.items():
            match = pattern.search(message)
            if match is not None:
                fields[name] = float(match[1]) * times if "." in match[1] else int(match[1]) * times


def _flattened(value: Any, name: str, depth: int) -> Iterator[tuple[str, Value]]:
    """`a.b`, `a.0`: JSON's members with their paths. Booleans are 1 and 0; null is not there."""
    if isinstance(value, dict) and depth < DEEPEST:
        for key, inner in value.items():
            yield from _flattened(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list) and depth < DEEPEST:
        for place, inner in enumerate(value):
            yield from _flattened(inner, f"{name}.{place}", depth + 1)
    elif isinstance(value, bool):
        yield name, int(value)
    elif isinstance(value, str | int | float):
        yield name, value


def moment(milliseconds: int | float) -> str:
    """As Insights writes it: `2026-11-30 17:27:42.505`."""
    seconds, rest = divmod(int(milliseconds), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:03d}"


def milliseconds_of(value: Value) -> int | None:
    """A moment, or a number of milliseconds since 1970; None for anything else."""
    if isinstance(value, int | float):
        return int(value)
    if value is None:
        return None
    try:
        return round(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            return None


def number(value: Value) -> float | int | None:
    """A value as a number, if it is one."""
    if isinstance(value, int | float):
        return value
    if value is None:
        return None
    try:
        return int(value) if value.lstrip("-").isdecimal() and len(value) < 20 else float(value)
    except ValueError:
        return None


def text(value: Value) -> str:
    """A value as Insights writes it: computed numbers have four decimals at most."""
    if value is None:
        return ""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        return str(int(value)) if value == int(value) else f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value)
