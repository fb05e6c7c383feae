"""Alarms are described as they were made: Terraform compares every field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, send

AREA = "CloudWatch"
ALARM = "AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html"
DESCRIBE = "AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"
NS = {"m": "http://monitoring.amazonaws.com/doc/2010-08-01/"}


def simple(lab: Lab) -> dict[str, Any]:
    topic = f"arn:aws:sns:{lab.region}:{lab.account}:alerts"
    return {
        "AlarmName": lab.name("alarm"),
        "AlarmDescription": "errors <of> one function & no other",
        "ActionsEnabled": True,
        "OKActions": [topic + "-ok"],
        "AlarmActions": [topic, topic + "-2"],
        "InsufficientDataActions": [topic + "-none"],
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Dimensions": [{"Name": "FunctionName", "Value": "one"}, {"Name": "Resource", "Value": "one:live"}],
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 1.5,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "Unit": "Count",
    }


def percentile(lab: Lab) -> dict[str, Any]:
    return {
        "AlarmName": lab.name("alarm"),
        "Namespace": "AWS/ApiGateway",
        "MetricName": "Latency",
        "ExtendedStatistic": "p99.9",
        "EvaluateLowSampleCountPercentile": "ignore",
        "Dimensions": [{"Name": "ApiId", "Value": "abc"}],
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 2000.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }


def math(lab: Lab) -> dict[str, Any]:
    def metric(name: str) -> dict[str, Any]:
        dimensions = [{"Name": "FunctionName", "Value": "one"}]
        described = {"Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": dimensions}
        return {"Metric": described, "Period": 60, "Stat": "Sum"}

    return {
        "AlarmName": lab.name("alarm"),
        "Metrics": [
            {"Id": "rate", "Expression": "errors / calls * 100", "Label": "rate", "ReturnData": True},
            {"Id": "errors", "MetricStat": metric("Errors"), "ReturnData": False},
            {"Id": "calls", "MetricStat": metric("Invocations"), "ReturnData": False},
        ],
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "missing",
    }


def in_the_query_protocol(lab: Lab, action: str, **parameters: Any) -> bytes:
    """What the endpoint answers in the protocol that the AWS provider of Terraform speaks."""
    form = urlencode([("Action", action), ("Version", "2010-08-01"), *flat(parameters)])
    scope = f"{lab.account}/20260101/{lab.region}/monitoring/aws4_request"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
    }
    answer = send("POST", f"{lab.endpoint}/", headers, form)
    assert answer.status == 200, answer.body
    return answer.body


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """`{"A": [{"B": True}]}` as the query protocol has it: `A.member.1.B=true`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from flat(inner, f"{path}.member.{number}")
    else:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


def put(lab: Lab, alarm: dict[str, Any]) -> None:
    in_the_query_protocol(lab, "PutMetricAlarm", **alarm)


def in_xml(lab: Lab, name: str) -> ElementTree.Element:
    body = in_the_query_protocol(lab, "DescribeAlarms", AlarmNames=[name])
    [alarm] = ElementTree.fromstring(body).findall(".//m:MetricAlarms/m:member", NS)
    return alarm


def texts(alarm: ElementTree.Element, path: str) -> list[str]:
    return [element.text or "" for element in alarm.findall(path, NS)]


@documented(AREA, "DescribeAlarms tells every field that PutMetricAlarm was given", ALARM)
@pytest.mark.parametrize("made", [simple, percentile, math])
def test_an_alarm_is_described_whole(lab: Lab, made: Callable[[Lab], dict[str, Any]]) -> None:
    alarm = made(lab)
    client = lab.aws("cloudwatch")
    client.put_metric_alarm(**alarm)
    [described] = client.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
    assert {key: described.get(key) for key in alarm} == alarm
    assert isinstance(described["StateUpdatedTimestamp"], datetime)
    assert described["AlarmArn"] == f"arn:aws:cloudwatch:{lab.region}:{lab.account}:alarm:{alarm['AlarmName']}"


@documented(AREA, "In XML, which Terraform reads, every field of an alarm is told", DESCRIBE)
def test_an_alarm_in_xml_is_whole(lab: Lab) -> None:
    alarm = simple(lab)
    put(lab, alarm)
    xml = in_xml(lab, alarm["AlarmName"])
    for key in (
        "AlarmDescription",
        "Namespace",
        "MetricName",
        "Statistic",
        "ComparisonOperator",
        "TreatMissingData",
        "Unit",
    ):
        assert texts(xml, f"m:{key}") == [alarm[key]], key
    for key in ("Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold"):
        assert [float(text) for text in texts(xml, f"m:{key}")] == [alarm[key]], key
    assert texts(xml, "m:ActionsEnabled") == ["true"]
    for key in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        assert texts(xml, f"m:{key}/m:member") == alarm[key], key
    names = texts(xml, "m:Dimensions/m:member/m:Name")
    values = texts(xml, "m:Dimensions/m:member/m:Value")
    assert [{"Name": name, "Value": value} for name, value in zip(names, values, strict=True)] == alarm["Dimensions"]


@documented(AREA, "In XML a percentile and metric math are told too", DESCRIBE)
def test_percentiles_and_metric_math_in_xml(lab: Lab) -> None:
    one, two = percentile(lab), math(lab)
    for alarm in (one, two):
        put(lab, alarm)
    xml = in_xml(lab, one["AlarmName"])
    assert texts(xml, "m:ExtendedStatistic") == ["p99.9"]
    assert texts(xml, "m:EvaluateLowSampleCountPercentile") == ["ignore"]
    xml = in_xml(lab, two["AlarmName"])
    assert sorted(texts(xml, "m:Metrics/m:member/m:Id")) == ["calls", "errors", "rate"]
    assert texts(xml, "m:Metrics/m:member/m:Expression") == ["errors / calls * 100"]
    assert sorted(texts(xml, "m:Metrics/m:member/m:MetricStat/m:Metric/m:MetricName")) == ["Errors", "Invocations"]
    assert sorted(texts(xml, "m:Metrics/m:member/m:ReturnData")) == ["false", "false", "true"]


@documented(AREA, "An alarm that does not exist is not described", DESCRIBE)
def test_an_unknown_alarm_is_not_described(lab: Lab) -> None:
    assert lab.aws("cloudwatch").describe_alarms(AlarmNames=[lab.name("nosuch")])["MetricAlarms"] == []


@documented(AREA, "A deleted alarm is described no more; a changed one as it is now", DESCRIBE)
def test_changed_and_deleted_alarms(lab: Lab) -> None:
    client = lab.aws("cloudwatch")
    alarm = simple(lab)
    put(lab, alarm)
    put(lab, {**alarm, "Threshold": 9.0, "OKActions": []})
    xml = in_xml(lab, alarm["AlarmName"])
    assert [float(text) for text in texts(xml, "m:Threshold")] == [9.0]
    assert texts(xml, "m:OKActions/m:member") == []
    client.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    assert client.describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"] == []
