"""TokenRules: what another implementation makes is taken, everything that is not exactly right is not."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from gateway.configuration import TokenRules
from gateway.tokens import Rejected, Verifier, _decoded
from hypothesis import given
from hypothesis import strategies as st

NOW = int(time.time())
SECRET = "a secret of forty characters, or nearly.."
OLD_SECRET = "the secret before the last rotation, 40.."
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CLAIMS = {"sub": "ann", "iss": "issuer", "aud": "gateway", "exp": NOW + 3600}


class OneKey:
    def find(self, kid: str | None) -> rsa.RSAPublicKey | None:
        return KEY.public_key() if kid in ("one", None) else None


EXPECTED = TokenRules(issuer="issuer", audience="gateway")
verifier = Verifier(EXPECTED, lambda: [SECRET, OLD_SECRET], OneKey())


def made(secret: str = SECRET, **claims: Any) -> str:
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(said, secret, "HS256")


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=128))
def test_the_subject_of_a_right_token_is_the_user(subject: str) -> None:
    assert verifier.subject(made(sub=subject)) == subject


def test_a_rotation_breaks_no_token() -> None:
    assert verifier.subject(made(OLD_SECRET)) == "ann"


def test_an_rs256_token_is_taken_with_and_without_the_keys_name() -> None:
    for headers in ({"kid": "one"}, None):
        assert verifier.subject(jwt.encode(CLAIMS, KEY, "RS256", headers=headers)) == "ann"
    with pytest.raises(Rejected):
        verifier.subject(jwt.encode(CLAIMS, KEY, "RS256", headers={"kid": "two"}))


def test_without_published_keys_rs256_is_not_taken() -> None:
    with pytest.raises(Rejected, match="algorithm"):
        Verifier(EXPECTED, lambda: [SECRET], None).subject(jwt.encode(CLAIMS, KEY, "RS256"))


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_clocks_may_differ_by_the_leeway_and_no_more(claim: str) -> None:
    now = int(time.time())
    inside, outside = (now - 20, now - 31) if claim == "exp" else (now + 20, now + 40)

    assert verifier.subject(jwt.encode({**CLAIMS, claim: inside}, SECRET)) == "ann"
    with pytest.raises(Rejected):
        verifier.subject(jwt.encode({**CLAIMS, claim: outside}, SECRET))


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["4000000000", True, [], {}, float("nan"), float("inf"), -float("inf"), 10**400])
def test_a_time_is_a_number(claim: str, value: Any) -> None:
    message = f"{part({'alg': 'HS256'})}.{part({**CLAIMS, claim: value})}"
    signature = base64.urlsafe_b64encode(hmac.digest(SECRET.encode(), message.encode(), "sha256")).rstrip(b"=")

    with pytest.raises(Rejected, match=claim):
        verifier.subject(f"{message}.{signature.decode()}")


def test_one_of_several_audiences_is_enough() -> None:
    assert verifier.subject(made(aud=["other", "gateway"])) == "ann"


@given(st.data())
def test_a_token_with_one_other_character_is_refused(data: st.DataObject) -> None:
    token = made()
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("AZaz09-_.=+/ é").filter(lambda part: part != token[place]))

    with pytest.raises(Rejected):
        verifier.subject(token[:place] + other + token[place + 1 :])


@given(
    st.text(max_size=60)
    | st.lists(st.binary(max_size=30), min_size=3, max_size=3).map(
        lambda parts: ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    )
)
def test_nothing_else_is_a_token(text: str) -> None:
    with pytest.raises(Rejected):
        verifier.subject(text)


def test_a_header_with_critical_extensions_is_refused() -> None:
    with pytest.raises(Rejected, match="extensions"):
        verifier.subject(f"{part({'alg': 'HS256', 'crit': ['exp']})}.{part(CLAIMS)}.AA")


def test_a_claim_that_is_said_twice_is_refused() -> None:
    content = '{"sub": "ann", "sub": "root", "iss": "issuer", "aud": "gateway", "exp": 4000000000}'
    claims = base64.urlsafe_b64encode(content.encode()).rstrip(b"=").decode()
    with pytest.raises(Rejected, match="JSON objects"):
        verifier.subject(f"{part({'alg': 'HS256'})}.{claims}.AA")


@pytest.mark.parametrize("text", ["A", "AA=", "AB", "A+A", "A/A", "AA\n", "ÄA"])
def test_base64url_has_one_form(text: str) -> None:
    with pytest.raises(Rejected, match="base64"):
        _decoded(text)


@given(st.binary(max_size=100))
def test_base64url_comes_back(content: bytes) -> None:
    assert _decoded(base64.urlsafe_b64encode(content).rstrip(b"=").decode()) == content
