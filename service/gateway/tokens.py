"""JSON Web Tokens by PyJWT: who a bearer token says its bearer is. What is here is policy, and form.

The key decides the algorithm, never the token: shared secrets verify HS256 and nothing else, published RSA keys RS256
and nothing else, so neither a public key taken for a secret nor `none` gets anywhere. Required claims: `sub`, `exp`,
`iss`, `aud`; `nbf` and `iat` must not be in the future. Clocks may differ by the leeway. PyJWT is lenient in what it
reads: of two equal names it takes the last, of base64 what is right of it, a time may be a text. That is refused first.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from servicekit.errors import Refused

from gateway.configuration import TokenRules

LONGEST_TOKEN = 8192
LONGEST_SUBJECT = 128
REQUIRED = {"sub": "subject", "exp": "end (exp)", "iss": "issuer", "aud": "audience"}
TIMES = ("exp", "nbf", "iat")
LATEST = 10**12
PART = re.compile(r"[A-Za-z0-9_-]*")
WHY: Mapping[type[jwt.InvalidTokenError], str] = {
    jwt.InvalidSignatureError: "The token's signature is not one of a known key.",
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidIssuerError: "The token is of another issuer.",
    jwt.InvalidAudienceError: "The token is for another audience.",
}


class Rejected(Exception):
    """The token is not taken; the text says why, and tells its bearer nothing about the keys."""


class PublishedKeys(Protocol):
    def find(self, kid: str | None) -> RSAPublicKey | None:
        """The key of that name; the only key there is for a token that names none."""


class Verifier:
    """`secrets` gives those in use: the current one and, so that a rotation breaks no token, the one before it.

    To be rid of a secret that others know, rotate twice. `published` is None: RS256 is not taken.
    """

    def __init__(
        self, expected: TokenRules, secrets: Callable[[], Sequence[str]], published: PublishedKeys | None
    ) -> None:
        self._expected = expected
        self._secrets = secrets
        self._published = published

    def subject(self, token: str) -> str:
        """The user that the token speaks for; Rejected when it is not taken."""
        parts = token.split(".")
        if len(token) > LONGEST_TOKEN or len(parts) != 3:
            raise Rejected("The token is not a signed JSON Web Token.")
        header, claims, _ = _object(parts[0]), _object(parts[1]), _decoded(parts[2])
        if "crit" in header:
            raise Rejected("The token needs extensions that are not known here.")
        for name in TIMES:
            if name in claims and not _is_time(claims[name]):
                raise Rejected(f"The token's claim {name} is not a time.")
        self._verify(token, header)
        subject = claims["sub"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            raise Rejected(f"The token's subject is not a text of 1 to {LONGEST_SUBJECT} printable characters.")
        return subject

    def _verify(self, token: str, header: Mapping[str, Any]) -> None:
        algorithm, keys = self._keys(header)
        problem: jwt.InvalidTokenError = jwt.InvalidSignatureError()
        for key in keys:
            try:
                jwt.decode(
                    token,
                    key,
                    algorithms=[algorithm],
                    issuer=self._expected.issuer,
                    audience=self._expected.audience,
                    leeway=self._expected.leeway_seconds,
                    options={"require": list(REQUIRED), "verify_sub": False},
                )
                return
            except jwt.InvalidSignatureError:
                continue
            except jwt.MissingRequiredClaimError as error:
                raise Rejected(f"The token does not tell its {REQUIRED[error.claim]}.") from None
            except jwt.InvalidTokenError as error:
                problem = error
                break
        raise Rejected(WHY.get(type(problem), "The token is not one that is taken here.")) from problem

    def _keys(self, header: Mapping[str, Any]) -> tuple[str, Sequence[str | RSAPublicKey]]:
        """The one algorithm and its keys that may have signed the token."""
        match header.get("alg"):
            case "HS256":
                return "HS256", self._secrets()
            case "RS256" if self._published is not None:
                kid = header.get("kid")
                if kid is not None and not isinstance(kid, str):
                    raise Rejected("The token's key id is not a string.")
                key = self._published.find(kid)
                return "RS256", [] if key is None else [key]
        raise Rejected("The token's algorithm is not taken here.")


def unauthorized(why: str) -> Refused:
    """401 as RFC 6750 has it."""
    return Refused(401, why, headers={"www-authenticate": f'Bearer error="invalid_token", error_description="{why}"'})


def _decoded(segment: str) -> bytes:
    """Base64url without padding, in its one canonical form."""
    try:
        content = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)) if PART.fullmatch(segment) else b""
    except binascii.Error:
        content = b""
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != segment:
        raise Rejected("The token is not base64url.")
    return content


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


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -LATEST < value < LATEST
