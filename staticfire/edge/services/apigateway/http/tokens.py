"""JWT authorizers: the issuer's keys, the token's signature, its claims.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html: RSA algorithms only; `kid`
names the key; `iss` is the issuer; `aud`, or `client_id` where there is none, is in the audience; `exp`, `nbf` and
`iat` hold; one of the route's scopes is in `scope` or `scp`. Keys are cached for two hours; an unknown `kid` has them
fetched again, at most once in a while. Discovery and keys each have 1.5 s (http-api-quotas).
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt
from jwt.exceptions import PyJWTError

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.client import Client
from staticfire.edge.http1.messages import BodyTooLarge
from staticfire.edge.services.apigateway.common.refusal import forbidden, unauthorized

from .exchange import Exchange
from .model import Authorizer

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512")
FETCH_SECONDS = 1.5
KEYS_BYTES = 150_000
KEYS_SECONDS = 7200.0
REFETCH_SECONDS = 10.0

Keys = dict[str, Any]


class _Invalid(Exception):
    """The token is not accepted; the text is AWS's `error_description`."""


def _split_url(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return f"{parts.scheme}://{parts.netloc}", target


class KeySource:
    """The public keys of issuers, fetched through discovery and kept."""

    def __init__(self, client: Client, emulator: Emulator) -> None:
        self._client = client
        self._emulator = emulator
        self._keys: dict[str, tuple[float, Keys]] = {}
        self._fetching: dict[str, asyncio.Lock] = {}

    async def key(self, issuer: str, kid: str) -> Any:
        """The issuer's key of that name, or None."""
        lock = self._fetching.setdefault(issuer, asyncio.Lock())
        async with lock:
            fetched, keys = self._keys.get(issuer, (float("-inf"), {}))
            age = time.monotonic() - fetched
            if age > KEYS_SECONDS or (kid not in keys and age > REFETCH_SECONDS):
                keys = await self._fetch(issuer)
                self._keys[issuer] = time.monotonic(), keys
        return keys.get(kid)

    async def _fetch(self, issuer: str) -> Keys:
        discovered = await self._get(f"{issuer}/.well-known/openid-configuration")
        uri = discovered.get("jwks_uri")
        if not isinstance(uri, str):
            log.warning("the issuer %s names no jwks_uri in its openid-configuration", issuer)
            raise _Invalid("OIDC discovery endpoint communication error")
        keys: Keys = {}
        for data in (await self._get(uri)).get("keys") or ():
            if not _signs(data):
                continue
            try:
                keys[data["kid"]] = jwt.PyJWK(data, algorithm="RS256").key
            except (PyJWTError, ValueError) as error:
                log.warning("%s: the key %s cannot be used: %s", uri, data["kid"], error)
        return keys

    async def _get(self, url: str) -> dict[str, Any]:
        base, target = _split_url(url)
        host = urlsplit(url).netloc
        headers = [("host", host), ("accept", "application/json")]
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                if _is_user_pool(host):
                    answer = await self._emulator.raw(Scope(), "cognito-idp", "GET", target, headers, as_is=True)
                else:
                    answer = await self._client.request("GET", base, target, headers, b"")
                body = await answer.read(KEYS_BYTES)
            if answer.status != 200:
                raise ValueError(f"HTTP {answer.status}")
            data = json.loads(body)
            if not isinstance(data, dict):
                raise ValueError("not a JSON object")
            return data
        except (OSError, ValueError, AwsError, BodyTooLarge) as error:
            log.warning("cannot read %s of a JWT authorizer's issuer: %s", url, error or type(error).__name__)
            raise _Invalid("OIDC discovery endpoint communication error") from error


def _is_user_pool(host: str) -> bool:
    """A Cognito user pool of the emulator says that it lives on AWS."""
    return host.startswith("cognito-idp.") and host.endswith(".amazonaws.com")


def _signs(key: Any) -> bool:
    """Whether an entry of a key set is a named RSA key for signatures; which of the hashes, the token says."""
    return isinstance(key, dict) and key.get("kty") == "RSA" and key.get("use", "sig") == "sig" and "kid" in key


def _claim_text(value: Any) -> str:
    """Claims reach the function as text; lists as `[a b]`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{' '.join(_claim_text(item) for item in value)}]"
    return json.dumps(value, separators=(",", ":"))


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Invalid(f"the token's {name} claim is not a number")
    return value


def _check_claims(authorizer: Authorizer, claims: Mapping[str, Any], now: float) -> None:
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or issuer.rstrip("/") != authorizer.issuer:
        raise _Invalid("the token does not have a valid issuer")
    audience = claims.get("aud", claims.get("client_id"))
    audiences = {audience} if isinstance(audience, str) else set(audience or ())
    if not audiences & set(authorizer.audience):
        raise _Invalid("the token does not have a valid audience")
    expires, not_before, issued = (_number(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None or expires <= now:
        raise _Invalid("the token has expired")
    if not_before is not None and not_before > now:
        raise _Invalid("the token is not valid yet")
    if issued is not None and issued > now:
        raise _Invalid("the token was issued in the future")


def _scopes(claims: Mapping[str, Any]) -> set[str]:
    value = claims.get("scope", claims.get("scp")) or ()
    return set(value.split()) if isinstance(value, str) else {str(scope) for scope in value}


class JwtAuthorizer:
    """Accepts a request or raises a refusal; what it knows of the caller goes to `requestContext.authorizer.jwt`."""

    def __init__(self, authorizer: Authorizer, keys: KeySource) -> None:
        self._authorizer = authorizer
        self._keys = keys

    async def authorize(self, exchange: Exchange, identity: str | None) -> None:
        required = exchange.route.scopes if exchange.route else ()
        if not identity:
            raise unauthorized("the request carries no token", challenge="Bearer")
        token = identity[7:].strip() if identity[:7].lower() == "bearer " else identity
        try:
            claims = await self._verified(token)
            _check_claims(self._authorizer, claims, time.time())
        except _Invalid as error:
            exchange.authorizer_error = str(error)
            challenge = f'Bearer scope="{" ".join(required)}" error="invalid_token" error_description="{error}"'
            raise unauthorized(str(error), challenge=challenge) from error
        matched = [scope for scope in required if scope in _scopes(claims)]
        if required and not matched:
            exchange.authorizer_error = "insufficient_scope"
            scopes = " ".join(required)
            challenge = (
                f'Bearer scope="{scopes}" error="insufficient_scope" '
                'error_description="the token does not have any of the required scopes"'
            )
            raise forbidden(f"the token has none of the scopes {scopes}", challenge=challenge)
        exchange.authorizer = {
            "jwt": {
                "claims": {name: _claim_text(value) for name, value in claims.items()},
                "scopes": matched or None,
            }
        }

    async def _verified(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except (PyJWTError, RecursionError) as error:
            raise _Invalid("the token is malformed") from error
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or not algorithm.isascii() or not algorithm.isalnum():
            raise _Invalid("the token is malformed")  # what it says there goes into no header
        if algorithm not in ALGORITHMS:
            raise _Invalid(f"signing method {algorithm} is invalid")
        kid = header.get("kid")
        key = await self._keys.key(self._authorizer.issuer, kid) if isinstance(kid, str) else None
        if key is None:
            raise _Invalid("unable to find a signing key that matches the token's kid")
        try:
            claims = json.loads(jwt.PyJWS().decode(token, key, algorithms=[algorithm]))
        except (PyJWTError, ValueError) as error:
            raise _Invalid("the token's signature is invalid") from error
        if not isinstance(claims, dict):
            raise _Invalid("the token is malformed")
        return claims
