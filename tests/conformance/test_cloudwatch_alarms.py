"""Alarms are evaluated: by their own metric, by AWS's rules, and a topic is told of each change once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually

AREA = "CloudWatch"
EVALUATION = "AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"
MISSING = "AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"
NOTIFIED = "AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html"
MATH = "AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html"

COUNT = 16
PATIENCE = 120.0


@dataclass
class Watched:
    """What became of sixteen alarms when the metric of one of them rose, and fell."""

    name: str
    highs: dict[str, str]
    lows: dict[str, str]
    notifications: list[dict[str, Any]]
    changes: list[str]


def alarm(lab: Lab, name: str, metric: str, **fields: Any) -> None:
    described = {
        "AlarmName": name,
        "Namespace": "Conformance",
        "MetricName": metric,
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 0.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    lab.aws("cloudwatch").put_metric_alarm(**(described | fields))


def states(lab: Lab, prefix: str) -> dict[str, str]:
    alarms = lab.aws("cloudwatch").describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}


def measure(lab: Lab, metric: str, value: float, **fields: Any) -> None:
    datum = {"MetricName": metric, "Value": value, **fields}
    lab.aws("cloudwatch").put_metric_data(Namespace="Conformance", MetricData=[datum])


def watch(lab: Lab) -> Watched:
    cloudwatch, sns, prefix = lab.aws("cloudwatch"), lab.aws("sns"), lab.name("watched")
    topic = sns.create_topic(Name=prefix)["TopicArn"]
    queue = lab.queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    dimensions = [[{"Name": "Of", "Value": f"{number}"}] for number in range(COUNT)]
    for number in range(COUNT):
        actions = {"AlarmActions": [topic], "OKActions": [topic], "Dimensions": dimensions[number]}
        alarm(lab, f"{prefix}-{number}", prefix, **actions)
    eventually(lambda: set(states(lab, prefix).values()) == {"OK"}, "alarms at rest", PATIENCE)
    for _ in range(COUNT):
        queue.receive()

    name = f"{prefix}-3"
    measure(lab, prefix, 2, Dimensions=dimensions[3])
    eventually(lambda: states(lab, prefix)[name] == "ALARM", "an alarm", PATIENCE)
    highs = states(lab, prefix)
    measure(lab, prefix, 0, Dimensions=dimensions[3])
    eventually(lambda: states(lab, prefix)[name] == "OK", "an alarm that is over", PATIENCE)
    lows = states(lab, prefix)
    notifications = [json.loads(json.loads(queue.receive()["Body"])["Message"]) for _ in range(2)]
    left = lab.aws("sqs").receive_message(QueueUrl=queue.url, WaitTimeSeconds=1).get("Messages", [])
    history = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    cloudwatch.delete_alarms(AlarmNames=list(lows))
    changes = [entry["HistorySummary"] for entry in sorted(history, key=lambda entry: entry["Timestamp"])]
    return Watched(name, highs, lows, notifications + left, changes)


@documented(AREA, "An alarm watches the metric with exactly its dimensions, and is over when that is well", EVALUATION)
@pytest.mark.begins(work=watch)
def test_an_alarm_watches_its_own_metric_and_its_topic_is_told_once(begun: Callable[[], Watched]) -> None:
    watched = begun()
    assert [name for name, state in watched.highs.items() if state != "OK"] == [watched.name]
    assert set(watched.lows.values()) == {"OK"}
    assert watched.changes[-2:] == ["Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK"]
    raised, over = sorted(watched.notifications, key=lambda document: document["NewStateValue"])
    assert (raised["AlarmName"], raised["OldStateValue"], raised["NewStateValue"]) == (watched.name, "OK", "ALARM")
    assert (over["AlarmName"], over["OldStateValue"], over["NewStateValue"]) == (watched.name, "ALARM", "OK")
    assert raised["NewStateReason"].startswith("Threshold Crossed")
    assert raised["Trigger"]["Dimensions"] == [{"value": "3", "name": "Of"}]
    assert (raised["Trigger"]["Statistic"], raised["Trigger"]["Period"]) == ("SUM", 10)


@documented(AREA, "Missing data is missing, ignored, breaching or not breaching", MISSING)
def test_an_alarm_without_data_is_in_the_state_that_its_treatment_says(lab: Lab) -> None:
    prefix = lab.name("silent")
    treated = {
        "missing": "INSUFFICIENT_DATA",
        "ignore": "INSUFFICIENT_DATA",
        "breaching": "ALARM",
        "notBreaching": "OK",
    }
    for treatment in treated:
        alarm(lab, f"{prefix}-{treatment}", prefix, TreatMissingData=treatment)
    wanted = {f"{prefix}-{treatment}": state for treatment, state in treated.items()}
    eventually(lambda: states(lab, prefix) == wanted, f"the states {wanted}", PATIENCE)
    lab.aws("cloudwatch").delete_alarms(AlarmNames=list(wanted))


@documented(AREA, "SetAlarmState carries out the actions of the state", NOTIFIED)
def test_a_state_set_by_hand_is_told_to_the_topic(lab: Lab) -> None:
    name, queue = lab.name("set"), lab.queue()
    topic = lab.aws("sns").create_topic(Name=name)["TopicArn"]
    lab.aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    alarm(lab, name, name, Period=86400, TreatMissingData="ignore", AlarmActions=[topic])
    lab.aws("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a try")
    message = json.loads(queue.receive()["Body"])
    document = json.loads(message["Message"])
    assert (document["NewStateValue"], document["NewStateReason"]) == ("ALARM", "a try")
    assert message["Subject"].startswith(f'ALARM: "{name}" in ')
    lab.aws("cloudwatch").delete_alarms(AlarmNames=[name])


@documented(AREA, "An alarm may watch metric math", MATH, "described, not evaluated: it stays in INSUFFICIENT_DATA")
def test_metric_math_is_not_evaluated(lab: Lab) -> None:
    name = lab.name("math")
    metric = {"Metric": {"Namespace": "Conformance", "MetricName": name}, "Period": 10, "Stat": "Sum"}
    lab.aws("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Metrics=[
            {"Id": "twice", "Expression": "one * 2", "ReturnData": True},
            {"Id": "one", "MetricStat": metric, "ReturnData": False},
        ],
        EvaluationPeriods=1,
        Threshold=0.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    measure(lab, name, 1)
    assert states(lab, name) == {name: "INSUFFICIENT_DATA"}
    lab.aws("cloudwatch").delete_alarms(AlarmNames=[name])
