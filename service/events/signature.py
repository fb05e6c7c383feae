"""Signed webhooks, as standardwebhooks.com has them.

    webhook-id           the message's own id; what is sent again has it again
    webhook-timestamp    seconds since 1970, when it was signed
    webhook-signature    `v1,` and the base64 of HMAC-SHA256(secret, "ID.TIMESTAMP.BODY"); several, by spaces

A timestamp that is off by more than five minutes is refused, so that a message that was overheard is of no use later.
Until then it does nothing new: an event without an id of its own has its message's. In Secrets Manager is one secret
or, while it is exchanged, more, by whitespace; each is `whsec_` and base64, or any other text as it is.

A stack's SIGNATURES are `off`, `optional` (one that is there must be right) or `required`.
"""

import base64
import hmac
import re
import time
from collections.abc import Mapping

from servicekit.errors import Refused
from servicekit.kept_secret import KeptSecret
from servicekit.requests import problem

WINDOW_SECONDS = 300
MODES = ("off", "optional", "required")
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
VERSION = "v1,"
RIGHT_ID = re.compile(r"[\x21-\x7e]{1,120}")
RIGHT_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


class Signatures:
    def __init__(self, mode: str, secret: KeptSecret | None) -> None:
        if mode not in MODES:
            raise ValueError(f"SIGNATURES is {mode!r}: it must be {', '.join(MODES[:-1])} or {MODES[-1]}.")
        if secret is None and mode != "off":
            raise ValueError(f"SIGNATURES is {mode!r}, but SIGNATURE_SECRET_ARN does not name a secret.")
        self._secret = secret
        self._required = mode == "required"

    def message_id(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The id of a message that is signed rightly, None of one that is not signed and need not be; else Refused."""
        present = [name for name in (ID, TIMESTAMP, SIGNATURE) if name in headers]
        if self._secret is None or (not present and not self._required):
            return None
        problems = [problem(name, "is missing") for name in (ID, TIMESTAMP, SIGNATURE) if name not in headers]
        if problems:
            raise _unauthorized(problems)
        identity, timestamp = headers[ID], headers[TIMESTAMP]
        if not RIGHT_ID.fullmatch(identity):
            problems.append(problem(ID, "must be 1 to 120 visible ASCII characters"))
        if not RIGHT_TIMESTAMP.fullmatch(timestamp):
            problems.append(problem(TIMESTAMP, "must be the seconds since 1970"))
        elif abs(time.time() - int(timestamp)) > WINDOW_SECONDS:
            problems.append(problem(TIMESTAMP, f"must be within {WINDOW_SECONDS} seconds of now"))
        if not problems and not self._is_signed(f"{identity}.{timestamp}.".encode() + body, headers[SIGNATURE]):
            problems.append(problem(SIGNATURE, "is not that of this message"))
        if problems:
            raise _unauthorized(problems)
        return identity

    def _is_signed(self, message: bytes, signatures: str) -> bool:
        assert self._secret is not None
        expected = [sign(secret, message).encode() for secret in self._secret.value().split()]
        presented = [signature.encode("utf-8", "replace") for signature in signatures.split()]
        return any([hmac.compare_digest(right, signature) for right in expected for signature in presented])


def sign(secret: str, message: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret.encode()
    return VERSION + base64.b64encode(hmac.digest(key, message, "sha256")).decode()


def _unauthorized(problems: list[dict[str, str]]) -> Refused:
    return Refused(401, "The signature is not valid.", problems)
