"""The Terraform of the tasks stack: stable, its state encrypted and locked, its dashboard whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from staticfire.testing.kit import AwsClients, StackUnderTest


@pytest.fixture
def roots(tmp_path: Path, pytestconfig: pytest.Config, staticfire_stack: StackUnderTest) -> list[Path]:
    """The stack's Terraform root as two people have it, initialised by hand."""
    project = pytestconfig.rootpath
    left_out = shutil.ignore_patterns(".terraform", "*.tfstate*", "localstack_providers_override.tf")
    roots = []
    for person in ("one", "other"):
        copy = tmp_path / person
        shutil.copytree(project / "infra", copy / "infra", ignore=left_out)
        (copy / ".staticfire").symlink_to(project / ".staticfire")
        roots.append(copy / "infra/stacks/tasks")
    for starting in [staticfire_stack.tflocal(root, "init", "-no-color") for root in roots]:
        ended(starting, 0)
    return roots


def ended(terraform: subprocess.Popen[str], code: int) -> str:
    said, _ = terraform.communicate(timeout=120)
    assert terraform.returncode == code, said
    return said


def test_a_second_apply_changes_nothing(staticfire_stack: StackUnderTest) -> None:
    nothing_changes, plan = staticfire_stack.plan()

    assert nothing_changes, plan


def test_of_two_applies_at_the_same_time_one_is_refused_and_names_the_other(
    staticfire_stack: StackUnderTest, roots: list[Path], aws: AwsClients
) -> None:
    here, there = roots
    first = staticfire_stack.tflocal(here, "apply", "-no-color", "-var", "duration_limit=2000")
    assert first.stdin is not None
    assert first.stdout is not None
    said = ""
    while "Enter a value:" not in said:  # it asks whether it may, and holds the lock
        read = first.stdout.read(1)
        assert read, said
        said += read

    second = staticfire_stack.tflocal(there, "apply", "-no-color", "-auto-approve", "-var", "duration_limit=3000")
    refused = ended(second, 1)
    first.stdin.write("no\n")
    first.stdin.flush()
    ended(first, 1)

    assert "Error acquiring the state lock" in refused
    assert "OperationTypeApply" in refused
    name = f"{staticfire_stack.name}-LambdaDurationAlarm"
    [alarm] = aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert alarm["Threshold"] == 1000


def test_the_state_is_in_the_bucket_encrypted_and_unlocked(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    buckets = [bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]]
    [bucket] = [name for name in buckets if name.startswith("tf-test-state")]
    keys = [entry["Key"] for entry in aws("s3").list_objects_v2(Bucket=bucket)["Contents"]]

    assert f"{staticfire_stack.name}/terraform.tfstate" in keys
    assert f"{staticfire_stack.name}/terraform.tfstate.tflock" not in keys
    state = aws("s3").get_object(Bucket=bucket, Key=f"{staticfire_stack.name}/terraform.tfstate")
    assert state["ServerSideEncryption"] == "AES256"


def test_the_dashboard_shows_the_function_in_four_graphs(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    name = staticfire_stack.outputs["dashboard_name"]
    widgets = json.loads(aws("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])["widgets"]

    shown = [{metric[1] for metric in widget["properties"]["metrics"]} for widget in widgets]
    assert shown == [{"Invocations", "Errors"}, {"Duration"}, {"Throttles"}, {"ConcurrentExecutions"}]
    assert {metric[3] for widget in widgets for metric in widget["properties"]["metrics"]} == {
        staticfire_stack.outputs["api_function_name"]
    }


def test_the_alarms_watch_the_function_alone_and_tell_the_topic(
    staticfire_stack: StackUnderTest, aws: AwsClients
) -> None:
    alarms = aws("cloudwatch").describe_alarms(AlarmNames=staticfire_stack.outputs["alarm_names"])["MetricAlarms"]

    watched = {alarm["MetricName"]: (alarm["ComparisonOperator"], alarm["Threshold"]) for alarm in alarms}
    assert watched == {"Errors": ("GreaterThanThreshold", 0), "Duration": ("GreaterThanThreshold", 1000)}
    topic = staticfire_stack.outputs["alerts_topic_arn"]
    for alarm in alarms:
        assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": staticfire_stack.outputs["api_function_name"]}]
        assert (alarm["AlarmActions"], alarm["OKActions"]) == ([topic], [topic])
    [subscription] = aws("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")
