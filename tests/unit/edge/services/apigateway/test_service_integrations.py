"""First-class integrations: what the services are asked, and what the client gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.http1.messages import Response
from tests.unit.edge.services.apigateway.kit import ACCOUNT, REGION, Api, Lab

ROLE = f"arn:aws:iam::{ACCOUNT}:role/api"


async def served(lab: Lab, subtype: str, parameters: dict[str, str], **settings: Any) -> Api:
    integration = {
        "integrationUri": "",
        "integrationSubtype": subtype,
        "credentialsArn": ROLE,
        "payloadFormatVersion": "1.0",
        "requestParameters": parameters,
    }
    return await lab.api({"POST /{name}": "x"}, integration=integration | settings)


@pytest.mark.parametrize(
    ("subtype", "parameters", "target", "document"),
    [
        (
            "SQS-SendMessage",
            {"QueueUrl": "http://q", "MessageBody": "$request.body.text", "DelaySeconds": "3"},
            "AmazonSQS.SendMessage",
            {"QueueUrl": "http://q", "MessageBody": "hello", "DelaySeconds": 3},
        ),
        (
            "EventBridge-PutEvents",
            {"Detail": "$request.body", "DetailType": "$request.path.name", "Source": "api", "Resources": '["a"]'},
            "AWSEvents.PutEvents",
            {"Entries": [{"Detail": '{"text": "hello"}', "DetailType": "one", "Source": "api", "Resources": ["a"]}]},
        ),
        (
            "StepFunctions-StartSyncExecution",
            {"StateMachineArn": "arn:machine", "Input": "$request.body"},
            "AWSStepFunctions.StartSyncExecution",
            {"stateMachineArn": "arn:machine", "input": '{"text": "hello"}'},
        ),
        (
            "Kinesis-PutRecord",
            {"StreamName": "s", "PartitionKey": "$request.path.name", "Data": "$request.body.text"},
            "Kinesis_20131202.PutRecord",
            {"StreamName": "s", "PartitionKey": "one", "Data": "aGVsbG8="},
        ),
    ],
)
async def test_parameters_are_mapped_from_the_request(
    lab: Lab, subtype: str, parameters: dict[str, str], target: str, document: dict[str, Any]
) -> None:
    api = await served(lab, subtype, parameters)
    lab.service_answer = Response(200, [("content-type", "application/x-amz-json-1.0")], b'{"done": 1}')
    answer = await api.send("POST", "/one", {"Content-Type": "application/json"}, b'{"text": "hello"}')
    [request] = lab.called
    assert (answer.status, answer.json(), answer.headers.get("content-type")) == (200, {"done": 1}, "application/json")
    assert request.headers.get("x-amz-target") == target
    assert json.loads(await request.body()) == document
    assert f"Credential={ACCOUNT}/20250101/{REGION}/" in request.headers.get("authorization")


async def test_the_services_error_is_the_clients(lab: Lab) -> None:
    api = await served(lab, "SQS-PurgeQueue", {"QueueUrl": "http://q"})
    lab.service_answer = Response(400, [("content-type", "application/x-amz-json-1.0")], b'{"__type": "NoQueue"}')
    answer = await api.send("POST", "/one")
    assert (answer.status, answer.json()) == (400, {"__type": "NoQueue"})


async def test_a_region_is_asked_there_and_a_wrong_number_nowhere(lab: Lab) -> None:
    parameters = {"QueueUrl": "http://q", "MaxNumberOfMessages": "$request.querystring.n", "Region": "us-west-2"}
    api = await served(lab, "SQS-ReceiveMessage", parameters)
    assert (await api.send("POST", "/one?n=many")).status == 400
    assert lab.called == []
    assert (await api.send("POST", "/one?n=2")).status == 200
    assert "/us-west-2/sqs/" in lab.called[0].headers.get("authorization")


@pytest.mark.parametrize(
    ("subtype", "parameters", "settings"),
    [
        ("SQS-Fly", {}, {}),
        ("SQS-SendMessage", {"QueueUrl": "http://q"}, {}),
        ("SQS-PurgeQueue", {"QueueUrl": "http://q", "Wings": "2"}, {}),
        ("SQS-PurgeQueue", {"QueueUrl": "http://q"}, {"credentialsArn": ""}),
    ],
)
async def test_what_cannot_be_called_is_refused(
    lab: Lab, subtype: str, parameters: dict[str, str], settings: dict[str, str]
) -> None:
    with pytest.raises(AwsError) as refused:
        await served(lab, subtype, parameters, **settings)
    assert refused.value.code == "BadRequestException"
