"""What the scenarios of the gateway are made of: tokens written by hand, and a server that does as it is told.

Tokens are made here and not by a library: libraries refuse to make many of those that a gateway must refuse to take.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from staticfire.testing.kit import ApiAnswer

Behaviour = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]
TokenOf = Callable[..., str]
Bearer = Callable[[str], dict[str, str]]
SessionOf = Callable[..., str]
Configure = Callable[[Mapping[str, Any]], None]
# None while there is no such line.
LineOf = Callable[[ApiAnswer], Any]

ECHO = """
import json

def handler(event, context):
    if event["rawPath"].endswith("/crash"):
        raise RuntimeError("as asked")
    return {"statusCode": 200, "headers": {"x-echo": "yes"}, "cookies": ["a=1", "b=2"], "body": json.dumps(event)}
"""


def claims_of(user: str, **claims: Any) -> dict[str, Any]:
    said = {"sub": user, "iss": "gateway", "aud": "gateway", "exp": int(time.time()) + 300, **claims}
    return {name: value for name, value in said.items() if value is not None}


def signed(claims: Any, key: bytes | rsa.RSAPrivateKey, **header: Any) -> str:
    """A token as RFC 7515 writes it: HS256 with a secret, RS256 with a private key, whatever the header says."""
    algorithm = "HS256" if isinstance(key, bytes) else "RS256"
    message = f"{encoded({'alg': algorithm, 'typ': 'JWT', **header})}.{encoded(claims)}"
    if isinstance(key, bytes):
        signature = hmac.digest(key, message.encode(), "sha256")
    else:
        signature = key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{message}.{base64url(signature)}"


def encoded(content: Any) -> str:
    return base64url(json.dumps(content).encode())


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def published(key: rsa.RSAPrivateKey, kid: str) -> dict[str, str]:
    """The public half as a JSON Web Key."""
    numbers = key.public_key().public_numbers()
    parts = {name: base64url(n.to_bytes((n.bit_length() + 7) // 8)) for name, n in (("n", numbers.n), ("e", numbers.e))}
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, **parts}


class Upstream:
    """A server that answers what it was asked, or as `behave` says; it remembers every request."""

    def __init__(self, listening: str, host: str) -> None:
        self.requests: list[dict[str, Any]] = []
        self.behaviours: dict[str, Behaviour] = {}
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                request = {
                    "method": self.command,
                    "target": self.path,
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "body": body.decode("latin-1"),
                }
                upstream.requests.append(request)
                behaviour = upstream.behaviours.get(self.path.partition("?")[0].removeprefix("/base"), repeat)
                with contextlib.suppress(OSError):  # a gateway that waited long enough is gone
                    behaviour(self, request)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = answer

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer((listening, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def asked(self, path: str) -> list[dict[str, Any]]:
        """The requests for a path below the base."""
        return [request for request in self.requests if request["target"].partition("?")[0] == f"/base{path}"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def repeat(handler: BaseHTTPRequestHandler, request: Mapping[str, Any]) -> None:
    reply(handler, 200, json.dumps(request).encode())


def reply(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes = b"",
    content_type: str = "application/json",
    headers: tuple[tuple[str, str], ...] = (),
) -> None:
    handler.send_response(status)
    handler.send_header("content-type", content_type)
    handler.send_header("content-length", str(len(body)))
    for name, value in headers:
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
