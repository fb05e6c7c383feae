"""Load runs in the project's state directory: their reports, two of them side by side, and the one under way."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from staticfire.errors import UsageError
from staticfire.layout import Layout
from staticfire.load.record import Tally
from staticfire.load.report.compare import compare
from staticfire.load.report.document import HTML, JSON, read
from staticfire.load.typed_json import to_json

NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,80}")
RECORD = "record.jsonl"
LISTED = 200
# A run whose record did not grow for so long has ended, or was killed.
SILENT_SECONDS = 30.0
WINDOW_SECONDS = 120
TAIL_BYTES = 4 * 1024 * 1024


class NoSuchRun(Exception):
    """There is no run of that name."""


class Loads:
    def __init__(self, layout: Layout) -> None:
        self._directory = layout.reports

    def listed(self) -> list[dict[str, Any]]:
        """The newest first."""
        directories = sorted((path for path in self._directory.glob("*") if NAME.fullmatch(path.name)), reverse=True)
        return [run for path in directories[:LISTED] if (run := self._line(path)) is not None]

    def _line(self, path: Path) -> dict[str, Any] | None:
        if (path / JSON).is_file():
            try:
                report = json.loads((path / JSON).read_text(encoding="utf-8"))
                measured = report["measured"]
                return {
                    "name": path.name,
                    "state": report["verdict"],
                    "stack": report["stack"],
                    "profile": report["profile"],
                    "started": report["started"],
                    "seconds": report["seconds"],
                    "rate": measured["rate"],
                    "p50_ms": measured["p50_ms"],
                    "p95_ms": measured["p95_ms"],
                    "p99_ms": measured["p99_ms"],
                    "requests": measured["requests"],
                    "failures": measured["failures"],
                    "has_page": (path / HTML).is_file(),
                }
            except (ValueError, KeyError, TypeError) as error:
                return {"name": path.name, "state": "cannot be read", "why": f"{path / JSON}: {error!r}"}
        record = path / RECORD
        if not record.is_file():
            return None
        under_way = time.time() - record.stat().st_mtime < SILENT_SECONDS
        return {"name": path.name, "state": "under way" if under_way else "without a report"}

    def report(self, name: str) -> dict[str, Any]:
        try:
            report: dict[str, Any] = json.loads((self._run(name) / JSON).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError) as error:
            raise NoSuchRun(f"The run {name} has no report that can be read.") from error
        return report

    def page(self, name: str) -> bytes:
        try:
            return (self._run(name) / HTML).read_bytes()
        except FileNotFoundError as error:
            raise NoSuchRun(f"The run {name} has no page.") from error

    def compared(self, before: str, after: str) -> dict[str, Any]:
        try:
            earlier, later = read(self._run(before)), read(self._run(after))
        except UsageError as error:
            raise NoSuchRun(str(error)) from error
        return {
            "before": self._line(self._run(before)),
            "after": self._line(self._run(after)),
            "comparison": to_json(compare(earlier, later, later.held)),
        }

    def progress(self, name: str) -> dict[str, Any]:
        """What a run measured in its last seconds, from the record that it writes."""
        record = self._run(name) / RECORD
        seconds: dict[int, Tally] = {}
        phase: dict[str, Any] = {}
        ended = (record.parent / JSON).is_file()
        for line in _lines(record):
            if "second" in line:
                try:
                    tally = Tally.of_line(line)
                except KeyError as error:
                    raise NoSuchRun(
                        f"The record of {name} was written by another version: {error} is missing."
                    ) from error
                seconds.setdefault(int(line["second"]), Tally()).__iadd__(tally)
            elif "phase" in line:
                phase = line
                ended = ended or line["phase"] is None
        last = deque(sorted(seconds), maxlen=WINDOW_SECONDS)
        return {
            "name": name,
            "phase": phase.get("phase"),
            "users": phase.get("users"),
            "rate": phase.get("rate"),
            "ended": ended,
            "seconds": [
                {
                    "second": second,
                    "requests": seconds[second].requests,
                    "failures": seconds[second].failures,
                    "p50_ms": seconds[second].percentile(0.5),
                    "p95_ms": seconds[second].percentile(0.95),
                }
                for second in last
            ],
        }

    def _run(self, name: str) -> Path:
        path = self._directory / name
        if not NAME.fullmatch(name) or not path.is_dir():
            raise NoSuchRun(f"There is no run {name!r} in {self._directory}.")
        return path


def _lines(record: Path) -> Iterator[dict[str, Any]]:
    """The whole lines at its end."""
    try:
        with record.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            data = file.read(TAIL_BYTES)
    except FileNotFoundError as error:
        raise NoSuchRun(f"{record.parent.name} keeps no record.") from error
    lines = data.split(b"\n")
    for line in lines[1 if size > TAIL_BYTES else 0 : -1]:
        document = json.loads(line)
        if isinstance(document, dict):
            yield document
