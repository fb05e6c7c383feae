"""One alarm against its datapoints, by AWS's rules.

    Alarm        what is watched, as DescribeAlarms tells it
    Datapoint    one period's value; None in its place: nothing was measured
    Verdict      the state that follows, and why; None: the state stays as it is

More periods are looked at than the alarm names (its evaluation range), so that an older datapoint makes up for one that
is missing. Only when the whole range holds fewer datapoints than the alarm needs does TreatMissingData decide:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

OK = "OK"
ALARM = "ALARM"
INSUFFICIENT_DATA = "INSUFFICIENT_DATA"

# How far the evaluation range reaches beyond the alarm's own periods, as in the tables of AWS's documentation.
EXTRA_PERIODS = 2
# Alarms are looked at once a minute at least, those with shorter periods each period.
LONGEST_STEP = 60

COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
}
STATISTICS = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
PERCENTILE = re.compile(r"p(\d{1,2}(\.\d+)?|100)")
TREATED = {"missing": "Missing", "ignore": "Ignored", "breaching": "Breaching", "notBreaching": "NonBreaching"}


@dataclass(frozen=True, slots=True)
class Datapoint:
    start: int
    value: float
    samples: float

    @classmethod
    def of(cls, start: int, statistic: str, buckets: Sequence[Mapping[str, Any]]) -> Datapoint | None:
        """A period's value from those of its parts; None without any."""
        samples = sum(bucket["SampleCount"] for bucket in buckets)
        if not samples:
            return None
        if statistic in STATISTICS:
            total = sum(bucket["Sum"] for bucket in buckets)
            value = {
                "SampleCount": lambda: samples,
                "Sum": lambda: total,
                "Average": lambda: total / samples,
                "Minimum": lambda: min(bucket["Minimum"] for bucket in buckets),
                "Maximum": lambda: max(bucket["Maximum"] for bucket in buckets),
            }[statistic]()
            return cls(start, value, samples)
        # Percentiles of parts make none of the whole: their period is one bucket. Statistic sets have none at all.
        [bucket] = buckets
        value = bucket.get("ExtendedStatistics", {}).get(statistic)
        return None if value is None else cls(start, value, samples)


@dataclass(frozen=True, slots=True)
class Verdict:
    state: str
    reason: str
    evaluated: tuple[Datapoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    name: str
    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    unit: str
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: str
    missing: str
    few_samples: str

    @classmethod
    def described(cls, document: Mapping[str, Any]) -> Alarm:
        periods = int(document.get("EvaluationPeriods") or 1)
        return cls(
            name=document["AlarmName"],
            namespace=document.get("Namespace") or "",
            metric=document.get("MetricName") or "",
            dimensions=tuple((pair["Name"], pair["Value"]) for pair in document.get("Dimensions") or ()),
            statistic=document.get("ExtendedStatistic") or document.get("Statistic") or "",
            unit=document.get("Unit") or "",
            period=int(document.get("Period") or LONGEST_STEP),
            evaluation_periods=periods,
            datapoints_to_alarm=int(document.get("DatapointsToAlarm") or periods),
            threshold=float(document.get("Threshold") or 0),
            comparison=document.get("ComparisonOperator") or "",
            missing=document.get("TreatMissingData") or "missing",
            few_samples=document.get("EvaluateLowSampleCountPercentile") or "evaluate",
        )

    @property
    def trouble(self) -> str:
        """Why this alarm cannot be evaluated here; empty: it can."""
        if not self.metric or not self.namespace:
            return "it watches metric math or a query, which are not evaluated locally"
        if self.comparison not in COMPARISONS:
            return f"its comparison operator {self.comparison} needs anomaly detection, which is not done locally"
        if self.statistic not in STATISTICS and not self.is_percentile:
            return f"its statistic {self.statistic} is not evaluated locally; percentiles (p0 to p100) are"
        return ""

    @property
    def is_percentile(self) -> bool:
        return PERCENTILE.fullmatch(self.statistic) is not None

    @property
    def step(self) -> int:
        """Seconds between two evaluations."""
        return self.period if self.is_percentile else min(self.period, LONGEST_STEP)

    @property
    def periods(self) -> int:
        """How many periods the evaluation range has."""
        return self.evaluation_periods + EXTRA_PERIODS

    def datapoints(self, end: int, buckets: Iterable[Mapping[str, Any]]) -> list[Datapoint | None]:
        """The range's datapoints, oldest first, from buckets of `step` seconds."""
        counted = [bucket for bucket in buckets if not self.unit or bucket.get("Unit", self.unit) == self.unit]
        datapoints = []
        for start in range(end - self.periods * self.period, end, self.period):
            within = [bucket for bucket in counted if start <= bucket["Timestamp"] < start + self.period]
            datapoints.append(Datapoint.of(start, self.statistic, within))
        return datapoints

    def evaluate(self, range_: Sequence[Datapoint | None], state: str) -> Verdict | None:
        """What follows from the range; `state` is the alarm's now, for the reason's words."""
        real = [datapoint for datapoint in range_ if datapoint is not None][-self.evaluation_periods :]
        if not real:
            return self._without_data()
        if self.few_samples == "ignore" and self.is_percentile and any(map(self._too_few, real)):
            return None
        filled = self.evaluation_periods - len(real)
        breaching = sum(map(self._breaches, real))
        assumed = filled if self.missing == "breaching" else 0
        if breaching + assumed >= self.datapoints_to_alarm:
            return self._verdict(ALARM, real, filled, breaching, state)
        if filled and self.missing in ("missing", "ignore") and breaching == len(real):
            # Nothing that is known speaks for OK. With the oldest such datapoint old enough, it is an alarm.
            oldest = len(range_) - next(number for number, datapoint in enumerate(range_) if datapoint is real[0])
            if self.missing == "missing" and oldest >= self.datapoints_to_alarm:
                return self._verdict(ALARM, real, filled, breaching, state)
            return None
        return self._verdict(OK, real, filled, breaching, state)

    def _breaches(self, datapoint: Datapoint) -> bool:
        return COMPARISONS[self.comparison][0](datapoint.value, self.threshold)

    def _too_few(self, datapoint: Datapoint) -> bool:
        """Whether a percentile of so few samples says nothing, by AWS's measure."""
        share = float(self.statistic[1:]) / 100
        tail = 1 - share if share >= 0.5 else share
        return tail > 0 and datapoint.samples < 10 / tail

    def _without_data(self) -> Verdict | None:
        count = self.evaluation_periods
        if self.missing == "ignore":
            return None
        if self.missing == "missing":
            return Verdict(
                INSUFFICIENT_DATA, f"Insufficient Data: {count} datapoint{' was' if count == 1 else 's were'} unknown."
            )
        reason = (
            f"Threshold Crossed: no datapoints were received for {count} period{'' if count == 1 else 's'} and "
            f"{count} missing datapoint{' was' if count == 1 else 's were'} treated as [{TREATED[self.missing]}]."
        )
        return Verdict(ALARM if self.missing == "breaching" else OK, reason)

    def _verdict(self, state: str, real: Sequence[Datapoint], filled: int, breaching: int, before: str) -> Verdict:
        crossed = state == ALARM
        counted = breaching if crossed else len(real) - breaching
        values = ", ".join(f"{datapoint.value} ({_moment(datapoint.start)})" for datapoint in reversed(real))
        verb = "was" if counted == 1 else "were"
        least = self.datapoints_to_alarm if crossed else self.evaluation_periods - self.datapoints_to_alarm + 1
        treated = ""
        if filled:
            plural = "datapoint was" if filled == 1 else "datapoints were"
            treated = f" and {filled} missing {plural} treated as [{TREATED[self.missing]}]"
        reason = (
            f"Threshold Crossed: {counted} out of the last {len(real)} datapoints [{values}] {verb} "
            f"{'' if crossed else 'not '}{COMPARISONS[self.comparison][1]} the threshold ({self.threshold}){treated} "
            f"(minimum {least} datapoint{'' if least == 1 else 's'} for {before} -> {state} transition)."
        )
        return Verdict(state, reason, tuple(reversed(real)))


def _moment(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%d/%m/%y %H:%M:%S")
