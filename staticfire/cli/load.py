"""`staticfire load STACK`: load the running stack by a profile, look up what became of every write, and report.

    staticfire load shop                                   steps until the knee, then integrity, layers, report
    staticfire load shop --profile steady --rate 100 --duration 5m
    staticfire load shop --compare .staticfire/reports/2026-11-21T10-00-00/report.json

It fails (exit code 1) when a threshold does not hold, a write was lost or doubled, or the generator lost a process.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from staticfire.errors import PrerequisiteError, UsageError
from staticfire.host.leave import INTERRUPTED
from staticfire.host.locks import command_lock
from staticfire.host.timespan import parse_seconds
from staticfire.layout import Layout
from staticfire.load.profiles import PROFILES, LoadOptions
from staticfire.load.thresholds import LoadLimits
from staticfire.progress import progress
from staticfire.settings import Settings
from staticfire.stacks.stack import Stack
from staticfire.targets.base import require_well

if TYPE_CHECKING:
    from staticfire.load.figures import Figures
    from staticfire.load.report.document import Report

EXTRA = {"locust": "Locust", "jinja2": "Jinja2"}
FAILED = 1
BOOKS = ("acknowledged", "lost", "doubled", "unacknowledged_stored", "drifted_users")


Number = TypeVar("Number", int, float)


def _number(kind: Callable[[str], Number], low: float, high: float, what: str) -> Callable[[str], Number]:
    """What argparse takes for a `type`: a number within bounds, or an error that says what it must be."""

    def convert(text: str) -> Number:
        try:
            number = kind(text)
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return number

    return convert


def _seconds(text: str) -> int:
    """Locust takes whole ones."""
    seconds = parse_seconds(text)
    if not seconds.is_integer() or not 1 <= seconds <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of seconds from 1 on: write 90s, 10m or 1h")
    return int(seconds)


MOST = 1_000_000
_count = _number(int, 1, MOST, "a whole number from 1 on")
_rounds = _number(int, 0, MOST, "a whole number from 0 on")
_positive = _number(float, 0.01, 1e15, "a number of 0.01 or more")
_share = _number(float, 0, 1, "a share from 0 to 1")


def configure(parser: argparse.ArgumentParser) -> None:
    """Give `staticfire load` its options."""
    parser.set_defaults(command=_load)
    parser.add_argument("stack", nargs="?", help="default: the only one with a Locust file")
    profiles = "; ".join(f"{profile.name} {profile.what}" for profile in PROFILES.values())
    parser.add_argument("--profile", choices=PROFILES, default="ramp", help=f"{profiles} (default: ramp)")
    parser.add_argument("--duration", type=_seconds, metavar="TIME", help="of all phases: 30s, 10m, 1h")
    parser.add_argument(
        "--rate", type=_positive, metavar="RPS", help="the profile's highest rate, in requests a second"
    )
    parser.add_argument(
        "--users", type=_count, metavar="N", help="how many hold that rate (default: five a second each)"
    )
    parser.add_argument("--workers", type=_count, default=1, metavar="N", help="processes that send (default: 1)")
    parser.add_argument(
        "--warm-up", type=_seconds, default=5, metavar="TIME", help="before, reported apart (default: 5s)"
    )
    parser.add_argument(
        "--layers", type=_rounds, default=3, metavar="ROUNDS", help="0: leave the layers out (default: 3)"
    )
    limits = LoadLimits()
    parser.add_argument(
        "--max-p95", type=_positive, default=limits.p95_ms, metavar="MS", help="must be kept (default: %(default)s)"
    )
    parser.add_argument(
        "--max-errors", type=_share, default=limits.errors, metavar="SHARE", help="must be kept (default: %(default)s)"
    )
    parser.add_argument(
        "--min-rate", type=_positive, metavar="RPS", help="must be kept (default: 0.9 of the profile's)"
    )
    parser.add_argument(
        "--compare", type=Path, metavar="REPORT", help="report.json of an earlier run, to be set beside it"
    )
    parser.add_argument(
        "--traffic", type=_positive, metavar="N", help="requests a month, to be costed besides 1 M to 1,000 M"
    )
    parser.add_argument("--json", action="store_true", help="print the report as one object instead of text")


def _load(settings: Settings, arguments: argparse.Namespace) -> int:
    missing = [name for module, name in EXTRA.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise PrerequisiteError(
            f"Not installed: {', '.join(missing)}.",
            remedy="Install what load runs need: `pip install 'staticfire[load]'`.",
        )
    from staticfire.load.report.document import read
    from staticfire.load.run import load_settings, plan_of, run
    from staticfire.load.typed_json import to_json

    name = arguments.stack or _only(settings)
    load_settings(settings.stack(name))  # what is wrong with it is said before what does not run
    stack = Stack(settings, name, require_well(settings))
    options = LoadOptions(arguments.rate, arguments.users, arguments.duration, arguments.warm_up)
    limits = LoadLimits(arguments.max_p95, arguments.max_errors, arguments.min_rate)
    plan = plan_of(stack, arguments.profile, options, limits, arguments.workers)
    earlier = read(arguments.compare) if arguments.compare else None
    with command_lock(Layout.of(settings), "load"), progress(verbose=arguments.verbose) as display:
        report, page = run(
            stack, plan, display, layer_rounds=arguments.layers, traffic=arguments.traffic, earlier=earlier
        )
    if arguments.json:
        print(json.dumps(to_json(report), indent=2))
    else:
        _print(report, page)
    for failure in report.failures:
        print(f"staticfire: FAILED: {failure}", file=sys.stderr)
    return INTERRUPTED if report.interrupted else FAILED if report.failures else 0


def _only(settings: Settings) -> str:
    named = [name for name, stack in settings.stacks.items() if stack.load is not None]
    if len(named) == 1:
        return named[0]
    raise UsageError(
        "It is not clear which stack to load.",
        checked=[f"stacks with a Locust file: {', '.join(named) or 'none'}"],
        remedy="Name one: `staticfire load STACK`.",
    )


def _print(report: Report, page: Path) -> None:
    print(_line("warm-up", report.warm_up))
    print(_line("measured", report.measured))
    for route in report.measured.routes:
        print(f"  {route.name:<28} {route.rate:>8.1f} a second, p95 {_ms(route.p95_ms)}")
    for step in report.steps:
        print(f"  {step.name:<8} asked for {step.target_rate:.0f}: {step.rate:.1f}, p95 {_ms(step.p95_ms)}")
    if report.integrity is not None:
        counts = (f"{getattr(report.integrity, name)} {name.replace('_', ' ')}" for name in BOOKS)
        print(f"integrity {', '.join(counts)}")
    for layer in report.layers:
        print(f"layer     p50 {_ms(layer.p50_ms)} ({layer.adds_ms:+.3g}): {layer.what}")
    for warning in report.warnings:
        print(f"warning   {warning}")
    print(f"carried   {report.summary.rate:.1f} a second. {report.summary.basis}")
    print(f"report    {page}")


def _line(name: str, figures: Figures) -> str:
    times = f"p50 {_ms(figures.p50_ms)}, p95 {_ms(figures.p95_ms)}, p99 {_ms(figures.p99_ms)}"
    rate = f"{figures.rate:.1f} a second, {figures.failures} failed"
    return f"{name:<9} {figures.requests} requests in {figures.seconds} s, {rate}, {times}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} ms"
