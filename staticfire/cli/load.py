"""`staticfire load STACK`: load the running stack by a profile, look up what became of every write, and report.

    staticfire load shop                                   steps until the knee, then integrity, breakdown, report
    staticfire load shop --profile steady --rate 100 --duration 5m
    staticfire load shop --compare .staticfire/reports/2026-11-21T10-00-00 --fail-on-worse
    staticfire load shop --check .staticfire/reports/2026-11-21T10-00-00      look up now what could not be then

It fails (exit code 1) when a threshold does not hold, a write was lost or doubled, the generator lost a process, or the
run is worse than an earlier one and `--fail-on-worse` is given. Where that cannot be told, the exit code is 8: the edge
was killed in the middle of the run, say, so that nobody could look up the writes. The report is written all the same.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from staticfire.errors import PrerequisiteError, UsageError
from staticfire.host.leave import INTERRUPTED
from staticfire.host.locks import command_lock
from staticfire.layout import Layout
from staticfire.load.profiles import CLOSED, OPEN, PROFILES, LoadOptions
from staticfire.load.thresholds import LoadLimits
from staticfire.progress import progress
from staticfire.settings import Settings
from staticfire.stacks.stack import Stack
from staticfire.targets.base import require_well
from staticfire.timespan import parse_timespan

if TYPE_CHECKING:
    from staticfire.load.figures import Figures
    from staticfire.load.locust_processes import Plan
    from staticfire.load.report.document import Comparison, Report

EXTRA = {"locust": "Locust", "jinja2": "Jinja2", "hdrh": "hdrhistogram", "psutil": "psutil"}
EXIT_CODES = {"passed": 0, "failed": 1, "interrupted": INTERRUPTED, "cannot be told": 8}


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
    seconds = parse_timespan(text)
    if not seconds.is_integer() or not 1 <= seconds <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of seconds from 1 on: write 90s, 10m or 1h")
    return int(seconds)


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as 192.0.2.10:5557")
    return text


def _gone(text: str) -> int:
    raise argparse.ArgumentTypeError(f"the flag is --breakdown {text} now, as layers are Lambda's")


def _milliseconds(text: str) -> float:
    milliseconds = parse_timespan(text) * 1000
    if not milliseconds:
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all: write 200ms or 1.5s")
    return milliseconds


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
        "--users",
        type=_count,
        metavar="N",
        help="open: the most requests in flight (default: a second's); closed: how many share the rate (five each)",
    )
    parser.add_argument("--workers", type=_count, default=1, metavar="N", help="processes that send (default: 1)")
    parser.add_argument(
        "--listen",
        type=_address,
        metavar="HOST:PORT",
        help="have --workers N on other machines join here, instead of processes of this one (docs/load.md)",
    )
    parser.add_argument(
        "--warm-up", type=_seconds, default=5, metavar="TIME", help="before, reported apart (default: 5s)"
    )
    parser.add_argument(
        "--breakdown",
        type=_rounds,
        default=3,
        metavar="ROUNDS",
        help="0: do not break a request's time down (default: 3)",
    )
    parser.add_argument("--layers", type=_gone, help=argparse.SUPPRESS)
    parser.add_argument(
        "--model",
        choices=(OPEN, CLOSED),
        default=OPEN,
        help="open: requests are sent when due, answered or not; closed: users wait for their answers (default: open)",
    )
    limits = LoadLimits()
    parser.add_argument(
        "--max-p95", type=_milliseconds, metavar="TIME", help="must be kept (default: five times the unloaded p95)"
    )
    parser.add_argument(
        "--max-errors", type=_share, default=limits.errors, metavar="SHARE", help="must be kept (default: %(default)s)"
    )
    parser.add_argument(
        "--min-rate", type=_positive, metavar="RPS", help="must be kept (default: 0.9 of the profile's)"
    )
    parser.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="EXPRESSION",
        help="must hold, as 'p(95)<200', 'error_rate<0.01', 'p(99){POST /usage}<1s', 'integrity==0'; repeatable",
    )
    parser.add_argument(
        "--compare", type=Path, metavar="REPORT", help="directory or report.json of an earlier run, to be set beside it"
    )
    parser.add_argument(
        "--fail-on-worse", action="store_true", help="exit with 1 when it is worse than --compare's, 8 when not told"
    )
    parser.add_argument(
        "--check",
        type=Path,
        metavar="REPORT",
        help="load nothing: look up the writes of that run, whose report says that they could not be",
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
    from staticfire.load.expressions import ThresholdExpression
    from staticfire.load.report.document import read
    from staticfire.load.run import load_settings, look_up, plan_of, run

    if arguments.fail_on_worse and not arguments.compare:
        raise UsageError(
            "--fail-on-worse needs an earlier run.", remedy="Name the directory of its report: --compare REPORT."
        )
    name = arguments.stack or _only(settings)
    described = load_settings(settings.stack(name))  # what is wrong with it is said before what does not run
    expressions = [ThresholdExpression.parse(text) for text in (*described.thresholds, *arguments.threshold)]
    earlier = read(arguments.compare) if arguments.compare else None
    stack = Stack(settings, name, require_well(settings))
    with command_lock(Layout.of(settings), "load"), progress(verbose=arguments.verbose) as display:
        if arguments.check:
            directory = arguments.check if arguments.check.is_dir() else arguments.check.parent
            report, page = look_up(stack, directory, display)
            _show(arguments, report, page)
            return 0 if report.integrity and report.integrity.holds else EXIT_CODES["failed"]
        options = LoadOptions(arguments.rate, arguments.users, arguments.duration, arguments.warm_up, arguments.model)
        limits = LoadLimits(arguments.max_p95, arguments.max_errors, arguments.min_rate)
        plan = plan_of(stack, arguments.profile, options, limits, arguments.workers, arguments.listen or "")
        if earlier is not None:
            _foresee(earlier, stack, plan, gate=arguments.fail_on_worse)
        report, page = run(
            stack,
            plan,
            display,
            breakdown_rounds=arguments.breakdown,
            traffic=arguments.traffic,
            earlier=earlier,
            fail_on_worse=arguments.fail_on_worse,
            expressions=expressions,
            command=shlex.join(["staticfire", *sys.argv[1:]]),
        )
    _show(arguments, report, page)
    return EXIT_CODES[report.verdict]


def _foresee(earlier: Report, stack: Stack, plan: Plan, *, gate: bool) -> None:
    """Say before the run that there will be no verdict beside the earlier one; a gate that cannot tell is refused."""
    from staticfire.load.machine import Machine
    from staticfire.load.report.compare import Question, foreseen

    question = Question(stack.name, plan.profile, stack.settings.target, plan.options, Machine.this())
    reason = foreseen(earlier, question)
    if reason and gate:
        raise UsageError(
            f"This run can have no verdict beside the earlier one: {reason}.",
            remedy="Run both alike and long enough, or leave out --fail-on-worse.",
        )
    if reason:
        print(f"staticfire: the comparison will have no verdict: {reason}.", file=sys.stderr)


def _show(arguments: argparse.Namespace, report: Report, page: Path) -> None:
    from staticfire.load.typed_json import to_json

    if arguments.json:
        print(json.dumps(to_json(report), indent=2))
    else:
        _print(report, page)
    for failure in report.failures:
        print(f"staticfire: FAILED: {failure}", file=sys.stderr)
    for reason in report.unknown:
        print(f"staticfire: CANNOT BE TOLD: {reason}", file=sys.stderr)


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
    if report.unloaded is not None:
        print(_line("unloaded", report.unloaded))
    print(_line("measured", report.measured))
    if report.measured.unsent:
        print(f"unsent    {report.measured.unsent} were due and were never sent")
    for route in report.measured.routes:
        print(f"  {route.name:<28} {route.rate:>8.1f} a second, p95 {_ms(route.p95_ms)}")
    for step in report.steps:
        print(f"  {step.name:<8} asked for {step.target_rate:.0f}: {step.rate:.1f}, p95 {_ms(step.p95_ms)}")
    if report.integrity is not None:
        print(f"integrity {report.integrity}")
    for variant in report.breakdown:
        print(f"breakdown p50 {_ms(variant.p50_ms)} ({variant.adds_ms:+.3g}): {variant.what}")
    for fault in report.faults:
        print(f"fault     {fault}")
    for warning in report.warnings:
        print(f"warning   {warning}")
    if report.comparison is not None:
        _print_comparison(report.comparison)
    if report.knee is not None:
        print(f"knee      {'-' if report.knee.rate is None else f'{report.knee.rate:.0f} a second'}. {report.knee.why}")
    print(f"carried   {report.summary.rate:.1f} a second. {report.summary.basis}")
    print(f"verdict   {report.verdict}")
    print(f"report    {page}")


def _print_comparison(comparison: Comparison) -> None:
    earlier = comparison.earlier
    print(f"compared  with {earlier.profile} of {earlier.started}, revision {earlier.revision or 'unknown'}")
    for difference in comparison.differences:
        print(f"  differs {difference}")
    print(f"  {'':<16} {'before':>10} {'now':>10} {'change':>9}  verdict")
    for measure in comparison.measures:
        before, now = ("-" if value is None else f"{value:.4g}" for value in (measure.before, measure.after))
        change = "-" if measure.change is None else f"{measure.change:+.1%}"
        print(f"  {measure.name:<16} {before:>10} {now:>10} {change:>9}  {measure.verdict}")


def _line(name: str, figures: Figures) -> str:
    if figures.p50_ms is None:  # of several loads there are no percentiles
        return f"{name:<9} {figures.requests} requests in {figures.seconds} s, {figures.failures} failed"
    times = f"p50 {_ms(figures.p50_ms)}, p95 {_ms(figures.p95_ms)}, p99 {_ms(figures.p99_ms)}"
    rate = f"{figures.rate:.1f} a second, {figures.failures} failed"
    return f"{name:<9} {figures.requests} requests in {figures.seconds} s, {rate}, {times}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} ms"
