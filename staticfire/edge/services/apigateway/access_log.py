"""Access logs: the stage's format, one line a request, to its CloudWatch log group.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html: JSON, CLF, XML and CSV formats are
all text with `$context` variables in it; a variable without a value is `-`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from staticfire.edge.aws.calls import AwsError, Scope

from .background import Batch
from .exchange import Exchange, context_getter
from .expressions import text_of
from .model import AccessLogSettings
from .neighbours import Emulator

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
BATCH_LINES = 1000
KEPT_LINES = 20_000
TARGET = "Logs_20140328"

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)")
_GROUP_ARN = re.compile(r"arn:aws[a-z-]*:logs:(?P<region>[^:]+):(?P<account>\d+):log-group:(?P<name>[^:]+)(?::\*)?")


class AccessLogFormat:
    """A format compiled. In one that is JSON values are escaped, so that the line is JSON too."""

    def __init__(self, text: str) -> None:
        show = _shown_in_json if text.lstrip().startswith("{") else _shown
        self._pieces: list[str | Callable[[Exchange], str]] = []
        end = 0
        for found in _VARIABLE.finditer(text):
            self._pieces.append(text[end : found.start()])
            self._pieces.append(_variable(found[1], show))
            end = found.end()
        self._pieces.append(text[end:])

    def line(self, x: Exchange) -> str:
        return "".join(piece if isinstance(piece, str) else piece(x) for piece in self._pieces)


def _variable(name: str, show: Callable[[object], str]) -> str | Callable[[Exchange], str]:
    getter = context_getter(name)
    if getter is None:
        return "-"
    # messageString brings its own quotes.
    shown = _shown if name == "error.messageString" else show
    return lambda x: shown(getter(x))


def _shown(value: object) -> str:
    text = text_of(value)
    return "-" if text is None or text == "" else text


def _shown_in_json(value: object) -> str:
    return json.dumps(_shown(value), ensure_ascii=False)[1:-1]


class LogStream(NamedTuple):
    scope: Scope
    group: str
    name: str


def log_stream(settings: AccessLogSettings, api_id: str, stage: str) -> LogStream | None:
    """Where a stage's lines go; None when it is no log group."""
    found = _GROUP_ARN.fullmatch(settings.destination)
    if found is None:
        log.warning(
            "access logs of API %s, stage %s, are not written: %s is no log group (Firehose is not served here)",
            api_id,
            stage,
            settings.destination,
        )
        return None
    return LogStream(Scope(found["account"], found["region"]), found["name"], f"{api_id}/{stage}")


class AccessLogs:
    """Lines on their way to CloudWatch Logs. They never hold a request up; what cannot be kept is counted and said."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._lines: dict[LogStream, list[dict[str, object]]] = {}
        self._waiting = 0
        self._dropped = 0
        self._batch = Batch(self.flush, FLUSH_SECONDS)

    def add(self, stream: LogStream, timestamp: int, line: str) -> None:
        if self._waiting >= KEPT_LINES:
            self._dropped += 1
            return
        self._waiting += 1
        self._lines.setdefault(stream, []).append({"timestamp": timestamp, "message": line})
        self._batch.wake()

    async def flush(self) -> None:
        lines, self._lines, self._waiting = self._lines, {}, 0
        dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning("%d access log lines were dropped: CloudWatch Logs did not keep up", dropped)
        for stream, events in lines.items():
            events.sort(key=lambda event: int(str(event["timestamp"])))
            try:
                for start in range(0, len(events), BATCH_LINES):
                    await self._put(stream, events[start : start + BATCH_LINES])
            except AwsError as error:
                log.warning("%d access log lines for %s are lost: %s", len(events), stream.group, error)

    async def _put(self, stream: LogStream, events: list[dict[str, object]]) -> None:
        place = {"logGroupName": stream.group, "logStreamName": stream.name}
        try:
            await self._call(stream.scope, "PutLogEvents", {**place, "logEvents": events})
        except AwsError as error:
            if not error.code.endswith("ResourceNotFoundException"):
                raise
            await self._call(stream.scope, "CreateLogStream", place)
            await self._call(stream.scope, "PutLogEvents", {**place, "logEvents": events})

    async def _call(self, scope: Scope, operation: str, body: Mapping[str, object]) -> None:
        await self._emulator.json(scope, "logs", f"{TARGET}.{operation}", body)

    async def close(self) -> None:
        await self._batch.close()
