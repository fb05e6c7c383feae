"""Alarms are evaluated: by their own metric, by AWS's rules, and a topic is told of each change once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from tests.conformance.fidelity import documented
from tests.conformance.lab import Answer, Lab, eventually, send

AREA = "CloudWatch"
EVALUATION = "AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"
MISSING = "AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"
NOTIFIED = "AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html"
MATH = "AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html"
PROTOCOLS = "AmazonCloudWatch/latest/APIReference/making-api-requests.html"

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


def in_cbor(lab: Lab, operation: str, **parameters: Any) -> tuple[Answer, dict[str, Any]]:
    """A call as SDKs make it that prefer CBOR, and its answer as they read it."""
    model = botocore.session.get_session().get_service_model("cloudwatch").operation_model(operation)
    written = create_serializer("smithy-rpc-v2-cbor").serialize_to_request(parameters, model)
    credential = f"{lab.account}/20260101/{lab.region}/monitoring/aws4_request"
    signature = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={'0' * 64}"
    headers = {**written["headers"], "authorization": signature}
    answer = send("POST", lab.endpoint + written["url_path"], headers, written["body"])
    heard = {"status_code": answer.status, "headers": dict(answer.headers.items()), "body": answer.body}
    return answer, create_parser("smithy-rpc-v2-cbor").parse(heard, model.output_shape)


@documented(AREA, "A call in CBOR counts like any other, and is answered in CBOR", PROTOCOLS)
def test_cbor_is_answered_in_cbor_and_counts(lab: Lab) -> None:
    name = lab.name("cbor")
    dimensions = [{"Name": "Of", "Value": "1"}]
    described = {
        "AlarmName": name,
        "Namespace": "Conformance",
        "MetricName": name,
        "Dimensions": dimensions,
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 0.5,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    datum = {
        "MetricName": name,
        "Dimensions": dimensions,
        "Value": 2.5,
        "Timestamp": datetime.now(UTC),
        "Unit": "Count",
    }
    put, _ = in_cbor(lab, "PutMetricAlarm", **described)
    measured, _ = in_cbor(lab, "PutMetricData", Namespace="Conformance", MetricData=[datum])
    for answer in (put, measured):
        assert (answer.status, answer.headers["smithy-protocol"]) == (200, "rpc-v2-cbor")
        assert answer.body == b"" or answer.headers["content-type"] == "application/cbor"
    eventually(lambda: states(lab, name) == {name: "ALARM"}, "an alarm", PATIENCE)
    (alarm,) = in_cbor(lab, "DescribeAlarms", AlarmNames=[name])[1]["MetricAlarms"]
    assert (alarm["Threshold"], alarm["Dimensions"], alarm["StateValue"]) == (0.5, dimensions, "ALARM")
    begin, end = datetime.now(UTC) - timedelta(minutes=5), datetime.now(UTC) + timedelta(minutes=5)
    window = {"StartTime": begin, "EndTime": end, "Period": 600, "Statistics": ["Sum"], "Dimensions": dimensions}
    points = in_cbor(lab, "GetMetricStatistics", Namespace="Conformance", MetricName=name, **window)[1]["Datapoints"]
    assert sum(point["Sum"] for point in points) == 2.5
    assert abs(points[0]["Timestamp"] - datetime.now(UTC)) < timedelta(hours=1)
    assert in_cbor(lab, "DeleteAlarms", AlarmNames=[name])[0].status == 200
    assert states(lab, name) == {}


@documented(AREA, "An error of a call in CBOR is in CBOR", PROTOCOLS)
def test_an_error_in_cbor_is_in_cbor(lab: Lab) -> None:
    answer, error = in_cbor(lab, "SetAlarmState", AlarmName=lab.name("none"), StateValue="OK", StateReason="a try")
    assert (answer.status, answer.headers["smithy-protocol"]) == (404, "rpc-v2-cbor")
    assert answer.headers["content-type"] == "application/cbor"
    assert error["Error"]["Code"] == "ResourceNotFound"
