"""Extensions: programs of layers beside the runtime, what they are told, and what becomes of the function with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.lambda_ import FunctionRef, execution_environment
from tests.unit.edge.services.lambda_.kit import Lab, Said

ARN = "arn:aws:lambda:us-east-1:000000000000:layer:watching:1"
GROUP = "/aws/lambda/f"
REF = FunctionRef(Scope(), "f")

EXTENSION = """
import http.server, json, os, sys, threading, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]

def call(method, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    named = {"Lambda-Extension-" + name: value for name, value in headers.items()}
    return urllib.request.urlopen(urllib.request.Request(API + path, data, named, method=method))

class Taken(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        for event in json.loads(self.rfile.read(int(self.headers["content-length"]))):
            record = event["record"] if event["type"] == "function" else ""
            print("telemetry", event["type"], str(record).strip(), flush=True)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

registered = call("POST", "/2020-01-01/extension/register", {"events": ["INVOKE", "SHUTDOWN"]}, Name="watching")
identifier = registered.headers["Lambda-Extension-Identifier"]
if WATCHES:
    server = http.server.HTTPServer(("sandbox.localdomain", 4243), Taken)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    destination = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243"}
    asked = {"schemaVersion": "2022-12-13", "types": ["platform", "function"], "destination": destination,
             "buffering": {"timeoutMs": 25}}
    call("PUT", "/2022-07-01/telemetry", asked, Identifier=identifier)
while True:
    event = json.load(call("GET", "/2020-01-01/extension/event/next", Identifier=identifier))
    print("told", event["eventType"], event.get("requestId") or event.get("shutdownReason"), flush=True)
    if event["eventType"] == "SHUTDOWN":
        sys.exit(0)
    DOES
"""


def extended(lab: Lab, source: str, does: str = "pass", *, watches: bool = False, **config: Any) -> None:
    text = EXTENSION.replace("DOES", does).replace("WATCHES", str(watches))
    lab.add_layer(ARN, {"extensions/watching": f"#!{lab.python}\n{text}", "data.txt": does})
    lab.deploy(source, Layers=[{"Arn": ARN}], **config)


@pytest.fixture(params=["namespaces", "none"])
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "none":

        async def refused(*_: object) -> bool:
            return False

        monkeypatch.setattr("staticfire.edge.services.lambda_.runtimes.Runtimes.isolate", refused)
    return str(request.param)


async def test_an_extension_hears_of_invocations_and_of_the_end(
    lab: Lab, said: Said, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It has two seconds, as on AWS, and its process none of them on a machine that is busy enough.
    monkeypatch.setattr(execution_environment, "SHUTDOWN_SECONDS", 60.0)
    extended(lab, "def handler(event, context): return context.aws_request_id\n")
    async with lab.running() as functions:
        ids = [said(await functions.invoke(REF, b"{}")) for _ in range(2)]
    lines = [line.strip() for line in lab.emulator.lines[GROUP]]
    events = [line for line in lines if line.startswith("told")]
    assert events == [f"told INVOKE {ids[0]}", f"told INVOKE {ids[1]}", "told SHUTDOWN spindown"]
    assert "EXTENSION\tName: watching\tState: Ready\tEvents: [INVOKE, SHUTDOWN]" in lines


async def test_the_runtime_starts_once_the_extension_has_registered(lab: Lab, said: Said) -> None:
    extended(lab, "def handler(event, context): return 1\n", "import time; time.sleep(0.4)")
    async with lab.running() as functions:
        assert said(await functions.invoke(REF, b"{}")) == 1
        (function,) = functions.snapshot()["functions"]
        assert function["environments"][0]["state"] == "busy", "free before the extension has finished"
        assert said(await functions.invoke(REF, b"{}")) == 1
        (function,) = functions.snapshot()["functions"]
    assert function["cold_starts"] + len(function["environments"]) >= 2


async def test_an_extension_that_ends_takes_the_invocation_with_it(lab: Lab, isolation: str) -> None:
    extended(lab, "import time\ndef handler(event, context): time.sleep(20)\n", "sys.exit(5)", Timeout=30)
    async with lab.running() as functions:
        outcome = await functions.invoke(REF, b"{}")
    assert json.loads(outcome.payload) == {
        "errorType": "Extension.Crash",
        "errorMessage": f"RequestId: {outcome.request_id} Error: exit code 5",
    }


async def test_an_extension_gets_the_telemetry_that_it_asked_for(lab: Lab) -> None:
    extended(lab, "def handler(event, context): print('hello')\n", watches=True)
    async with lab.running() as functions:
        await functions.invoke(REF, b"{}")
        await functions.invoke(REF, b"{}")

        def told() -> bool:
            lines = [line.strip() for line in lab.emulator.lines.get(GROUP, [])]
            return {"telemetry function hello", "telemetry platform.report"} <= set(lines)

        await lab.until(told)
    lines = [line.strip() for line in lab.emulator.lines[GROUP]]
    for kind in ("initStart", "initRuntimeDone", "telemetrySubscription", "start", "runtimeDone"):
        assert f"telemetry platform.{kind}" in lines


async def test_a_handler_registers_an_internal_extension_while_it_initialises(lab: Lab, said: Said) -> None:
    source = (
        EXTENSION.split("registered =")[0]
        + """
import threading

def loop():
    registered = call("POST", "/2020-01-01/extension/register", {"events": ["INVOKE"]}, Name="internal")
    ready.set()
    identifier = registered.headers["Lambda-Extension-Identifier"]
    while True:
        event = json.load(call("GET", "/2020-01-01/extension/event/next", Identifier=identifier))
        seen.append(event["eventType"])

seen, ready = [], threading.Event()
threading.Thread(target=loop, daemon=True).start()
ready.wait()

def handler(event, context):
    return len(seen)
"""
    )
    ref = lab.deploy(source)
    async with lab.running() as functions:
        await functions.invoke(ref, b"{}")
        assert said(await functions.invoke(ref, b"{}")) >= 1
