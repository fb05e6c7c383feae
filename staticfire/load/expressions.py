"""Thresholds in words, as k6 has them: `p(95)<200`, `error_rate<0.01`, `p(99){POST /usage}<300`, `integrity==0`.

Latencies are milliseconds, from when a request was due. Of a ramp they are those of the highest step that held, of a
spike those after it: percentiles of several loads at once say nothing. `integrity` counts what is lost, doubled,
unexplained or drifted; `unsent` what was due and never sent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from staticfire.errors import UsageError

from .integrity import Integrity
from .record import Phase, Record, Tally, percentile
from .thresholds import OPERATORS, LoadLimits, LoadStep, Threshold, rate_of

PERCENTILE = re.compile(r"p\((\d{1,2}(?:\.\d+)?)\)")
METRICS = ("p(N)", "avg", "max", "rate", "error_rate", "requests", "unsent", "integrity")
OF_A_ROUTE = ("avg", "max", "rate", "error_rate", "requests")
FORM = re.compile(
    r"\s*(?P<metric>[a-z_]+\d*(?:\([\d.]+\))?)\s*(?:\{(?P<route>[^{}]+)\})?"
    r"\s*(?P<operator><=|>=|==|<|>)\s*(?P<limit>\d+(?:\.\d+)?)\s*(?P<unit>ms|s)?\s*"
)


@dataclass(frozen=True)
class ThresholdExpression:
    """What must hold of a run. `route` empty: of all of them together."""

    metric: str
    route: str
    operator: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> ThresholdExpression:
        form = FORM.fullmatch(text)
        if form is None:
            raise _wrong(text, f"It must be METRIC OPERATOR NUMBER; operators: {' '.join(OPERATORS)}.")
        metric, route, unit = form["metric"], (form["route"] or "").strip(), form["unit"]
        is_percentile = PERCENTILE.fullmatch(metric) is not None
        if not is_percentile and metric not in METRICS[1:]:
            raise _wrong(text, f"There is no metric {metric!r}; there are: {', '.join(METRICS)}.")
        if route and not is_percentile and metric not in OF_A_ROUTE:
            raise _wrong(text, f"{metric} is not known of a single route.")
        if unit and not is_percentile and metric not in ("avg", "max"):
            raise _wrong(text, f"{metric} is not a time.")
        return cls(metric, route, form["operator"], float(form["limit"]) * (1000 if unit == "s" else 1))

    @property
    def name(self) -> str:
        return f"{self.metric}{{{self.route}}}" if self.route else self.metric

    def judge(self, record: Record, phases: Sequence[Phase], integrity: Integrity | None) -> Threshold:
        """Latencies are those of `phases`; what counts failures, of all that is measured."""
        return Threshold.of(self.name, self.operator, self.limit, self._value(record, phases, integrity))

    def _value(self, record: Record, phases: Sequence[Phase], integrity: Integrity | None) -> float | None:
        if self.metric == "integrity":
            return None if integrity is None else float(integrity.wrong)
        if self.metric == "unsent":
            return float(record.unsent(record.measured))
        counted = record.measured if self.metric in ("error_rate", "requests") else phases
        tally = record.routes(counted).get(self.route, Tally()) if self.route else record.total(counted)
        if self.metric == "requests":
            return float(tally.requests)
        if not tally.requests:
            return None
        if self.metric == "error_rate":
            return tally.failed_share
        if self.metric == "rate":
            return rate_of(tally, counted)
        return _time(self.metric, tally.from_due)


def _time(metric: str, times: Counter[float]) -> float | None:
    if metric == "max":
        return max(times)
    if metric == "avg":
        return sum(milliseconds * count for milliseconds, count in times.items()) / times.total()
    form = PERCENTILE.fullmatch(metric)
    assert form is not None
    return percentile(times, float(form[1]) / 100)


def answering_phases(record: Record, steps: Sequence[LoadStep], profile: str, limits: LoadLimits) -> Sequence[Phase]:
    """Those whose latencies a run answers with. `steps` are those of the record's measured phases."""
    if profile == "spike":
        return record.measured[-1:]
    if profile != "ramp":
        return record.measured
    held = [
        (step.load, phase) for step, phase in zip(steps, record.measured, strict=True) if not step.broken_by(limits)
    ]
    return [max(held, key=lambda pair: pair[0])[1]] if held else record.measured[:1]


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(
        f"The threshold {text!r} is not understood. {why}",
        remedy="Write, for example: 'p(95)<200', 'error_rate<0.01', 'p(99){POST /usage}<1s', 'integrity==0'.",
    )
