"""The report: what follows from the figures, its schema, and a page that escapes what it is given."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from staticfire.load.on_aws.bill import price_table
from staticfire.load.on_aws.deployment import Deployment
from staticfire.load.report.conclusions import complete
from staticfire.load.report.document import LoadRun
from staticfire.load.report.document import Report as TypedReport
from staticfire.load.report.page import page as page_of
from staticfire.load.report.page import write
from staticfire.load.typed_json import of_json, to_json
from staticfire.stacks.terraform.output import Resource

Report = dict[str, Any]
TABLE = price_table()


class Page(HTMLParser):
    """The elements of a page, and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words += f"{data} "


def plan_of(report: Report) -> Deployment:
    """What Terraform would make, as far as the example's figures need it."""
    functions = [
        Resource("f", "aws_lambda_function", {"function_name": function["name"], "memory_size": 512})
        for function in report["functions"]
    ]
    api = Resource("a", "aws_apigatewayv2_api", {})
    return Deployment.of([*functions, api], TABLE)


def page(report: Report) -> str:
    return page_of(of_json(TypedReport, report))


def completed(report: Report, *, traffic: float | None = None, earlier: Report | None = None) -> Report:
    """The document as if its figures had just been measured."""
    before = None if earlier is None else of_json(TypedReport, earlier)
    run = of_json(LoadRun, report)
    document: Report = to_json(complete(run, plan_of(report), TABLE, traffic=traffic, earlier=before))
    return document


def test_a_real_report_is_as_its_schema_says(report: Report, schema: Report) -> None:
    jsonschema.Draft202012Validator(schema).validate(report)


def test_a_completed_report_is_as_its_schema_says(report: Report, schema: Report) -> None:
    whole = completed(report, traffic=5_000_000.0, earlier=report)
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(whole)))


@pytest.mark.parametrize("field", ["knee", "held", "unloaded", "aws", "integrity", "comparison"])
def test_a_report_may_lack_what_was_not_measured(field: str, report: Report, schema: Report) -> None:
    report[field] = None
    jsonschema.Draft202012Validator(schema).validate(report)
    Page(page(report))


def test_the_schema_refuses_a_field_that_it_does_not_know(report: Report, schema: Report) -> None:
    report["measured"]["p42_ms"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(report)


def test_a_ramp_answers_with_the_rate_it_held(report: Report) -> None:
    whole = completed(report)
    assert whole["summary"]["rate"] == whole["held"]["rate"] == whole["aws"]["rate"]
    assert whole["summary"]["limited_by"] == "This machine"


def test_another_profile_answers_with_what_it_held(report: Report) -> None:
    whole = completed(report | {"profile": "steady"})
    assert whole["held"] is None
    assert whole["summary"]["rate"] == whole["measured"]["rate"]
    assert "--profile ramp" in whole["summary"]["limits"][0]


@pytest.mark.parametrize(("unsent", "said"), [(0, False), (5, False), (400, True)])
def test_the_headline_says_where_its_figures_are_not_of_the_rate_that_was_due(
    report: Report, unsent: int, said: bool
) -> None:
    report["measured"] |= {"requests": 1600, "unsent": unsent}
    basis = completed(report | {"profile": "steady"})["summary"]["basis"]
    assert ("not the figures of the rate that was asked for" in basis) is said
    assert ("of 2,000 requests that were due, 400 (20%) were never sent" in basis) is said


def test_a_generator_at_its_limit_is_what_limits(report: Report) -> None:
    report["generator"]["warning"] = "The generator was the limit."
    summary = completed(report)["summary"]
    assert (summary["limited_by"], summary["limits"][0]) == ("The generator", "The generator was the limit.")


def test_a_stack_that_cannot_be_planned_has_no_estimate(report: Report) -> None:
    whole = complete(of_json(LoadRun, report), None, TABLE)
    assert whole.aws is None
    assert "What AWS would run, or what the run used of it, is not known" in Page(page_of(whole)).words


def test_a_run_that_was_interrupted_at_once_has_a_report(report: Report, schema: Report) -> None:
    nothing: dict[str, Any] = {"seconds": 0, "requests": 0, "failures": 0, "rate": 0.0}
    nothing |= dict.fromkeys(name for name in report["warm_up"] if name.endswith("_ms"))
    report |= {"measured": nothing | {"routes": [], "unsent": 0, "kinds": {}}, "unloaded": None, "distribution": []}
    report |= {"knee": None, "warm_up": nothing, "interrupted": True, "passed": False}
    report |= {"series": [], "steps": [], "breakdown": [], "functions": [], "thresholds": []}
    report["metered"] = {"requests": 0, "calls": {}, "log_bytes": {}}
    whole = json.loads(json.dumps(completed(report)))
    jsonschema.Draft202012Validator(schema).validate(whole)
    assert Page(page(whole)).open == []


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, "passed"),
        ({"unknown": ["integrity: not looked up"]}, "cannot be told"),
        ({"unknown": ["integrity: not looked up"], "failures": ["a loss"]}, "failed"),
        ({"unknown": ["integrity: not looked up"], "interrupted": True}, "interrupted"),
    ],
)
def test_a_verdict_is_passed_only_where_nothing_speaks_against_it(
    report: Report, fields: dict[str, Any], verdict: str
) -> None:
    whole = completed(report | fields)
    assert (whole["verdict"], whole["passed"]) == (verdict, verdict == "passed")
    chip = next(attributes for _, attributes in Page(page(whole)).elements if "chip" in (attributes.get("class") or ""))
    assert chip["class"] == {"passed": "chip good", "failed": "chip bad"}.get(verdict, "chip warn")


def test_the_page_shows_faults_and_what_cannot_be_told(report: Report) -> None:
    fault = "dynamodb:UpdateItem  delay, 0.05 s late"
    words = Page(page(completed(report | {"faults": [fault], "unknown": ["no books"], "integrity": None}))).words
    assert f"A fault was set during the run: {fault}" in words
    assert "Cannot be told: no books" in words
    assert "The writes were not looked up" in words


def test_a_worse_run_says_so_on_the_first_screen(report: Report) -> None:
    whole = completed(report, earlier=report)
    whole["comparison"]["measures"][1] |= {"verdict": "worse", "change": 8.35}
    words = Page(page(whole)).words
    assert words.index("p50 ms: worse, +835.0%") < words.index("Throughput and latency over time")


def test_a_gate_that_is_worse_fails_the_run(report: Report) -> None:
    before = of_json(TypedReport, report)
    slow = copy.deepcopy(report)
    for second in slow["series"]:
        second["p95_ms"] = (second["p95_ms"] or 1.0) * 9
    run = of_json(LoadRun, slow)
    assert complete(run, None, TABLE, earlier=before).verdict == "passed"
    gated = complete(run, None, TABLE, earlier=before, fail_on_worse=True)
    assert gated.verdict == "failed"
    assert "worse than the earlier run: p95 ms" in gated.failures[0]


def test_both_files_are_written(report: Report, tmp_path: Path) -> None:
    file = write(tmp_path, of_json(TypedReport, report))
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert file.read_text() == page(report)


def test_the_first_screen_answers(report: Report) -> None:
    words = Page(page(report)).words
    for answer in (
        "How many writes a second",
        "Was anything lost",
        "What limits it",
        "Local latency is not AWS latency",
    ):
        assert words.index(answer) < words.index("Throughput and latency over time")


def test_the_page_needs_nothing_from_elsewhere(report: Report) -> None:
    elements = Page(page(report)).elements
    assert not {"link", "img", "iframe", "a", "image", "use"} & {tag for tag, _ in elements}
    assert not {"src", "href", "style", "xlink:href"} & {name for _, attributes in elements for name in attributes}
    assert "url(" not in page(report)
    metas = [attributes for tag, attributes in elements if tag == "meta"]
    policies = [meta["content"] or "" for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'", policies[0])


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;"


def hostile(value: Any) -> Any:
    """The same document, with markup in every text that it holds."""
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, list):
        return [hostile(content) for content in value]
    if isinstance(value, dict):
        return {key: hostile(content) for key, content in value.items()}
    return value


def test_hostile_names_do_not_become_markup(report: Report) -> None:
    whole = completed(report, earlier=report)
    whole["integrity"]["examples"] = [{"count": "lost", "what": "key", "found": "nothing"}]
    whole["failures"], whole["warnings"] = ["failed"], ["doubtful"]
    mean, evil = Page(page(whole)), Page(page(hostile(copy.deepcopy(whole))))
    assert [tag for tag, _ in evil.elements if tag in ("script", "img")] == ["script"]
    assert {name for _, attributes in evil.elements for name in attributes} == {
        name for _, attributes in mean.elements for name in attributes
    }
    assert HOSTILE in evil.words


def test_every_element_is_closed(report: Report) -> None:
    assert Page(page(completed(report, earlier=report))).open == []


def drawn(text: str, name: str) -> str:
    """The path of a plot's line."""
    path = re.search(rf'<path d="([^"]*)" class="line {name}">', text)
    assert path is not None
    return path[1]


def test_a_line_has_a_point_for_each_second_and_a_gap_where_nothing_was_answered(report: Report) -> None:
    for second in report["series"]:
        second["p95_ms"] = second["p95_ms"] or 1.0
    whole = drawn(page(report), "p95")
    assert (whole.count("M"), whole.count("M") + whole.count("L")) == (1, len(report["series"]))
    report["series"][10]["p95_ms"] = None
    broken = drawn(page(report), "p95")
    assert (broken.count("M"), broken.count("M") + broken.count("L")) == (2, len(report["series"]) - 1)


def test_a_long_run_is_drawn_in_groups_of_seconds(report: Report) -> None:
    second = report["series"][-1]
    report["series"] = [second | {"at": 1000 + number, "p95_ms": 10.0} for number in range(3600)]
    report["series"][1801]["p95_ms"] = 5000.0
    text = page(report)
    assert drawn(text, "p95").count("L") < 300
    assert "p95 5,000" in text


def test_cold_starts_of_a_restarted_edge_count_from_zero_again(report: Report) -> None:
    for second, total in zip(report["series"], [7, 9, None, 9, 0, 2], strict=False):
        second["cold_starts"] = total
    report["series"] = report["series"][:6]
    seconds = re.findall(r"(\d+) s: execution environments [\d,]+, cold starts a second (\d+)<", page(report))
    assert [count for _, count in seconds] == ["2", "0", "0", "2"]
