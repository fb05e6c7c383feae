"""What follows an alarm's change: who is told, and what AWS writes of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, cast

import pytest

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.services.cloudwatch.alarms import Actions, wording

TOPIC = "arn:aws:sns:eu-central-1:100000000001:alerts"
FUNCTION = "arn:aws:lambda:eu-central-1:100000000001:function:f"
ALARM = {
    "AlarmName": "errors",
    "AlarmArn": "arn:aws:cloudwatch:eu-central-1:100000000001:alarm:errors",
    "AlarmDescription": "",
    "ActionsEnabled": True,
    "AlarmActions": [TOPIC, TOPIC + "-2"],
    "OKActions": [],
    "Namespace": "AWS/Lambda",
    "MetricName": "Errors",
    "Statistic": "Sum",
    "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


class Sns:
    def __init__(self) -> None:
        self.published: list[Mapping[str, str]] = []

    async def query(self, scope: Scope, service: str, action: str, params: Mapping[str, str]) -> None:
        assert (scope, service, action) == (Scope("100000000001", "eu-central-1"), "sns", "Publish")
        if params["TopicArn"].endswith("-gone"):
            raise AwsError(404, "NotFound", "no such topic")
        self.published.append(params)


async def change(sns: Sns, before: str = "OK", state: str = "ALARM", **fields: Any) -> None:
    actions = Actions(cast(Emulator, sns), lambda scope, alarm: alarm)
    change = {"account": "100000000001", "region": "eu-central-1", "before": before, "state": state}
    await actions.transition({**change, "reason": "Threshold Crossed", "alarm": ALARM | fields})


async def test_each_topic_of_the_new_state_gets_the_document_and_mail_a_text() -> None:
    sns = Sns()
    await change(sns)
    assert [sent["TopicArn"] for sent in sns.published] == [TOPIC, TOPIC + "-2"]
    [published, _] = sns.published
    assert published["Subject"] == 'ALARM: "errors" in Europe (Frankfurt)'
    assert published["MessageStructure"] == "json"
    message = json.loads(published["Message"])
    document = json.loads(message["default"])
    members = ("AlarmName", "AlarmDescription", "AWSAccountId", "NewStateValue", "OldStateValue", "NewStateReason")
    assert [document[name] for name in members] == ["errors", None, "100000000001", "ALARM", "OK", "Threshold Crossed"]
    assert document["Trigger"] == {
        "MetricName": "Errors",
        "Namespace": "AWS/Lambda",
        "StatisticType": "Statistic",
        "Statistic": "SUM",
        "Unit": None,
        "Dimensions": [{"value": "f", "name": "FunctionName"}],
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    }
    assert message["email"] == wording.text(document)
    assert "- Dimensions: [FunctionName = f]" in message["email"].splitlines()


async def test_a_state_without_actions_and_an_alarm_whose_actions_are_off_tell_nobody() -> None:
    sns = Sns()
    await change(sns, before="ALARM", state="OK")
    await change(sns, ActionsEnabled=False)
    assert sns.published == []


async def test_a_topic_that_is_gone_and_what_is_no_topic_keep_nobody_else_from_being_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sns = Sns()
    with caplog.at_level(logging.WARNING):
        await change(sns, AlarmActions=[TOPIC + "-gone", FUNCTION, TOPIC])
    assert [message["TopicArn"] for message in sns.published] == [TOPIC]
    assert [record.getMessage() for record in caplog.records] == [
        f"alarm errors cannot be published to {TOPIC}-gone: NotFound: no such topic",
        f"alarm errors names {FUNCTION}, which hears nothing: only SNS topics do",
    ]


async def test_a_composite_alarm_is_told_with_its_rule() -> None:
    sns = Sns()
    composite = {"AlarmRule": "ALARM(a)", "AlarmActions": [TOPIC], "AlarmArn": ALARM["AlarmArn"], "AlarmName": "both"}
    actions = Actions(cast(Emulator, sns), lambda scope, alarm: alarm)
    change = {"account": "100000000001", "region": "eu-central-1", "before": "OK", "state": "ALARM", "reason": "a"}
    await actions.transition({**change, "alarm": composite})
    [published] = sns.published
    document = json.loads(json.loads(published["Message"])["default"])
    assert (document["AlarmRule"], "Trigger" in document) == ("ALARM(a)", False)


def test_a_region_without_a_name_is_called_by_its_code() -> None:
    assert [wording.region_name(region) for region in ("us-east-1", "mars-1")] == ["US East (N. Virginia)", "mars-1"]
