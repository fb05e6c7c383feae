"""Signed webhooks, against the standard's own example and in every mode."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from events.signature import Signatures, sign
from servicekit.errors import Refused

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Kept:
    def __init__(self, text: str) -> None:
        self._text = text

    def value(self) -> str:
        return self._text


def signatures(mode: str, secret: str = SECRET) -> Signatures:
    kept: Any = Kept(secret)
    return Signatures(mode, kept)


def headers(body: bytes, secret: str = SECRET) -> dict[str, str]:
    now = str(int(time.time()))
    signature = sign(secret, f"msg-1.{now}.".encode() + body)
    return {"webhook-id": "msg-1", "webhook-timestamp": now, "webhook-signature": signature}


def test_the_example_of_the_standard_is_signed_as_it_says() -> None:
    message = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    assert sign(SECRET, message) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_where_signatures_are_required_there_must_be_one() -> None:
    with pytest.raises(Refused) as refused:
        signatures("required").message_id({}, b"{}")
    assert refused.value.status == 401
    assert [problem["problem"] for problem in refused.value.problems] == ["is missing"] * 3
    assert signatures("required").message_id(headers(b"{}"), b"{}") == "msg-1"


def test_where_they_are_optional_none_is_right_and_a_wrong_one_is_not() -> None:
    assert signatures("optional").message_id({}, b"{}") is None
    with pytest.raises(Refused):
        signatures("optional").message_id(headers(b"{}"), b"[]")


def test_where_they_are_off_nothing_is_looked_at() -> None:
    assert Signatures("off", None).message_id({"webhook-signature": "nonsense"}, b"") is None


def test_while_secrets_are_exchanged_either_is_right() -> None:
    both = signatures("required", f"{SECRET}\nplain-text")
    for secret in (SECRET, "plain-text"):
        assert both.message_id(headers(b"{}", secret), b"{}") == "msg-1"
    with pytest.raises(Refused):
        both.message_id(headers(b"{}", "another"), b"{}")


@pytest.mark.parametrize("timestamp", ["", "x", "-1", "1.5", "٣", "9" * 400, "0"])
def test_a_timestamp_that_is_none_or_far_off_is_refused(timestamp: str) -> None:
    with pytest.raises(Refused) as refused:
        signatures("optional").message_id(headers(b"") | {"webhook-timestamp": timestamp}, b"")
    assert [problem["field"] for problem in refused.value.problems] == ["webhook-timestamp"]
    assert json.dumps(refused.value.problems)


@pytest.mark.parametrize(("mode", "message"), [("maybe", "must be off"), ("required", "does not name a secret")])
def test_a_mode_that_cannot_be_meant_is_an_error_at_the_start(mode: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Signatures(mode, None)
