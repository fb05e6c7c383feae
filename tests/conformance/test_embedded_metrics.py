"""Metrics that functions write into their logs: CloudWatch's embedded metric format."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from staticfire.layout import Layout
from staticfire.settings import load
from staticfire.toolchain.runtimes import interpreters, nearest
from staticfire.toolchain.wheels import WheelTarget, install
from tests.conformance.fidelity import ADDED_UP, documented
from tests.conformance.lab import Lab, eventually, metric_sum

AREA = "CloudWatch"
FORMAT = "AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"
BY_API = "AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Generation_PutLogEvents.html"
ALARMS = "AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Alarms.html"
PATIENCE = 120.0

POWERTOOLS = """
    from aws_lambda_powertools import Metrics
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = Metrics()

    @metrics.log_metrics
    def handler(event, context):
        metrics.add_metric(name="Booked", unit=MetricUnit.Count, value=event["seats"])
"""
PRINTED = """
    import json

    def handler(event, context):
        print(json.dumps(event))
        print("_aws in a line that is not one")
"""


@pytest.fixture(scope="module")
def powertools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Powertools as PyPI has it: its modules by their place in a zip."""
    directory = tmp_path_factory.mktemp("powertools") / "installed"
    target = WheelTarget.on_aws("3.{}".format(*sys.version_info[1:]), "x86_64")
    python = nearest(f"python{target.python}", interpreters())
    install(["aws-lambda-powertools"], "Powertools", target, python, Layout.of(load(Path(__file__).parent)), directory)
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*.py")}


def emf(namespace: str, **members: Any) -> dict[str, Any]:
    metrics = [{"Name": "Latency", "Unit": "Milliseconds"}, {"Name": "Booked", "Unit": "Count"}]
    directive = {"Namespace": namespace, "Dimensions": [["page"], ["page", "user"]], "Metrics": metrics}
    return {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}, **members}


@documented(AREA, "An alarm sees a metric that a function wrote into its log with Powertools", ALARMS)
def test_an_alarm_sees_what_powertools_wrote(lab: Lab, powertools: dict[str, str]) -> None:
    namespace, cloudwatch = lab.name("shop"), lab.aws("cloudwatch")
    variables = {"POWERTOOLS_METRICS_NAMESPACE": namespace, "POWERTOOLS_SERVICE_NAME": "booking"}
    function = lab.function({"app.py": POWERTOOLS, **powertools}, Environment={"Variables": variables})
    alarm = lab.name("booked")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace=namespace,
        MetricName="Booked",
        Dimensions=[{"Name": "service", "Value": "booking"}],
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=4.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    lab.result(function, {"seats": 5})

    def in_alarm() -> bool:
        described = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return bool(described[0]["StateValue"] == "ALARM")

    eventually(in_alarm, "an alarm", PATIENCE)
    cloudwatch.delete_alarms(AlarmNames=[alarm])
    assert metric_sum(lab, namespace, "Booked", {"service": "booking"}) == 5


@documented(
    AREA,
    "A line in the embedded metric format counts in each of its sets of dimensions, arrays too",
    FORMAT,
    elsewhere=ADDED_UP,
)
def test_each_set_of_dimensions_has_all_values(lab: Lab) -> None:
    namespace = lab.name("shop")
    function = lab.function(PRINTED)
    for user in ("ann", "bob"):
        lab.result(function, emf(namespace, page="home", user=user, Latency=[10, 30.5], Booked=1))

    def total(metric: str, stat: str = "Sum", **dimensions: str) -> float:
        return metric_sum(lab, namespace, metric, dimensions, stat)

    eventually(lambda: total("Booked", page="home") == 2, "both lines", PATIENCE)
    assert total("Latency", page="home") == 81
    assert total("Latency", "Maximum", page="home") == 30.5
    assert total("Latency", "SampleCount", page="home", user="ann") == 2
    listed = lab.aws("cloudwatch").list_metrics(Namespace=namespace)["Metrics"]
    assert {metric["MetricName"] for metric in listed} == {"Latency", "Booked"}


@documented(
    AREA, "Events that PutLogEvents brings are read for the embedded metric format, too", BY_API, elsewhere=ADDED_UP
)
def test_what_is_put_by_hand_counts_too(lab: Lab) -> None:
    namespace, group, logs = lab.name("shop"), lab.name("/by-hand"), lab.aws("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    now = int(time.time() * 1000)
    lines = [json.dumps(emf(namespace, page="home", user="ann", Booked=3)), "another line"]
    events = [{"timestamp": now, "message": line} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
    eventually(lambda: metric_sum(lab, namespace, "Booked", {"page": "home"}) == 3, "the metric", PATIENCE)
    logs.delete_log_group(logGroupName=group)
