"""How lines of logs are printed: as they are read best on a terminal, as JSON, or as they came.

By hand and not with rich, which costs a tenth of a second to import and lays out what here is a stream of lines.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .colour import Paint
from .log_lines import Line
from .terminal import shown

COLOURS: Mapping[str, tuple[str, ...]] = {
    "TRACE": ("dim",),
    "DEBUG": ("dim",),
    "INFO": ("green",),
    "WARNING": ("yellow",),
    "ERROR": ("red",),
    "CRITICAL": ("red", "bold"),
    "FATAL": ("red", "bold"),
}
SOURCES = ("cyan", "blue", "magenta", "green")
LONGEST_VALUE = 300
# Said already: when, how bad, by whom, or told below.
SAID = frozenset(
    (
        *("timestamp", "level", "levelname", "message", "msg", "requestId", "AWSRequestId", "function_request_id"),
        *("stackTrace", "stack_trace", "exception", "traceback", "stack", "exc_info", "xray_trace_id", "cold_start"),
        *("function_arn", "function_memory_size", "function_name", "errorType", "errorMessage", "_aws"),
    )
)
_FRAME = re.compile(r'(File ")([^"]+)(", line )(\d+)|\((/[^():]+):(\d+):(\d+)\)|\bat (/[^():\s]+):(\d+)')


class UserFiles(Protocol):
    """Finds the user's own file behind a path that a function sees."""

    def user_file(self, function: str, path: str) -> Path | None: ...


class LogView(Protocol):
    def lines(self, line: Line) -> Iterator[str]: ...


class RawView:
    """The message alone."""

    def lines(self, line: Line) -> Iterator[str]:
        yield shown(line.message.rstrip("\n"))


class PlainView:
    """When, whose, and the message as it came: what is piped into something."""

    def lines(self, line: Line) -> Iterator[str]:
        moment = time.strftime("%H:%M:%S", time.localtime(line.timestamp / 1000))
        yield shown(f"{moment} {line.source}: {line.message.rstrip()}")


class JsonView:
    """A JSON object a line."""

    def lines(self, line: Line) -> Iterator[str]:
        yield json.dumps(line.as_json())


class PrettyView:
    def __init__(self, paint: Paint, files: UserFiles | None = None) -> None:
        self._paint = paint
        self._files = files
        self._colours: dict[str, str] = {}

    def lines(self, line: Line) -> Iterator[str]:
        moment = time.strftime("%H:%M:%S", time.localtime(line.timestamp / 1000))
        moment = self._paint(f"{moment}.{line.timestamp % 1000:03d}", "dim")
        source = self._paint(shown(line.source), self._colour(line.source))
        if line.platform:
            styles = ("red",) if line.failed else ("dim",)
            yield f"{moment} {source} {self._paint(shown(_platform(line)), *styles)}"
            return
        if line.document is not None:
            text, stack = self._unfolded(line.document), line.stack
        else:
            # Lambda's runtime client writes an error in one line: its line feeds are carriage returns there.
            text, *stack = line.message.rstrip().replace("\r\n", "\n").replace("\r", "\n").split("\n")
            text = shown(text)
        level = self._paint(f"{line.level:<7} ", *COLOURS[line.level]) if line.level else ""
        if line.failed and not line.level:
            text = self._paint(text, "red")
        yield f"{moment} {source} {level}{text}"
        for entry in stack:
            yield f"    {self._linked(line.source, entry)}"

    def _colour(self, source: str) -> str:
        return self._colours.setdefault(source, SOURCES[len(self._colours) % len(SOURCES)])

    def _unfolded(self, document: Mapping[str, Any]) -> str:
        """Its message, then what else it says as `name=value`."""
        message = document.get("message", document.get("msg"))
        if message is None and (kind := document.get("errorType")):
            message = f"{kind}: {document.get('errorMessage', '')}"
        parts = [shown(_text(message))] if message is not None else []
        for name, value in document.items():
            if name not in SAID and value not in (None, "", "-", [], {}):
                parts.append(f"{self._paint(f'{shown(name)}=', 'dim')}{shown(_text(value))}")
        return " ".join(parts)

    def _linked(self, function: str, entry: str) -> str:
        """A line of a traceback, with each path that is the user's own file linked to it."""
        if self._files is None:
            return shown(entry)
        pieces, end = [], 0
        for match in _FRAME.finditer(entry):
            path, number = (match[2], match[4]) if match[2] else (match[5] or match[8], match[6] or match[9])
            file = self._files.user_file(function, path)
            if file is not None:
                begin = match.start(2) if match[2] else match.start(5) if match[5] else match.start(8)
                pieces += [shown(entry[end:begin]), self._link(path, file, int(number))]
                end = begin + len(path)
        return "".join([*pieces, shown(entry[end:])])

    def _link(self, path: str, file: Path, line: int) -> str:
        place = _from_here(file)
        if self._paint.coloured:
            return self._paint.link(shown(place), f"{file.as_uri()}#L{line}")
        return shown(place)


def _from_here(file: Path) -> str:
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}\u2026"


def _platform(line: Line) -> str:
    """Lambda's own line in short: `report ID 12.5 ms, billed 13 ms, init 300 ms, 60 of 128 MB`."""
    if line.document is None:
        return " ".join(line.message.split())
    record = line.document["record"]
    kind = str(line.document["type"]).removeprefix("platform.")
    metrics = record.get("metrics") if isinstance(record.get("metrics"), dict) else {}
    figures = list(_figures(metrics))
    status = record.get("status")
    said = [str(record[name]) for name in ("requestId", "errorType") if record.get(name)]
    return " ".join(filter(None, (kind, *said, ", ".join(figures), status if status not in (None, "success") else "")))


def _figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Of a report, each with its unit; what else there is by its name."""
    left = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    for name, before in (("durationMs", ""), ("billedDurationMs", "billed "), ("initDurationMs", "init ")):
        if name in left:
            value = left.pop(name)
            yield f"{before}{round(value, 0 if value >= 100 else 2):.10g} ms"
    if "maxMemoryUsedMB" in left:
        yield f"{left.pop('maxMemoryUsedMB'):g} of {left.pop('memorySizeMB', 0):g} MB"
    for name, value in left.items():
        yield f"{_words(name)} {value:g}"


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def chosen_view(how: str, paint: Paint, files: Callable[[], UserFiles | None]) -> LogView:
    """`how`: pretty, json, raw, or empty: pretty on a terminal, plain elsewhere."""
    if how == "json":
        return JsonView()
    if how == "raw":
        return RawView()
    if how == "pretty" or paint.terminal:
        return PrettyView(paint, files())
    return PlainView()


def printed(view: LogView, lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        yield from view.lines(line)
