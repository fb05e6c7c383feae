"""Two reports side by side: a verdict only beyond their noise."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from staticfire.errors import UsageError
from staticfire.load.profiles import LoadOptions
from staticfire.load.report.compare import Question, compare, foreseen, gate
from staticfire.load.report.document import Comparison, Report, read
from staticfire.load.typed_json import of_json, to_json

EXAMPLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[4] / "docs" / "load-report.example.json").read_text(encoding="utf-8")
)


def report(seed: int, *, p95: float = 20.0, failed: int = 0, phase: str = "steady") -> dict[str, Any]:
    """A minute at a steady rate on a machine whose slow seconds come in rows."""
    draw, wave, series = random.Random(seed), 0.0, []
    for second in range(60):
        wave = 0.7 * wave + draw.gauss(0, 0.1)
        times = {f"{name}_ms": p95 * share * (1 + wave) for name, share in (("p50", 0.4), ("p95", 1), ("p99", 1.5))}
        of_phase = {"at": second, "phase": phase, "rate": 100 - failed, "errors": failed}
        series.append(EXAMPLE["series"][0] | of_phase | times)
    return EXAMPLE | {
        "stack": "shop",
        "profile": "steady",
        "machine": {"processor": "p", "cores": 2, "memory_mb": seed, "system": "s"},
        "measured": EXAMPLE["measured"]
        | {
            "requests": 6000,
            "failures": 60 * failed,
            "rate": 100.0 - failed,
            "p50_ms": p95 * 0.4,
            "p95_ms": p95,
            "p99_ms": p95 * 1.5,
        },
        "series": series,
        "knee": None,
        "held": None,
        "breakdown": [],
    }


def compared(before: dict[str, Any], after: dict[str, Any]) -> Comparison:
    later = of_json(Report, after)
    return compare(of_json(Report, before), later, later.held)


def verdicts(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    return {measure.name: measure.verdict for measure in compared(before, after).measures}


SAME = "no difference beyond noise"


def test_two_runs_of_the_same_code_are_seldom_told_apart() -> None:
    pairs = [verdicts(report(seed), report(seed + 1000)) for seed in range(30)]
    differences = [verdict for pair in pairs for verdict in pair.values() if verdict != SAME]
    assert len(differences) <= 0.1 * 30 * 5


@pytest.mark.parametrize(("p95", "verdict"), [(30.0, "worse"), (13.0, "better")])
def test_a_change_beyond_the_noise_is_told(p95: float, verdict: str) -> None:
    verdict_of = verdicts(report(1), report(2, p95=p95))
    assert verdict_of["p95 ms"] == verdict
    assert verdict_of["requests/s"] == SAME


def test_a_change_that_is_sure_but_small_is_none() -> None:
    before = report(1)
    after = copy.deepcopy(before)
    for second in after["series"]:
        second["p95_ms"] *= 1.04
    assert verdicts(before, after)["p95 ms"] == SAME


def test_a_change_that_the_machine_alone_made_is_none() -> None:
    def broken_down(seed: int, p95: float, empty_ms: float) -> dict[str, Any]:
        empty, *_, whole = EXAMPLE["breakdown"]
        return report(seed, p95=p95) | {"breakdown": [empty | {"p50_ms": empty_ms}, whole | {"p50_ms": 9.0}]}

    before = broken_down(1, 20.0, 1.0)
    assert verdicts(before, broken_down(2, 30.0, 1.5))["p95 ms"] == SAME
    assert verdicts(before, broken_down(2, 30.0, 1.1))["p95 ms"] == "worse"
    assert compared(before, broken_down(2, 30.0, 1.5)).machine_drift == 0.5
    assert compared(before, report(2)).machine_drift is None


def test_more_failures_are_worse() -> None:
    verdict_of = verdicts(report(1), report(1, failed=2))
    assert (verdict_of["failed share"], verdict_of["requests/s"]) == ("worse", SAME)


def test_a_short_run_has_no_verdict() -> None:
    short = report(1)
    short["series"] = short["series"][:29]
    assert set(verdicts(short, report(2)).values()) == {"no verdict: fewer than 30 seconds in common"}


def test_the_warm_up_does_not_count() -> None:
    verdict_of = verdicts(report(1, phase="warm-up"), report(2, p95=90, phase="warm-up"))
    assert set(verdict_of.values()) == {"no verdict: fewer than 30 seconds in common"}


@pytest.mark.parametrize("field", ["stack", "profile", "target", "options", "machine"])
def test_runs_that_asked_different_questions_are_not_judged(field: str) -> None:
    after = report(2, p95=200)
    if field == "machine":
        after["machine"] = after["machine"] | {"cores": 64}
    elif field == "options":
        after["asked"] = after["asked"] | {"rate": 64}
    else:
        after[field] = "another"
    comparison = compared(report(1), after)
    assert [text.partition(":")[0] for text in comparison.differences] == [field]
    assert {measure.verdict for measure in comparison.measures} == {"not comparable"}


def test_other_faults_are_a_difference_and_worse_is_said_all_the_same() -> None:
    fault = "dynamodb:UpdateItem  delay, 0.05 s late"
    slow = compared(report(1), report(2, p95=200) | {"faults": [fault]})
    assert slow.differences == (f"faults: none before, {fault} now",)
    assert {measure.name for measure in slow.measures if measure.verdict == "worse"} == {"p50 ms", "p95 ms", "p99 ms"}
    assert compared(report(1) | {"faults": [fault]}, report(2) | {"faults": [fault]}).differences == ()


def test_a_gate_fails_on_worse_and_cannot_tell_without_a_verdict() -> None:
    assert gate(compared(report(1), report(1))) == ([], [])
    assert gate(compared(report(1), report(2, p95=13.0))) == ([], [])

    [failure], unknown = gate(compared(report(1), report(2, p95=200)))
    assert "p95 ms 20 before, 200 now (+" in failure
    assert unknown == []

    short = report(2) | {"series": report(2)["series"][:29]}
    assert gate(compared(report(1), short)) == ([], ["comparison: no verdict: fewer than 30 seconds in common"])
    [reason] = gate(compared(report(1) | {"faults": ["s3  hang"]}, report(1)))[1]
    assert "faults: s3  hang before, none now" in reason


@pytest.mark.parametrize(
    ("seconds", "earlier_seconds", "reason"),
    [
        (31, 60, ""),
        (30, 60, "29 at the most. Both need a `--duration` of at least 32s"),
        (60, 12, "12 at the most"),
        (59, 60, "options: "),
    ],
)
def test_that_there_will_be_no_verdict_is_known_before_the_run(seconds: int, earlier_seconds: int, reason: str) -> None:
    before = report(1) | {"asked": EXAMPLE["asked"] | {"seconds": 60 if seconds == 59 else seconds, "warm_up": 5.0}}
    before["series"] = before["series"][:earlier_seconds]
    earlier = of_json(Report, before)
    now = Question(
        "shop", "steady", earlier.target, LoadOptions(rate=EXAMPLE["asked"]["rate"], seconds=seconds), earlier.machine
    )
    said = foreseen(earlier, now)
    assert reason in said
    assert bool(reason) == bool(said)


def test_the_first_seconds_of_a_step_are_compared_with_the_first_of_the_same_step() -> None:
    def ramp(lost: int) -> dict[str, Any]:
        """Steps of ten seconds, each ten times as slow as the one before; the first is cut short."""
        whole = report(1)
        second = EXAMPLE["series"][0] | {"rate": 10, "errors": 0, "p50_ms": None, "p99_ms": None}
        whole["series"] = [
            second | {"phase": f"step {step}", "p95_ms": 10.0**step}
            for step in range(5)
            for _ in range(10 - (lost if step == 0 else 0))
        ]
        return whole

    measures = {measure.name: measure for measure in compared(ramp(0), ramp(3)).measures}
    assert (measures["p95 ms"].low, measures["p95 ms"].high) == (0, 0)


def held(holds_at: float | None, fails_at: float | None) -> dict[str, Any]:
    return {**EXAMPLE["held"]} | {"rate": holds_at, "holds_at": holds_at, "fails_at": fails_at}


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (held(100, 200), held(100, 200), SAME),
        (held(100, 200), held(200, 400), SAME),
        (held(100, 200), held(400, 800), "better"),
        (held(400, 800), held(100, 200), "worse"),
        (held(None, 100), held(200, None), "better"),
        (held(200, None), held(None, 100), "worse"),
    ],
)
def test_held_rates_differ_when_one_run_held_more_than_where_the_other_failed(
    before: dict[str, Any], after: dict[str, Any], verdict: str
) -> None:
    verdict_of = verdicts(report(1) | {"held": before}, report(2) | {"held": after})
    assert verdict_of["held, requests/s"] == verdict


def test_a_report_is_read_from_its_file_or_its_directory(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report(1)))
    assert read(tmp_path) == read(tmp_path / "report.json")
    assert to_json(read(tmp_path)) == report(1)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"schema": 1}', '{"schema": 2, "stack": "shop"}'])
def test_what_is_not_a_report_is_refused_by_its_name(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=r"other\.json"):
        read(file)
