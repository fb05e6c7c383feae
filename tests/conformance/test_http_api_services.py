"""First-class integrations: AWS services called by HTTP APIs without a function."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.fidelity import documented
from tests.conformance.lab import Api, Lab, Queue, eventually

AREA = "HTTP API: AWS services"
PAGE = "apigateway/latest/developerguide/http-api-develop-integrations-aws-services.html"
REFERENCE = "apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html"


def served(lab: Lab, subtype: str, parameters: dict[str, str], **settings: Any) -> Api:
    client = lab.aws("apigatewayv2")
    api = client.create_api(Name=lab.name("service"), ProtocolType="HTTP")["ApiId"]
    made = client.create_integration(
        **{
            "ApiId": api,
            "IntegrationType": "AWS_PROXY",
            "IntegrationSubtype": subtype,
            "CredentialsArn": lab.role(),
            "PayloadFormatVersion": "1.0",
            "RequestParameters": parameters,
            **settings,
        }
    )
    client.create_route(ApiId=api, RouteKey="POST /{name}", Target=f"integrations/{made['IntegrationId']}")
    return lab.stage(api)


@pytest.fixture(scope="module")
def queue(lab: Lab) -> Queue:
    return lab.queue()


@documented(AREA, "`SQS-SendMessage` sends what the request maps, and the client gets SQS's answer", PAGE)
def test_a_message_is_sent(lab: Lab, queue: Queue) -> None:
    parameters = {"QueueUrl": queue.url, "MessageBody": "$request.body.order", "DelaySeconds": "0"}
    answer = served(lab, "SQS-SendMessage", parameters).post("/x", json.dumps({"order": "tea"}))
    assert answer.status == 200
    assert answer.json()["MessageId"]
    assert queue.receive()["Body"] == "tea"


@documented(AREA, "`SQS-ReceiveMessage` and `SQS-DeleteMessage` read and remove a message", REFERENCE)
def test_a_message_is_received_and_deleted(lab: Lab) -> None:
    queue = lab.queue()
    lab.aws("sqs").send_message(QueueUrl=queue.url, MessageBody="coffee")
    receive = served(lab, "SQS-ReceiveMessage", {"QueueUrl": queue.url, "MaxNumberOfMessages": "1"})
    remove = served(lab, "SQS-DeleteMessage", {"QueueUrl": queue.url, "ReceiptHandle": "$request.body.handle"})
    [message] = eventually(lambda: receive.post("/x").json().get("Messages"), "the message")
    assert message["Body"] == "coffee"
    assert remove.post("/x", json.dumps({"handle": message["ReceiptHandle"]})).status == 200


@documented(AREA, "`EventBridge-PutEvents` puts an event, which a rule takes on", PAGE)
def test_an_event_is_put(lab: Lab, queue: Queue) -> None:
    events, source = lab.aws("events"), lab.name("source")
    rule = lab.name("rule")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue.arn}])
    parameters = {"Source": source, "DetailType": "$request.path.name", "Detail": "$request.body"}
    answer = served(lab, "EventBridge-PutEvents", parameters).post("/sold", json.dumps({"id": 1}))
    assert (answer.status, answer.json()["FailedEntryCount"]) == (200, 0)
    event = json.loads(queue.receive()["Body"])
    assert (event["detail-type"], event["detail"]) == ("sold", {"id": 1})


@documented(AREA, "`StepFunctions-StartExecution` starts an execution with the mapped input", PAGE)
def test_an_execution_is_started(lab: Lab) -> None:
    states = lab.aws("stepfunctions")
    definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}})
    machine = states.create_state_machine(name=lab.name("machine"), definition=definition, roleArn=lab.role())
    parameters = {"StateMachineArn": machine["stateMachineArn"], "Input": "$request.body"}
    answer = served(lab, "StepFunctions-StartExecution", parameters).post("/x", '{"a": 1}')
    assert answer.status == 200
    arn = answer.json()["executionArn"]
    ended = eventually(
        lambda: (one := states.describe_execution(executionArn=arn))["status"] == "SUCCEEDED" and one, "its end"
    )
    assert json.loads(ended["output"]) == {"a": 1}


@pytest.mark.streams("kinesis")
@documented(AREA, "`Kinesis-PutRecord` puts a record of the mapped data", PAGE)
def test_a_record_is_put(lab: Lab) -> None:
    kinesis, name = lab.aws("kinesis"), lab.name("stream")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    parameters = {"StreamName": name, "Data": "$request.body", "PartitionKey": "$request.path.name"}
    answer = served(lab, "Kinesis-PutRecord", parameters).post("/one", "hello")
    assert (answer.status, answer.json()["ShardId"]) == (200, "shardId-000000000000")
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    [record] = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert (record["Data"], record["PartitionKey"]) == (b"hello", "one")


@documented(AREA, "What the service refuses reaches the client with the service's status", PAGE)
def test_a_refusal_is_the_services(lab: Lab, queue: Queue) -> None:
    api = served(lab, "SQS-PurgeQueue", {"QueueUrl": f"{queue.url}-that-is-not-there"})
    assert api.post("/x").status == 400


@documented(AREA, "A subtype without its parameters or its credentials is refused", REFERENCE)
@pytest.mark.parametrize(
    ("parameters", "settings"),
    [({"QueueUrl": "http://q"}, {}), ({"QueueUrl": "http://q", "MessageBody": "x"}, {"CredentialsArn": ""})],
)
def test_what_is_missing_is_refused(lab: Lab, parameters: dict[str, str], settings: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="BadRequestException"):
        served(lab, "SQS-SendMessage", parameters, **settings)
