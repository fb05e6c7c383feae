"""The keys that an issuer publishes (RFC 7517): PyJWT's own client waits without a deadline, and forgets keys.

They are read when first needed, again after ten minutes, and at once for a key id that is not known, but not more often
than the floor allows: tokens with made-up ids do not turn the gateway against the issuer. While the issuer cannot be
reached the known keys stay in use for a day.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import jwt
from aws_lambda_powertools import Logger
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from servicekit.errors import Unavailable

from gateway.wire import Failed, Wire

logger = Logger()

KEYS_SECONDS = 600
STALE_SECONDS = 86_400
FLOOR_SECONDS = 10
FETCH_SECONDS = 3
LARGEST_SET = 256 * 1024
LEAST_BITS, MOST_BITS = 2048, 4096
MOST_EXPONENT = 2**32


class KeySet:
    """The issuer's keys by key id. Keys of other kinds and uses, and weak ones, are left out."""

    def __init__(
        self, url: str, fetch: Callable[[str], bytes] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._fetch = fetch or _fetched
        self._clock = clock
        self._known: dict[str | None, RSAPublicKey] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    def find(self, kid: str | None) -> RSAPublicKey | None:
        now = self._clock()
        is_due = now - self._read_at >= KEYS_SECONDS or self._pick(kid) is None
        if is_due and now - self._tried_at >= FLOOR_SECONDS:
            self._refresh(now)
        if not self._known or now - self._read_at >= STALE_SECONDS:
            raise Unavailable("the issuer's keys cannot be read")
        return self._pick(kid)

    def _pick(self, kid: str | None) -> RSAPublicKey | None:
        if kid is None and len(self._known) == 1:
            return next(iter(self._known.values()))
        return self._known.get(kid)

    def _refresh(self, now: float) -> None:
        self._tried_at = now
        try:
            self._known = _keys_of(self._fetch(self._url))
        except (OSError, Failed, ValueError) as error:
            logger.warning("the issuer's keys cannot be read", url=self._url, problem=repr(error))
        else:
            self._read_at = now


def _fetched(url: str) -> bytes:
    """The body of a 200, whole within FETCH_SECONDS; no redirect is followed."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    with closing(Wire(url)) as wire:
        reply = wire.exchange("GET", target, {}, b"", FETCH_SECONDS)
    if reply.status != 200 or len(reply.body) > LARGEST_SET:
        raise ValueError(f"the answer is {reply.status} with {len(reply.body)} bytes")
    return reply.body


def _keys_of(content: bytes) -> dict[str | None, RSAPublicKey]:
    document = json.loads(content)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise ValueError("the document is not a set of keys")
    usable: dict[str | None, RSAPublicKey] = {}
    for key in keys:
        if isinstance(key, dict) and _is_for_rs256(key):
            try:
                usable[key.get("kid")] = public_key(key)
            except (jwt.PyJWTError, TypeError, ValueError) as error:
                logger.warning("a published key is left out", problem=repr(error))
    if not usable:
        raise ValueError("the set has no key for RS256")
    return usable


def _is_for_rs256(key: Mapping[str, Any]) -> bool:
    return (key.get("kty"), key.get("use", "sig"), key.get("alg", "RS256")) == ("RSA", "sig", "RS256")


def public_key(key: Mapping[str, Any]) -> RSAPublicKey:
    """A modulus of 2048 to 4096 bits and an exponent below 2**32; others raise ValueError."""
    public = jwt.PyJWK(dict(key), algorithm="RS256").key
    if not isinstance(public, RSAPublicKey):
        raise ValueError("it is not a public key")
    numbers = public.public_numbers()
    if not LEAST_BITS <= numbers.n.bit_length() <= MOST_BITS or not numbers.n % 2:
        raise ValueError(f"the modulus has {public.key_size} bits or is even: {LEAST_BITS} to {MOST_BITS} are taken")
    if not numbers.e < MOST_EXPONENT:
        raise ValueError("the exponent must be below 2**32")
    return public
