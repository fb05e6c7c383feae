"""A run's latencies as HdrHistogram's own tools read them: `.hgrm` a phase, and logs with all of them.

histograms/step-3.hgrm          percentiles from when requests were due, in milliseconds: to be plotted
histograms/step-3.service.hgrm  the same from when they were sent
histograms/latency.hlog         an interval a phase from when they were due, in microseconds: to be merged or split
histograms/service.hlog         the same from when they were sent
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from .record import Phase, Record

MICROSECONDS = 1000
LONGEST_MICROSECONDS = 3_600_000_000
DIGITS = 3


def histograms(directory: Path, record: Record) -> None:
    """Write those of each phase that counts, and of the unloaded one."""
    directory.mkdir(exist_ok=True)
    phases = [phase for phase in record.phases if phase not in record.warm_up]
    _write(directory, "latency.hlog", ".hgrm", {phase: record.total([phase]).from_due for phase in phases})
    _write(directory, "service.hlog", ".service.hgrm", {phase: record.total([phase]).times for phase in phases})


def _write(directory: Path, name: str, suffix: str, times: Mapping[Phase, Counter[float]]) -> None:
    with (directory / name).open("w", encoding="utf-8") as file:
        log = HistogramLogWriter(file)
        log.output_log_format_version()
        log.output_legend()
        for phase, of_phase in times.items():
            histogram = histogram_of(of_phase)
            log.output_interval_histogram(histogram, start_time_stamp_sec=phase.begun, end_time_stamp_sec=phase.ended)
            with (directory / f"{_file_name(phase)}{suffix}").open("wb") as distribution:
                histogram.output_percentile_distribution(distribution, MICROSECONDS)


def histogram_of(times: Counter[float]) -> HdrHistogram:
    histogram = HdrHistogram(1, LONGEST_MICROSECONDS, DIGITS)
    for milliseconds, count in times.items():
        histogram.record_value(min(max(round(milliseconds * MICROSECONDS), 1), LONGEST_MICROSECONDS), count)
    return histogram


def merged(parts: Iterable[HdrHistogram]) -> HdrHistogram:
    """One of all: of several processes, machines or runs."""
    whole = HdrHistogram(1, LONGEST_MICROSECONDS, DIGITS)
    for part in parts:
        whole.add(part)
    return whole


def _file_name(phase: Phase) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", phase.name)
