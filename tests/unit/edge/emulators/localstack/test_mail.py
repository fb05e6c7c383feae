"""Mail that LocalStack keeps, as AWS would have worded it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.emulators.localstack.mail import LocalStackMail
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.http1.server import serve
from staticfire.edge.services.mail.mailbox import Mailbox

ALARM = {
    "AlarmName": "errors",
    "AlarmArn": "arn:aws:cloudwatch:eu-central-1:100000000001:alarm:errors",
    "AlarmDescription": "Errors of the function.",
    "AWSAccountId": "100000000001",
    "NewStateValue": "ALARM",
    "OldStateValue": "OK",
    "NewStateReason": "Threshold Crossed",
    "StateChangeTime": "2026-11-21T05:00:00",
    "Region": "Eu central 1",
    "AlarmActions": ["arn:aws:sns:eu-central-1:100000000001:alerts"],
    "Trigger": {
        "MetricName": "Errors",
        "Namespace": "AWS/Lambda",
        "StatisticType": "Statistic",
        "Statistic": "SUM",
        "Unit": None,
        "Dimensions": [{"name": "FunctionName", "value": "f"}],
        "Period": 10,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.0,
        "TreatMissingData": "notBreaching",
    },
}


def from_sns(identity: str, text: str, to: str = "ops@example.com") -> dict[str, Any]:
    return {
        "Id": identity,
        "Region": "eu-central-1",
        "Timestamp": f"2026-11-21T05:00:0{identity}",
        "Source": "admin@localstack.com",
        "Destination": {"ToAddresses": [to]},
        "Subject": "SNS-Subscriber-Endpoint",
        "Body": {"text_part": text, "html_part": None},
    }


@asynccontextmanager
async def kept(path: Path, *messages: dict[str, Any]) -> AsyncIterator[tuple[LocalStackMail, Mailbox]]:
    """LocalStack's mails, read and deleted by id, once SES was asked for anything."""
    left = {message["Id"]: message for message in messages}
    loaded: list[bytes] = []

    async def handle(request: Request) -> Response:
        if request.path == "/":
            loaded.append(await request.body())
            return Response(200, [], b"<ListIdentitiesResponse/>")
        if not loaded:
            return Response(404, [], b"")
        assert request.path == "/_aws/ses"
        if request.method == "DELETE":
            del left[request.query.removeprefix("id=")]
            return Response(204, [], b"")
        return Response(200, [], json.dumps({"messages": list(left.values())}).encode())

    server = await serve(handle, "127.0.0.1")
    client = Client()
    mailbox = Mailbox(path / "mail.jsonl")
    try:
        yield LocalStackMail(Emulator(f"http://127.0.0.1:{server.port}", client), mailbox), mailbox
    finally:
        client.close()
        await server.close(1)


async def test_an_alarms_mail_is_worded_for_people_and_has_its_account(tmp_path: Path) -> None:
    async with kept(tmp_path, from_sns("1", json.dumps(ALARM))) as (mails, _):
        [mail] = await mails.find(to="ops@example.com", account="100000000001")
        assert await mails.find(account="100000000002") == []
    assert mail.subject == 'ALARM: "errors" in Europe (Frankfurt)'
    assert "- State Change: OK -> ALARM" in mail.text.splitlines()


async def test_a_notification_has_the_subject_of_sns_not_localstacks(tmp_path: Path) -> None:
    async with kept(tmp_path, from_sns("1", "hello")) as (mails, _):
        [mail] = await mails.find()
    assert (mail.subject, mail.text, mail.account) == ("AWS Notification Message", "hello", "")


async def test_an_envelope_in_json_tells_its_own_subject(tmp_path: Path) -> None:
    topic = "arn:aws:sns:eu-central-1:100000000001:alerts"
    envelope = json.dumps({"Type": "Notification", "TopicArn": topic, "Subject": "greetings", "Message": "hello"})
    async with kept(tmp_path, from_sns("1", envelope)) as (mails, _):
        [mail] = await mails.find()
    assert (mail.subject, mail.topic, mail.account, mail.text) == ("greetings", topic, "100000000001", envelope)


async def test_the_fillers_mails_are_among_localstacks_and_newest_first(tmp_path: Path) -> None:
    async with kept(tmp_path, from_sns("1", "one"), from_sns("2", "two")) as (mails, mailbox):
        envelope = {
            "account": "100000000001",
            "region": "us-east-1",
            "source": "me@example.com",
            "to": ["ops@example.com"],
        }
        await mailbox.sent({**envelope, "message": "Subject: three\n\nthree"})
        assert [mail.text for mail in await mails.find(to="ops@example.com")] == ["three", "two", "one"]
        assert await mails.remove(to="ops@example.com") == 3
        assert await mails.find() == []
