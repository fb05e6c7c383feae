"""Access logs: the stage's format, one line a request, to its CloudWatch log group.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html: JSON, CLF, XML and CSV formats are
all text with `$context` variables in it; a variable without a value is `-`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.cloudwatch.log_writer import LogStream, LogWriter

from .exchange import Exchange, context_getter
from .expressions import text_of
from .model import AccessLogSettings

log = logging.getLogger(__name__)

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)")
_GROUP_ARN = re.compile(r"arn:aws[a-z-]*:logs:(?P<region>[^:]+):(?P<account>\d+):log-group:(?P<name>[^:]+)(?::\*)?")


class AccessLogFormat:
    """A format made ready. In one that is JSON values are escaped, so that the line is JSON too."""

    def __init__(self, text: str) -> None:
        show = _shown_in_json if text.lstrip().startswith("{") else _shown
        self._pieces: list[str | Callable[[Exchange], str]] = []
        end = 0
        for variable in _VARIABLE.finditer(text):
            self._pieces.append(text[end : variable.start()])
            self._pieces.append(_variable(variable[1], show))
            end = variable.end()
        self._pieces.append(text[end:])

    def line(self, exchange: Exchange) -> str:
        return "".join(piece if isinstance(piece, str) else piece(exchange) for piece in self._pieces)


def _variable(name: str, show: Callable[[object], str]) -> str | Callable[[Exchange], str]:
    getter = context_getter(name)
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


class AccessLog:
    """Where a stage's lines go, and in which format."""

    def __init__(self, stream: LogStream, format: AccessLogFormat) -> None:
        self._stream = stream
        self._format = format

    def write(self, exchange: Exchange) -> None:
        self._stream.add(exchange.epoch_ms, self._format.line(exchange))


def access_log(settings: AccessLogSettings, api_id: str, stage: str, writer: LogWriter) -> AccessLog | None:
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
    return AccessLog(LogStream(writer, scope, group["name"], f"{api_id}/{stage}"), AccessLogFormat(settings.format))
