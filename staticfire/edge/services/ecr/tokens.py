"""Authorization tokens of registries: whose they are and until when stands in them, checked by the state's secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time

from staticfire.edge.aws.calls import Scope

USER = "AWS"
SECONDS = 12 * 60 * 60


class Tokens:
    def __init__(self, secret: str) -> None:
        self._secret = hashlib.sha256(b"ecr " + secret.encode()).digest()

    def issue(self, scope: Scope) -> tuple[str, float]:
        """A token for an account's registry in a region, and when it ends."""
        ends = int(time.time()) + SECONDS
        said = f"{scope.account}:{scope.region}:{ends}"
        password = base64.urlsafe_b64encode(f"{said}:{self._sign(said)}".encode()).decode()
        return base64.b64encode(f"{USER}:{password}".encode()).decode(), float(ends)

    def holder(self, authorization: str) -> Scope | None:
        """Whose registry a request with this `Authorization: Basic` header may use."""
        kind, _, credentials = authorization.partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
            said, _, signature = base64.urlsafe_b64decode(password.encode()).decode().rpartition(":")
            account, region, ends = said.split(":")
        except (binascii.Error, ValueError):
            return None
        signed = hmac.compare_digest(signature.encode(), self._sign(said).encode())
        if user != USER or not signed or int(ends) < time.time():
            return None
        return Scope(account, region)

    def _sign(self, said: str) -> str:
        return hmac.digest(self._secret, said.encode(), "sha256").hex()
