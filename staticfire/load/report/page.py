"""report.html: one page that holds all it shows, from report.html.j2; and report.json beside it.

Nothing on it comes from elsewhere: its content security policy allows its own style sheet and its own script, known by
their hashes, and nothing else. Names in a report come from routes and users: Jinja2 and plots.py escape all text.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from staticfire.host.files import write_atomically, write_json
from staticfire.load.figures import Second
from staticfire.load.on_aws.capacity import SLOWER, Need
from staticfire.load.processors import EDGE, EMULATOR, FUNCTIONS, GENERATOR, MACHINE, POSTGRES
from staticfire.load.record import UNLOADED, WARM_UP
from staticfire.load.typed_json import to_json

from .analysis import Interval
from .compare import BETTER, SAME, WORSE
from .document import FAILED, HTML, JSON, PASSED, Comparison, Measure, Report
from .plots import Dot, PlotLine, TimePlot, distribution_plot, figure, interval_bar, stacked_bar, step_plot
from .summaries import write_summaries

COUNTS = {
    "lost": "acknowledged, but not stored",
    "doubled": "stored more than once",
    "unexplained": "stored since the run began where it wrote, and no write of it explains them",
    "drifted_users": "users whose aggregate is not the sum of their events",
    "drifted_totals": "totals of everybody that are not the sum of all events",
    "unacknowledged_stored": "stored, though no answer came: not a failure, as their sender asks again",
    "earlier_drift": "sums that had drifted before the run began: not this run's",
}
LINES = ("rate", "p50", "p99", "service", "gold", "errors")
PARTS = (MACHINE, EDGE, EMULATOR, POSTGRES, FUNCTIONS, GENERATOR)
TONES = {PASSED: "good", FAILED: "bad"}


def write(directory: Path, report: Report) -> Path:
    """Write all files of a report; the page's path."""
    write_json(directory / JSON, to_json(report))
    write_atomically(directory / HTML, page(report).encode())
    write_summaries(directory, report)
    return directory / HTML


def page(report: Report) -> str:
    (style, style_hash), script = style_sheet(), _own("report.js")
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            report=report,
            style=Markup(style),
            style_hash=style_hash,
            script=Markup(script),
            script_hash=_hash(script),
            prices_age=prices_age(report.aws.prices_as_of, report.started) if report.aws else "",
            distribution=_distribution(report),
            counts=COUNTS,
            tones=TONES,
            judgements=(SAME, BETTER, WORSE),
            facts=to_json(report.machine) | dict(report.versions),
            factors=[str(factor) for factor in SLOWER],
            factor_headings=[f"requests/s if {_longer(factor)}" for factor in SLOWER],
            bill_lines=_bill_lines(report),
            time_plots=list(time_plots(report.series, report.limits.p95_ms)),
            step_plot=_step_plot(report),
            breakdown_bar=stacked_bar(
                "What each variant adds to the median (ms)",
                [(variant.name, variant.adds_ms) for variant in report.breakdown],
                "ms",
            ),
        )
    )


def style_sheet() -> tuple[str, str]:
    """What pages look like, and the hash by which their policies know it."""
    style = _own("report.css")
    return style, _hash(style)


def _own(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def prices_age(as_of: str, started: str) -> str:
    """How old the table of prices was when the run began."""
    try:
        days = (date.fromisoformat(started[:10]) - date.fromisoformat(as_of)).days
    except ValueError:  # a project's own table says something else
        return "of an age that is not known"
    return f"{days} days old" if days < 60 else f"{days // 30} months old"


def _distribution(report: Report) -> Markup | None:
    points = report.distribution
    if not points:
        return None
    return distribution_plot(
        "Latency by percentile (ms)",
        [
            ("from when it was due", "p95", [(point.share, point.ms) for point in points]),
            ("from when it was sent", "p50", [(point.share, point.service_ms) for point in points]),
        ],
    )


@cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("staticfire.load", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "figure": figure,
        "number": lambda value: "-" if value is None else figure(value),
        "ms": lambda value: "-" if value is None else f"{figure(value)} ms",
        "whole": lambda value: f"{value:,}",
        "dollars": _dollars,
        "count": lambda value: f"{value / 1e6:,.4g} M" if value >= 1e6 else f"{value:,.0f}",
        "longer": _longer,
        "busy": lambda need: f"{_busy(need):,}",
        "execution_environments": _execution_environments,
        "interval": _interval,
    }
    return templates


def _dollars(value: float | None) -> str:
    if value is None:
        return "no price"
    return f"${value:,.0f}" if value >= 100 else f"${value:,.2f}"


def _longer(factor: int) -> str:
    return "as long as here" if factor == 1 else f"{factor} times as long"


def _busy(need: Need) -> int:
    return max(1, round(need.environments))


def _execution_environments(need: Need) -> str:
    return f"{_busy(need):,} execution environment{'s' if _busy(need) > 1 else ''}"


def _bill_lines(report: Report) -> list[tuple[str, list[float | None]]]:
    """Each line of the bill with its price in every month."""
    lines: dict[str, list[float | None]] = {}
    for month in report.aws.costs if report.aws else ():
        for item in month.items:
            lines.setdefault(f"{item.service}: {item.what}", []).append(item.monthly)
    return list(lines.items())


def _interval(measure: Measure, comparison: Comparison) -> Markup:
    """The bar of a change with its noise, on the scale of all of them."""
    if measure.low is None or measure.high is None or measure.change is None:
        return Markup()
    ends = [abs(end) for other in comparison.measures for end in (other.low, other.high) if end is not None]
    return interval_bar(measure.low, measure.change, measure.high, min(max(*ends, 0.05), 1.0))


def time_plots(series: Sequence[Second], limit: float | None) -> Iterator[Markup]:
    """What happened second by second. `limit`: of the 95th percentile."""
    begun = series[0].at if series else 0
    seconds = [second.at - begun for second in series]
    marks = [
        (seconds[number], second.phase.removeprefix("step "))
        for number, second in enumerate(series)
        if number == 0 or second.phase != series[number - 1].phase
    ]
    aside = next(
        (seconds[number] for number, second in enumerate(series) if second.phase not in (WARM_UP, UNLOADED)), 0
    )

    def plot(title: str, unit: str, *lines: PlotLine, times: bool = False, limit: float | None = None) -> Markup:
        return TimePlot(title, unit, seconds, lines, times, limit, marks, aside).draw()

    answered = PlotLine("answered", [second.rate for second in series], "rate", _mean)
    target = PlotLine("asked for", [second.target_rate for second in series], "asked", _mean)
    unsent = [PlotLine("never sent", [second.unsent for second in series], "errors", sum, bars=True)]
    yield plot("Rate", "requests/s", answered, target, *(unsent if any(second.unsent for second in series) else []))
    p50 = PlotLine("p50", [second.p50_ms for second in series], "p50")
    p95 = PlotLine("p95", [second.p95_ms for second in series], "p95")
    p99 = PlotLine("p99", [second.p99_ms for second in series], "p99")
    service = PlotLine("p95 once sent", [second.service_p95_ms for second in series], "service")
    yield plot("Latency", "ms", p50, p95, p99, service, times=True, limit=limit)
    routes = _largest(Counter(name for second in series for name in second.routes))
    if len(routes) > 1:
        lines = [
            PlotLine(name, [second.routes.get(name) for second in series], colour)
            for name, colour in zip(routes, LINES, strict=False)
        ]
        yield plot("p95 by route", "ms", *lines, times=True)
    kinds = _largest(sum((Counter(second.kinds) for second in series), Counter()))
    if kinds:
        failed = [
            PlotLine(_shortened(kind), [second.kinds.get(kind, 0) for second in series], colour, sum)
            for kind, colour in zip(kinds, LINES, strict=False)
        ]
        yield plot("Failed requests", "a second", *failed)
    in_flight = PlotLine("in flight", [second.in_flight for second in series], "rate")
    users = PlotLine("users", [second.users for second in series], "asked")
    yield plot("Requests in flight", "number", in_flight, users)
    parts = [part for part in PARTS if any(part in second.cpu for second in series)]
    if parts:
        cores = [
            PlotLine(part, [second.cpu.get(part) for second in series], colour, _mean)
            for part, colour in zip(parts, LINES, strict=False)
        ]
        yield plot("Processors", "cores in use", *cores)
    environments = PlotLine("execution environments", [second.environments for second in series], "environments")
    increments = _increments([second.cold_starts for second in series])
    cold_starts = PlotLine("cold starts a second", increments, "cold", sum, bars=True)
    yield plot("Execution environments", "number", environments, cold_starts)


def _largest(counts: Counter[str]) -> list[str]:
    return [name for name, _ in counts.most_common(len(LINES))]


def _shortened(text: str) -> str:
    return text if len(text) <= 28 else f"{text[:27]}…"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _increments(totals: Sequence[float | None]) -> list[float | None]:
    """From a count that only grows to what came in each second. A restarted edge counts from zero."""
    increments: list[float | None] = []
    before: float | None = None
    for total in totals:
        increments.append(None if total is None or before is None else max(total - before, 0))
        before = before if total is None else total
    return increments


def _step_plot(report: Report) -> Markup:
    knee, limits = report.knee, report.limits
    dots = [
        Dot(
            step.rate,
            step.p95_ms,
            not step.broken_by(limits),
            f"{step.name}: {figure(step.rate)}/s, p95 {figure(step.p95_ms)} ms",
        )
        for step in report.steps
        if step.p95_ms is not None
    ]
    interval = None
    if knee is not None and knee.rate is not None:
        interval = Interval(knee.low or knee.rate, knee.rate, knee.high or knee.rate)
    return step_plot("p95 against what was carried (ms)", dots, limits.p95_ms, interval)
