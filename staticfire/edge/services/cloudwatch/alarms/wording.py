"""What AWS writes of an alarm's change: the document for programs, a subject and a text for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from staticfire.edge.aws.calls import Scope

# What an alarm names for each state.
NAMED_FOR = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}


@dataclass(frozen=True, slots=True)
class Transition:
    """An alarm, as DescribeAlarms tells it, that went from one state to another."""

    scope: Scope
    alarm: Mapping[str, Any]
    before: str
    state: str
    reason: str
    at: datetime

    def document(self) -> dict[str, Any]:
        """As subscribers of an SNS topic get it."""
        alarm = self.alarm
        configured = alarm.get("AlarmConfigurationUpdatedTimestamp")
        named = {
            "AlarmName": alarm["AlarmName"],
            "AlarmDescription": alarm.get("AlarmDescription") or None,
            "AWSAccountId": self.scope.account,
            "AlarmConfigurationUpdatedTimestamp": moment_text(configured) if configured else None,
            "NewStateValue": self.state,
            "NewStateReason": self.reason,
            "StateChangeTime": moment_text(self.at.timestamp()),
            "Region": region_name(self.scope.region),
            "AlarmArn": alarm["AlarmArn"],
            "OldStateValue": self.before,
            **{actions: alarm.get(actions) or [] for actions in NAMED_FOR.values()},
        }
        return named | ({"AlarmRule": alarm["AlarmRule"]} if "AlarmRule" in alarm else {"Trigger": _trigger(alarm)})


def _trigger(alarm: Mapping[str, Any]) -> dict[str, Any]:
    percentile = alarm.get("ExtendedStatistic")
    statistic = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": percentile}
        if percentile
        else {"StatisticType": "Statistic", "Statistic": _upper(alarm.get("Statistic") or "")}
    )
    return {
        "MetricName": alarm.get("MetricName") or "",
        "Namespace": alarm.get("Namespace") or "",
        **statistic,
        "Unit": alarm.get("Unit"),
        "Dimensions": [{"value": pair["Value"], "name": pair["Name"]} for pair in alarm.get("Dimensions") or ()],
        "Period": alarm.get("Period"),
        "EvaluationPeriods": alarm.get("EvaluationPeriods"),
        **({"DatapointsToAlarm": alarm["DatapointsToAlarm"]} if alarm.get("DatapointsToAlarm") else {}),
        "ComparisonOperator": alarm.get("ComparisonOperator") or "",
        "Threshold": alarm.get("Threshold"),
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }


def subject(document: Mapping[str, Any]) -> str:
    return f'{document["NewStateValue"]}: "{document["AlarmName"]}" in {document["Region"]}'[:100]


def text(document: Mapping[str, Any]) -> str:
    """The mail's body, for people."""
    trigger = document.get("Trigger") or {}
    lines = [
        f'You are receiving this email because your Amazon CloudWatch Alarm "{document["AlarmName"]}" in the '
        f"{document['Region']} region has entered the {document['NewStateValue']} state, because "
        f'"{document["NewStateReason"]}" at "{document["StateChangeTime"]}".',
        "",
        "Alarm Details:",
        f"- Name: {document['AlarmName']}",
        f"- Description: {document.get('AlarmDescription') or ''}",
        f"- State Change: {document['OldStateValue']} -> {document['NewStateValue']}",
        f"- Reason for State Change: {document['NewStateReason']}",
        f"- Timestamp: {document['StateChangeTime']}",
        f"- AWS Account: {document['AWSAccountId']}",
        f"- Alarm Arn: {document['AlarmArn']}",
    ]
    if trigger:
        dimensions = ", ".join(f"{pair['name']} = {pair['value']}" for pair in trigger["Dimensions"] or ())
        periods = trigger["EvaluationPeriods"]
        lines += [
            "",
            "Threshold:",
            f"- The alarm is in the ALARM state when the metric is {trigger['ComparisonOperator']} "
            f"{trigger['Threshold']} for at least {trigger.get('DatapointsToAlarm') or periods} of the last "
            f"{periods} period(s) of {trigger['Period']} seconds.",
            "",
            "Monitored Metric:",
            f"- MetricNamespace: {trigger['Namespace']}",
            f"- MetricName: {trigger['MetricName']}",
            f"- Dimensions: [{dimensions}]",
            f"- Period: {trigger['Period']} seconds",
            f"- Statistic: {trigger.get('ExtendedStatistic') or trigger.get('Statistic')}",
            f"- Unit: {trigger.get('Unit') or 'not specified'}",
            f"- TreatMissingData: {trigger.get('TreatMissingData')}",
        ]
    lines += ["", "State Change Actions:"]
    for name, actions in (
        ("OK", "OKActions"),
        ("ALARM", "AlarmActions"),
        ("INSUFFICIENT_DATA", "InsufficientDataActions"),
    ):
        topics = ", ".join(f"[{arn}]" for arn in document.get(actions) or ())
        lines.append(f"- {name}: {topics}".rstrip())
    return "\n".join(lines) + "\n"


@cache
def _regions() -> Mapping[str, str]:
    endpoints = json.loads(files("botocore").joinpath("data/endpoints.json").read_text(encoding="utf-8"))
    return {
        name: region["description"]
        for partition in endpoints["partitions"]
        for name, region in partition["regions"].items()
    }


def region_name(region: str) -> str:
    """`US East (N. Virginia)`; a region without a name is called by its code."""
    return _regions().get(region, region)


def moment_text(epoch: float) -> str:
    """`2026-03-12T19:03:58.000+0000`, as CloudWatch writes it where it writes of alarms."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _upper(statistic: str) -> str:
    return {"SampleCount": "SAMPLE_COUNT"}.get(statistic, statistic.upper())
