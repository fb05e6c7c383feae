"""A page in Chromium as the client of a WebSocket API: it talks, is talked to, and learns that it was sent away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from staticfire import boto
from staticfire.targets.base import Running

ACCOUNT, REGION = "300000000001", "us-east-1"
# What a page's script does with a WebSocket, and what of it is looked at.
CONNECT = """
    url => new Promise((resolve, reject) => {
        const socket = new WebSocket(url);
        window.socket = socket; window.heard = []; window.left = null;
        socket.onmessage = message => window.heard.push(message.data);
        socket.onclose = event => { window.left = event.code; reject(new Error(`closed: ${event.code}`)); };
        socket.onopen = () => resolve(socket.readyState);
    })
"""


@pytest.fixture(scope="module")
def stage(staticfire_running: Running) -> tuple[str, str]:
    """A WebSocket API whose answers say what it got and on which connection: its id and its stage."""
    client: Any = boto.client(staticfire_running.endpoint, REGION, ACCOUNT, "apigatewayv2")
    api = client.create_api(Name="page", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    of_api = {"ApiId": api["ApiId"]}
    templates = {"$default": '{"statusCode": 200}'}
    integration = client.create_integration(**of_api, IntegrationType="MOCK", RequestTemplates=templates)
    said = '{"connection": "$context.connectionId", "route": "$context.routeKey"}'
    client.create_integration_response(
        **of_api,
        IntegrationId=integration["IntegrationId"],
        IntegrationResponseKey="$default",
        ResponseTemplates={"$default": said},
    )
    for key in ("say", "$default"):
        target = f"integrations/{integration['IntegrationId']}"
        route = client.create_route(**of_api, RouteKey=key, Target=target, RouteResponseSelectionExpression="$default")
        client.create_route_response(**of_api, RouteId=route["RouteId"], RouteResponseKey="$default")
    client.create_stage(**of_api, StageName="live", DeploymentId=client.create_deployment(**of_api)["DeploymentId"])
    return api["ApiId"], "live"


class Elsewhere(BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>elsewhere</title>")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Another origin than the API's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Browser, elsewhere: str) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(elsewhere)
    yield page
    context.close()


def heard(page: Page, count: int) -> list[Any]:
    """Messages that came to the page, once there are so many."""
    page.wait_for_function("count => window.heard.length >= count", arg=count, timeout=60_000)
    return [json.loads(message) for message in page.evaluate("window.heard")]


def test_a_page_talks_is_talked_to_and_is_sent_away(
    page: Page, stage: tuple[str, str], staticfire_running: Running
) -> None:
    api, name = stage
    address = f"{staticfire_running.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{api}/{name}"
    assert page.evaluate(CONNECT, address) == 1

    page.evaluate("socket.send(JSON.stringify({action: 'say', text: 'hello, ü'}))")
    [answer] = heard(page, 1)
    page.evaluate("socket.send('no JSON at all')")
    assert [message["route"] for message in heard(page, 2)] == ["say", "$default"]

    management: Any = boto.client(address.replace("ws", "http", 1), REGION, ACCOUNT, "apigatewaymanagementapi")
    message = {"text": "ü" * 20_000}
    management.post_to_connection(ConnectionId=answer["connection"], Data=json.dumps(message).encode())
    assert heard(page, 3)[2] == message
    identity = management.get_connection(ConnectionId=answer["connection"])["Identity"]
    assert "Chrome" in identity["UserAgent"]

    management.delete_connection(ConnectionId=answer["connection"])
    page.wait_for_function("window.left !== null", timeout=60_000)
    assert page.evaluate("window.left") == 1000


def test_a_page_is_not_let_in_where_there_is_no_stage(
    page: Page, stage: tuple[str, str], staticfire_running: Running
) -> None:
    address = f"{staticfire_running.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{stage[0]}/none"
    page.evaluate(f"url => ({CONNECT})(url).catch(() => null)", address)
    page.wait_for_function("window.left !== null", timeout=60_000)
    assert page.evaluate("window.left") == 1006
