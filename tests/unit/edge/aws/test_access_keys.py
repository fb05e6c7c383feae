"""Keys that the edge gives to functions: of whom, of which account, and what an emulator is shown."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staticfire.edge.aws.access_keys import AccessKeys, Caller, show_account
from staticfire.edge.http1.messages import Request
from staticfire.edge.http1.raw import request_as_it_came
from tests.unit.edge.kit import request

ACCOUNT = "100000000001"
CALLER = Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:role/path/r", "f", "1-1")


def test_a_key_looks_like_awss_and_names_its_account_as_awss_do() -> None:
    key = AccessKeys("s").issue(CALLER).key
    assert re.fullmatch("ASIA[A-Z2-7]{16}", key)
    first = int.from_bytes(base64.b32decode(key[4:])[:6])
    assert (first & 0x7FFFFFFFFF80) >> 7 == int(ACCOUNT)


@given(st.from_regex("[0-9]{12}", fullmatch=True))
def test_a_keys_account_is_known_after_the_edges_end(account: str) -> None:
    key = AccessKeys("s").issue(CALLER._replace(account=account)).key
    later = AccessKeys("s")
    assert (later.account(key), later.caller(key)) == (account, None)


def test_a_key_of_another_secret_is_hardly_ever_taken_for_ones_own() -> None:
    """The check has 16 bits: one in 65,536 passes."""
    keys = [AccessKeys("s").issue(CALLER).key for _ in range(64)]
    assert sum(AccessKeys("another").account(key) != "" for key in keys) <= 2


@pytest.mark.parametrize(
    "key", ["", "ASIA", "ASIA1", "ASIAIOSFODNN7EXAMPLE", "ASIA" + "A" * 16, "ASIA" + "7" * 16, "ASIA" + "é" * 16]
)
def test_somebody_elses_key_is_of_no_account(key: str) -> None:
    assert AccessKeys("s").account(key) == ""


def test_no_two_sets_of_credentials_share_anything() -> None:
    keys = AccessKeys("s")
    issued = [keys.issue(CALLER) for _ in range(100)]
    assert all(len(set(column)) == 100 for column in zip(*issued, strict=True))


def shown(target: str, authorization: str = "", body: bytes = b"{}", key: str = "ASIAK") -> Request:
    """A request as it came, after the account took the key's place."""
    headers = [("content-length", str(len(body))), *([("authorization", authorization)] if authorization else [])]
    made = request("POST", target, headers, body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in made.headers)
    made.raw = f"POST {target} HTTP/1.1\r\n{lines}\r\n".encode() + body
    show_account(made, key, ACCOUNT)
    return made


def test_an_emulator_is_shown_the_account_in_the_header_and_in_the_bytes_as_they_came() -> None:
    signed = "AWS4-HMAC-SHA256 Credential={}/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
    made = shown("/?of=ASIAK", signed.format("ASIAK"), b'{"k": "ASIAK"}')
    assert made.headers.get("authorization") == signed.format(ACCOUNT)
    raw = request_as_it_came(made)
    assert raw is not None
    assert f"\r\nauthorization: {signed.format(ACCOUNT)}\r\n".encode() in raw
    assert raw.startswith(b"POST /?of=ASIAK HTTP/1.1\r\n")
    assert raw.endswith(b'\r\n\r\n{"k": "ASIAK"}')


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}%2F20260101%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Signature=0",
        "X-Amz-Credential={}/20260101/eu-west-1/s3/aws4_request",
        "AWSAccessKeyId={}&Signature=0&Expires=1",
    ],
)
def test_a_presigned_url_shows_the_account(query: str) -> None:
    made = shown(f"/b/ASIAK?{query.format('ASIAK')}")
    assert made.target == f"/b/ASIAK?{query.format(ACCOUNT)}"
    raw = request_as_it_came(made)
    assert raw is not None
    assert raw.startswith(f"POST /b/ASIAK?{query.format(ACCOUNT)} HTTP/1.1\r\n".encode())
