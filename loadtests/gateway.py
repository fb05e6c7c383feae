"""Load on the gateway service: users who log in, use their sessions, and now and then log out everywhere.

    locust -f loadtests/gateway.py --headless --profile steady --rate 200
    staticfire load gateway --profile ramp

The host (`--host`) is a running stack's endpoint, whose API named `gateway` is looked up, or the URL of the API itself,
as on AWS. Without one it is the stack that `staticfire up gateway` started. Tokens are signed with the stack's secret:
GATEWAY_TOKEN_SECRET, or what the running stack's Secrets Manager holds. What the upstreams take is not measured here:
load them by themselves.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
import uuid
from functools import cache

from locust import task

from staticfire import boto as aws
from staticfire.load import kit

SECRET = "gateway/tokens"
REGION = os.environ.get("AWS_REGION", "us-east-1")
ACCOUNT = "000000000000"

ok, created, gone = kit.status(200), kit.status(201), kit.status(204)


@cache
def secret() -> bytes:
    if variable := os.environ.get("GATEWAY_TOKEN_SECRET"):
        return variable.encode()
    client = aws.client(kit.running_endpoint(), REGION, ACCOUNT, "secretsmanager")
    return str(client.get_secret_value(SecretId=SECRET)["SecretString"]).encode()


def token_of(user: str) -> str:
    claims = {"sub": user, "iss": "gateway", "aud": "gateway", "exp": int(time.time()) + 300}
    message = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims)}"
    return f"{message}.{base64url(hmac.digest(secret(), message.encode(), 'sha256'))}"


def encoded(content: dict[str, object]) -> str:
    return base64url(json.dumps(content).encode())


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class GatewayClient(kit.HttpUser):
    api = "gateway"

    def on_start(self) -> None:
        secret()
        super().on_start()
        self.user = f"load-{uuid.uuid4().hex[:12]}"
        self.session: str | None = None

    @task(20)
    def use_the_session(self) -> None:
        if self.session is None:
            self.log_in()
        else:
            self.read("GET /auth/session", ok, headers=self.bearer)

    @task(4)
    def log_in(self) -> None:
        headers = {"authorization": f"Bearer {token_of(self.user)}"}
        answer = self.write("POST /auth/login", {}, sent={"user": self.user}, check=created, headers=headers)
        if answer is not None:
            self.session = answer["session"]

    @task(1)
    def log_out_everywhere(self) -> None:
        if self.session is not None:
            bearer, self.session = self.bearer, None
            self.write("POST /auth/logout-all", {}, sent={"ended": self.user}, check=gone, headers=bearer)

    @task(1)
    def live(self) -> None:
        self.read("GET /health/live", ok)

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.session}"}
