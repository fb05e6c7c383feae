"""When alarms are looked at, against an emulator that holds alarms and datapoints and counts the questions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.alarms import Alarms, evaluator

HERE = {"account": "100000000001", "region": "eu-west-1"}
DEADLINE = 20.0


def described(name: str, state: str = "OK", **fields: Any) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "StateValue": state,
        "StateReason": "",
        "Namespace": "My",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "Of", "Value": name}],
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        **fields,
    }


class CloudWatch:
    """Alarms, and the value of each name's metric in every period."""

    def __init__(self, *alarms: dict[str, Any]) -> None:
        self.alarms = {alarm["AlarmName"]: alarm for alarm in alarms}
        self.values: dict[str, float] = {}
        self.asked: list[str] = []
        self.set: list[tuple[str, str]] = []
        self.away = False

    async def describe(self, scope: Scope, wanted: Mapping[str, object]) -> dict[str, Any]:
        assert scope == Scope(**HERE)
        self.asked.append("DescribeAlarms")
        if self.away:
            raise AwsError(503, "ServiceUnavailable", "away")
        names = sorted(name for name in self.alarms if name >= str(wanted.get("NextToken", "")))
        page = {"MetricAlarms": [dict(self.alarms[name]) for name in names[:4]]}
        return page | ({"NextToken": names[4]} if len(names) > 4 else {})

    async def json(
        self, scope: Scope, service: str, target: str, body: Mapping[str, Any], version: str = "1.1"
    ) -> dict[str, Any]:
        operation = target.rpartition(".")[2]
        self.asked.append(operation)
        if operation == "GetMetricStatistics":
            [dimension] = body["Dimensions"]
            value = self.values.get(dimension["Value"])
            bucket = {"SampleCount": 1.0, "Sum": value, "Minimum": value, "Maximum": value}
            starts = range(body["StartTime"], body["EndTime"], body["Period"])
            return {"Datapoints": [] if value is None else [{"Timestamp": start, **bucket} for start in starts]}
        assert operation == "SetAlarmState"
        if body["AlarmName"] not in self.alarms:
            raise AwsError(404, "ResourceNotFound", "no such alarm")
        self.alarms[body["AlarmName"]] |= {"StateValue": body["StateValue"], "StateReason": body["StateReason"]}
        self.set.append((body["AlarmName"], body["StateValue"]))
        return {}


class Clock:
    """Stands at a minute's sixth second, until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_046.0

    def __call__(self) -> float:
        return self.now


def watching(cloudwatch: CloudWatch, clock: Clock) -> Alarms:
    return Alarms(cast(Emulator, cloudwatch), cloudwatch.describe, clock=clock)


async def until(holds: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + DEADLINE
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it never came to hold"
        await asyncio.sleep(0.005)


async def test_sixteen_alarms_are_each_judged_by_their_own_metric() -> None:
    cloudwatch = CloudWatch(*(described(f"alarm-{number:02}") for number in range(16)))
    cloudwatch.values = {"alarm-03": 2.0, "alarm-12": 0.0}
    alarms = watching(cloudwatch, Clock())
    await alarms.put(HERE)
    await until(lambda: cloudwatch.asked.count("GetMetricStatistics") == 16 and bool(cloudwatch.set))
    await alarms.close()
    assert cloudwatch.set == [("alarm-03", "ALARM")]


async def test_a_state_is_set_once_and_set_back_when_the_next_period_is_well() -> None:
    cloudwatch, clock = CloudWatch(described("a")), Clock()
    cloudwatch.values = {"a": 1.0}
    alarms = watching(cloudwatch, clock)
    await alarms.put(HERE)
    await until(lambda: cloudwatch.set == [("a", "ALARM")])
    await alarms.put(HERE)  # something else was put: this one's period is not over
    await until(lambda: cloudwatch.asked.count("DescribeAlarms") == 2)
    assert cloudwatch.asked.count("GetMetricStatistics") == 1
    clock.now += 10
    cloudwatch.values = {"a": 0.0}
    await alarms.put(HERE)
    await until(lambda: cloudwatch.set == [("a", "ALARM"), ("a", "OK")])
    await alarms.close()


async def test_an_alarm_that_was_changed_is_evaluated_afresh() -> None:
    cloudwatch, clock = CloudWatch(described("a")), Clock()
    cloudwatch.values = {"a": 1.0}
    alarms = watching(cloudwatch, clock)
    await alarms.put(HERE)
    await until(lambda: cloudwatch.set == [("a", "ALARM")])
    cloudwatch.alarms["a"]["Threshold"] = 5.0
    await alarms.put(HERE)
    await until(lambda: cloudwatch.set[1:] == [("a", "OK")])
    await alarms.close()


async def test_without_alarms_nothing_is_asked_any_more() -> None:
    cloudwatch = CloudWatch()
    alarms = watching(cloudwatch, Clock())
    await alarms.put(HERE)
    await until(lambda: cloudwatch.asked == ["DescribeAlarms"] and alarms._task is None)
    await alarms.close()


async def test_an_alarm_deleted_meanwhile_harms_no_other() -> None:
    class Deleting(CloudWatch):
        async def json(self, *arguments: Any) -> dict[str, Any]:
            self.alarms.pop("a", None)
            return await super().json(*arguments)

    cloudwatch = Deleting(described("a"), described("b"))
    cloudwatch.values = {"a": 1.0, "b": 1.0}
    alarms = watching(cloudwatch, Clock())
    await alarms.put(HERE)
    await until(lambda: cloudwatch.set == [("b", "ALARM")])
    await alarms.close()


async def test_an_emulator_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "AGAIN_SECONDS", 0.01)
    cloudwatch, clock = CloudWatch(described("a")), Clock()
    cloudwatch.values = {"a": 1.0}
    cloudwatch.away = True
    alarms = watching(cloudwatch, clock)
    await alarms.put(HERE)
    await until(lambda: cloudwatch.asked == ["DescribeAlarms"])
    cloudwatch.away = False
    clock.now += 5
    await until(lambda: cloudwatch.set == [("a", "ALARM")])
    await alarms.close()


async def test_a_metric_that_cannot_be_read_ends_the_evaluation_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "AGAIN_SECONDS", 0.0)

    class Broken(CloudWatch):
        async def json(
            self, scope: Scope, service: str, target: str, body: Mapping[str, Any], version: str = "1.1"
        ) -> dict[str, Any]:
            if body.get("Dimensions") == [{"Name": "Of", "Value": "a"}]:
                raise ValueError("this is no JSON")
            return await super().json(scope, service, target, body, version)

    cloudwatch = Broken(described("a"), described("b"))
    alarms = watching(cloudwatch, Clock())
    await alarms.put(HERE)
    await until(lambda: cloudwatch.asked.count("DescribeAlarms") > 1)
    cloudwatch.values = {"b": 1.0}
    await until(lambda: cloudwatch.set == [("b", "ALARM")])
    await alarms.close()


async def test_metric_math_stays_undecided_and_says_why_once() -> None:
    cloudwatch, clock = CloudWatch(described("a", "INSUFFICIENT_DATA", MetricName=None)), Clock()
    alarms = watching(cloudwatch, clock)
    await alarms.put(HERE)
    await until(lambda: "metric math" in cloudwatch.alarms["a"]["StateReason"])
    clock.now += 10
    await alarms.put(HERE)
    await until(lambda: cloudwatch.asked.count("DescribeAlarms") == 2)
    await alarms.close()
    assert cloudwatch.set == [("a", "INSUFFICIENT_DATA")]
