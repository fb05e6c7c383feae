"""The Terraform itself: stable, least privilege, and with packages that are the same bytes for the same input."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from staticfire.testing.kit import AwsClients, StackUnderTest


def test_a_second_apply_changes_nothing_alarms_included(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    assert aws("cloudwatch").describe_alarms()["MetricAlarms"], "the stack has no alarms: this would show nothing"

    nothing_changes, plan = staticfire_stack.plan()

    assert nothing_changes, plan


def test_the_outputs_lead_to_everything_that_was_made(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    outputs = staticfire_stack.outputs

    assert aws("dynamodb").describe_table(TableName=outputs["table_name"])["Table"]["TableStatus"] == "ACTIVE"
    assert aws("apigatewayv2").get_api(ApiId=outputs["api_id"])["ProtocolType"] == "HTTP"
    for name in function_names(outputs):
        assert aws("lambda").get_function(FunctionName=name)["Configuration"]["State"] == "Active"


def test_no_output_tells_the_database_password(staticfire_stack: StackUnderTest) -> None:
    assert staticfire_stack.database.password not in json.dumps(staticfire_stack.outputs)


def test_the_functions_live_in_private_subnets(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    public = {
        association["SubnetId"]
        for table in aws("ec2").describe_route_tables()["RouteTables"]
        if any(route.get("GatewayId", "").startswith("igw-") for route in table["Routes"])
        for association in table["Associations"]
        if "SubnetId" in association
    }
    assert public

    for name in function_names(staticfire_stack.outputs):
        network = aws("lambda").get_function_configuration(FunctionName=name)["VpcConfig"]
        assert len(network["SubnetIds"]) == 2
        assert public.isdisjoint(network["SubnetIds"])
        assert network["SecurityGroupIds"]


def test_every_role_may_do_only_what_is_named(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    for name in function_names(staticfire_stack.outputs):
        role = aws("lambda").get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
        statements = list(allowed(aws("iam"), role))
        assert statements, f"{role} has no policy"
        for statement in statements:
            actions = as_list(statement["Action"])
            assert not any("*" in action for action in actions), statement
            if not all(action.startswith("ec2:") for action in actions):  # AWS has no narrower form for these
                assert "*" not in as_list(statement["Resource"]), statement


def test_the_alarms_watch_this_stack_and_no_other(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    watched = {
        dimension["Value"]
        for alarm in aws("cloudwatch").describe_alarms()["MetricAlarms"]
        for dimension in alarm["Dimensions"]
    }

    assert {staticfire_stack.outputs["api_function_name"], staticfire_stack.outputs["api_id"]} <= watched


@pytest.mark.parametrize("log_group_of", ["api", "init", "reconcile"])
def test_every_function_keeps_its_log_for_a_limited_time(
    staticfire_stack: StackUnderTest, aws: AwsClients, log_group_of: str
) -> None:
    name = staticfire_stack.outputs[f"{log_group_of}_function_name"]

    groups = aws("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]

    assert [group.get("retentionInDays", 0) > 0 for group in groups] == [True]


def function_names(outputs: Mapping[str, Any]) -> list[str]:
    return [outputs[f"{name}_function_name"] for name in ("api", "init", "reconcile")]


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allowed(iam: Any, role: str) -> Iterator[dict[str, Any]]:
    """Every statement that allows something to `role`, of its own policies and of those attached to it."""
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        if not attached["PolicyArn"].startswith("arn:aws:iam::aws:"):
            version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
            policy_version = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
            documents.append(policy_version["PolicyVersion"]["Document"])
    for document in documents:
        statements = document["Statement"]
        for statement in [statements] if isinstance(statements, dict) else statements:
            if statement["Effect"] == "Allow":
                yield statement
