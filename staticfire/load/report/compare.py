"""Two runs side by side, and a verdict only where it is beyond their noise.

A measure is `better` or `worse` when the whole interval of its change (see analysis.py) is on one side of zero, and the
change is more than SLACK beyond the machine's own drift: two runs on a shared machine differ by more than either run's
noise tells. The drift is that of the first layer, the empty handler, whose code is the same in both.

Of a knee only the steps around it are known, and the next step is a matter of noise: knees differ when one run held a
higher load than the one at which the other had failed. Runs of another stack, profile or machine, or with another load
asked for, are set side by side without a verdict.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from staticfire.errors import UsageError
from staticfire.load.record import WARM_UP

from .analysis import LEAST_SECONDS, Interval, change

SLACK = 0.05
# Of errors, the share of all requests; relative changes of something near none say nothing.
SLACK_ERRORS = 0.001
SAME = "no difference beyond noise"


@dataclass(frozen=True)
class Measure:
    """One line of the comparison. `low` to `high`: where the change lies by chance in 95 of 100 runs."""

    name: str
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    verdict: str


def read(path: Path) -> dict[str, Any]:
    """An earlier report: its report.json, or the directory that holds it."""
    file = path / "report.json" if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file} cannot be compared with: {error}.", remedy="Name the report.json of a run."
        ) from error
    if not isinstance(document, dict) or document.get("schema") != 1:
        raise UsageError(f"{file} is no report of a load run.", remedy="Name the report.json of a run.")
    return document


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The report's part `comparison`."""
    differences = _differences(before, after)
    drift = _drift(before, after)
    slack = SLACK + abs(drift or 0.0)
    seconds = _aligned(before, after)
    measures = []
    for name, key, higher_is_better in MEASURES:
        found = change(*seconds, key, relative=True)
        then, now = (report["measured"][key] for report in (before, after))
        measures.append(_judged(name, then, now, found, slack, higher_is_better=higher_is_better))
    measures += [_errors(before, after, seconds), *_knees(before, after)]
    if differences:
        measures = [Measure(**(asdict(measure) | {"verdict": "not comparable"})) for measure in measures]
    return {
        "with": {key: before[key] for key in ("stack", "profile", "started", "revision")},
        "differences": differences,
        "machine_drift": drift,
        "measures": [asdict(measure) for measure in measures],
    }


MEASURES = (
    ("requests/s", "rate", True),
    ("p50 ms", "p50_ms", False),
    ("p95 ms", "p95_ms", False),
    ("p99 ms", "p99_ms", False),
)


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What makes the two runs different questions, instead of two answers to one."""
    found = [
        f"{name}: {before.get(name)} before, {after.get(name)} now"
        for name in ("stack", "profile", "target", "asked")
        if before.get(name) != after.get(name)
    ]
    machines = [{key: report["machine"].get(key) for key in ("processor", "cores")} for report in (before, after)]
    if machines[0] != machines[1]:
        found.append(f"machine: {machines[0]} before, {machines[1]} now")
    return found


def _drift(before: Mapping[str, Any], after: Mapping[str, Any]) -> float | None:
    """How much slower the empty handler became, as a share; None where a run has no layers, or others."""
    first = [report["layers"][0] for report in (before, after) if report["layers"]]
    if len(first) < 2 or first[0]["name"] != first[1]["name"]:
        return None
    drift: float = first[1]["p50_ms"] / first[0]["p50_ms"] - 1
    return drift


Series = Sequence[Mapping[str, Any]]


def _aligned(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Series, Series]:
    """The seconds that both runs have: the first of a step with the first of that step, and so on."""
    numbered = []
    for report in (before, after):
        seen: Counter[str] = Counter()
        seconds = {}
        for second in report["series"]:
            if second["phase"] != WARM_UP:
                seconds[second["phase"], seen[second["phase"]]] = second
                seen[second["phase"]] += 1
        numbered.append(seconds)
    common = [key for key in numbered[0] if key in numbered[1]]
    return [numbered[0][key] for key in common], [numbered[1][key] for key in common]


def _errors(before: Mapping[str, Any], after: Mapping[str, Any], seconds: tuple[Series, Series]) -> Measure:
    old, new = ([{"share": _share(each["errors"], each["errors"] + each["rate"])} for each in half] for half in seconds)
    found = change(old, new, "share", relative=False)
    then, now = (_share(each["measured"]["failures"], each["measured"]["requests"]) for each in (before, after))
    return _judged("failed share", then, now, found, SLACK_ERRORS, higher_is_better=False)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _judged(
    name: str,
    before: float | None,
    after: float | None,
    found: Interval | None,
    slack: float,
    *,
    higher_is_better: bool,
) -> Measure:
    if found is None:
        return Measure(
            name, before, after, None, None, None, f"no verdict: fewer than {LEAST_SECONDS} seconds in common"
        )
    verdict = SAME
    if abs(found.middle) > slack and (found.low > 0 or found.high < 0):
        verdict = "better" if (found.middle > 0) == higher_is_better else "worse"
    return Measure(name, before, after, found.middle, found.low, found.high, verdict)


def _knees(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Measure]:
    old, new = before["knee"], after["knee"]
    if old is None or new is None:
        return []
    verdict = SAME
    if _above(new, old):
        verdict = "better"
    elif _above(old, new):
        verdict = "worse"
    relative = new["rate"] / old["rate"] - 1 if old["rate"] and new["rate"] else None
    return [Measure("knee, requests/s", old["rate"], new["rate"], relative, None, None, verdict)]


def _above(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether one run held a higher load than the one at which the other had failed."""
    held, failed = one["holds_at"], other["fails_at"]
    return held is not None and failed is not None and held > failed
