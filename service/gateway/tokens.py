"""JSON Web Tokens (RFC 7519): who a bearer token says its bearer is.

A token is taken when a key of the gateway's own signed it, and its claims hold. The key decides the algorithm, never
the token: shared secrets verify HS256 and nothing else, published RSA keys RS256 and nothing else, so neither a public
key taken for a secret nor `none` gets anywhere. Required claims: `sub`, `exp`, `iss`, `aud`; `nbf` and `iat` must not
be in the future. Clocks may differ by the leeway."""

import base64
import binascii
import hmac
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from servicekit.errors import Refused

from gateway.rsa import PublicKey

LONGEST_TOKEN = 8192
LONGEST_SUBJECT = 128
PART = re.compile(r"[A-Za-z0-9_-]*")


class Rejected(Exception):
    """The token is not taken; the text says why, and tells its bearer nothing about the keys."""


class PublishedKeys(Protocol):
    def find(self, kid: str | None) -> PublicKey | None:
        """The key of that name; the only key there is for a token that names none."""


@dataclass(frozen=True, slots=True)
class Expected:
    issuer: str
    audience: str
    leeway_seconds: int


class Verifier:
    """`secrets` gives those in use: the current one and, so that a rotation breaks no token, the one before it.

    To be rid of a secret that others know, rotate twice. `published` is None: RS256 is not taken.
    """

    def __init__(
        self,
        expected: Expected,
        secrets: Callable[[], Sequence[str]],
        published: PublishedKeys | None,
    ) -> None:
        self._expected = expected
        self._secrets = secrets
        self._published = published

    def subject(self, token: str, now: float) -> str:
        """The user that the token speaks for; Rejected when it is not taken."""
        parts = token.split(".")
        if len(token) > LONGEST_TOKEN or len(parts) != 3:
            raise Rejected("The token is not a signed JSON Web Token.")
        header, claims, signature = _object(parts[0]), _object(parts[1]), _decoded(parts[2])
        if "crit" in header:
            raise Rejected("The token needs extensions that are not known here.")
        if not self._signed(header, f"{parts[0]}.{parts[1]}".encode(), signature):
            raise Rejected("The token's signature is not one of a known key.")
        return self._check(claims, now)

    def _signed(self, header: Mapping[str, Any], message: bytes, signature: bytes) -> bool:
        match header.get("alg"):
            case "HS256":
                digests = [hmac.digest(secret.encode(), message, "sha256") for secret in self._secrets()]
                return any(hmac.compare_digest(digest, signature) for digest in digests)
            case "RS256" if self._published is not None:
                kid = header.get("kid")
                if kid is not None and not isinstance(kid, str):
                    raise Rejected("The token's key id is not a string.")
                key = self._published.find(kid)
                return key is not None and key.verify(message, signature)
        raise Rejected("The token's algorithm is not taken here.")

    def _check(self, claims: Mapping[str, Any], now: float) -> str:
        leeway = self._expected.leeway_seconds
        if _moment(claims, "exp", required=True) + leeway <= now:
            raise Rejected("The token has expired.")
        for name in ("nbf", "iat"):
            if _moment(claims, name, required=False) - leeway > now:
                raise Rejected("The token is not valid yet.")
        if claims.get("iss") != self._expected.issuer:
            raise Rejected("The token is of another issuer.")
        audience = claims.get("aud")
        if self._expected.audience not in (audience if isinstance(audience, list) else [audience]):
            raise Rejected("The token is for another audience.")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            raise Rejected(f"The token's subject is not a text of 1 to {LONGEST_SUBJECT} printable characters.")
        return subject


def unauthorized(why: str) -> Refused:
    """401 as RFC 6750 has it."""
    return Refused(401, why, headers={"www-authenticate": f'Bearer error="invalid_token", error_description="{why}"'})


def decoded(segment: str) -> bytes:
    """Base64url without padding, in its one canonical form; ValueError for anything else."""
    if not PART.fullmatch(segment):
        raise ValueError("this is not base64url")
    content = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != segment:
        raise ValueError("this is not the canonical base64url of any bytes")
    return content


def _decoded(segment: str) -> bytes:
    try:
        return decoded(segment)
    except (ValueError, binascii.Error):
        raise Rejected("The token is not base64url.") from None


def _object(segment: str) -> Mapping[str, Any]:
    try:
        content = json.loads(_decoded(segment), object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        raise Rejected("The token does not hold JSON objects.") from None
    if not isinstance(content, dict):
        raise Rejected("The token does not hold JSON objects.")
    return content


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name is given more than once")
    return content


def _moment(claims: Mapping[str, Any], name: str, *, required: bool) -> float:
    """Seconds since 1970; an absent claim that may be is as long ago as can be."""
    value = claims.get(name)
    if value is None and not required:
        return -math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e15 < value < 1e15:
        raise Rejected(f"The token's claim {name} is not a time.")
    return float(value)
