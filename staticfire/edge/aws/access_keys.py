"""The access keys that the edge gives to functions, and whose they are.

As on AWS, a key names its account: `ASIA`, then 80 bits in base32.

    1 | account, 40 bits | random, 23 bits | check, 16 bits

An emulator learns an account from a key of twelve digits, so it is shown the account in the place of such a key. The
check is made with the secret of the state directory: what a function signed (a presigned URL) leads to its account for
as long as that secret is there, whatever ended meanwhile. Which role and function it was is known while the edge runs.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import NamedTuple

from staticfire.edge.http1.messages import END_OF_HEAD, Request

PREFIX = "ASIA"
LENGTH = len(PREFIX) + 16
CHECK_BITS, RANDOM_BITS, ACCOUNT_BITS = 16, 23, 40


class Caller(NamedTuple):
    """Who signs with a key: a function, as its role."""

    account: str
    role: str
    function: str
    execution_environment: str


class TemporaryCredentials(NamedTuple):
    key: str
    secret: str
    token: str


class AccessKeys:
    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._callers: dict[str, Caller] = {}
        self._of_emulator: dict[str, str] = {}

    def issue(self, caller: Caller) -> TemporaryCredentials:
        """Temporary credentials of the caller's own."""
        key = self._new(caller.account)
        while key in self._callers:
            key = self._new(caller.account)
        self._callers[key] = caller
        return TemporaryCredentials(key, self.secret_of(key), secrets.token_urlsafe(192))

    def secret_of(self, key: str) -> str:
        """What whoever has the key signs with: made of it, so that a signature can be checked after a restart too."""
        return base64.b64encode(hmac.digest(self._secret, b"secret of " + key.encode(), "sha256")[:30]).decode()

    def caller(self, key: str) -> Caller | None:
        """Whom the key was given to since the edge started."""
        return self._callers.get(key)

    def handed_out(self, key: str, execution_environment: str) -> None:
        """The emulator's STS made a key for an execution environment; all else of it the emulator knows."""
        self._of_emulator[key] = execution_environment

    def execution_environment(self, key: str) -> str:
        """Which execution environment signs with a key, whoever made it; empty: none that runs here."""
        caller = self._callers.get(key)
        return caller.execution_environment if caller is not None else self._of_emulator.get(key, "")

    def account(self, key: str) -> str:
        """The account of a key that this state directory's edge gave; empty for any other."""
        known = self._callers.get(key)
        if known is not None:
            return known.account
        try:
            number = int.from_bytes(base64.b32decode(key.removeprefix(PREFIX))) if len(key) == LENGTH else 0
        except ValueError:
            return ""
        stem = number >> CHECK_BITS
        account = str(stem >> RANDOM_BITS & (1 << ACCOUNT_BITS) - 1).zfill(12)
        return account if number and number == stem << CHECK_BITS | self._check(stem) else ""

    def _new(self, account: str) -> str:
        stem = (1 << ACCOUNT_BITS | int(account)) << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
        number = stem << CHECK_BITS | self._check(stem)
        return PREFIX + base64.b32encode(number.to_bytes(10)).decode()

    def _check(self, stem: int) -> int:
        return int.from_bytes(hmac.digest(self._secret, stem.to_bytes(8), "sha256")[: CHECK_BITS // 8])


def show_account(request: Request, key: str, account: str) -> None:
    """Put the account in the place of the key that the request is signed with, wherever it may be read."""
    signed, query = request.headers.get("authorization"), request.query
    changes = []
    if signed:
        request.headers.replace("authorization", signed.replace(key, account, 1))
        changes.append((signed, request.headers.get("authorization")))
    for name in ("X-Amz-Credential=", "AWSAccessKeyId="):
        request.query = request.query.replace(name + key, name + account)
    if request.query != query:
        changes.append((query, request.query))
    if request.raw:
        head, end, body = request.raw.partition(END_OF_HEAD)
        for before, after in changes:
            head = head.replace(before.encode("latin-1"), after.encode("latin-1"), 1)
        request.raw = head + end + body
