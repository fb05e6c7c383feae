"""AWS's rules for an alarm's state: its tables of missing data, M out of N, statistics, operators, reasons."""

from __future__ import annotations

from typing import Any

import pytest

from staticfire.edge.services.cloudwatch.alarms.rules import Alarm, Datapoint, Verdict

RETAINED = "retained"


def alarm(**fields: Any) -> Alarm:
    described = {
        "AlarmName": "errors",
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    return Alarm.described(described | fields)


def range_(pattern: str) -> list[Datapoint | None]:
    """`0 - X`: within the threshold, missing, breaching; oldest first, a minute each."""
    values = {"0": 0.0, "X": 1.0}
    return [
        Datapoint(60 * number, values[mark], 1.0) if mark in values else None
        for number, mark in enumerate(pattern.split())
    ]


def state_of(verdict: Verdict | None) -> str:
    return verdict.state if verdict else RETAINED


# The tables of "Configuring how CloudWatch alarms treat missing data": missing, ignore, breaching, notBreaching.
THREE_OF_THREE = {
    "0 - X - X": ("OK", "OK", "OK", "OK"),
    "0 - - - -": ("OK", "OK", "OK", "OK"),
    "- - - - -": ("INSUFFICIENT_DATA", RETAINED, "ALARM", "OK"),
    "0 X X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "- - X - -": ("ALARM", RETAINED, "ALARM", "OK"),
}
TWO_OF_THREE = {
    "0 - X - X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 0 X 0 X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0 - X - -": ("OK", "OK", "ALARM", "OK"),
    "- - - - 0": ("OK", "OK", "ALARM", "OK"),
    "- - - X -": ("ALARM", RETAINED, "ALARM", "OK"),
}
ROWS = [
    (pattern, needed, treated, state)
    for needed, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for pattern, states in table.items()
    for treated, state in zip(("missing", "ignore", "breaching", "notBreaching"), states, strict=True)
]


@pytest.mark.parametrize(("pattern", "needed", "treated", "state"), ROWS)
def test_missing_data_is_treated_as_in_the_tables_of_aws(pattern: str, needed: int, treated: str, state: str) -> None:
    watching = alarm(EvaluationPeriods=3, DatapointsToAlarm=needed, TreatMissingData=treated)
    assert state_of(watching.evaluate(range_(pattern), "OK")) == state


def test_a_breaching_datapoint_alone_is_no_alarm_while_it_is_young() -> None:
    assert alarm(EvaluationPeriods=3).evaluate(range_("- - - - X"), "OK") is None


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [3.0]),
        ("GreaterThanOrEqualToThreshold", [2.0, 3.0]),
        ("LessThanThreshold", [1.0]),
        ("LessThanOrEqualToThreshold", [1.0, 2.0]),
    ],
)
def test_a_value_is_compared_as_the_operator_says(comparison: str, breaching: list[float]) -> None:
    watching = alarm(ComparisonOperator=comparison, Threshold=2.0)
    breached = [
        value for value in (1.0, 2.0, 3.0) if state_of(watching.evaluate([Datapoint(0, value, 1.0)], "OK")) == "ALARM"
    ]
    assert breached == breaching


@pytest.mark.parametrize(
    ("statistic", "value"), [("SampleCount", 5.0), ("Sum", 20.0), ("Average", 4.0), ("Minimum", 1.0), ("Maximum", 9.0)]
)
def test_a_periods_statistic_is_that_of_all_its_parts(statistic: str, value: float) -> None:
    buckets = [
        {"SampleCount": 4.0, "Sum": 19.0, "Minimum": 3.0, "Maximum": 9.0},
        {"SampleCount": 1.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0},
    ]
    assert Datapoint.of(0, statistic, buckets) == Datapoint(0, value, 5.0)


def test_a_percentile_that_the_samples_do_not_give_is_missing() -> None:
    bucket = {"SampleCount": 4.0, "Sum": 19.0, "Minimum": 3.0, "Maximum": 9.0}
    assert Datapoint.of(0, "p99", [bucket]) is None
    assert Datapoint.of(0, "p99", [bucket | {"ExtendedStatistics": {"p99": 8.9}}]) == Datapoint(0, 8.9, 4.0)


def test_long_periods_are_looked_at_each_minute_and_end_with_it() -> None:
    watching = alarm(Period=300, EvaluationPeriods=1)
    assert watching.step == 60
    minute = {"SampleCount": 1.0, "Sum": 2.0, "Minimum": 2.0, "Maximum": 2.0}
    datapoints = watching.datapoints(1260, [{"Timestamp": at, **minute} for at in (900, 960, 1020, 1200)])
    assert datapoints == [None, Datapoint(660, 2.0, 1.0), Datapoint(960, 6.0, 3.0)]


def test_another_unit_is_another_metric() -> None:
    bucket = {"Timestamp": 60, "SampleCount": 1.0, "Sum": 2.0, "Minimum": 2.0, "Maximum": 2.0, "Unit": "Bytes"}
    assert alarm(Unit="Count").datapoints(120, [bucket]) == [None, None, None]
    assert alarm(Unit="Bytes").datapoints(120, [bucket])[-1] == Datapoint(60, 2.0, 1.0)


@pytest.mark.parametrize(
    ("samples", "policy", "state"), [(999, "ignore", RETAINED), (1000, "ignore", "ALARM"), (1, "evaluate", "ALARM")]
)
def test_a_percentile_of_few_samples_changes_nothing_where_that_is_wished(
    samples: int, policy: str, state: str
) -> None:
    watching = alarm(Statistic=None, ExtendedStatistic="p99", EvaluateLowSampleCountPercentile=policy)
    assert state_of(watching.evaluate([Datapoint(0, 5.0, samples)], "OK")) == state


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"MetricName": None}, "metric math"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection"),
        ({"Statistic": None, "ExtendedStatistic": "tm99"}, "percentiles"),
    ],
)
def test_what_cannot_be_evaluated_says_so(fields: dict[str, Any], words: str) -> None:
    assert words in alarm(**fields).trouble


def test_what_can_be_evaluated_has_no_trouble() -> None:
    assert alarm().trouble == ""


def test_the_reason_is_worded_as_aws_words_it() -> None:
    watching = alarm(EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData="notBreaching")
    crossed = watching.evaluate(
        [Datapoint(1_700_000_000 + 60 * n, v, 1.0) for n, v in enumerate((0.0, 2.0, 3.0))], "OK"
    )
    assert crossed is not None
    assert crossed.reason == (
        "Threshold Crossed: 2 out of the last 3 datapoints [3.0 (14/11/23 22:15:20), 2.0 (14/11/23 22:14:20), "
        "0.0 (14/11/23 22:13:20)] were greater than the threshold (0.0) "
        "(minimum 2 datapoints for OK -> ALARM transition)."
    )
    quiet = alarm(TreatMissingData="notBreaching").evaluate(range_("- - -"), "ALARM")
    assert quiet is not None
    assert quiet.reason == (
        "Threshold Crossed: no datapoints were received for 1 period and "
        "1 missing datapoint was treated as [NonBreaching]."
    )
