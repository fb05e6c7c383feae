"""Whole services as images: the gateway's code on AWS's client, and a web server that knows nothing of Lambda."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import load
from staticfire.toolchain.runtimes import install_runtimes
from tests.conformance.fidelity import documented
from tests.conformance.lab import Api, Lab
from tests.conformance.test_lambda_images import Images
from tests.images import build, distribution_files, file, program, python_layer, source_files

AREA = "Lambda: container images"
ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "service"
ADAPTER = "https://github.com/awslabs/aws-lambda-web-adapter"

WEB_SERVER = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, body):
        said = {"method": self.command, "path": self.path, "agent": self.headers["user-agent"], "body": body.decode()}
        content = json.dumps(said).encode()
        self.send_response(418 if self.path == "/tea" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *details):
        pass


ThreadingHTTPServer(("127.0.0.1", 8971), Pages).serve_forever()
"""

# What the adapter's documentation says of it: an extension that waits until the web server answers on its port, then
# takes events in the runtime's place, and sends each on as the HTTP request that it tells of.
STAND_IN = """#!/bin/python3
import base64, http.client, json, os, threading, time

port = int(os.environ["AWS_LWA_PORT"])


def connected():
    return http.client.HTTPConnection(*os.environ["AWS_LAMBDA_RUNTIME_API"].split(":"))


def ask(method, path, body=None, headers={}, api=connected()):
    api.request(method, path, body, headers)
    answer = api.getresponse()
    return answer.headers, answer.read()


name = {"Lambda-Extension-Name": "lambda-adapter"}
headers, _ = ask("POST", "/2020-01-01/extension/register", b'{"events": []}', name)
own = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
# That it is ready, and waits for an end that nobody tells it.
ready = ("GET", "/2020-01-01/extension/event/next", None, own, connected())
threading.Thread(target=ask, args=ready, daemon=True).start()
while True:
    try:
        probe = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        probe.request("GET", "/")
        probe.getresponse().read()
        break
    except OSError:
        time.sleep(0.01)

while True:
    headers, event = ask("GET", "/2018-06-01/runtime/invocation/next")
    request = json.loads(event)
    body = request.get("body") or ""
    body = base64.b64decode(body) if request.get("isBase64Encoded") else body.encode()
    path = request["rawPath"] + ("?" + request["rawQueryString"] if request["rawQueryString"] else "")
    web = http.client.HTTPConnection("127.0.0.1", port)
    web.request(request["requestContext"]["http"]["method"], path, body, request["headers"])
    answer = web.getresponse()
    result = {
        "statusCode": answer.status,
        "headers": {name.lower(): value for name, value in answer.getheaders()},
        "body": answer.read().decode(),
    }
    identifier = headers["Lambda-Runtime-Aws-Request-Id"]
    ask("POST", f"/2018-06-01/runtime/invocation/{identifier}/response", json.dumps(result).encode())
"""


@pytest.fixture(scope="module")
def site_of_the_client() -> Path:
    """Where AWS's runtime client for this very Python is installed."""
    settings = load(ROOT, overrides={"runtimes": [f"python3.{sys.version_info.minor}"]})
    runtime = install_runtimes(settings, Layout.of(settings), Progress())[f"python3.{sys.version_info.minor}"]
    return runtime.python.parent.parent / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"


@pytest.fixture(scope="module")
def images(lab: Lab) -> Images:
    return Images(lab)


@documented(
    AREA,
    "A web server that knows nothing of Lambda answers behind the Lambda Web Adapter",
    ADAPTER,
    "the same, with a stand-in of the tests for the adapter, whose binary could not be had",
)
def test_a_web_server_behind_an_adapter(lab: Lab, images: Images) -> None:
    own = [file("srv/server.py", WEB_SERVER), program("opt/extensions/lambda-adapter", STAND_IN)]
    image = build(
        [python_layer(), own], Entrypoint=["python3", "server.py"], Env=["AWS_LWA_PORT=8971"], WorkingDir="/srv"
    )
    function = images.function(image, MemorySize=512, Timeout=20)
    api = lab.api({"$default": function})
    answer = api.post("/pages/1?a=b", "a body", {"user-agent": "a browser"})
    assert answer.json() == {"method": "POST", "path": "/pages/1?a=b", "agent": "a browser", "body": "a body"}
    assert api.get("/tea").status == 418
    assert api.get("/").json()["method"] == "GET"


class Gateway:
    """The gateway service's tables, secret and function, of which the function is an image."""

    def __init__(self, lab: Lab, images: Images, site: Path) -> None:
        """`site`: where AWS's runtime client is installed."""
        self.lab = lab
        sessions, limits = self._table("session_id", "user_id"), self._table("limiter_key", "", "window_start")
        secret = lab.aws("secretsmanager").create_secret(Name=lab.name("secret"), SecretString="s" * 32)["ARN"]
        code = source_files(SERVICE, "servicekit", "gateway")
        libraries = ("awslambdaric", "boto3", "cryptography", *_requirements("servicekit"), *_requirements("gateway"))
        needed = distribution_files(*libraries, site=site)
        entrypoint = ["python3", "-m", "awslambdaric"]
        image = build(
            [python_layer(), needed, code],
            Entrypoint=entrypoint,
            Cmd=["gateway.api.handler"],
            WorkingDir="/var/task",
            Env=["LAMBDA_TASK_ROOT=/var/task", "PYTHONPATH=/var/task"],
        )
        variables = {
            "GATEWAY_CONFIGURATION": json.dumps(
                {"upstreams": {}, "routes": {}, "tokens": {"issuer": "issuer", "audience": "gateway"}}
            ),
            "SESSIONS_TABLE_NAME": sessions,
            "LIMITS_TABLE_NAME": limits,
            "TOKEN_SECRET_ARN": secret,
            "POWERTOOLS_SERVICE_NAME": "gateway",
            "POWERTOOLS_METRICS_NAMESPACE": "gateway",
        }
        self.function = images.function(image, MemorySize=1024, Timeout=29, Environment={"Variables": variables})
        self.api: Api = lab.api({"$default": self.function})

    def _table(self, key: str, index: str = "", sort: str = "") -> str:
        kinds = {key: "S", **({index: "S"} if index else {}), **({sort: "N"} if sort else {})}
        keys: list[dict[str, str]] = [{"AttributeName": key, "KeyType": "HASH"}]
        keys += [{"AttributeName": sort, "KeyType": "RANGE"}] if sort else []
        more: dict[str, Any] = {}
        if index:
            projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["generation"]}
            schema = [{"AttributeName": index, "KeyType": "HASH"}]
            more["GlobalSecondaryIndexes"] = [{"IndexName": index, "KeySchema": schema, "Projection": projection}]
        name = self.lab.name("gateway")
        self.lab.aws("dynamodb").create_table(
            TableName=name,
            KeySchema=keys,
            AttributeDefinitions=[{"AttributeName": one, "AttributeType": kind} for one, kind in kinds.items()],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )
        return name


def _requirements(service: str) -> list[str]:
    lines = (SERVICE / service / "requirements.in").read_text().splitlines()
    named = [line.partition("#")[0].strip() for line in lines]
    return [line.partition("==")[0].partition("[")[0].partition(">")[0] for line in named if line and line[0] != "-"]


@documented(
    AREA,
    "A service in Python is an image of AWS's runtime client, its libraries and its code",
    "lambda/latest/dg/python-image.html",
)
def test_the_gateway_as_an_image(lab: Lab, images: Images, site_of_the_client: Path) -> None:
    gateway = Gateway(lab, images, site_of_the_client)
    live = gateway.api.get("/health/live")
    assert live.status == 200, (live.body, lab.lines(f"/aws/lambda/{gateway.function}"))
    ready = gateway.api.get("/health/ready")
    assert ready.status == 200, ready.body
    assert gateway.api.post("/auth/login", b"{}").status == 401
    assert gateway.api.get("/auth/session").status == 401
