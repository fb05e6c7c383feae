"""CloudFormation's functions are the edge's: a template makes, changes and removes them as calls of the API do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.edge.kit import Edge, eventually

ROLE = "arn:aws:iam::100000000001:role/r"
OVER = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_ROLLBACK_COMPLETE")


def template(timeout: str, answer: str) -> str:
    function = {
        "Runtime": "python3.13",
        "Role": ROLE,
        "Handler": "index.handler",
        "Timeout": timeout,
        "Code": {"ZipFile": f"def handler(event, context): return {answer!r}\n"},
        "Tags": [{"Key": "team", "Value": "a"}],
        "ReservedConcurrentExecutions": 2,
    }
    live = {"FunctionName": {"Ref": "Made"}, "Name": "live", "FunctionVersion": {"Fn::GetAtt": ["One", "Version"]}}
    allow = {"FunctionName": {"Ref": "Live"}, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    url = {"TargetFunctionArn": {"Fn::GetAtt": ["Made", "Arn"]}, "AuthType": "NONE"}
    events = {"FunctionName": {"Ref": "Made"}, "Qualifier": "$LATEST", "MaximumRetryAttempts": "0"}
    return json.dumps(
        {
            "Resources": {
                "Made": {"Type": "AWS::Lambda::Function", "Properties": function},
                "One": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Made"}}},
                "Live": {"Type": "AWS::Lambda::Alias", "Properties": live},
                "Allow": {"Type": "AWS::Lambda::Permission", "Properties": allow},
                "Url": {"Type": "AWS::Lambda::Url", "Properties": url},
                "Events": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": events},
            },
            "Outputs": {"Name": {"Value": {"Ref": "Made"}}, "Url": {"Value": {"Fn::GetAtt": ["Url", "FunctionUrl"]}}},
        }
    )


@pytest.fixture
def edge(ministack_python: str, tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path)
    yield edge
    edge.end()


def over(templates: Any) -> dict[str, Any]:
    stack = eventually(
        lambda: next(
            (one for one in templates.describe_stacks(StackName="s")["Stacks"] if one["StackStatus"] in OVER), None
        )
    )
    outputs: dict[str, Any] = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack
    return outputs


def test_a_template_makes_changes_and_removes_a_function(edge: Edge) -> None:
    templates, client = edge.client("cloudformation"), edge.client("lambda")
    templates.create_stack(StackName="s", TemplateBody=template("7", "one"))
    made = over(templates)
    name = made["Name"]
    described = client.get_function(FunctionName=name, Qualifier="live")
    assert (described["Configuration"]["Timeout"], described["Configuration"]["Version"]) == (7, "1")
    assert (described["Tags"]["team"], described["Concurrency"]) == ("a", {"ReservedConcurrentExecutions": 2})
    assert client.get_function_url_config(FunctionName=name)["FunctionUrl"] == made["Url"]
    assert client.get_function_event_invoke_config(FunctionName=name)["MaximumRetryAttempts"] == 0
    [statement] = json.loads(client.get_policy(FunctionName=name, Qualifier="live")["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}

    templates.update_stack(StackName="s", TemplateBody=template("8", "two"))
    assert eventually(lambda: client.get_function_configuration(FunctionName=name)["Timeout"] == 8)
    over(templates)
    latest = client.get_function_configuration(FunctionName=name)
    assert latest["CodeSha256"] != described["Configuration"]["CodeSha256"]
    assert client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"

    templates.delete_stack(StackName="s")
    eventually(lambda: client.list_functions()["Functions"] == [])
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_function(FunctionName=name)


def test_what_another_service_would_invoke_is_looked_for_at_the_edge(edge: Edge) -> None:
    machine = {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": "RESOURCE", "End": True}}}
    arn = "arn:aws:lambda:eu-west-1:100000000001:function:none"
    states = edge.client("stepfunctions")
    made = states.create_state_machine(name="m", definition=json.dumps(machine).replace("RESOURCE", arn), roleArn=ROLE)
    run = states.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]
    ended = eventually(lambda: (one := states.describe_execution(executionArn=run))["status"] != "RUNNING" and one)
    assert ended["status"] == "FAILED"
