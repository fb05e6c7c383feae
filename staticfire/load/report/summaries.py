"""A run for those who do not open its page: Markdown for a pull request, JUnit XML for CI, and an index of all runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from staticfire.host.files import write_atomically

from .document import HTML, JSON, SCHEMA, Report
from .plots import element, figure

MARKDOWN, JUNIT, INDEX = "summary.md", "junit.xml", "index.html"
INDEX_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Load reports</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 20px auto; max-width: 1100px; padding: 0 16px; }}
main {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: 6px 14px 6px 0; border-bottom: 1px solid #8884; white-space: nowrap; }}
</style>
</head>
<body><main><h1>Load reports</h1>{table}</main></body>
</html>
"""
SIGNS = {"passed": "✅", "failed": "❌"}


def write_summaries(directory: Path, report: Report) -> None:
    """Beside the report, and the index in the directory above it."""
    write_atomically(directory / MARKDOWN, markdown(report).encode())
    write_atomically(directory / JUNIT, junit(report))
    write_atomically(directory.parent / INDEX, index(directory.parent).encode())


def markdown(report: Report) -> str:
    """What a comment on a pull request says."""
    summary, knee = report.summary, report.knee
    lines = [
        f"### {SIGNS.get(report.verdict, '⚠️')} {_cell(report.stack)}: {report.profile}, {report.verdict}",
        "",
        f"{figure(summary.rate)} requests/s ({figure(summary.writes)} writes/s), p95 {_ms(summary.p95_ms)}. "
        f"{summary.basis} {report.model.capitalize()} model.",
    ]
    if knee is not None and knee.rate is not None:
        between = f", {figure(knee.low)} to {figure(knee.high)}" if knee.low and knee.high else ""
        lines.append(f"Knee: {figure(knee.rate)} requests/s{between}.")
    lines += ["", "| threshold | limit | measured | |", "| --- | --- | --- | --- |"]
    for threshold in report.thresholds:
        measured = "-" if threshold.value is None else figure(threshold.value)
        limit, verdict = f"{threshold.operator} {figure(threshold.limit)}", "holds" if threshold.holds else "**FAILS**"
        lines.append(f"| {_cell(threshold.name)} | {limit} | {measured} | {verdict} |")
    if report.integrity is not None:
        lines += ["", f"Integrity: {_cell(str(report.integrity).splitlines()[0])}."]
    if report.comparison is not None:
        lines += ["", "| against the earlier run | before | now | change | |", "| --- | --- | --- | --- | --- |"]
        for measure in report.comparison.measures:
            before, after = ("-" if value is None else figure(value) for value in (measure.before, measure.after))
            change = "" if measure.change is None else f"{measure.change:+.1%}"
            lines.append(f"| {_cell(measure.name)} | {before} | {after} | {change} | {_cell(measure.verdict)} |")
    for title, texts in (("Failed", report.failures), ("Cannot be told", report.unknown), ("Fault", report.faults)):
        lines += [f"- {title}: {_cell(text)}" for text in texts]
    return "\n".join(
        [*lines, "", f"`{report.command}` at {report.revision or 'an unknown revision'}, {report.started}", ""]
    )


def junit(report: Report) -> bytes:
    """A case for each threshold, for the integrity, and for whatever else made the run fail."""
    cases = list(_cases(report))
    suite = ElementTree.Element(
        "testsuite",
        name=f"load {report.stack} {report.profile}",
        tests=str(len(cases)),
        failures=str(sum(kind == "failure" for _, kind, _ in cases)),
        errors=str(sum(kind == "error" for _, kind, _ in cases)),
        time=str(report.seconds),
        timestamp=report.started.rstrip("Z"),
    )
    for name, kind, text in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=f"load.{report.stack}", name=_printable(name))
        if kind:
            ElementTree.SubElement(case, kind, message=_printable(text.splitlines()[0])).text = _printable(text)
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))


def _cases(report: Report) -> Iterator[tuple[str, str, str]]:
    """Name, what it is (empty: it holds), and why."""
    said = set()
    for threshold in report.thresholds:
        text = f"threshold {threshold}"
        said.add(text)
        yield f"{threshold.name} {threshold.operator} {threshold.limit:g}", "" if threshold.holds else "failure", text
    if report.integrity is not None:
        text = f"integrity: {report.integrity}"
        said.add(text)
        yield "integrity", "" if report.integrity.holds else "failure", text
    for text in report.failures:
        if text not in said:
            yield text.partition(":")[0], "failure", text
    for text in report.unknown:
        yield text.partition(":")[0], "error", text
    if report.interrupted:
        yield "run", "error", "The run was interrupted: its thresholds are not judged."


@dataclass(frozen=True)
class _Entry:
    directory: str
    stack: str
    profile: str
    started: str
    revision: str
    rate: float
    p95_ms: float | None
    verdict: str


def index(reports: Path) -> str:
    """All runs whose reports this version can read, the newest first."""
    rows = [
        element(
            "tr",
            element("td", element("a", entry.started, href=f"{entry.directory}/{HTML}")),
            element("td", entry.stack),
            element("td", entry.profile),
            element("td", figure(entry.rate)),
            element("td", _ms(entry.p95_ms)),
            element("td", entry.verdict),
            element("td", entry.revision),
        )
        for entry in sorted(_entries(reports), key=lambda entry: entry.directory, reverse=True)
    ]
    headings = ("started", "stack", "profile", "requests/s", "p95", "verdict", "revision")
    head = element("tr", [element("th", heading, scope="col") for heading in headings])
    return INDEX_PAGE.format(table=element("table", element("thead", head), element("tbody", rows)))


def _entries(reports: Path) -> Iterator[_Entry]:
    for file in reports.glob(f"*/{JSON}"):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            if document["schema"] != SCHEMA:
                continue
            summary = document["summary"]
            texts = {name: str(document[name]) for name in ("stack", "profile", "started", "revision", "verdict")}
            yield _Entry(file.parent.name, rate=float(summary["rate"]), p95_ms=summary["p95_ms"], **texts)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not a whole report: it is not listed


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{figure(value)} ms"


def _cell(text: str) -> str:
    """What is the service's own is text, not markup."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").replace("`", "\\`")


def _printable(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(character if character.isprintable() or character in "\n\t" else "�" for character in text)
