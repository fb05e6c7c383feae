"""A line of a log as somebody reads it: whose it is, its level, its request, whether it tells of an error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_PLATFORM = re.compile(rf"(START|END|REPORT|XRAY) (?:RequestId|TraceId): ({UUID})|INIT_START |INIT_REPORT |EXTENSION\t")
_LAMBDAS = re.compile(rf"^(?:\[(\w+)\]\t)?(\d{{4}}-\d\d-\d\dT\S+Z)\t({UUID})\t(?:([A-Z]+)\t)?", re.DOTALL)
_LEVEL = re.compile(r"^\[?(TRACE|DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\]?[\s:]")
_TIMED_OUT = re.compile(rf"({UUID}) Task timed out after")
_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):", re.MULTILINE)
_STATUS_5XX = re.compile(r"\b5\d\d\b")

LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL")
FAILED = ("ERROR", "CRITICAL", "FATAL")
# What a JSON line says of itself, by the names that loggers use.
_LEVEL_NAMES = ("level", "levelname", "severity", "log.level")
_REQUEST_NAMES = ("requestId", "AWSRequestId", "function_request_id", "aws_request_id", "request_id", "RequestId")
_STACKS = ("stackTrace", "stack_trace", "exception", "traceback", "stack", "exc_info")


@dataclass
class Line:
    """`source`: a function's name, `api` or `edge`. `document` is set where the line is a JSON object."""

    timestamp: int
    source: str
    message: str
    kind: str = "function"  # or access, edge
    stream: str = ""
    level: str = ""
    request: str = ""
    platform: bool = False
    failed: bool = False
    document: Mapping[str, Any] | None = None
    stack: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "timestamp": self.timestamp,
            "source": self.source,
            "kind": self.kind,
            "stream": self.stream or None,
            "level": self.level or None,
            "request_id": self.request or None,
            "platform": self.platform,
            "error": self.failed,
            "message": self.document if self.document is not None else self.message.rstrip("\n"),
        }


class Requests:
    """Which request each line of a log stream belongs to: between START and END, and where it says so itself."""

    def __init__(self) -> None:
        self._current: dict[str, str] = {}

    def of(self, line: Line) -> str:
        own = line.request
        if line.kind != "function" or not line.stream:
            return own
        started = line.message.startswith("START ") or _platform_type(line) == "platform.start"
        ended = line.message.startswith("REPORT ") or _platform_type(line) == "platform.report"
        if started:
            self._current[line.stream] = own
        request = own or self._current.get(line.stream, "")
        if ended:
            self._current.pop(line.stream, None)
        return request


def _platform_type(line: Line) -> str:
    return str(line.document.get("type") or "") if line.document is not None else ""


def read_line(timestamp: int, source: str, message: str, *, kind: str = "function", stream: str = "") -> Line:
    line = Line(timestamp, source, message, kind, stream)
    document = _document(message)
    if document is not None:
        _of_document(line, document)
    else:
        _of_text(line)
    if kind == "access" and document is None:
        line.failed = bool(_STATUS_5XX.search(message))
    return line


def _document(message: str) -> dict[str, Any] | None:
    text = message.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _of_document(line: Line, document: dict[str, Any]) -> None:
    line.document = document
    record = document.get("record")
    if str(document.get("type") or "").startswith("platform.") and isinstance(record, dict):
        line.platform = True
        line.request = str(record.get("requestId") or "")
        line.failed = record.get("status") in ("error", "timeout", "failure")
        return
    line.level = _level(next((document[name] for name in _LEVEL_NAMES if name in document), ""))
    line.request = next((str(document[name]) for name in _REQUEST_NAMES if document.get(name)), "")
    status = document.get("status") if line.kind == "access" else None
    line.failed = line.level in FAILED or bool(document.get("errorType")) or str(status or "").startswith("5")
    for name in _STACKS:
        if (stack := document.get(name)) and isinstance(stack, str | list):
            entries = stack if isinstance(stack, list) else [stack]
            line.stack = [part for entry in entries for part in str(entry).splitlines()]
            break


def _level(value: object) -> str:
    word = str(value).upper()
    return {"WARN": "WARNING", "ERR": "ERROR"}.get(word, word) if word in (*LEVELS, "WARN", "ERR") else ""


def _of_text(line: Line) -> None:
    message = line.message
    platform = _PLATFORM.match(message)
    if platform is not None:
        line.platform, line.request = True, platform[2] or ""
        line.failed = "\tStatus: error" in message or "\tStatus: timeout" in message
        return
    own = _LAMBDAS.match(message)
    if own is not None:
        line.level, line.request = _level(own[1] or own[4] or ""), own[3]
    elif level := _LEVEL.match(message):
        line.level = _level(level[1])
    if timed_out := _TIMED_OUT.search(message):
        line.request, line.failed = timed_out[1], True
    line.failed = line.failed or line.level in FAILED or bool(_TRACEBACK.search(message))
