"""The signed client, against a real HTTP server, and its signatures against botocore's."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from servicekit import aws
from servicekit.errors import Unavailable

Reply = Callable[[BaseHTTPRequestHandler, bytes], None]


class Service:
    """Answers each request by the next of its replies, the last one again and again; remembers what it was sent."""

    def __init__(self, replies: list[Reply]) -> None:
        self.requests: list[tuple[dict[str, str], Any]] = []
        self.connections: set[Any] = set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.requests.append((headers, json.loads(content)))
                service.connections.add(self.client_address)
                replies[min(len(service.requests), len(replies)) - 1](self, content)

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def reply(status: int, content: Any) -> Reply:
    def send(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        handler.send_response(status)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return send


def refuse(status: int, code: str) -> Reply:
    return reply(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "because"})


def hang_up(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def service() -> Iterator[Callable[..., tuple[Service, aws.JsonService]]]:
    made: list[Service] = []

    def make(*replies: Reply) -> tuple[Service, aws.JsonService]:
        server = Service(list(replies))
        made.append(server)
        return server, client(server.url)

    yield make
    for server in made:
        server.close()


def client(url: str, environ: Mapping[str, str] | None = None, **limits: Any) -> aws.JsonService:
    credentials = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
    environ = {**credentials, "AWS_ENDPOINT_URL": url, **(environ or {})}
    return aws.JsonService("dynamodb", "DynamoDB_20120810", "1.0", environ, **limits)


@given(st.binary(max_size=300), st.sampled_from([None, "session-token=="]), st.sampled_from(["UpdateItem", "GetItem"]))
def test_a_signature_is_the_one_that_botocore_makes(body: bytes, token: str | None, operation: str) -> None:
    url = "https://dynamodb.eu-central-1.amazonaws.com/"
    headers = {
        "host": "dynamodb.eu-central-1.amazonaws.com",
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": f"DynamoDB_20120810.{operation}",
    }
    request = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials("AKID", "secret", token), "dynamodb", "eu-central-1").add_auth(request)
    timestamp = request.context["timestamp"]

    signed = aws.Signer("dynamodb", "eu-central-1", "AKID", "secret", token).sign(headers, body, timestamp)

    assert signed["authorization"] == request.headers["Authorization"]
    assert signed.get("x-amz-security-token") == token


def test_a_path_is_signed_as_botocore_signs_it() -> None:
    path = "/2015-03-31/functions/usage-api_2/invocations"
    headers = {"host": "lambda.eu-central-1.amazonaws.com", "content-type": "application/json"}
    request = AWSRequest("POST", f"https://lambda.eu-central-1.amazonaws.com{path}", headers, b"{}")
    SigV4Auth(Credentials("AKID", "secret"), "lambda", "eu-central-1").add_auth(request)

    signer = aws.Signer("lambda", "eu-central-1", "AKID", "secret", None)

    signed = signer.sign(headers, b"{}", request.context["timestamp"], path)
    assert signed["authorization"] == request.headers["Authorization"]


def test_a_signing_key_is_that_of_its_day() -> None:
    signer = aws.Signer("dynamodb", "eu-central-1", "AKID", "secret", None)
    first = signer.sign({"host": "h"}, b"", "20261121T235959Z")["authorization"]
    later = signer.sign({"host": "h"}, b"", "20261122T000000Z")["authorization"]
    fresh = aws.Signer("dynamodb", "eu-central-1", "AKID", "secret", None)
    assert first != later == fresh.sign({"host": "h"}, b"", "20261122T000000Z")["authorization"]


def test_calls_go_over_one_kept_connection(service: Any) -> None:
    server, dynamodb = service(reply(200, {"Item": {"pk": {"S": "ü"}}}))
    for _ in range(3):
        assert dynamodb.call("GetItem", {"TableName": "t"}) == {"Item": {"pk": {"S": "ü"}}}
    headers, payload = server.requests[0]
    assert headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert payload == {"TableName": "t"}
    assert len(server.connections) == 1


def test_a_refusal_is_told_with_its_code_and_not_tried_again(service: Any) -> None:
    server, dynamodb = service(refuse(400, "ConditionalCheckFailedException"))
    with pytest.raises(aws.CallFailed, match="UpdateItem: 400 ConditionalCheckFailedException: because") as failed:
        dynamodb.call("UpdateItem", {})
    assert failed.value.code == "ConditionalCheckFailedException"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        hang_up,
        refuse(400, "ProvisionedThroughputExceededException"),
        refuse(500, "InternalServerError"),
        reply(503, b"<html>"),
    ],
)
def test_a_passing_trouble_is_overcome(service: Any, trouble: Reply) -> None:
    server, dynamodb = service(trouble, reply(200, {}))
    assert dynamodb.call("UpdateItem", {}) == {}
    assert len(server.requests) == 2


def test_a_lasting_trouble_is_unavailable(service: Any) -> None:
    server, dynamodb = service(refuse(500, "InternalServerError"))
    with pytest.raises(Unavailable, match="dynamodb UpdateItem: 500 InternalServerError"):
        dynamodb.call("UpdateItem", {})
    assert len(server.requests) == aws.ATTEMPTS


def test_a_client_of_few_attempts_makes_no_more(service: Any) -> None:
    server, _ = service(hang_up)
    with pytest.raises(Unavailable, match="RemoteDisconnected"):
        client(server.url, attempts=2).call("GetItem", {})
    assert len(server.requests) == 2


def test_after_an_outage_the_same_client_works_again(service: Any) -> None:
    _, dynamodb = service(reply(200, {}), hang_up, hang_up, hang_up, reply(200, {"Item": {}}))
    dynamodb.call("GetItem", {})
    with pytest.raises(Unavailable):
        dynamodb.call("GetItem", {})
    assert dynamodb.call("GetItem", {}) == {"Item": {}}


def test_nobody_listening_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        client(f"http://127.0.0.1:{port}").call("GetItem", {})


def test_a_service_that_never_answers_is_unavailable() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    dynamodb = client(f"http://127.0.0.1:{listener.getsockname()[1]}", answer_seconds=0.05)
    with listener, pytest.raises(Unavailable, match="TimeoutError"):
        dynamodb.call("GetItem", {})


def test_the_endpoint_is_the_regions_unless_one_is_given(service: Any) -> None:
    server, _ = service(reply(200, {}))
    client("http://127.0.0.1:9", {"AWS_ENDPOINT_URL_DYNAMODB": server.url}).call("GetItem", {})
    assert server.requests[0][0]["host"] == server.url.removeprefix("http://")
