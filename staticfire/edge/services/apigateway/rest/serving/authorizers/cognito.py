"""COGNITO_USER_POOLS: a token of one of the pools, verified with the keys that the pool publishes.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html: without scopes on
the method an identity token is wanted, with scopes an access token that has one of them. Claims reach the function as
text. Keys are kept for two hours; an unknown one has them fetched again, at most once in a while.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.messages import BodyTooLarge
from staticfire.edge.services.apigateway.rest.serving import patterns
from staticfire.edge.services.apigateway.rest.serving.exchange import RestExchange
from staticfire.edge.services.apigateway.rest.serving.gateway_responses import GatewayRefusal

from .lambda_ import Source, identity_source, unauthorized

log = logging.getLogger(__name__)

KEYS_SECONDS = 7200.0
REFETCH_SECONDS = 10.0
FETCH_SECONDS = 3.0
MAX_KEYS_BYTES = 150_000


class UserPoolKeys:
    """The public keys of user pools, as the emulator serves them."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._keys: dict[str, tuple[float, dict[str, Any]]] = {}
        self._fetching = asyncio.Lock()

    async def key(self, pool: str, kid: str) -> Any:
        async with self._fetching:
            fetched, keys = self._keys.get(pool, (float("-inf"), {}))
            age = time.monotonic() - fetched
            if age > KEYS_SECONDS or (kid not in keys and age > REFETCH_SECONDS):
                keys = await self._fetch(pool)
                self._keys[pool] = time.monotonic(), keys
        return keys.get(kid)

    def forget(self) -> None:
        self._keys.clear()

    async def _fetch(self, pool: str) -> dict[str, Any]:
        target = f"/{pool}/.well-known/jwks.json"
        scope = Scope(region=pool.partition("_")[0])
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                host = f"cognito-idp.{scope.region}.amazonaws.com"
                answer = await self._emulator.raw(scope, "cognito-idp", "GET", target, [("host", host)], as_is=True)
                document = json.loads(await answer.read(MAX_KEYS_BYTES))
            listed = document["keys"] if answer.status == 200 else []
            return {key["kid"]: jwt.PyJWK(key, algorithm="RS256").key for key in listed}
        except (OSError, ValueError, KeyError, TypeError, AwsError, BodyTooLarge, PyJWTError) as error:
            log.warning("the keys of user pool %s cannot be read: %s", pool, error or type(error).__name__)
            raise GatewayRefusal(
                "AUTHORIZER_FAILURE", None, f"the keys of user pool {pool} cannot be read: {error}"
            ) from error


class CognitoCheck:
    def __init__(self, document: Mapping[str, Any], scopes: Sequence[str], keys: UserPoolKeys) -> None:
        self._source: Source = identity_source(document.get("identitySource") or "method.request.header.Authorization")
        self._pools = [arn.rpartition("/")[2] for arn in document.get("providerARNs") or ()]
        self._audience = document.get("identityValidationExpression") or ""
        self._scopes = set(scopes)
        self._keys = keys

    async def check(self, exchange: RestExchange) -> None:
        token = (self._source(exchange) or "").strip()
        token = token[7:].strip() if token[:7].lower() == "bearer " else token
        if not token:
            raise unauthorized("the request carries no token")
        claims = await self._claims(exchange, token)
        await self._check_use(exchange, claims)
        exchange.authorizer = {"claims": {name: _text(value) for name, value in claims.items()}}

    async def _claims(self, exchange: RestExchange, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            unverified = jwt.decode(token, options={"verify_signature": False})
        except (PyJWTError, RecursionError) as error:
            raise _invalid(exchange, f"the token is malformed: {error}") from error
        pool, kid = str(unverified.get("iss", "")).rstrip("/").rpartition("/")[2], header.get("kid")
        if pool not in self._pools or header.get("alg") != "RS256" or not isinstance(kid, str):
            raise _invalid(exchange, "the token is none of the authorizer's user pools")
        key = await self._keys.key(pool, kid)
        if key is None:
            raise _invalid(exchange, "the user pool has no key that the token names")
        try:
            return dict(jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False, "require": ["exp"]}))
        except jwt.ExpiredSignatureError as error:
            exchange.authorizer_error = str(error)
            raise GatewayRefusal("UNAUTHORIZED", "The incoming token has expired", str(error)) from error
        except PyJWTError as error:
            raise _invalid(exchange, str(error)) from error

    async def _check_use(self, exchange: RestExchange, claims: Mapping[str, Any]) -> None:
        use = claims.get("token_use")
        if self._scopes:
            owned = set(str(claims.get("scope") or "").split())
            if use != "access" or not self._scopes & owned:
                raise _invalid(exchange, f"the token has none of the scopes {' '.join(sorted(self._scopes))}")
        elif use != "id":
            raise _invalid(exchange, "the method has no scopes: it wants an identity token")
        if self._audience:
            audience = str(claims.get("aud") or claims.get("client_id") or "")
            try:
                if not await patterns.full_match(self._audience, audience):
                    raise _invalid(exchange, "the token's audience does not fit the authorizer's expression")
            except patterns.PatternFailed as error:
                raise GatewayRefusal("AUTHORIZER_CONFIGURATION_ERROR", None, str(error)) from error


def _invalid(exchange: RestExchange, reason: str) -> GatewayRefusal:
    exchange.authorizer_error = reason
    return unauthorized(reason)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return json.dumps(value, separators=(",", ":"))
