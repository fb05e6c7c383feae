from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from staticfire import boto as aws


class Recorder(BaseHTTPRequestHandler):
    authorizations: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.authorizations.append(self.headers["authorization"])
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.authorizations.append(self.headers["authorization"])
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def recorder() -> Iterator[tuple[str, list[str]]]:
    class Handler(Recorder):
        authorizations: ClassVar[list[str]] = []

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", Handler.authorizations
        server.shutdown()


def test_nothing_of_the_users_own_configuration_leads_a_call_elsewhere(
    recorder: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile work]\nrole_arn = arn:aws:iam::1:role/x\n[not closed")
    for name, value in {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_PROFILE": "not-there",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.invalid",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_CA_BUNDLE": str(tmp_path / "no.pem"),
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "no_proxy": "",
    }.items():
        monkeypatch.setenv(name, value)
    endpoint, authorizations = recorder
    aws.client(endpoint, "eu-west-1", "100000000001", "s3").list_buckets()
    assert len(authorizations) == 1
    assert "Credential=100000000001/" in authorizations[0]
    assert "/eu-west-1/s3/" in authorizations[0]


def test_a_call_with_a_host_of_its_own_comes_here_too(recorder: tuple[str, list[str]]) -> None:
    endpoint, authorizations = recorder
    machine = "arn:aws:states:eu-west-1:100000000001:stateMachine:m"
    aws.client(endpoint, "eu-west-1", "100000000001", "stepfunctions").start_sync_execution(stateMachineArn=machine)
    assert "/eu-west-1/states/" in authorizations[0]
