"""Segment documents of X-Ray, as SDKs send them: each, with the subsegments in it, is noted in the trace that it names.

https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

from __future__ import annotations

import logging
import re
import socket
import time
from asyncio import AbstractEventLoop
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from .recorder import Traces

log = logging.getLogger(__name__)

TRACE = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
SPAN = re.compile(r"[0-9a-f]{16}")
SIZE = 64 * 1024
NESTED = 50
DAEMON_PORT = 2000
AT_ONCE = 50


class BadSegment(ValueError):
    """Why a document is no segment, as X-Ray words it; `id` where it says one."""

    def __init__(self, code: str, identifier: str = "") -> None:
        super().__init__(f"Invalid segment. ErrorCode: {code}")
        self.id = identifier


def take_segment(traces: Traces, document: bytes | str) -> None:
    """Note a segment or a subsegment; a BadSegment says why not."""
    if len(document) > SIZE:
        raise BadSegment("SegmentTooLarge")
    try:
        segment = orjson.loads(document)
    except ValueError:
        raise BadSegment("ParseError") from None
    if not isinstance(segment, dict):
        raise BadSegment("ParseError")
    root = segment.get("trace_id")
    identifier = segment.get("id")
    said = identifier if isinstance(identifier, str) else ""
    if not isinstance(root, str) or not TRACE.fullmatch(root):
        raise BadSegment("InvalidTraceId", said)
    records = list(_flattened(segment, str(segment.get("parent_id") or ""), 0))
    for one, parent in records:
        _note(traces, root, one, parent)


def _flattened(segment: Mapping[str, Any], parent: str, depth: int) -> Iterator[tuple[dict[str, Any], str]]:
    own = {name: value for name, value in segment.items() if name != "subsegments"}
    identifier, name = own.get("id"), own.get("name")
    if not isinstance(identifier, str) or not SPAN.fullmatch(identifier):
        raise BadSegment("InvalidId")
    if not isinstance(name, str) or not name:
        raise BadSegment("MissingName", identifier)
    if not _is_time(own.get("start_time")):
        raise BadSegment("MissingStartTime", identifier)
    if not _is_time(own.get("end_time")) and not own.get("in_progress"):
        raise BadSegment("MissingEndTime", identifier)
    yield own, parent
    within = segment.get("subsegments") or []
    if not isinstance(within, list) or depth > NESTED:
        raise BadSegment("ParseError", identifier)
    for inner in within:
        if not isinstance(inner, dict):
            raise BadSegment("ParseError", identifier)
        yield from _flattened(inner, identifier, depth + 1)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11


def _note(traces: Traces, root: str, segment: Mapping[str, Any], parent: str) -> None:
    try:
        document = orjson.dumps(segment)
    except orjson.JSONEncodeError:  # it is nested more deeply than it can be written again
        raise BadSegment("ParseError", segment["id"]) from None
    http = segment.get("http")
    answer = http.get("response") if isinstance(http, dict) else None
    status = answer.get("status") if isinstance(answer, dict) else None
    status = status if isinstance(status, int) else 0
    error = _error(segment)
    start = float(segment["start_time"])
    # What goes on may say anything.
    end = float(segment["end_time"]) if _is_time(segment.get("end_time")) else max(start, time.time())
    record = ("segment", segment["id"], parent, segment["name"], start, end, status, error, "", (document,))
    traces.add(root, record, len(document))


def _error(segment: Mapping[str, Any]) -> str:
    """Its first exception, or what kind of failure it says that it was."""
    kind = next((name for name in ("throttle", "fault", "error") if segment.get(name)), "")
    cause = segment.get("cause")
    exceptions = cause.get("exceptions") if isinstance(cause, dict) else None
    if isinstance(exceptions, list) and exceptions and isinstance(exceptions[0], dict):
        words = (exceptions[0].get("type"), exceptions[0].get("message"))
        return ": ".join(str(word) for word in words if word) or kind
    return kind


class DaemonPort:
    """X-Ray's daemon as an execution environment sees it: a UDP port of its own, where it has an address of its own."""

    def __init__(self, traces: Traces, host: str, loop: AbstractEventLoop) -> None:
        self._traces = traces
        self._loop = loop
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind((host, DAEMON_PORT if host != "127.0.0.1" else 0))
        except OSError:
            self._socket.bind((host, 0))
        self.port: int = self._socket.getsockname()[1]
        self._complained = False
        loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        """What has come, a bounded part of it at a time: whoever floods it does not keep the edge from its work."""
        for _ in range(AT_ONCE):
            try:
                datagram = self._socket.recv(SIZE + 1024)
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("A function's X-Ray port cannot be read: %s", error)
                return
            header, _, document = datagram.partition(b"\n")
            try:
                if not header.startswith(b"{") or not document:
                    raise BadSegment("ParseError")
                take_segment(self._traces, document)
            except BadSegment as problem:
                if not self._complained:
                    self._complained = True
                    log.warning("A function sent X-Ray's daemon what is no segment: %s (told once)", problem)
