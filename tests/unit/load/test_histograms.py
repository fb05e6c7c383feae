"""HdrHistogram's files of a run: what is in them is what was measured, and they add up."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from staticfire.load.histograms import DIGITS, LONGEST_MICROSECONDS, histogram_of, histograms, merged
from staticfire.load.record import Record, Tally


def test_a_histogram_has_the_percentiles_of_the_tally() -> None:
    tally = Tally()
    for milliseconds in range(1, 10_001):
        tally.add(milliseconds / 10)
    histogram = histogram_of(tally.times)
    for share in (0.5, 0.95, 0.99, 0.999, 0.9999):
        assert histogram.get_value_at_percentile(share * 100) / 1000 == pytest.approx(tally.percentile(share), rel=0.01)


def test_parts_that_are_merged_are_the_whole() -> None:
    first, second = Counter({1.0: 90, 50.0: 10}), Counter({2.0: 99, 4000.0: 1})
    whole, both = histogram_of(first + second), merged([histogram_of(first), histogram_of(second)])
    assert both.get_total_count() == whole.get_total_count() == 200
    assert [both.get_value_at_percentile(share) for share in (50, 90, 99, 100)] == [
        whole.get_value_at_percentile(share) for share in (50, 90, 99, 100)
    ]


def test_each_phase_has_its_file_and_its_interval(tmp_path: Path) -> None:
    quick, slow = Tally(), Tally()
    for _ in range(100):
        quick.add(2, late=1)
        slow.add(20, late=2000)
    record = Record(
        [
            {"phase": "warm-up", "at": 0.5, "users": 1, "rate": 1.0},
            {"phase": "step 1", "at": 9.5, "users": 1, "rate": 1.0},
            {"second": 10, "name": "GET /", **quick.line()},
            {"phase": "step 2", "at": 19.5, "users": 1, "rate": 2.0},
            {"second": 20, "name": "GET /", **slow.line()},
            {"phase": None, "at": 29.5, "cut": False},
        ]
    )
    histograms(tmp_path / "histograms", record)

    names = sorted(path.name for path in (tmp_path / "histograms").iterdir())
    assert names == [
        *("latency.hlog", "service.hlog", "step-1.hgrm", "step-1.service.hgrm", "step-2.hgrm", "step-2.service.hgrm"),
    ]
    reader = HistogramLogReader(
        str(tmp_path / "histograms/latency.hlog"), HdrHistogram(1, LONGEST_MICROSECONDS, DIGITS)
    )
    due = [reader.get_next_interval_histogram() for _ in range(2)]
    assert [round(histogram.get_value_at_percentile(50) / 1000) for histogram in due] == [3, 2020]
    assert "2.000" in (tmp_path / "histograms/step-1.service.hgrm").read_text()
