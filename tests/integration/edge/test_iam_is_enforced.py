"""With `enforce_iam`, a session may do what its role's policies allow, and belongs to its role's account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.edge.kit import Edge

ACCOUNT = "100000000001"
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
LISTING = {"Effect": "Allow", "Action": "dynamodb:ListTables", "Resource": "*"}


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def edge(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"), enforce_iam=True)
    yield edge
    edge.end()


@pytest.fixture(scope="module")
def session(edge: Edge) -> tuple[str, str, str]:
    """Of a role that may list tables."""
    iam = edge.client("iam")
    role = iam.create_role(RoleName="lister", AssumeRolePolicyDocument=policy(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="lister", PolicyName="list", PolicyDocument=policy(LISTING))
    credentials = edge.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]


def test_a_session_may_do_what_its_role_allows_and_nothing_else(edge: Edge, session: tuple[str, str, str]) -> None:
    assert edge.client("dynamodb", *session).list_tables()["TableNames"] == []
    with pytest.raises(ClientError, match="AccessDenied"):
        edge.client("s3", *session).list_buckets()


def test_a_session_with_another_secret_is_refused(edge: Edge, session: tuple[str, str, str]) -> None:
    key, _, token = session
    with pytest.raises(ClientError, match="signature"):
        edge.client("dynamodb", key, "another", token).list_tables()


def test_an_account_itself_may_do_everything(edge: Edge) -> None:
    assert edge.client("s3").list_buckets()["Buckets"] == []


def test_the_edge_knows_a_sessions_account(edge: Edge, session: tuple[str, str, str]) -> None:
    fault = {"service": "dynamodb", "operation": "ListTables", "account": ACCOUNT, "kind": "error"}
    assert edge.control("POST", "faults", fault)[0] == 201
    with pytest.raises(ClientError, match="A fault on request"):
        edge.client("dynamodb", *session).list_tables()
