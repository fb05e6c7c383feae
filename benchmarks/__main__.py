"""`make bench`: run every measure, interleaved in one run, and print the table.

    python -m benchmarks [--only NAME ...] [--rounds N] [--duration TIME] [--check] [--list]

A round takes every probe once, one after the other. The first one warms up and does not count: cold starts have rows of
their own. A probe's figure is the median of its rounds, and a row is the ratio of two figures. A whole run also writes
benchmarks/results/latest.json and the generated part of docs/performance.md; a run of `--only` some rows prints and
writes nothing. The exit code is 0 unless `--check` is given and a bar does not hold (1).
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from staticfire.errors import StaticfireError
from staticfire.progress import Progress
from staticfire.timespan import parse_timespan

from . import machine, report
from .bench import Bench
from .probes import PROBES, ROWS, Row
from .processes import MeasureError


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    rows = _chosen(options.only)
    if options.list:
        print("\n".join(f"{row.name:16} {row.title} against {row.against}" for row in ROWS))
        return 0
    signal.signal(signal.SIGTERM, _end)
    progress = Progress()
    try:
        samples = _measure(rows, options.rounds, options.duration, progress)
    except StaticfireError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted: nothing was written, and what was started has ended.", file=sys.stderr)
        return 130
    lines = [report.Line.of(row, samples) for row in rows]
    shape = f"{options.rounds} rounds of {options.duration:g} s a probe after one that warms up, medians."
    print(report.table(lines))
    if len(rows) == len(ROWS):
        report.write(lines, samples, machine.facts(), shape)
        print(f"Written: {report.RESULTS} and {report.DOCUMENT}")
    return 1 if options.check and not all(line.holds for line in lines) else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Staticfire against its bars.")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these rows only (see --list)")
    parser.add_argument("--rounds", type=int, default=4, help="how often each probe runs (default: %(default)s)")
    duration = "how long a probe loads (default: %(default)s)"
    parser.add_argument("--duration", type=parse_timespan, default="2.5s", metavar="TIME", help=duration)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar does not hold")
    parser.add_argument("--list", action="store_true", help="name the rows")
    return parser.parse_args(arguments)


def _chosen(names: Sequence[str] | None) -> Sequence[Row]:
    rows = [row.name for row in ROWS]
    if unknown := sorted(set(names or ()) - set(rows)):
        raise SystemExit(f"There is no row {', '.join(unknown)}. Rows: {', '.join(rows)}.")
    return [row for row in ROWS if not names or row.name in names]


def _measure(rows: Sequence[Row], rounds: int, seconds: float, progress: Progress) -> report.Samples:
    names = {name for row in rows for name in (row.ours, row.other)}
    probes = {name: probe for name, probe in PROBES.items() if name in names}
    samples = report.Samples({name: [] for name in probes})
    with contextlib.ExitStack() as ends:
        bench = Bench(ends, progress)
        for number in range(rounds + 1):
            for name, probe in probes.items():
                if name in samples.failures or (probe.once and number):
                    continue
                where = f"round {number}/{rounds}" if number else "warm-up"
                try:
                    value = probe.sample(bench, seconds)
                except MeasureError as error:
                    samples.failures[name] = str(error)
                    progress.line(f"{where}  {name}: no measurement: {error}")
                else:
                    if number or probe.once:
                        samples.values[name].append(value)
                    progress.line(f"{where}  {name}: {value:,.4g} {probe.unit}")
    return samples


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the run as Ctrl-C does: through the ends of everything that was started."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
