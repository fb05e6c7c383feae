"""Signed calls to AWS's JSON services (DynamoDB, Secrets Manager) over one kept connection.

An SDK client costs several times the call itself and 0.1 s of every cold start. What a service here needs of it is
small: sign (Signature Version 4, the same bytes as botocore's, as the tests show), send, and try again. Lambda hands
the credentials over in the environment, for the environment's whole life; SnapStart, which does not, is not supported.

Every operation sent through here must be idempotent: after a lost connection it is sent again.
"""

import hashlib
import hmac
import http.client
import json
import logging
import os
import random
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from servicekit.errors import Unavailable

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
PATIENCE_SECONDS = 3.0
ATTEMPTS = 3
TRANSIENT = {
    "InternalServerError",
    "InternalServiceError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


class CallFailed(Exception):
    """The service answered with an error that trying again does not cure; `answer` is all that it said."""

    def __init__(self, operation: str, status: int, code: str, message: str, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{operation}: {status} {code}: {message}")
        self.code = code
        self.answer = answer


class Signer:
    """Signature Version 4 of a POST without a query; the signing key is derived once a day."""

    def __init__(self, service: str, region: str, access_key: str, secret_key: str, token: str | None) -> None:
        self._service = service
        self._region = region
        self._access_key = access_key
        self._secret_key = secret_key
        self._token = token
        self._day = ""
        self._key = b""

    @classmethod
    def from_environment(cls, service: str, environ: Mapping[str, str] = os.environ) -> "Signer":
        return cls(
            service,
            environ["AWS_REGION"],
            environ["AWS_ACCESS_KEY_ID"],
            environ["AWS_SECRET_ACCESS_KEY"],
            environ.get("AWS_SESSION_TOKEN"),
        )

    def sign(self, headers: Mapping[str, str], body: bytes, timestamp: str, path: str = "/") -> dict[str, str]:
        """The headers (lower-case names, `host` among them) with the signature's own; timestamp: 20261121T012203Z.

        The path is of characters that need no encoding.
        """
        signed = {**headers, "x-amz-date": timestamp}
        if self._token:
            signed["x-amz-security-token"] = self._token
        names = sorted(signed)
        lines = "".join(f"{name}:{signed[name]}\n" for name in names)
        listed = ";".join(names)
        canonical = f"POST\n{path}\n\n{lines}\n{listed}\n{hashlib.sha256(body).hexdigest()}"
        day = timestamp[:8]
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key_of(day), text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, SignedHeaders={listed}, Signature={signature}"
        )
        return signed

    def _key_of(self, day: str) -> bytes:
        if day != self._day:
            key = f"AWS4{self._secret_key}".encode()
            for scope in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, scope.encode(), "sha256")
            self._day, self._key = day, key
        return self._key


class JsonService:
    """One AWS service that speaks the JSON protocol. For one thread: a function handles one request at a time."""

    def __init__(
        self,
        service: str,
        target: str,
        version: str,
        environ: Mapping[str, str] = os.environ,
        *,
        attempts: int = ATTEMPTS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        url = urlsplit(endpoint_of(service, environ))
        self._name = service
        self._target = target
        self._attempts = attempts
        self._answer_seconds = answer_seconds
        self._headers = {"host": url.netloc, "content-type": f"application/x-amz-json-{version}"}
        self._signer = Signer.from_environment(service, environ)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(url.hostname or "", url.port, timeout=CONNECT_SECONDS)

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Raises CallFailed when the service refuses, Unavailable when it does not answer in time."""
        body = json.dumps(payload).encode()
        headers = {**self._headers, "x-amz-target": f"{self._target}.{operation}"}
        deadline = time.monotonic() + PATIENCE_SECONDS
        for attempt in range(1, self._attempts + 1):
            try:
                return self._send(operation, headers, body)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                problem = f"{self._name} {operation}: {type(error).__name__}: {error}"
                wait = 0.0
            except _Transient as error:
                problem = f"{self._name} {error}"
                wait = random.uniform(0.02, 0.1) * attempt
            if attempt == self._attempts or time.monotonic() + wait >= deadline:
                break
            logger.info("trying again", extra={"problem": problem, "attempt": attempt})
            time.sleep(wait)
        raise Unavailable(problem)

    def _send(self, operation: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        connection = self._connection
        is_new = connection.sock is None
        if is_new:
            connection.connect()
            connection.sock.settimeout(self._answer_seconds)
        connection.request("POST", "/", body, self._signer.sign(headers, body, timestamp()))
        response = connection.getresponse()
        content = response.read()
        if response.status == 200:
            answer: dict[str, Any] = json.loads(content)
            return answer
        error = _error_of(content)
        code = str(error.get("__type", "")).rpartition("#")[2]
        message = str(error.get("message") or error.get("Message") or "")
        if response.status >= 500 or response.status == 429 or code in TRANSIENT:
            raise _Transient(f"{operation}: {response.status} {code}: {message}")
        raise CallFailed(operation, response.status, code, message, error)


class _Transient(Exception):
    """The service answered, and said: not now."""


def _error_of(content: bytes) -> dict[str, Any]:
    try:
        error = json.loads(content)
    except ValueError:
        error = None
    return error if isinstance(error, dict) else {"message": content[:200].decode("utf-8", "replace")}


def endpoint_of(service: str, environ: Mapping[str, str] = os.environ) -> str:
    """The service's URL in this region, unless the environment names another."""
    region = environ["AWS_REGION"]
    return (
        environ.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        or environ.get("AWS_ENDPOINT_URL")
        or f"https://{service}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    )


def timestamp() -> str:
    """Now, as signatures have it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def dynamodb(*, attempts: int = ATTEMPTS, answer_seconds: float = ANSWER_SECONDS) -> JsonService:
    """Few attempts and short waits are for asking whether DynamoDB is well."""
    return JsonService("dynamodb", "DynamoDB_20120810", "1.0", attempts=attempts, answer_seconds=answer_seconds)


def secrets_manager() -> JsonService:
    return JsonService("secretsmanager", "secretsmanager", "1.1")
