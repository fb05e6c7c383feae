"""JWT authorizers: tokens of an issuer in memory."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.unit.edge.services.apigateway.kit import Answer, Api, Incoming, Lab

ISSUER = "https://issuer.example"
KEY = rsa.generate_private_key(65537, 2048)
STRANGER = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
NOW = int(time.time())


def token(key: Any = KEY, kid: str | None = "key-1", algorithm: str = "RS256", **claims: Any) -> str:
    payload = {"iss": ISSUER, "aud": "the-api", "sub": "user-1", "iat": NOW - 5, "exp": NOW + 600, **claims}
    headers = {"kid": kid} if kid else {}
    return jwt.encode({name: value for name, value in payload.items() if value is not None}, key, algorithm, headers)


def issue(method: str, base: str, target: str) -> Incoming:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
    curve = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(CURVE.public_key()))
    documents = {
        "/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys?v=1"},
        "/keys?v=1": {
            "keys": [
                {**public, "kid": "encryption", "use": "enc", "alg": "RSA-OAEP"},
                {"kty": "RSA", "kid": "broken"},
                {**curve, "kid": "curve", "alg": "ES256"},
                {**public, "kid": "key-1", "alg": "RS256"},
            ],
        },
    }
    document = documents.get(target)
    return Incoming(200 if document else 404, json.dumps(document).encode())


async def guarded(
    lab: Lab,
    scopes: Iterable[str] = (),
    issuer: str = ISSUER,
    identity: Iterable[str] = ("$request.header.Authorization",),
) -> Api:
    """An API whose only route needs a token."""
    lab.client.answer = issue
    api = await lab.api({})
    configuration = {"issuer": issuer, "audience": ["the-api", "another-api"]}
    body = {
        "name": "tokens",
        "authorizerType": "JWT",
        "identitySource": list(identity),
        "jwtConfiguration": configuration,
    }
    authorizer = await lab.call("POST", f"/v2/apis/{api.id}/authorizers", body)
    route = {
        "routeKey": "GET /",
        "target": await lab.integrate(api.id, "echo"),
        "authorizationType": "JWT",
        "authorizerId": authorizer["authorizerId"],
        "authorizationScopes": list(scopes),
    }
    await lab.call("POST", f"/v2/apis/{api.id}/routes", route)
    return api


async def bearing(api: Api, text: str) -> Answer:
    return await api.send("GET", "/", {"Authorization": f"Bearer {text}"})


async def test_a_valid_token_passes_and_its_claims_are_told_as_text(lab: Lab) -> None:
    api = await guarded(lab, ["read"])
    answer = await bearing(api, token(scope="read write", admin=True, roles=["a", "b"], n=1))
    authorizer = answer.json()["requestContext"]["authorizer"]["jwt"]
    assert authorizer["scopes"] == ["read"]
    claims = authorizer["claims"]
    assert (claims["admin"], claims["roles"], claims["n"]) == ("true", "[a b]", "1")
    assert claims["exp"] == str(NOW + 600)


async def test_a_token_may_come_without_bearer_and_from_the_query(lab: Lab) -> None:
    api = await guarded(lab)
    assert (await api.send("GET", "/", {"Authorization": token()})).status == 200
    api = await guarded(lab, identity=["$request.querystring.token"])
    answer = await api.send("GET", f"/?token={token()}")
    assert answer.json()["requestContext"]["authorizer"]["jwt"]["scopes"] is None


async def test_without_a_token_the_answer_is_401_with_a_plain_challenge(lab: Lab) -> None:
    answer = await (await guarded(lab)).send("GET", "/")
    assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"})
    assert answer.headers.get("www-authenticate") == "Bearer"


LINE_BREAK = base64.urlsafe_b64encode(b'{"alg": "RS\\r\\nx: y"}').decode().rstrip("=")

BAD = {
    "another audience": (token(aud="x"), "the token does not have a valid audience"),
    "no audience": (token(aud=None), "the token does not have a valid audience"),
    "aud counts before client_id": (token(aud="x", client_id="the-api"), "the token does not have a valid audience"),
    "another issuer": (token(iss="https://elsewhere.example"), "the token does not have a valid issuer"),
    "expired": (token(exp=NOW - 10), "the token has expired"),
    "without an end": (token(exp=None), "the token has expired"),
    "an end that is no number": (token(exp=None, nbf="soon"), "the token's nbf claim is not a number"),
    "not valid yet": (token(nbf=NOW + 600), "the token is not valid yet"),
    "from the future": (token(iat=NOW + 600), "the token was issued in the future"),
    "signed by a stranger": (token(STRANGER), "the token's signature is invalid"),
    "an unknown key": (token(kid="key-2"), "unable to find a signing key that matches the token's kid"),
    "a key for encryption": (
        token(kid="encryption"),
        "unable to find a signing key that matches the token's kid",
    ),
    "no key named": (token(kid=None), "unable to find a signing key that matches the token's kid"),
    "a symmetric algorithm": (token("s" * 32, algorithm="HS256"), "signing method HS256 is invalid"),
    "an elliptic curve": (token(CURVE, "curve", "ES256"), "signing method ES256 is invalid"),
    "unsigned": (jwt.encode({"iss": ISSUER}, "", "none", {"kid": "key-1"}), "signing method none is invalid"),
    "no token": ("nonsense", "the token is malformed"),
    "a line break in the algorithm": (f"{LINE_BREAK}.e30.e30", "the token is malformed"),
    "claims that are no object": (jwt.PyJWS().encode(b"[1]", KEY, "RS256", {"kid": "key-1"}), "the token is malformed"),
}


@pytest.mark.parametrize("why", BAD)
async def test_a_bad_token_is_refused_and_the_challenge_says_why(lab: Lab, why: str) -> None:
    text, description = BAD[why]
    answer = await bearing(await guarded(lab, ["read"]), text)
    assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"})
    expected = f'Bearer scope="read" error="invalid_token" error_description="{description}"'
    assert answer.headers.get("www-authenticate") == expected
    assert lab.functions.events == []


@pytest.mark.parametrize("claims", [{"aud": None, "client_id": "the-api"}, {"aud": ["x", "another-api"]}])
async def test_client_id_stands_in_for_aud_and_one_audience_is_enough(lab: Lab, claims: dict[str, Any]) -> None:
    assert (await bearing(await guarded(lab), token(**claims))).status == 200


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 403),
        ({"scope": "write"}, 403),
        ({"scp": ["write"]}, 403),
        ({"scope": "x admin"}, 200),
        ({"scp": ["read"]}, 200),
    ],
)
async def test_one_of_the_routes_scopes_is_needed(lab: Lab, claims: dict[str, Any], status: int) -> None:
    answer = await bearing(await guarded(lab, ["read", "admin"]), token(**claims))
    assert answer.status == status
    if status == 403:
        assert answer.json() == {"message": "Forbidden"}
        assert 'error="insufficient_scope"' in answer.headers.get("www-authenticate")


async def test_keys_are_fetched_once(lab: Lab) -> None:
    api = await guarded(lab)
    for _ in range(3):
        assert (await bearing(api, token())).status == 200
    assert [target for _, _, target, _, _ in lab.client.requests] == ["/.well-known/openid-configuration", "/keys?v=1"]


async def test_strangers_cannot_make_the_keys_be_fetched_again_and_again(lab: Lab) -> None:
    api = await guarded(lab)
    for number in range(5):
        assert (await bearing(api, token(kid=f"stranger-{number}"))).status == 401
    assert len(lab.client.requests) == 2


async def test_an_issuer_that_does_not_answer_is_no_permission(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    api = await guarded(lab)
    lab.client.answer = lambda method, base, target: Incoming(503, b"")
    answer = await bearing(api, token())
    assert answer.status == 401
    assert "OIDC discovery endpoint communication error" in answer.headers.get("www-authenticate")
    assert f"{ISSUER}/.well-known/openid-configuration" in caplog.text


async def test_a_cognito_user_pool_is_asked_at_the_emulator(lab: Lab) -> None:
    pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool"
    await bearing(await guarded(lab, issuer=pool), token())
    assert lab.client.requests == []
    assert lab.emulator.reads[-1] == "/eu-west-1_pool/.well-known/openid-configuration"
