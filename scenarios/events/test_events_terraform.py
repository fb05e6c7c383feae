"""The stack of the events service: stable, without a server or a network, and with a table made for high rates."""

from __future__ import annotations

from staticfire.testing.kit import AwsClients, StackUnderTest


def test_a_second_apply_changes_nothing(staticfire_stack: StackUnderTest) -> None:
    nothing_changes, plan = staticfire_stack.plan()

    assert nothing_changes, plan


def test_the_function_is_in_no_vpc(staticfire_stack: StackUnderTest, aws: AwsClients) -> None:
    name = staticfire_stack.outputs["api_function_name"]

    assert not aws("lambda").get_function_configuration(FunctionName=name).get("VpcConfig", {}).get("SubnetIds")


def test_the_table_has_one_partition_for_each_event_an_index_a_stream_and_backups(
    staticfire_stack: StackUnderTest, aws: AwsClients
) -> None:
    name = staticfire_stack.outputs["table_name"]
    table = aws("dynamodb").describe_table(TableName=name)["Table"]
    backups = aws("dynamodb").describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]

    assert [key["AttributeName"] for key in table["KeySchema"]] == ["event_id"]
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["by-type-and-day"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
