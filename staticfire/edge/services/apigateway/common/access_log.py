"""Access logs: the stage's format, one line a request, to its CloudWatch log group.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html: JSON, CLF, XML and CSV formats are
all text with `$context` variables in it; a variable without a value is `-`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Generic, TypeVar

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.cloudwatch.log_writer import LogStream, LogWriter

from .settings import AccessLogSettings
from .texts import text_of

log = logging.getLogger(__name__)

T = TypeVar("T")
# How to look a variable of `$context` up in a request of some kind; None when there is no such variable.
ContextGetter = Callable[[str], Callable[[T], object] | None]

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)")
_GROUP_ARN = re.compile(r"arn:aws[a-z-]*:logs:(?P<region>[^:]+):(?P<account>\d+):log-group:(?P<name>[^:]+)(?::\*)?")


class AccessLogFormat(Generic[T]):
    """A format made ready. In one that is JSON values are escaped, so that the line is JSON too."""

    def __init__(self, text: str, context: ContextGetter[T]) -> None:
        show = _shown_in_json if text.lstrip().startswith("{") else _shown
        self._pieces: list[str | Callable[[T], str]] = []
        end = 0
        for variable in _VARIABLE.finditer(text):
            self._pieces.append(text[end : variable.start()])
            self._pieces.append(_variable(variable[1], show, context))
            end = variable.end()
        self._pieces.append(text[end:])

    def line(self, exchange: T) -> str:
        return "".join(piece if isinstance(piece, str) else piece(exchange) for piece in self._pieces)


def _variable(name: str, show: Callable[[object], str], context: ContextGetter[T]) -> str | Callable[[T], str]:
    getter = context(name)
    if getter is None:
        return "-"
    # messageString brings its own quotes.
    shown = _shown if name == "error.messageString" else show
    return lambda exchange: shown(getter(exchange))


def _shown(value: object) -> str:
    text = text_of(value)
    return "-" if text is None or text == "" else text


def _shown_in_json(value: object) -> str:
    return json.dumps(_shown(value), ensure_ascii=False)[1:-1]


class AccessLog(Generic[T]):
    """Where a stage's lines go, and in which format."""

    def __init__(self, stream: LogStream, format: AccessLogFormat[T]) -> None:
        self._stream = stream
        self._format = format

    def write(self, exchange: T, epoch_ms: int) -> None:
        self._stream.add(epoch_ms, self._format.line(exchange))


def access_log(
    settings: AccessLogSettings, api_id: str, stage: str, writer: LogWriter, context: ContextGetter[T]
) -> AccessLog[T] | None:
    """None when it is not a log group."""
    group = _GROUP_ARN.fullmatch(settings.destination)
    if group is None:
        log.warning(
            "access logs of API %s, stage %s, are not written: %s is not a log group (Firehose is not served here)",
            api_id,
            stage,
            settings.destination,
        )
        return None
    scope = Scope(group["account"], group["region"])
    return AccessLog(
        LogStream(writer, scope, group["name"], f"{api_id}/{stage}"), AccessLogFormat(settings.format, context)
    )
