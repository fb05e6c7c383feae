"""The stack of the todos service: stable, its schema made once, its functions in private subnets."""

from __future__ import annotations

import pytest
from pg8000.native import Connection

from staticfire.testing.kit import AccountFunctions, AwsClients, StackUnderTest


def test_a_second_apply_changes_nothing(staticfire_stack: StackUnderTest) -> None:
    nothing_changes, plan = staticfire_stack.plan()

    assert nothing_changes, plan


def test_the_schema_is_as_the_init_function_left_it(
    staticfire_stack: StackUnderTest, functions: AccountFunctions, postgres: Connection
) -> None:
    outputs = staticfire_stack.outputs
    applied = postgres.run("SELECT * FROM schema_migrations ORDER BY version")

    again = functions.invoke(outputs["init_function_name"], {})

    assert again == {"version": outputs["schema_version"], "applied": []}
    assert [row[0] for row in applied] == list(range(1, outputs["schema_version"] + 1))
    assert postgres.run("SELECT * FROM schema_migrations ORDER BY version") == applied


@pytest.mark.parametrize("name", ["api", "init", "reconcile"])
def test_a_function_is_in_private_subnets_and_keeps_its_log_for_a_limited_time(
    staticfire_stack: StackUnderTest, aws: AwsClients, name: str
) -> None:
    function = staticfire_stack.outputs[f"{name}_function_name"]
    network = aws("lambda").get_function_configuration(FunctionName=function)["VpcConfig"]
    subnets = aws("ec2").describe_subnets(SubnetIds=network["SubnetIds"])["Subnets"]
    groups = aws("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")["logGroups"]

    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    assert network["SecurityGroupIds"]
    assert [group.get("retentionInDays", 0) > 0 for group in groups] == [True]


def test_all_that_takes_tags_names_its_stack(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    table = aws("dynamodb").describe_table(TableName=staticfire_stack.outputs["table_name"])["Table"]["TableArn"]
    secret = staticfire_stack.outputs["database_secret_arn"]

    tagged = aws("dynamodb").list_tags_of_resource(ResourceArn=table)["Tags"]
    tagged += aws("secretsmanager").describe_secret(SecretId=secret)["Tags"]

    assert tagged == [{"Key": "stack", "Value": staticfire_stack.name}] * 2
