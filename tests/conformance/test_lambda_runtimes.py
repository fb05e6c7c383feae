"""What holds for every runtime: the same cases on Python, on both of AWS's clients for Node, and on a bootstrap."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from typing import Any

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, eventually, together, zipped

AREA = "Lambda: runtimes"
RUNTIMES = "lambda/latest/dg/lambda-runtimes.html"
LIFE = "lambda/latest/dg/lambda-runtime-environment.html"
LAYERS = "lambda/latest/dg/packaging-layers.html"
VARIABLES = "lambda/latest/dg/configuration-envvars.html"
TROUBLE = "lambda/latest/dg/troubleshooting-invocation.html"

IN_PYTHON = """
    import os, sys, time

    def handler(event, context):
        if event == "exit":
            os._exit(7)
        if event == "sleep":
            time.sleep(30)
        if event == "wait":
            time.sleep(1)
        if event == "line":
            print("a line for", context.aws_request_id)
        if event == "touch":
            before = os.path.exists("/tmp/touched")
            open("/tmp/touched", "w").close()
            return before
        if event == "variable":
            return os.environ["GREETING"]
        if event == "layer":
            return open("/opt/words").read()
        return event
"""

IN_JAVASCRIPT = """
    const fs = require("fs");

    exports.handler = async (event, context) => {
      if (event === "exit") process.exit(7);
      if (event === "sleep") await new Promise((go) => setTimeout(go, 30000));
      if (event === "wait") await new Promise((go) => setTimeout(go, 1000));
      if (event === "line") console.log(`a line for ${context.awsRequestId}`);
      if (event === "touch") {
        const before = fs.existsSync("/tmp/touched");
        fs.writeFileSync("/tmp/touched", "");
        return before;
      }
      if (event === "variable") return process.env.GREETING;
      if (event === "layer") return fs.readFileSync("/opt/words", "utf8");
      return event;
    };
"""

IN_SHELL = """\
#!/bin/sh
set -eu
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  HEADERS="$(mktemp)"
  EVENT="$(curl -sS -LD "$HEADERS" "$API/next")"
  ID="$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)"
  RESULT="$EVENT"
  case "$EVENT" in
    '"exit"') exit 7 ;;
    '"sleep"') sleep 30 ;;
    '"wait"') sleep 1 ;;
    '"line"') echo "a line for $ID" ;;
    '"touch"') RESULT=false; if [ -e /tmp/touched ]; then RESULT=true; fi; touch /tmp/touched ;;
    '"variable"') RESULT="\\"$GREETING\\"" ;;
    '"layer"') RESULT="\\"$(cat /opt/words)\\"" ;;
  esac
  curl -sS "$API/$ID/response" -d "$RESULT"
done
"""

ELSEWHERE = {"compose": "the edge's image has neither a Node nor curl"}

SOURCES: Mapping[str, Mapping[str, str]] = {
    "python3.13": {"app.py": IN_PYTHON},
    "nodejs20.x": {"app.js": IN_JAVASCRIPT},
    "nodejs24.x": {"app.js": IN_JAVASCRIPT},
    "provided.al2023": {"bootstrap": IN_SHELL},
}


@pytest.fixture(params=SOURCES)
def runtime(request: pytest.FixtureRequest) -> str:
    if request.param.startswith("provided") and not shutil.which("curl"):
        pytest.skip("the bootstrap calls curl, which is not here")
    return str(request.param)


def made(lab: Lab, runtime: str, **config: Any) -> str:
    return lab.function(SOURCES[runtime], Runtime=runtime, **config)


@documented(
    AREA,
    "Functions run on Node.js and on custom runtimes too: events, answers, log lines, reports",
    RUNTIMES,
    elsewhere=ELSEWHERE,
)
def test_it_answers_and_its_lines_are_in_the_log(lab: Lab, runtime: str) -> None:
    function = made(lab, runtime)
    assert lab.result(function, {"a": [1, "ü"]}) == {"a": [1, "ü"]}
    answer = lab.invoke(function, "line", LogType="Tail")
    request = answer["ResponseMetadata"]["RequestId"]
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[0].startswith(f"START RequestId: {request} Version: $LATEST")
    assert f"a line for {request}" in lines[1]
    assert lines[2] == f"END RequestId: {request}"
    assert lines[3].startswith(f"REPORT RequestId: {request}\tDuration: ")
    assert "Init Duration" not in lines[3]


@documented(
    AREA,
    "The first invocation's report has the duration of the initialisation, whatever the runtime",
    LIFE,
    elsewhere=ELSEWHERE,
)
def test_a_cold_start_is_in_the_report(lab: Lab, runtime: str) -> None:
    function = made(lab, runtime)
    log = base64.b64decode(lab.invoke(function, 1, LogType="Tail")["LogResult"]).decode()
    assert "\tInit Duration: " in log


@documented(
    AREA,
    "An execution environment keeps its /tmp, and has one of its own, whatever the runtime",
    LIFE,
    elsewhere=ELSEWHERE,
)
def test_tmp_is_the_execution_environments(lab: Lab, runtime: str) -> None:
    function = made(lab, runtime)
    assert [lab.result(function, "touch") for _ in range(2)] == [False, True]
    assert lab.result(made(lab, runtime), "touch") is False


@documented(
    AREA,
    "A process that ends costs its own invocation, whatever the runtime: `Runtime.ExitError`",
    TROUBLE,
    elsewhere=ELSEWHERE,
)
def test_a_process_that_ends(lab: Lab, runtime: str) -> None:
    function = made(lab, runtime)
    failed = lab.failure(function, "exit")
    assert (failed["errorType"], "exit status 7" in failed["errorMessage"]) == ("Runtime.ExitError", True)
    assert lab.result(function, 1) == 1


@documented(AREA, "Over the time-out the process is killed, whatever the runtime", TROUBLE, elsewhere=ELSEWHERE)
def test_over_the_time_out(lab: Lab, runtime: str) -> None:
    function = made(lab, runtime, Timeout=1)
    lab.result(function, "touch")
    assert "Task timed out after 1.00 seconds" in lab.failure(function, "sleep")["errorMessage"]
    assert lab.result(function, "touch") is False, "another execution environment"


@documented(
    AREA,
    "New code and new variables take effect with the next invocation, whatever the runtime",
    VARIABLES,
    elsewhere=ELSEWHERE,
)
def test_an_update_takes_effect(lab: Lab, runtime: str) -> None:
    client = lab.aws("lambda")
    function = made(lab, runtime, Environment={"Variables": {"GREETING": "hello"}})
    assert lab.result(function, "variable") == "hello"
    client.update_function_configuration(FunctionName=function, Environment={"Variables": {"GREETING": "bye"}})
    client.get_waiter("function_updated_v2").wait(FunctionName=function)
    assert lab.result(function, "variable") == "bye"
    changed = {name: text.replace("GREETING", "_HANDLER") for name, text in SOURCES[runtime].items()}
    client.update_function_code(FunctionName=function, ZipFile=zipped(changed))
    client.get_waiter("function_updated_v2").wait(FunctionName=function)
    assert lab.result(function, "variable") == "app.handler"


@documented(AREA, "A layer's files are in /opt, whatever the runtime", LAYERS, elsewhere=ELSEWHERE)
def test_a_layer(lab: Lab, runtime: str) -> None:
    made_layer = lab.aws("lambda").publish_layer_version(
        LayerName=lab.name("layer"), Content={"ZipFile": zipped({"words": "from a layer"})}
    )
    assert lab.result(made(lab, runtime, Layers=[made_layer["LayerVersionArn"]]), "layer") == "from a layer"


@documented(
    AREA,
    "Invocations at the same time have an execution environment each, whatever the runtime",
    LIFE,
    elsewhere=ELSEWHERE,
)
def test_two_at_once(lab: Lab, runtime: str) -> None:
    function = made(lab, runtime)
    assert together(3, lambda _: lab.result(function, "wait")) == ["wait"] * 3
    streams = lab.aws("logs").get_paginator("describe_log_streams")
    group = f"/aws/lambda/{function}"
    eventually(lambda: len(list(streams.paginate(logGroupName=group).search("logStreams[]"))) >= 2, "a second stream")


@documented(
    AREA,
    "What is not compiled runs on either architecture",
    "lambda/latest/dg/foundation-arch.html",
    "the same; on a machine of either one",
)
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
@pytest.mark.parametrize("runtime", ["python3.13", "nodejs22.x"])
def test_an_architecture_of_what_is_not_compiled(lab: Lab, runtime: str, architecture: str) -> None:
    files = {"app.py": "def handler(event, context):\n    return 1\n", "app.js": "exports.handler = async () => 1;\n"}
    name = "app.js" if runtime.startswith("node") else "app.py"
    function = lab.function({name: files[name]}, Runtime=runtime, Architectures=[architecture])
    assert lab.result(function) == 1
