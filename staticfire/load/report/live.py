"""live.html: the plots of a run that goes on, made anew every few seconds until its report takes their place."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup, escape

from staticfire.host.files import write_atomically
from staticfire.load.figures import Second, latest, second_of
from staticfire.load.record import Record
from staticfire.load.samples import Sample

from .document import HTML
from .page import style_sheet, time_plots

LIVE = "live.html"
EACH_SECONDS = 3.0
# Newer ones only: what is drawn again and again must not grow with the run.
SHOWN = 600


class LivePage:
    """Gathers the seconds of a run as they become whole. Each look costs what is new."""

    def __init__(self, directory: Path, title: str, limit: float | None) -> None:
        self.file = directory / LIVE
        self._title = title
        self._limit = limit
        self._seconds: dict[int, Second] = {}
        self._written = 0.0

    def look(self, record: Record, samples: Mapping[int, Sample]) -> None:
        """`record` has the phases so far and the last seconds."""
        newest = max(record.seconds, default=0)
        for phase in record.phases:
            for second in record.seconds:
                if second in phase.seconds and second < newest:
                    self._seconds[second] = second_of(record, phase, second, samples)
        if time.monotonic() - self._written >= EACH_SECONDS:
            self._written = time.monotonic()
            self._write(latest(record), f'<meta http-equiv="refresh" content="{EACH_SECONDS:.0f}">')

    def end(self) -> None:
        """Lead whoever still looks to the report."""
        refresh = f'<meta http-equiv="refresh" content="5; url={HTML}">'
        self._write("The run is over; its report is being made.", refresh)

    def _write(self, said: str, refresh: str) -> None:
        series = [self._seconds[second] for second in sorted(self._seconds)[-SHOWN:]]
        plots = Markup().join(
            Markup("<div class='card'>{}</div>").format(plot) for plot in time_plots(series, self._limit)
        )
        style, style_hash = style_sheet()
        policy = f"default-src 'none'; style-src 'sha256-{style_hash}'"
        page = (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{refresh}'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            f"<title>{escape(self._title)}, live</title><style>{style}</style></head><body><main>"
            f"<header><h1>{escape(self._title)}</h1><span class='chip warn'>running</span></header>"
            f"<p>{escape(said)}</p><div class='plots'>{plots}</div></main></body></html>\n"
        )
        write_atomically(self.file, page.encode())
