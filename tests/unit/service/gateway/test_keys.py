"""Published keys: when they are read again, what is taken of them, and what happens while the issuer is away."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from gateway.keys import FLOOR_SECONDS, KEYS_SECONDS, STALE_SECONDS, KeySet
from servicekit.errors import Unavailable

MODULUS = (1 << 2048) - 159


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8)).rstrip(b"=").decode()


def key(kid: str | None, **changes: Any) -> dict[str, Any]:
    made = {"kty": "RSA", "kid": kid, "n": number(MODULUS), "e": number(65537), **changes}
    return {name: value for name, value in made.items() if value is not None}


class Issuer:
    """Publishes `keys`, or fails while there are none; `now` is the clock."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys: list[dict[str, Any]] | None = list(keys)
        self.reads = 0
        self.now = 1000.0
        self.set = KeySet("https://issuer.example/keys", self.fetch, lambda: self.now)

    def fetch(self, url: str) -> bytes:
        self.reads += 1
        if self.keys is None:
            raise ConnectionRefusedError("away")
        return json.dumps({"keys": self.keys}).encode()


def test_keys_are_read_once_for_many_tokens() -> None:
    issuer = Issuer(key("one"), key("two"))

    assert issuer.set.find("one")
    assert issuer.set.find("two")
    assert issuer.reads == 1


def test_an_unknown_key_is_looked_for_but_not_more_often_than_the_floor_allows() -> None:
    issuer = Issuer(key("one"))
    issuer.set.find("one")
    issuer.keys = [key("one"), key("two")]

    assert issuer.set.find("two") is None
    assert issuer.reads == 1
    issuer.now += FLOOR_SECONDS
    assert issuer.set.find("two")
    for n in range(10):
        assert issuer.set.find(f"made-up-{n}") is None
    assert issuer.reads == 2


def test_a_key_that_is_withdrawn_is_forgotten() -> None:
    issuer = Issuer(key("one"), key("two"))
    issuer.set.find("one")
    issuer.keys = [key("two")]
    issuer.now += KEYS_SECONDS

    assert issuer.set.find("one") is None
    assert issuer.set.find("two")


def test_while_the_issuer_is_away_the_known_keys_serve_for_a_day() -> None:
    issuer = Issuer(key("one"))
    issuer.set.find("one")
    issuer.keys = None

    issuer.now += STALE_SECONDS - 1
    assert issuer.set.find("one")
    issuer.now += 1
    with pytest.raises(Unavailable):
        issuer.set.find("one")


def test_without_any_key_nothing_can_be_said_and_soon_it_is_tried_again() -> None:
    issuer = Issuer()
    with pytest.raises(Unavailable):
        issuer.set.find("one")
    issuer.keys = [key("one")]
    issuer.now += FLOOR_SECONDS

    assert issuer.set.find("one")


def test_a_token_that_names_no_key_means_the_only_one() -> None:
    assert Issuer(key("one")).set.find(None)
    assert Issuer(key("one"), key("two")).set.find(None) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "EC"},
        {"use": "enc"},
        {"alg": "RS512"},
        {"n": number((1 << 1024) - 105)},
        {"n": number((1 << 2047) - 1)},
        {"n": number((1 << 4097) - 1)},
        {"n": number(1 << 2047)},
        {"e": number(1)},
        {"e": number(65536)},
        {"e": number(2**32 + 1)},
        {"d": number(3)},
        {"n": None},
        {"n": 7},
        {"n": "+/"},
    ],
    ids=str,
)
def test_a_key_for_something_else_or_a_weak_one_is_left_out(changes: dict[str, Any]) -> None:
    issuer = Issuer(key("good"), key("bad", **changes))

    assert issuer.set.find("good")
    assert issuer.set.find("bad") is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"keys": 7}', b'{"keys": []}', b"\xff"])
def test_what_is_no_set_of_keys_changes_nothing(content: bytes) -> None:
    answers = [json.dumps({"keys": [key("one")]}).encode(), content]
    clock = iter(range(0, 10**6, KEYS_SECONDS))
    keys = KeySet("https://issuer.example/keys", lambda url: answers.pop(0), lambda: float(next(clock)))

    assert keys.find("one")
    assert keys.find("one")
    assert answers == []
