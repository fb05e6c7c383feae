"""DescribeAlarms in the query protocol, as AWS provider 5.x asks it, and in those of newer SDKs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import botocore
import botocore.parsers
import cbor2
import pytest
from botocore.model import ServiceModel

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.service import CloudWatch
from tests.unit.edge.kit import request

SCOPE = Scope("100000000001", "eu-west-1")
FORM = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")]

# As MiniStack's JSON describes an alarm that was put without a plain statistic.
DESCRIBED = {
    "AlarmName": "a",
    "AlarmDescription": "x < y & z",
    "MetricName": "",
    "Namespace": "",
    "Statistic": "Average",
    "ExtendedStatistic": None,
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 1.5,
    "ActionsEnabled": True,
    "AlarmActions": ["arn:aws:sns:eu-west-1:100000000001:t"],
    "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
    "StateUpdatedTimestamp": 1_700_000_000,
}


class Alarms:
    """The emulator's DescribeAlarms."""

    def __init__(self, *alarms: Mapping[str, Any]) -> None:
        self.alarms = alarms
        self.asked: list[Mapping[str, object]] = []

    async def json(
        self, scope: Scope, service: str, target: str, body: Mapping[str, object], version: str = "1.1"
    ) -> dict[str, Any]:
        assert (scope, service, target) == (SCOPE, "monitoring", "GraniteServiceVersion20100801.DescribeAlarms")
        self.asked.append(body)
        return {"MetricAlarms": [dict(alarm) for alarm in self.alarms], "CompositeAlarms": []}


def part(alarms: Alarms) -> CloudWatch:
    return CloudWatch(cast(Emulator, alarms))


def query(action: str, **parameters: str) -> Call:
    form = {"Action": action, "Version": "2010-08-01", **parameters}
    return Call(request("POST", headers=FORM, body=urlencode(form).encode()), "monitoring", SCOPE, action)


async def described(cloudwatch: CloudWatch, **parameters: str) -> list[dict[str, Any]]:
    response = await cloudwatch.answer(query("DescribeAlarms", **parameters))
    assert response is not None
    path = Path(botocore.__file__).parent / "data" / "cloudwatch" / "2010-08-01" / "service-2.json.gz"
    shape = ServiceModel(json.loads(gzip.decompress(path.read_bytes()))).operation_model("DescribeAlarms").output_shape
    received = {"status_code": response.status, "headers": dict(response.headers), "body": response.body}
    alarms: list[dict[str, Any]] = botocore.parsers.QueryParser().parse(received, shape)["MetricAlarms"]
    return alarms


async def test_every_field_of_an_alarm_is_in_the_xml() -> None:
    (alarm,) = await described(part(Alarms(DESCRIBED)))
    assert alarm.pop("StateUpdatedTimestamp").timestamp() == 1_700_000_000
    unset = ("MetricName", "Namespace", "ExtendedStatistic", "StateUpdatedTimestamp")
    assert alarm == {name: value for name, value in DESCRIBED.items() if name not in unset}


async def test_what_was_never_put_is_not_described() -> None:
    cloudwatch = part(Alarms({**DESCRIBED, "ExtendedStatistic": "p99", "MetricName": "Duration"}))
    put = {"MetricName": "Duration", "Period": "60", "ExtendedStatistic": "p99"}
    await cloudwatch.passed(
        query("PutMetricAlarm", AlarmName="a", EvaluateLowSampleCountPercentile="ignore", **put), 200
    )
    (alarm,) = await described(cloudwatch)
    assert "Statistic" not in alarm
    assert (alarm["ExtendedStatistic"], alarm["EvaluateLowSampleCountPercentile"]) == ("p99", "ignore")


async def test_metric_math_comes_back_as_it_was_put() -> None:
    cloudwatch = part(Alarms(DESCRIBED))
    stat = "Metrics.member.2.MetricStat"
    put = {
        "AlarmName": "a",
        "Metrics.member.1.Id": "e",
        "Metrics.member.1.Expression": "m1/2",
        "Metrics.member.1.ReturnData": "true",
        "Metrics.member.2.Id": "m1",
        f"{stat}.Metric.MetricName": "Errors",
        f"{stat}.Metric.Dimensions.member.1.Name": "FunctionName",
        f"{stat}.Metric.Dimensions.member.1.Value": "f",
        f"{stat}.Period": "60",
        f"{stat}.Stat": "Sum",
    }
    await cloudwatch.passed(query("PutMetricAlarm", **put), 200)
    (alarm,) = await described(cloudwatch)
    metric = {"MetricName": "Errors", "Dimensions": [{"Name": "FunctionName", "Value": "f"}]}
    assert alarm["Metrics"] == [
        {"Id": "e", "Expression": "m1/2", "ReturnData": True},
        {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}},
    ]
    assert not {"Period", "Statistic", "MetricName"} & alarm.keys()


async def test_a_deleted_alarm_is_not_remembered() -> None:
    cloudwatch = part(Alarms(DESCRIBED))
    await cloudwatch.passed(query("PutMetricAlarm", AlarmName="a"), 200)
    await cloudwatch.passed(query("DeleteAlarms", **{"AlarmNames.member.1": "a"}), 200)
    (alarm,) = await described(cloudwatch)
    assert alarm["Statistic"] == "Average"


async def test_the_question_is_passed_on_as_a_document() -> None:
    alarms = Alarms()
    await described(part(alarms), **{"AlarmNames.member.2": "b", "AlarmNames.member.1": "a", "MaxRecords": "5"})
    assert alarms.asked == [{"AlarmNames": ["a", "b"], "MaxRecords": 5}]


async def test_json_is_answered_in_json() -> None:
    headers = [("x-amz-target", "GraniteServiceVersion20100801.DescribeAlarms")]
    call = Call(request("POST", headers=headers, body=b"{}"), "monitoring", SCOPE, "DescribeAlarms")
    response = await part(Alarms(DESCRIBED)).answer(call)
    assert response is not None
    assert json.loads(cast(bytes, response.body))["MetricAlarms"] == [DESCRIBED]


def in_cbor(operation: str, **parameters: object) -> Call:
    headers = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")]
    return Call(request("POST", headers=headers, body=cbor2.dumps(parameters)), "monitoring", SCOPE, operation)


async def test_cbor_is_answered_in_cbor_with_what_was_put() -> None:
    cloudwatch = part(Alarms(DESCRIBED))
    metrics = [{"Id": "e", "Expression": "m1/2", "ReturnData": True}]
    await cloudwatch.passed(in_cbor("PutMetricAlarm", AlarmName="a", Metrics=metrics), 200)
    response = await cloudwatch.answer(in_cbor("DescribeAlarms", AlarmNames=["a"]))
    assert response is not None
    (alarm,) = cbor2.loads(cast(bytes, response.body))["MetricAlarms"]
    assert alarm["Metrics"] == metrics
    assert alarm["StateUpdatedTimestamp"] == datetime.fromtimestamp(1_700_000_000, UTC)
    assert "ExtendedStatistic" not in alarm


@pytest.mark.parametrize("operation", ["DescribeAlarms", "PutMetricData"])
@pytest.mark.parametrize("protocol", ["smithy-protocol", "x-amz-target"])
async def test_what_is_no_document_is_refused(protocol: str, operation: str) -> None:
    call = Call(request("POST", headers=[(protocol, "any")], body=b"\x9f"), "monitoring", SCOPE, operation)
    with pytest.raises(AwsError, match="not a document"):
        await part(Alarms()).answer(call)
