"""The whole path as on AWS: Terraform makes the database instance itself, in the VPC. Its provider polls for 80 s."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pg8000.native
import pytest
from pg8000.native import Connection

from scenarios.usage.kit import Books
from staticfire.targets.base import Running
from staticfire.testing.kit import ApiClient, AwsClients, StackUnderTest

pytestmark = pytest.mark.slow


Secret = dict[str, Any]
Instance = dict[str, Any]


@pytest.fixture
def staticfire_stack(staticfire_stacks: Callable[..., StackUnderTest], staticfire_stack_name: str) -> StackUnderTest:
    """Every other fixture means the stack that makes its own RDS instance, in an account apart."""
    return staticfire_stacks(staticfire_stack_name, creates_database=True)


@pytest.fixture
def secret(staticfire_stack: StackUnderTest, aws: AwsClients) -> Secret:
    value = aws("secretsmanager").get_secret_value(SecretId=staticfire_stack.outputs["database_secret_arn"])
    return dict(json.loads(value["SecretString"]))


@pytest.fixture
def instance(aws: AwsClients) -> Instance:
    [instance] = aws("rds").describe_db_instances()["DBInstances"]
    return dict(instance)


@pytest.fixture
def postgres(secret: Secret, staticfire_running: Running) -> Iterator[Connection]:
    assert staticfire_running.postgres is not None
    host, port = staticfire_running.postgres.outside(secret["host"], int(secret["port"]))
    connection = pg8000.native.Connection(
        secret["username"],
        host=host,
        port=port,
        database=secret["dbname"],
        password=secret["password"],
    )
    with contextlib.closing(connection):
        yield connection


def test_a_usage_reaches_the_instance_that_Terraform_made(api: ApiClient, user: str, books: Books) -> None:
    answer = api.post("/usage", json={"user": user, "usage": 2.5})

    assert answer.status == 201
    assert [event["id"] for event in books.events(user)] == [answer.json()["id"]]
    assert books.in_dynamodb(user) == books.in_postgres(user)
    assert books.in_postgres(user).total == Decimal("2.5")
    assert api.get("/stats/average").json()["events"] >= 1


def test_the_instance_tells_the_address_at_which_it_really_answers(
    instance: Instance, secret: Secret, staticfire_stack: StackUnderTest
) -> None:
    address = instance["Endpoint"]

    assert instance["DBInstanceStatus"] == "available"
    assert (address["Address"], address["Port"]) == (secret["host"], int(secret["port"]))
    assert staticfire_stack.outputs["database_address"] == f"{address['Address']}:{address['Port']}"


def test_the_instance_is_private_encrypted_and_backed_up(instance: Instance, aws: AwsClients) -> None:
    subnets = {subnet["SubnetIdentifier"] for subnet in instance["DBSubnetGroup"]["Subnets"]}
    described = aws("ec2").describe_subnets(SubnetIds=sorted(subnets))["Subnets"]

    assert len({subnet["AvailabilityZone"] for subnet in described}) == 2
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in described)
    assert not instance["PubliclyAccessible"]
    assert instance["StorageEncrypted"]
    assert instance["BackupRetentionPeriod"] > 0


def test_a_second_apply_of_it_changes_nothing(staticfire_stack: StackUnderTest) -> None:
    nothing_changes, plan = staticfire_stack.plan()

    assert nothing_changes, plan


def test_the_password_is_in_the_secret_alone(staticfire_stack: StackUnderTest, secret: Secret) -> None:
    assert len(secret["password"]) >= 16
    assert secret["password"] not in json.dumps(staticfire_stack.outputs)
