"""What of a run is told without its page: Markdown, JUnit XML, the index; and which figures do not agree."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from staticfire.load.breakdown import VariantFigures
from staticfire.load.record import Record, Tally
from staticfire.load.report.document import Report
from staticfire.load.report.doubt import doubt
from staticfire.load.report.page import prices_age, write
from staticfire.load.report.summaries import INDEX, JUNIT, MARKDOWN, junit, markdown
from staticfire.load.typed_json import of_json


def typed(report: dict[str, Any]) -> Report:
    document: Report = of_json(Report, report)
    return document


def test_markdown_says_the_answer_its_thresholds_and_why_it_failed(report: dict[str, Any]) -> None:
    report["thresholds"][0] |= {"name": "p(95)", "operator": "<", "limit": 5, "value": 12.0, "holds": False}
    report["failures"] = ["threshold p(95): 12, below 5: FAILS"]
    text = markdown(typed(report))
    assert text.startswith("### ❌ usage: ramp, failed")
    assert "| p(95) | < 5 | 12 | **FAILS** |" in text
    assert "- Failed: threshold p(95): 12, below 5: FAILS" in text
    assert "Knee: " in text


def test_names_of_a_service_do_not_become_markup(report: dict[str, Any]) -> None:
    report["failures"] = ["<script>|`x`\nnext"]
    text = markdown(typed(report))
    assert "- Failed: &lt;script>\\|\\`x\\` next" in text


def test_junit_has_a_case_a_threshold_and_one_for_all_else_that_failed(report: dict[str, Any]) -> None:
    report["thresholds"] = [
        {"name": "p(95)", "operator": "<", "limit": 5.0, "value": 12.0, "holds": False},
        {"name": "rate", "operator": ">=", "limit": 1.0, "value": 2.0, "holds": True},
    ]
    report["failures"] = ["threshold p(95): 12, below 5: FAILS", "generator: was killed\x00"]
    report["unknown"] = ["comparison: no verdict"]
    suite = ElementTree.fromstring(junit(typed(report)))
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert cases == {
        "p(95) < 5": ["failure"],
        "rate >= 1": [],
        "integrity": [],
        "generator": ["failure"],
        "comparison": ["error"],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "2", "1")


def test_the_index_lists_all_runs_the_newest_first_and_passes_over_what_is_none(
    report: dict[str, Any], tmp_path: Path
) -> None:
    other = copy.deepcopy(report) | {"stack": "<b>shop</b>"}
    for name, document in (("2026-01-01T00-00-00", report), ("2026-01-02T00-00-00", other)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, typed(document))
    (tmp_path / "2026-01-03T00-00-00").mkdir()
    (tmp_path / "2026-01-03T00-00-00/report.json").write_text("{")
    write(tmp_path / "2026-01-01T00-00-00", typed(report))

    page = (tmp_path / INDEX).read_text()
    assert page.index("2026-01-02T00-00-00/report.html") < page.index("2026-01-01T00-00-00/report.html")
    assert "2026-01-03" not in page
    assert "&lt;b&gt;shop&lt;/b&gt;" in page
    assert (tmp_path / "2026-01-01T00-00-00" / MARKDOWN).is_file()
    assert (tmp_path / "2026-01-01T00-00-00" / JUNIT).is_file()


def whole(p50: float) -> list[VariantFigures]:
    return [VariantFigures("empty", "nothing", 50, 1, 2, 1), VariantFigures("whole", "all", 50, p50, 20, p50 - 1)]


def steps(*parts: tuple[float, float]) -> Record:
    lines: list[dict[str, Any]] = []
    for number, (rate, milliseconds) in enumerate(parts):
        lines.append({"phase": f"step {number}", "at": number * 10 + 0.5, "users": 5, "rate": rate})
        for second in range(number * 10 + 1, number * 10 + 10):
            tally = Tally()
            tally.add(milliseconds)
            lines.append({"second": second, "name": "GET /", **tally.line()})
    return Record([*lines, {"phase": None, "at": len(parts) * 10 + 0.5, "cut": False}])


@pytest.mark.parametrize(
    ("p50", "parts", "said"),
    [
        (5.0, [(25, 5), (50, 5.2), (100, 40)], ""),
        (13.7, [(25, 5), (50, 5.2), (100, 40)], "became slower"),
        (2.0, [(25, 5), (50, 5.2), (100, 40)], "became quicker"),
        (13.7, [(200, 5), (400, 9)], ""),
    ],
)
def test_the_breakdown_is_doubted_where_the_step_of_its_rate_says_something_else(
    p50: float, parts: list[tuple[float, float]], said: str
) -> None:
    text = doubt(whole(p50), steps(*parts))
    assert said in text
    assert bool(said) == bool(text)


def test_prices_tell_their_age() -> None:
    assert prices_age("2026-11-01", "2026-11-30T10:00:00Z") == "29 days old"
    assert prices_age("2025-12-01", "2026-11-30T10:00:00Z") == "12 months old"


def test_a_run_that_was_interrupted_is_an_error_in_junit(report: dict[str, Any]) -> None:
    report["interrupted"] = True
    suite = ElementTree.fromstring(junit(typed(report)))
    assert suite.get("errors") == "1"
