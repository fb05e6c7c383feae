"""Which calls are plainly DynamoDB's: what SDKs send is, and nothing that another service might take is."""

from __future__ import annotations

import pytest

from staticfire.edge.emulators.in_ministack.dynamodb_calls import plain

SCOPE = "000000000001/20260101/eu-west-1/dynamodb/aws4_request"
SENT = {
    "host": "127.0.0.1:4566",
    "x-amz-target": "DynamoDB_20120810.GetItem",
    "content-type": "application/x-amz-json-1.0",
    "authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host;x-amz-date, Signature=00",
    "x-amz-date": "20260101T000000Z",
    "content-length": "2",
}


def headers(**changed: str | None) -> list[tuple[bytes, bytes]]:
    sent = SENT | {name.replace("_", "-"): value for name, value in changed.items()}
    return [(name.encode(), value.encode()) for name, value in sent.items() if value is not None]


def test_a_call_of_an_sdk_is_taken() -> None:
    call = plain(headers())
    assert call is not None
    assert (call.target, call.key, call.region) == (b"DynamoDB_20120810.GetItem", "000000000001", "eu-west-1")


@pytest.mark.parametrize(
    "host", ["localhost:4566", "edge:4566", "[::1]:4566", "dynamodb.eu-west-1.amazonaws.com", "123456789012.ddb.a.b"]
)
def test_hosts_of_nobody_else_are_taken(host: str) -> None:
    assert plain(headers(host=host)) is not None


@pytest.mark.parametrize(
    "host", ["abc.execute-api.localhost", "name.elb.amazonaws.com", "www.example.com", "bucket.s3.amazonaws.com", ""]
)
def test_a_host_that_may_be_of_another_service_is_left(host: str) -> None:
    assert plain(headers(host=host)) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"x_amz_target": "DynamoDBStreams_20120810.GetRecords"},
        {"x_amz_target": "DynamoDB_20120810.Get.Item"},
        {"x_amz_target": None},
        {"authorization": None},
        {"authorization": SENT["authorization"].replace("/dynamodb/", "/s3/")},
        {"authorization": SENT["authorization"].replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")},
        {"content_length": None},
        {"content_encoding": "gzip"},
        {"transfer_encoding": "chunked"},
        {"expect": "100-continue"},
        {"x_amz_content_sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
    ],
)
def test_what_is_not_plain_is_left(changed: dict[str, str | None]) -> None:
    assert plain(headers(**changed)) is None


def test_a_digest_of_the_body_is_no_code() -> None:
    assert plain(headers(x_amz_content_sha256="0" * 64)) is not None
