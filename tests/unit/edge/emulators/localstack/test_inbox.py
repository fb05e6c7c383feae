"""What LocalStack leaves in an inbox becomes the event that the function would have got."""

from __future__ import annotations

import json

from staticfire.edge.emulators.localstack.inbox import EVENTS

SUBSCRIPTION = "arn:aws:sns:us-east-1:000000000000:topic:11111111-2222"


def test_a_notification_becomes_an_SNS_record() -> None:
    body = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:topic",
        "Subject": "word",
        "Message": "hello",
        "Timestamp": "2026-01-01T00:00:00.000Z",
        "SigningCertURL": "http://localhost/cert.pem",
        "UnsubscribeURL": f"http://localhost/?Action=Unsubscribe&SubscriptionArn={SUBSCRIPTION}",
        "MessageAttributes": {"a": {"Type": "String", "Value": "b"}},
    }
    [record] = EVENTS["sns"](json.dumps(body))["Records"]
    assert (record["EventSource"], record["EventVersion"]) == ("aws:sns", "1.0")
    assert record["EventSubscriptionArn"] == SUBSCRIPTION
    assert (record["Sns"]["Message"], record["Sns"]["Subject"]) == ("hello", "word")
    assert record["Sns"]["SigningCertUrl"] == body["SigningCertURL"]
    assert record["Sns"]["MessageAttributes"] == body["MessageAttributes"]


def test_a_confirmation_is_no_event() -> None:
    assert EVENTS["sns"](json.dumps({"Type": "SubscriptionConfirmation"})) is None


def test_what_a_rule_sends_is_the_event() -> None:
    assert EVENTS["events"]('{"detail": {"id": 7}}') == {"detail": {"id": 7}}


def test_a_rules_input_that_is_no_JSON_is_a_string() -> None:
    assert EVENTS["events"]("plain text") == "plain text"


def test_a_buckets_test_message_is_no_event() -> None:
    assert EVENTS["s3"]('{"Service": "Amazon S3", "Event": "s3:TestEvent"}') is None


def test_a_buckets_records_are_the_event() -> None:
    assert EVENTS["s3"]('{"Records": [{"eventSource": "aws:s3"}]}') == {"Records": [{"eventSource": "aws:s3"}]}
