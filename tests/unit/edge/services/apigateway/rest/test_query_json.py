"""Answers of the query protocol in JSON."""

from __future__ import annotations

import json

import pytest

from staticfire.edge.services.apigateway.rest.serving.integrations.query_json import in_json

NAMESPACE = 'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"'


def test_messages_that_are_received() -> None:
    message = (
        "<Message><MessageId>1</MessageId><ReceiptHandle>h</ReceiptHandle><MD5OfBody>m</MD5OfBody>"
        "<Body>a &amp; b</Body>"
        "<Attribute><Name>SenderId</Name><Value>s</Value></Attribute></Message>"
    )
    for messages in (message, ""):
        body = f"<ReceiveMessageResponse {NAMESPACE}><ReceiveMessageResult>{messages}</ReceiveMessageResult>"
        body += "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ReceiveMessageResponse>"
        answer = json.loads(in_json("sqs", body.encode()) or b"")["ReceiveMessageResponse"]
        assert answer["ResponseMetadata"] == {"RequestId": "r"}
        one = answer["ReceiveMessageResult"]["messages"]
        if messages:
            assert (one[0]["Body"], one[0]["Attributes"], one[0]["MessageAttributes"]) == (
                "a & b",
                {"SenderId": "s"},
                None,
            )
        else:
            assert one is None


def test_an_error_and_an_answer_without_a_result() -> None:
    error = "<Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>no</Message></Error>"
    body = f"<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"
    assert json.loads(in_json("sns", body.encode()) or b"") == {
        "Error": {"Code": "InvalidParameter", "Message": "no", "Type": "Sender"},
        "RequestId": "r",
    }
    body = (
        "<DeleteMessageResponse><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DeleteMessageResponse>"
    )
    document = {"DeleteMessageResponse": {"ResponseMetadata": {"RequestId": "r"}}}
    assert json.loads(in_json("sqs", body.encode()) or b"") == document


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("s3", b"<ListBucketResult/>"),
        ("sqs", b'{"MessageId": "1"}'),
        ("sqs", b"<cut"),
        ("sqs", b"<NoSuchOperationResponse/>"),
        ("sqs", b"<SendMessageBatchResponse/>"),
        ("sqs", b""),
    ],
)
def test_what_no_form_is_known_for_stays(service: str, body: bytes) -> None:
    assert in_json(service, body) is None
