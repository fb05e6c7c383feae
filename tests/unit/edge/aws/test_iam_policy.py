"""Policies of IAM evaluated: what covers an action and a resource, for whom, and under which conditions."""

from __future__ import annotations

import time
from typing import Any

import pytest

from staticfire.edge.aws.iam_policy import ALLOW, DENY, Inquiry, decide, like

ARN = "arn:aws:execute-api:us-east-1:111111111111:abc/prod/GET/pets"
FACTS: dict[str, str | list[str]] = {"aws:sourceip": "10.1.2.3", "aws:username": "ann", "aws:tagkeys": ["a", "b"]}


def verdict(statement: dict[str, Any], *, of_resource: bool = False, principals: tuple[str, ...] = ()) -> str | None:
    whole = {"Effect": "Allow", **statement}
    if not {"Action", "NotAction"} & statement.keys():
        whole["Action"] = "execute-api:Invoke"
    if not {"Resource", "NotResource"} & statement.keys():
        whole["Resource"] = "*"
    inquiry = Inquiry("execute-api:Invoke", ARN, principals, FACTS)
    return decide([{"Version": "2012-10-17", "Statement": whole}], inquiry, of_resource=of_resource)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Action": "execute-api:*"}, ALLOW),
        ({"Action": "EXECUTE-API:invoke"}, ALLOW),
        ({"Action": ["s3:*", "execute-api:Inv?ke"]}, ALLOW),
        ({"Action": "execute-api:ManageConnections"}, None),
        ({"NotAction": "s3:*"}, ALLOW),
        ({"NotAction": ["execute-api:*"]}, None),
        ({"Resource": "arn:aws:execute-api:*:*:abc/*/GET/*"}, ALLOW),
        ({"Resource": "arn:aws:execute-api:*:*:abc/*/POST/*"}, None),
        ({"NotResource": "arn:aws:execute-api:*:*:other/*"}, ALLOW),
        ({"NotResource": "arn:aws:execute-api:*:*:abc/*"}, None),
        ({"Effect": "Deny"}, DENY),
    ],
)
def test_what_a_statement_covers(statement: dict[str, Any], expected: str | None) -> None:
    assert verdict(statement) == expected


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}, True),
        ({"IpAddress": {"aws:SourceIp": "192.168.0.0/16"}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"StringEquals": {"aws:username": ["bob", "ann"]}}, True),
        ({"StringNotEquals": {"aws:username": ["bob", "ann"]}}, False),
        ({"StringNotEquals": {"aws:username": "bob"}}, True),
        ({"StringLike": {"aws:username": "a*"}}, True),
        ({"StringEquals": {"aws:nothing": "x"}}, False),
        ({"StringNotEquals": {"aws:nothing": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:nothing": "x"}}, True),
        ({"Null": {"aws:nothing": "true"}}, True),
        ({"Null": {"aws:username": True}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b", "c"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, True),
        ({"StringEquals": {"aws:username": "${aws:username}"}}, True),
        ({"IpAddress": {"aws:SourceIp": "no address"}}, False),
        ({"StringEquals": {"aws:username": "ann"}, "IpAddress": {"aws:SourceIp": "1.1.1.1"}}, False),
        ({"Nonsense": {"aws:username": "ann"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    assert verdict({"Condition": condition}) == (ALLOW if holds else None)


def test_a_deny_that_nobody_understands_denies() -> None:
    assert verdict({"Effect": "Deny", "Condition": {"Nonsense": {"a": "b"}}}) == DENY


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ({"Principal": "*"}, ALLOW),
        ({"Principal": {"AWS": "arn:aws:iam::111111111111:root"}}, ALLOW),
        ({"Principal": {"AWS": ["222222222222"]}}, None),
        ({"Principal": {"Service": "apigateway.amazonaws.com"}}, None),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::111111111111:root"}}, None),
        ({}, None),
    ],
)
def test_the_policy_of_a_resource_names_principals(principal: dict[str, Any], expected: str | None) -> None:
    assert verdict(principal, of_resource=True, principals=("arn:aws:iam::111111111111:root",)) == expected


def test_what_is_no_statement_says_nothing() -> None:
    inquiry = Inquiry("execute-api:Invoke", ARN)
    assert decide([{"Statement": ["Allow", None, 3]}, {"Statement": "Allow"}, {}], inquiry) is None


def test_variables_stand_for_the_caller() -> None:
    assert verdict({"Resource": f"{ARN.removesuffix('pets')}${{aws:username}}"}) is None
    assert verdict({"Resource": "${aws:nothing, '*'}"}) == ALLOW
    assert verdict({"Resource": "${aws:nothing}*"}) is None


def test_a_hostile_pattern_takes_no_time() -> None:
    began = time.process_time()
    assert not like("*a" * 200 + "b", "a" * 5000)
    assert time.process_time() - began < 30  # backtracking would take longer than the universe has been there
    assert like("a*b*b", "abbb")
    assert like("*ab*ab", "abab")
