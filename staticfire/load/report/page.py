"""report.html: one page that holds all it shows. The first screen answers, what follows says why.

Nothing on it comes from elsewhere, and nothing on it runs: its content security policy allows its own style sheet,
known by its hash, and nothing else. Names in a report come from routes and users, so all text is escaped (markup.py).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from staticfire.load.record import WARM_UP
from staticfire.load.thresholds import Step

from .markup import Child, Markup, element
from .plots import Dot, Line, TimePlot, figure, interval_bar, stacked_bar, step_plot

Report = Mapping[str, Any]


def page(report: Report) -> str:
    style = resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    title = f"{report['stack']}: {report['profile']}, {report['started']}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element(
            "meta", http_equiv="Content-Security-Policy", content=f"default-src 'none'; style-src 'sha256-{digest}'"
        ),
        element("title", title),
        element("style", Markup(style)),
    )
    sections = [section(report) for section in (_time, _steps, _layers, _integrity, _aws, _comparison, _run)]
    body = element("main", _header(report), _messages(report), _answers(report), sections)
    return f"<!doctype html>\n{element('html', head, element('body', body), lang='en')}\n"


def _header(report: Report) -> Markup:
    passed = report["passed"]
    machine = report["machine"]
    return element(
        "header",
        element("h1", f"{report['stack']}: {report['profile']}"),
        element("span", "passed" if passed else "failed", class_=f"chip {'good' if passed else 'bad'}"),
        element(
            "span",
            f"{report['started']}, {figure(report['seconds'])} s on {report['target']}, {machine['cores']} cores, "
            f"revision {report['revision'] or 'unknown'}",
            class_="faint",
        ),
    )


def _messages(report: Report) -> list[Markup]:
    failed = [element("p", f"Failed: {text}", class_="message bad") for text in report["failures"]]
    return failed + [element("p", f"Doubtful: {text}", class_="message warn") for text in report["warnings"]]


def _answers(report: Report) -> Markup:
    summary = report["summary"]
    return element(
        "section",
        _card(
            "How many writes a second",
            figure(summary["writes"]),
            "writes/s",
            [f"{figure(summary['rate'])} requests/s, p95 {_ms(summary['p95_ms'])}. {summary['basis']}"],
        ),
        _lost(report["integrity"]),
        _card("What limits it", summary["limited_by"], "", summary["limits"]),
        _needs(report["aws"]),
        class_="answers",
    )


def _card(title: str, big: str, unit: str, lines: Iterable[str], tone: str = "") -> Markup:
    said = [element("p", line) for line in lines]
    value = element(
        "div", big, element("span", f" {unit}", class_="unit") if unit else None, class_=f"big {tone}".strip()
    )
    return element("div", element("h3", title), value, said, class_="card")


COUNTS = {
    "lost": "acknowledged, but not stored",
    "doubled": "stored more than once",
    "drifted_users": "users whose aggregate is not the sum of their events",
    "unacknowledged_stored": "stored, though no answer came: no failure, as their sender asks again",
}


def _lost(integrity: Report | None) -> Markup:
    title = "Was anything lost"
    if integrity is None:
        return _card(title, "Unknown", "", ["The stack names no `integrity` file: nothing was looked up."])
    checked = f"{integrity['acknowledged']:,} acknowledged writes were looked up."
    if integrity["holds"]:
        return _card(title, "Nothing", "", [f"{checked} Each is there once, and every aggregate is its sum."], "good")
    wrong = [f"{integrity[count]:,} {what}." for count, what in COUNTS.items() if integrity[count]]
    return _card(title, "Yes", "", [checked, *wrong], "bad")


def _needs(aws: Report | None) -> Markup:
    title = "Needs and costs on AWS"
    if aws is None:
        return _card(title, "Unknown", "", ["Terraform's plan failed: see above."])
    first, *others = [month for month in aws["costs"] if month["given"]] or aws["costs"][1:3]
    costs = [f"{_dollars(month['total'])} at {_count(month['requests'])}" for month in others]
    lines = ["; ".join([f"At {_count(first['requests'])} requests a month", *costs]) + "."]
    if aws["needs"]:
        same, *_, slowest = aws["needs"]
        lines.append(
            f"{figure(aws['rate'])} requests/s take {_environments(same)}, and {_environments(slowest)} if invocations "
            f"take {slowest['slower']} times as long there. Local latency is not AWS latency."
        )
    return _card(title, _dollars(first["total"]), "a month", lines)


def _environments(need: Report) -> str:
    number = max(1, round(need["environments"]))
    return f"{number:,} environment{'s' if number > 1 else ''}"


def _time(report: Report) -> list[Markup]:
    series = report["series"]
    begun = series[0]["at"] if series else 0
    seconds = [second["at"] - begun for second in series]
    marks = [
        (seconds[number], second["phase"].removeprefix("step "))
        for number, second in enumerate(series)
        if number == 0 or second["phase"] != series[number - 1]["phase"]
    ]
    aside = next((seconds[number] for number, second in enumerate(series) if second["phase"] != WARM_UP), 0)

    def values(key: str) -> list[float | None]:
        return [second[key] for second in series]

    def plot(title: str, unit: str, *lines: Line, times: bool = False, limit: float | None = None) -> Markup:
        return TimePlot(title, unit, seconds, lines, times, limit, marks, aside).draw()

    answered = Line("answered", values("rate"), "rate", _mean)
    asked = Line("asked for", values("target_rate"), "asked", _mean)
    percentiles = [Line(name, values(f"{name}_ms"), name) for name in ("p50", "p95", "p99")]
    failed = Line("failed", values("errors"), "errors", sum, bars=True)
    environments = Line("environments", values("environments"), "environments")
    cold = Line("cold starts a second", _increments(values("cold_starts")), "cold", sum, bars=True)
    plots = [
        plot("Rate", "requests/s", answered, asked),
        plot("Latency", "ms", *percentiles, times=True, limit=report["limits"]["p95_ms"]),
        plot("Failed requests", "a second", failed),
        plot("Execution environments", "number", environments, cold),
    ]
    parts = [("warm-up (does not count)", report["warm_up"]), ("measured", report["measured"])]
    rows = [[name, *_latencies(part)] for name, part in parts]
    rows += [[route["name"], *_latencies(route)] for route in report["measured"]["routes"]]
    headings = ["", "requests", "failed", "requests/s", "p50", "p95", "p99", "slowest"]
    return [
        element("h2", "Throughput and latency over time"),
        element(
            "p",
            "Shaded: the warm-up, which does not count. Dotted verticals: where a part of the profile begins.",
        ),
        _beside(*plots),
        _table(headings, rows),
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _increments(totals: Sequence[float | None]) -> list[float | None]:
    """From a count that only grows to what came in each second. A restarted edge counts from zero."""
    found: list[float | None] = []
    before: float | None = None
    for total in totals:
        found.append(None if total is None or before is None else max(total - before, 0))
        before = before if total is None else total
    return found


def _latencies(part: Report) -> list[str]:
    times = [_ms(part[key]) for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms")]
    return [f"{part['requests']:,}", f"{part['failures']:,}", figure(part["rate"]), *times]


def _steps(report: Report) -> list[Markup]:
    knee, limits = report["knee"], report["limits"]
    if knee is None:
        return []
    steps = [(each, Step.of(each).broken_by(limits["p95_ms"], limits["errors"])) for each in report["steps"]]
    dots = [
        Dot(
            each["rate"],
            each["p95_ms"],
            not broken,
            f"{each['name']}: {figure(each['rate'])}/s, p95 {_ms(each['p95_ms'])}",
        )
        for each, broken in steps
        if each["p95_ms"] is not None
    ]
    rows = [
        [each["name"], _number(each["target_rate"]), figure(each["rate"]), _ms(each["p95_ms"]), broken or "holds"]
        for each, broken in steps
    ]
    plot = step_plot(
        "p95 against what was carried (ms)", dots, limits["p95_ms"], knee["rate"] if knee["found"] else None
    )
    at = f"{figure(knee['rate'])} requests/s" if knee["rate"] else "below the first step"
    return [
        element("h2", f"The knee: {at}" if knee["found"] or not knee["rate"] else f"No knee up to {at}"),
        element("p", f"The highest rate at which a step held. {knee['why']}"),
        _beside(plot, _table(["step", "asked for, 1/s", "carried, 1/s", "p95", ""], rows, text=(0, 4))),
    ]


def _layers(report: Report) -> list[Markup]:
    layers = report["layers"]
    if not layers:
        return []
    rows = [[each["what"], _ms(each["p50_ms"]), _signed(each["adds_ms"]), _ms(each["p95_ms"])] for each in layers]
    bar = stacked_bar(
        "What each layer adds to the median (ms)", [(each["name"], each["adds_ms"]) for each in layers], "ms"
    )
    return [
        element("h2", "Layers: what the service costs, and what the emulation costs"),
        element("p", f"The same load of {figure(layers[-1]['rate'])} requests/s on each, in turns."),
        _beside(bar, _table(["layer", "p50", "adds", "p95"], rows)),
    ]


def _integrity(report: Report) -> list[Markup]:
    integrity = report["integrity"]
    if integrity is None:
        return []
    rows = [["acknowledged", f"{integrity['acknowledged']:,}", "writes that were answered with success"]]
    rows += [[count.replace("_", " "), f"{integrity[count]:,}", what] for count, what in COUNTS.items()]
    examples = [
        element("li", f"{each['count'].replace('_', ' ')}: {each['what']}: {each['found']}")
        for each in integrity["examples"]
    ]
    return [
        element("h2", "Integrity"),
        element("p", "Every acknowledged write was looked up in the stores after the run."),
        _table(["count", "", ""], rows, text=(0, 2)),
        *([element("ul", examples)] * bool(examples)),
    ]


def _aws(report: Report) -> list[Markup]:
    aws = report["aws"]
    if aws is None:
        return []
    return [
        element("h2", "On AWS"),
        element("p", aws["assumptions"][0], class_="message warn"),
        *_concurrency(aws),
        *_ceilings(aws),
        *_costs(aws),
        element("h3", "What these figures rest on"),
        element("ul", [element("li", text) for text in aws["assumptions"][1:]]),
        element("p", f"Not counted: {'; '.join(aws['not_counted'])}.", class_="note"),
    ]


def _concurrency(aws: Report) -> list[Markup]:
    rows = [
        [
            _slower(need["slower"]),
            _environments(need).partition(" ")[0],
            f"{need['quota']:,}",
            "enough" if need["within_account"] else "too few: ask AWS for more",
            "enough" if need["within_new_account"] else "too few: ask AWS for more",
            "at once" if not need["ramp_seconds"] else f"{need['ramp_seconds']} s",
        ]
        for need in aws["needs"]
    ]
    headings = [
        "an invocation takes",
        "busy environments",
        "quota needed",
        "an account's 1,000",
        "a new account's 10",
        "added",
    ]
    said = (
        f"Little's law: {figure(aws['rate'])} requests/s, each of which keeps environments busy for "
        f"{aws['busy_ms_a_request']:.3g} ms here. The quota also limits invocations, to 10 a second for each of its "
        "environments, and Lambda adds 1,000 environments in 10 s."
    )
    return [
        element("h3", f"Concurrency at {figure(aws['rate'])} requests/s"),
        element("p", said, class_="note"),
        _table(headings, rows, text=(0, 3, 4, 5)),
    ]


def _ceilings(aws: Report) -> list[Markup]:
    slower = sorted(aws["ceilings"][0]["carries"], key=int) if aws["ceilings"] else []
    rows = [
        [each["name"], each["limit"], *(figure(each["carries"][key]) for key in slower), each["why"]]
        for each in aws["ceilings"]
    ]
    headings = ["limit", "", *(f"requests/s if {_slower(int(key))}" for key in slower), "from"]
    return [
        element("h3", "Limits on the way, the lowest first"),
        _table(headings, rows, text=(0, 1, len(headings) - 1)),
    ]


def _costs(aws: Report) -> list[Markup]:
    months = aws["costs"]
    lines: dict[tuple[str, str], list[str]] = {}
    for month in months:
        for item in month["items"]:
            lines.setdefault((item["service"], item["what"]), []).append(_dollars(item["monthly"]))
    rows = [[f"{service}: {what}", *costs] for (service, what), costs in lines.items()]
    rows.append(["total", *(_dollars(month["total"]) for month in months)])
    missing = sorted({name for month in months for name in month["without"]})
    sources = sorted({item["source"] for month in months for item in month["items"]})
    return [
        element("h3", "A month, in US dollars"),
        element(
            "p",
            f"{aws['region']}, prices of {aws['prices_as_of']}; look at the sources before you decide.",
            class_="note",
        ),
        _table(["requests a month", *(_count(month["requests"]) for month in months)], rows, total=True),
        *(
            [element("p", f"Not in the total, for want of a price: {', '.join(missing)}.", class_="message warn")]
            * bool(missing)
        ),
        element("p", f"Sources: {', '.join(sources)}", class_="note"),
    ]


def _comparison(report: Report) -> list[Markup]:
    comparison = report["comparison"]
    if comparison is None:
        return []
    measures = comparison["measures"]
    most = max((abs(each[key]) for each in measures for key in ("low", "high") if each[key] is not None), default=0.0)
    rows: list[list[Child]] = [
        [
            each["name"],
            _number(each["before"]),
            _number(each["after"]),
            "" if each["change"] is None else f"{each['change']:+.1%}",
            ""
            if each["low"] is None
            else interval_bar(each["low"], each["change"], each["high"], min(max(most, 0.05), 1.0)),
            element("span", each["verdict"], class_={"better": "good", "worse": "bad"}.get(each["verdict"], "faint")),
        ]
        for each in measures
    ]
    earlier = comparison["with"]
    said = (
        f"{earlier['profile']} of {earlier['started']}, revision {earlier['revision'] or 'unknown'}. The bar is where "
        "the change lies by chance in 95 of 100 runs: by how its parts differ among themselves."
    )
    drift = comparison["machine_drift"]
    drifted = (
        "How much the machine itself drifted is not known without layers: run both again before you trust a verdict."
        if drift is None
        else f"The empty handler, whose code is the same, took {drift:+.0%}: a verdict needs a larger change than that."
    )
    different = [element("li", text) for text in comparison["differences"]]
    return [
        element("h2", "Compared with an earlier run"),
        element("p", said),
        element("p", drifted),
        *(
            [element("p", "There is no verdict, as more than the code differs:"), element("ul", different)]
            * bool(different)
        ),
        _table(["", "before", "now", "change", "", "verdict"], rows, text=(0, 4, 5)),
    ]


def _run(report: Report) -> list[Markup]:
    generator = report["generator"]
    thresholds = [
        [each["name"], figure(each["limit"]), _number(each["value"]), "holds" if each["holds"] else "FAILS"]
        for each in report["thresholds"]
    ]
    functions = [
        [
            each["name"],
            f"{each['memory_mb']} MB",
            f"{each['invocations']:,}",
            *(_ms(each["duration_ms"][key]) for key in ("p50", "mean", "p95")),
        ]
        for each in report["functions"]
    ]
    machine = report["machine"]
    facts = [*machine.items(), *report["versions"].items()]
    return [
        element("h2", "The run"),
        element(
            "p",
            f"The load generator ({generator['processes']} processes) was used to "
            f"{generator['used_share']:.1%} of its own ceiling on this machine, "
            f"{figure(generator['ceiling_rps'])} requests/s.",
        ),
        _table(["threshold", "limit", "measured", ""], thresholds, text=(0, 3)),
        _table(["function", "memory", "invocations", "p50", "mean", "p95"], functions),
        element("footer", ", ".join(f"{name} {value}" for name, value in facts)),
    ]


def _beside(*parts: Markup) -> Markup:
    """Cards in two columns, or one where the window is narrow."""
    return element("div", [element("div", part, class_="card") for part in parts], class_="plots")


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[Child]], *, text: Sequence[int] = (0,), total: bool = False
) -> Markup:
    """`text`: the columns that hold no numbers; `total`: the last row is one."""

    def cell(kind: str, column: int, content: Child) -> Markup:
        return element(kind, content, class_=None if column in text else "number")

    head = element("tr", [cell("th", column, name) for column, name in enumerate(headings)])
    body = [
        element(
            "tr",
            [cell("td", column, content) for column, content in enumerate(row)],
            class_="total" if total and row is rows[-1] else None,
        )
        for row in rows
    ]
    return element("div", element("table", element("thead", head), element("tbody", body)), class_="scroll")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{figure(value)} ms"


def _signed(value: float) -> str:
    return f"{value:+.3g} ms"


def _number(value: float | None) -> str:
    return "-" if value is None else figure(value)


def _dollars(value: float | None) -> str:
    if value is None:
        return "no price"
    return f"${value:,.0f}" if value >= 100 else f"${value:,.2f}"


def _count(value: float) -> str:
    return f"{value / 1e6:,.4g} M" if value >= 1e6 else f"{value:,.0f}"


def _slower(factor: int) -> str:
    return "as long as here" if factor == 1 else f"{factor} times as long"
