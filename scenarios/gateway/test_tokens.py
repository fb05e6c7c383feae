"""Bearer tokens: who a request is from, and no way to make that up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from scenarios.gateway.lab import Bearer, Configure, TokenOf, Upstream, claims_of, encoded, published, reply, signed
from staticfire.testing.kit import ApiAnswer, ApiClient, wait_until

NOW = int(time.time())


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


Ask = Callable[[str], ApiAnswer]
Keys = dict[str, rsa.RSAPrivateKey]


@pytest.fixture(scope="module")
def keys() -> Keys:
    return {"one": rsa_key()}


@pytest.fixture(autouse=True, scope="module")
def routes(configured: Configure, upstream: Upstream, keys: Keys) -> None:
    def jwks(handler: BaseHTTPRequestHandler, _: object) -> None:
        reply(handler, 200, json.dumps({"keys": [published(key, kid) for kid, key in keys.items()]}).encode())

    upstream.behaviours["/jwks"] = jwks
    configured(
        {
            "upstreams": {"server": {"url": f"{upstream.url}/base"}},
            "routes": {"GET /mine": {"upstream": "server", "auth": "jwt"}},
            "tokens": {"issuer": "gateway", "audience": "gateway", "jwks_url": f"{upstream.url}/base/jwks"},
        }
    )


@pytest.fixture
def ask(api: ApiClient, bearer: Bearer) -> Ask:
    return lambda token: api.get("/mine", headers=bearer(token))


def test_a_token_signed_with_the_secret_is_taken(ask: Ask, user: str, token_of: TokenOf) -> None:
    assert ask(token_of(user)).json()["headers"]["x-authenticated-user"] == user


def test_a_token_signed_with_a_published_key_is_taken(ask: Ask, user: str, token_of: TokenOf, keys: Keys) -> None:
    answer = ask(signed(claims_of(user), keys["one"], kid="one"))

    assert answer.json()["headers"]["x-authenticated-user"] == user


def test_a_key_that_was_published_later_is_found(
    ask: Ask, user: str, token_of: TokenOf, keys: Keys, upstream: Upstream
) -> None:
    keys["two"] = rsa_key()
    token = signed(claims_of(user), keys["two"], kid="two")
    wait_until(lambda: ask(token).status == 200, "the new key in use")
    reads = len(upstream.asked("/jwks"))
    for n in range(20):
        assert ask(signed(claims_of(user), keys["two"], kid=f"made-up-{n}")).status == 401
    assert len(upstream.asked("/jwks")) <= reads + 2


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        pytest.param({"exp": NOW - 3600}, "expired", id="expired"),
        pytest.param({"exp": None}, "exp", id="without an end"),
        pytest.param({"exp": "tomorrow"}, "exp", id="an end that is no time"),
        pytest.param({"nbf": NOW + 3600}, "not valid yet", id="not valid yet"),
        pytest.param({"iat": NOW + 3600}, "not valid yet", id="issued in the future"),
        pytest.param({"iss": "another"}, "issuer", id="another issuer"),
        pytest.param({"iss": None}, "issuer", id="no issuer"),
        pytest.param({"aud": "another"}, "audience", id="another audience"),
        pytest.param({"aud": ["a", "b"]}, "audience", id="other audiences"),
        pytest.param({"aud": None}, "audience", id="no audience"),
        pytest.param({"sub": None}, "subject", id="no subject"),
        pytest.param({"sub": ""}, "subject", id="an empty subject"),
    ],
)
def test_a_token_whose_claims_do_not_hold_is_refused_and_told_why(
    ask: Ask, user: str, token_of: TokenOf, claims: dict[str, Any], why: str
) -> None:
    answer = ask(token_of(user, **claims))

    assert answer.status == 401
    assert why in answer.json()["message"]
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


def test_no_token_is_told_what_is_needed(api: ApiClient) -> None:
    answer = api.get("/mine")

    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 7, "HS384", "HS512", "PS256", "ES256"])
def test_no_other_algorithm_is_taken(ask: Ask, user: str, secret: str, algorithm: str | int | None) -> None:
    token = signed(claims_of(user), secret.encode(), alg=algorithm)

    assert ask(token).status == 401
    assert ask(f"{token.rpartition('.')[0]}.").status == 401


def test_a_public_key_is_no_secret(ask: Ask, user: str, keys: Keys) -> None:
    public = keys["one"].public_key()
    forms = [
        public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
    ]

    for form in (*forms, forms[0].rstrip(), json.dumps(published(keys["one"], "one")).encode(), b""):
        assert ask(signed(claims_of(user), form, kid="one")).status == 401
        assert ask(signed(claims_of(user), form)).status == 401


def test_the_secret_signs_no_token_that_says_rs256(ask: Ask, user: str, secret: str) -> None:
    assert ask(signed(claims_of(user), secret.encode(), alg="RS256", kid="one")).status == 401


def test_a_foreign_key_is_refused_whatever_it_is_called(ask: Ask, user: str) -> None:
    foreign = rsa_key()

    for header in ({"kid": "one"}, {"kid": "unknown"}, {"kid": 7}, {}, {"jwk": published(foreign, "one")}):
        assert ask(signed(claims_of(user), foreign, **header)).status == 401


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "..", "e30.e30.", "a.b.c.d", "%", "e30.W10.e30", "x" * 9000])
def test_what_is_no_token_is_refused(ask: Ask, token: str) -> None:
    assert ask(token).status == 401


def test_a_changed_token_is_refused(ask: Ask, user: str, token_of: TokenOf) -> None:
    header, _, signature = token_of(user).split(".")

    assert ask(f"{header}.{encoded(claims_of('root'))}.{signature}").status == 401


def test_while_the_issuer_is_away_known_keys_stay_in_use(
    ask: Ask, user: str, token_of: TokenOf, keys: Keys, upstream: Upstream
) -> None:
    good = signed(claims_of(user), keys["one"], kid="one")
    assert ask(good).status == 200
    upstream.behaviours["/jwks"] = lambda handler, _: reply(handler, 503)

    assert ask(signed(claims_of(user), keys["one"], kid="unknown")).status == 401
    assert ask(good).status == 200
