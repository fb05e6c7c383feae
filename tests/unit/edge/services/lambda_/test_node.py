"""Node functions under AWS's own client: what they find, how they answer, fail and log."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.services.lambda_.runtimes import Runtimes
from staticfire.edge.services.lambda_.runtimes.node import RUNTIMES
from staticfire.toolchain import node as toolchain
from tests.unit.edge.services.lambda_.kit import Lab, Said

INVOKED_TWICE = """
let calls = 0;
exports.handler = async (event, context) => {
  calls += 1;
  return { calls, event, request: context.awsRequestId, left: context.getRemainingTimeInMillis() > 0,
           name: context.functionName, node: process.execPath, version: process.versions.node };
};
"""


@pytest.fixture(params=["nodejs20.x", "nodejs24.x"])  # one for each of the two clients
def node(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The part of a configuration that makes a function Node's."""
    return {"Runtime": request.param, "Handler": "index.handler"}


OLD: dict[str, Any] = {"Runtime": "nodejs20.x", "Handler": "index.handler"}  # with callbacks
NEW: dict[str, Any] = {"Runtime": "nodejs24.x", "Handler": "index.handler"}  # without


def test_the_edge_and_the_toolchain_name_the_same_runtimes() -> None:
    assert RUNTIMES == toolchain.RUNTIMES


@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_an_execution_environment_is_used_again(lab: Lab, said: Said, runtime: str) -> None:
    ref = lab.deploy({"index.js": INVOKED_TWICE}, Runtime=runtime, Handler="index.handler")
    async with lab.running() as functions:
        first = await functions.invoke(ref, '{"a": "ü"}'.encode())
        second = said(await functions.invoke(ref, b"[1]"))
    assert said(first) == {
        **second,
        "calls": 1,
        "event": {"a": "ü"},
        "request": first.request_id,
    }
    assert (second["calls"], second["left"], second["name"]) == (2, True, "f")
    assert second["node"] == "/var/lang/bin/node"
    assert int(second["version"].partition(".")[0]) >= toolchain.major_of(runtime)


MODULES = {
    "CommonJS": {"index.js": "exports.handler = async () => [typeof require, 'ok'];"},
    "ES module by its name": {"index.mjs": "export const handler = async () => [typeof require, 'ok'];"},
    "ES module by its package": {
        "package.json": '{"type": "module"}',
        "index.js": "import fs from 'node:fs'; export const handler = async () => [typeof require, 'ok'];",
    },
    "CommonJS by its name": {"index.cjs": "exports.handler = async () => [typeof require, 'ok'];"},
    "waits at the top": {
        "index.mjs": "await new Promise((go) => setTimeout(go, 20)); export const handler = async () => ['', 'ok'];"
    },
}


@pytest.mark.parametrize("files", MODULES.values(), ids=MODULES)
async def test_both_kinds_of_modules_run(lab: Lab, said: Said, node: dict[str, Any], files: dict[str, str]) -> None:
    ref = lab.deploy(files, **node)
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}"))[1] == "ok"


async def test_a_handler_lies_in_a_directory(lab: Lab, said: Said, node: dict[str, Any]) -> None:
    files = {"src/api/users.js": "exports.routes = { get: async () => __filename };"}
    ref = lab.deploy(files, **node | {"Handler": "src/api/users.routes.get"})
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}")) == "/var/task/src/api/users.js"


SDK = ("client-dynamodb", "lib-dynamodb", "client-s3", "s3-request-presigner", "client-sqs", "client-secrets-manager")


async def test_the_sdk_is_there_for_both_kinds_of_modules(lab: Lab, said: Said) -> None:
    """It is not in the zip: the runtime brings it."""
    required = f"exports.handler = async () => {list(SDK)}.map((name) => typeof require('@aws-sdk/' + name));"
    imported = f"""
        export const handler = async () => {{
          const all = await Promise.all({list(SDK)}.map((name) => import("@aws-sdk/" + name)));
          return all.map((one) => typeof one);
        }};
    """
    one = lab.deploy({"index.js": required}, name="required", **OLD, MemorySize=512)
    other = lab.deploy({"index.mjs": imported}, name="imported", **OLD, MemorySize=512)
    async with lab.running() as functions:
        assert said(await functions.invoke(one, b"{}")) == ["object"] * len(SDK)
        assert said(await functions.invoke(other, b"{}")) == ["object"] * len(SDK)


async def test_modules_of_a_layer_come_before_the_runtimes(lab: Lab, said: Said) -> None:
    layer = {
        "nodejs/node_modules/@aws-sdk/client-dynamodb/package.json": '{"main": "own.js"}',
        "nodejs/node_modules/@aws-sdk/client-dynamodb/own.js": "exports.whose = 'the layer';",
        "nodejs/node_modules/greeting/index.js": "module.exports = { greeting: 'hello' };",
    }
    lab.add_layer("arn:layer:1", layer)
    names = '["greeting", "@aws-sdk/client-dynamodb", "@aws-sdk/client-sqs"]'
    source = "return [modules[0].greeting, modules[1].whose, typeof modules[2].SQSClient];"
    required = f"exports.handler = async () => {{ const modules = {names}.map(require); {source} }};"
    imported = f"""
        const modules = (await Promise.all({names}.map((name) => import(name)))).map((one) => one.default ?? one);
        export const handler = async () => {{ {source} }};
    """
    layers: dict[str, Any] = {"Layers": [{"Arn": "arn:layer:1"}]}
    one = lab.deploy({"index.js": required}, name="required", **OLD, **layers)
    other = lab.deploy({"index.mjs": imported}, name="imported", **OLD, **layers)
    async with lab.running() as functions:
        for ref in (one, other):
            assert said(await functions.invoke(ref, b"{}")) == ["hello", "the layer", "function"]


FAILURES = {
    "an error": ("throw new TypeError('what')", "TypeError", "what"),
    "an error of one's own": (
        "class Odd extends Error { constructor(m) { super(m); this.name = 'Odd'; } }; throw new Odd('day')",
        "Odd",
        "day",
    ),
    "a string": ("throw 'only a string'", "string", "only a string"),
    "no JSON": ("return 1n", "", ""),
}


@pytest.mark.parametrize(("line", "kind", "message"), FAILURES.values(), ids=FAILURES)
async def test_an_error_is_told_as_aws_tells_it(
    lab: Lab, said: Said, node: dict[str, Any], line: str, kind: str, message: str
) -> None:
    source = f"exports.handler = async (event) => {{ if (event) {{ {line}; }} return 'well'; }};"
    ref = lab.deploy({"index.js": source}, **node)
    async with lab.running() as functions:
        failed = await functions.invoke(ref, b"1", tail=True)
        assert failed.error == "Unhandled"
        if kind:
            assert (said(failed)["errorType"], said(failed)["errorMessage"]) == (kind, message)
            assert isinstance(said(failed)["trace"], list)
            assert f"\t{failed.request_id}\tERROR\tInvoke Error \t{{" in failed.log_tail
        assert said(await functions.invoke(ref, b"0")) == "well"


BROKEN = [
    ({"index.js": "require('nosuchmodule')"}, "Runtime.ImportModuleError", "Cannot find module 'nosuchmodule'"),
    ({"other.js": ""}, "Runtime.ImportModuleError", "Cannot find module 'index'"),
    ({"index.js": "exports.handler = async ( => 1"}, "Runtime.UserCodeSyntaxError", "SyntaxError"),
    ({"index.js": "exports.other = 1"}, "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
    ({"index.js": "exports.handler = 1"}, "Runtime.HandlerNotFound", "index.handler is not a function"),
    ({"index.js": "throw new RangeError('at the start')"}, "RangeError", "at the start"),
]


@pytest.mark.parametrize(("files", "kind", "message"), BROKEN, ids=[f"{kind}: {text}" for _, kind, text in BROKEN])
async def test_errors_of_the_initialisation(
    lab: Lab, said: Said, node: dict[str, Any], files: dict[str, str], kind: str, message: str
) -> None:
    ref = lab.deploy(files, **node)
    async with lab.running() as functions:
        failed = said(await functions.invoke(ref, b"{}"))
    assert failed["errorType"] == kind
    assert message in failed["errorMessage"]


async def test_an_unhandled_rejection_ends_the_invocation_and_the_process(lab: Lab, said: Said) -> None:
    source = """
        exports.handler = async (event) => {
          if (event) { Promise.reject(new Error("lost")); await new Promise((go) => setTimeout(go, 5000)); }
          return process.pid;
        };
    """
    ref = lab.deploy({"index.js": source}, **OLD)
    async with lab.running() as functions:
        failed = await functions.invoke(ref, b"1", tail=True)
        assert said(failed)["errorType"] == "Runtime.UnhandledPromiseRejection"
        assert said(failed)["errorMessage"] == "Error: lost"
        assert "ERROR\tUnhandled Promise Rejection" in failed.log_tail
        assert (await functions.invoke(ref, b"0")).error is None


async def test_a_process_that_ends_is_told(lab: Lab, said: Said, node: dict[str, Any]) -> None:
    ref = lab.deploy({"index.js": "exports.handler = async (event) => event ? process.exit(7) : 'well';"}, **node)
    async with lab.running() as functions:
        failed = said(await functions.invoke(ref, b"1"))
        assert failed["errorType"] == "Runtime.ExitError"
        assert "exit status 7" in failed["errorMessage"]
        assert said(await functions.invoke(ref, b"0")) == "well"


CALLBACKS = {
    "called": ("(event, context, callback) => callback(null, 'called')", "called"),
    "called later": ("(event, context, callback) => setTimeout(() => callback(null, 'later'), 20)", "later"),
    "never called": ("(event, context) => { setTimeout(() => {}, 20); }", None),
    "context.succeed": ("(event, context) => context.succeed('succeeded')", "succeeded"),
}


@pytest.mark.parametrize(("handler", "answer"), CALLBACKS.values(), ids=CALLBACKS)
async def test_callbacks_answer(lab: Lab, said: Said, handler: str, answer: object) -> None:
    ref = lab.deploy({"index.js": f"exports.handler = {handler};"}, **OLD)
    async with lab.running() as functions:
        for _ in range(2):
            assert said(await functions.invoke(ref, b"{}")) == answer


async def test_a_callback_waits_for_the_event_loop_unless_told_otherwise(lab: Lab, said: Said) -> None:
    source = """
        let late = 0;
        exports.handler = (event, context, callback) => {
          context.callbackWaitsForEmptyEventLoop = event;
          const before = late;
          setTimeout(() => { late += 1; }, 300);
          callback(null, before);
        };
    """
    ref = lab.deploy({"index.js": source}, **OLD)
    async with lab.running() as functions:
        assert [said(await functions.invoke(ref, b"true")) for _ in range(3)] == [0, 1, 2]
        assert [said(await functions.invoke(ref, b"false")) for _ in range(2)] == [3, 3]


async def test_node_24_has_no_callbacks(lab: Lab, said: Said) -> None:
    ref = lab.deploy({"index.js": "exports.handler = (event, context, callback) => callback(null, 1);"}, **NEW)
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}"))["errorType"] == "Runtime.CallbackHandlerDeprecated"


async def test_a_line_of_the_console_has_time_request_and_level(lab: Lab, node: dict[str, Any]) -> None:
    source = """
        console.log("while it starts");
        exports.handler = async () => {
          console.log("two\\nlines", { a: 1 });
          console.debug("debug"); console.info("info"); console.warn("warn"); console.error(new Error("failed"));
          process.stdout.write("as it is\\n");
        };
    """
    ref = lab.deploy({"index.js": source}, **node)
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"{}", tail=True)
        await functions.reset()
    lines = [line.removesuffix("\n") for line in lab.emulator.lines["/aws/lambda/f"]]
    assert [line.split("\t")[1] for line in lines if line.endswith("\tINFO\twhile it starts")] in (["undefined"], ["-"])
    lines_of_request = [line.split("\t", 3) for line in lines if f"Z\t{outcome.request_id}\t" in line]
    assert [(level, text.splitlines()[0]) for _, _, level, text in lines_of_request] == [
        ("INFO", "two"),
        ("DEBUG", "debug"),
        ("INFO", "info"),
        ("WARN", "warn"),
        ("ERROR", "Error: failed"),
    ]
    assert lines_of_request[0][3] == "two\nlines { a: 1 }"
    assert "as it is" in lines
    assert any(line.startswith(f"REPORT RequestId: {outcome.request_id}\tDuration: ") for line in lines)


async def test_lines_in_json(lab: Lab, node: dict[str, Any]) -> None:
    source = "exports.handler = async () => { console.debug('no'); console.warn('yes', 1); console.error({ a: 1 }); };"
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "LogGroup": "/json"}
    ref = lab.deploy({"index.js": source}, **node, LoggingConfig=logging)
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"{}")
        await functions.reset()
    records = [json.loads(line) for line in lab.emulator.lines["/json"]]
    own = [record for record in records if "level" in record]
    assert [(record["level"], record["message"]) for record in own] == [("WARN", "yes 1"), ("ERROR", {"a": 1})]
    assert {record["requestId"] for record in own} == {outcome.request_id}


async def test_much_output_at_once_is_whole_and_in_order(lab: Lab) -> None:
    """More than a pipe holds, through the console and past it."""
    source = """
        exports.handler = async () => {
          for (let n = 0; n < 3000; n += 1) {
            process.stdout.write(`out ${n}\\n`);
            console.log(`line ${n} ${"x".repeat(200)}`);
          }
        };
    """
    ref = lab.deploy({"index.js": source}, **OLD)
    async with lab.running() as functions:
        assert (await functions.invoke(ref, b"{}")).error is None
        await functions.reset()
    lines = [line.removesuffix("\n") for line in lab.emulator.lines["/aws/lambda/f"]]
    assert [line for line in lines if line.startswith("out ")] == [f"out {n}" for n in range(3000)]
    assert [int(line.split("\t")[3].split()[1]) for line in lines if "\tINFO\tline " in line] == list(range(3000))


async def test_a_large_answer_and_a_large_event(lab: Lab, said: Said, node: dict[str, Any]) -> None:
    ref = lab.deploy({"index.js": "exports.handler = async (event) => event + 'ü';"}, **node, MemorySize=1024)
    text = "ö" * 2_000_000
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, json.dumps(text, ensure_ascii=False).encode())) == text + "ü"


async def test_an_answer_that_is_too_large_is_an_error_and_the_next_is_not(lab: Lab, said: Said) -> None:
    ref = lab.deploy({"index.js": "exports.handler = async (n) => 'x'.repeat(n);"}, **OLD, MemorySize=1024)
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"7000000"))["errorType"] == "Function.ResponseSizeTooLarge"
        assert said(await functions.invoke(ref, b"3")) == "xxx"


async def test_a_streaming_handler_answers(lab: Lab, node: dict[str, Any]) -> None:
    source = """
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
          for (const part of ["one ", "two ", "three"]) stream.write(part);
          stream.end();
          await new Promise((go) => stream.on("finish", go));
        });
    """
    ref = lab.deploy({"index.js": source}, **node)
    async with lab.running() as functions:
        for _ in range(2):
            outcome = await functions.invoke(ref, b"{}")
            assert (outcome.payload, outcome.error) == (b"one two three", None)


async def test_over_the_time_out_the_process_is_killed(lab: Lab, said: Said, node: dict[str, Any]) -> None:
    source = "exports.handler = async (event) => { for (; event; ); return process.pid; };"
    ref = lab.deploy({"index.js": source}, **node, Timeout=1)
    async with lab.running() as functions:
        await functions.invoke(ref, b"0")
        failed = said(await functions.invoke(ref, b"1"))
        assert "Task timed out after 1.00 seconds" in failed["errorMessage"]
        assert (await functions.invoke(ref, b"0")).error is None


async def test_over_the_memory_the_process_ends(lab: Lab, said: Said) -> None:
    source = "const kept = []; exports.handler = async () => { for (;;) kept.push(Buffer.alloc(1e6, 1)); };"
    ref = lab.deploy({"index.js": source}, **OLD, MemorySize=128)
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"1"))["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError")


async def test_it_sees_what_lambda_shows_and_nothing_else(lab: Lab, said: Said) -> None:
    source = """
        const fs = require("fs"), child = require("child_process");
        exports.handler = async () => {
          child.execSync("rm -rf /tmp/* /var/task/* /var/runtime/* /var/lang/* 2>/dev/null || true");
          const writable = ["/", "/var/task", "/var/runtime", "/var/lang/bin", "/opt"].filter((directory) => {
            try { fs.writeFileSync(`${directory}/x`, ""); return true; } catch { return false; }
          });
          fs.writeFileSync("/tmp/own", "");
          return { writable, tmp: fs.readdirSync("/tmp"), lang: fs.readdirSync("/var/lang/bin"),
                   seen: fs.existsSync(%s), root: fs.readdirSync("/").sort() };
        };
    """.replace("%s", json.dumps(str(lab.directory)))
    ref = lab.deploy({"index.js": source}, **OLD)
    async with lab.running() as functions:
        outcome = said(await functions.invoke(ref, b"{}"))
        if functions.isolation != "namespaces":
            pytest.skip("the kernel grants no namespaces here")
        assert (outcome["writable"], outcome["tmp"], outcome["lang"], outcome["seen"]) == ([], ["own"], ["node"], False)
        assert not {"home", "root", "work"} & set(outcome["root"])
        assert (await functions.invoke(ref, b"{}")).error is None


async def test_what_it_starts_ends_with_it_and_stands_still_between(lab: Lab, said: Said) -> None:
    source = """
        const { spawn } = require("child_process");
        exports.handler = async (event) => {
          const child = spawn("sleep", [event], { detached: true, stdio: "ignore" });
          child.unref();
          return child.pid > 0;
        };
    """
    ref = lab.deploy({"index.js": source}, **OLD)
    mark = f"{300 + lab.mark}"

    def running() -> int:
        return subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False).returncode

    async with lab.running() as functions:
        assert said(await functions.invoke(ref, mark.encode()))
        assert running() == 0
        await functions.reset()
        assert await lab.until(lambda: running() == 1)


async def test_many_at_once_have_a_process_each(lab: Lab, said: Said) -> None:
    source = """
        exports.handler = async () => {
          await new Promise((go) => setTimeout(go, 400));
          return process.env.AWS_LAMBDA_LOG_STREAM_NAME;
        };
    """
    ref = lab.deploy({"index.js": source}, **OLD)
    async with lab.running() as functions:
        outcomes = await asyncio.gather(*(functions.invoke(ref, b"{}") for _ in range(4)))
    assert len({said(outcome) for outcome in outcomes}) > 1


async def test_its_variables(lab: Lab, said: Said, node: dict[str, Any]) -> None:
    own: dict[str, Any] = {"Environment": {"Variables": {"OWN": "value", "NODE_OPTIONS": "--enable-source-maps"}}}
    source = "exports.handler = async () => ({ ...process.env, cwd: process.cwd() });"
    ref = lab.deploy({"index.js": source}, **node, **own)
    async with lab.running() as functions:
        variables = said(await functions.invoke(ref, b"{}"))
    assert (variables["OWN"], variables["NODE_OPTIONS"]) == ("value", "--enable-source-maps")
    assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{node['Runtime']}"
    assert (variables["_HANDLER"], variables["LAMBDA_TASK_ROOT"]) == ("index.handler", "/var/task")
    assert variables["cwd"] == "/var/task"
    version = node["Runtime"].removeprefix("nodejs").removesuffix(".x")
    assert variables["NODE_PATH"].startswith(f"/opt/nodejs/node{version}/node_modules:/opt/nodejs/node_modules:")
    assert not {"STATICFIRE_RUNTIME_API_SOCKET", "_LAMBDA_TELEMETRY_LOG_FD"} & variables.keys()


async def test_a_runtime_that_cannot_be_made_is_told(lab: Lab) -> None:
    lab.node = [sys.executable, "-c", "import sys; sys.exit('npm is not to be had')"]
    ref = lab.deploy({"index.js": ""}, **OLD)
    async with lab.running() as functions:
        with pytest.raises(AwsError, match=r"nodejs20.x could not be made: npm is not to be had") as refused:
            await functions.invoke(ref, b"{}")
    assert refused.value.code == "InvalidRuntimeException"


async def test_where_the_kernel_grants_no_namespaces_it_finds_the_same(
    lab: Lab, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: Runtimes) -> bool:
        return False

    monkeypatch.setattr(Runtimes, "isolate", refused)
    lab.add_layer("arn:layer:1", {"nodejs/node_modules/greeting/index.js": "module.exports = { greeting: 'hello' };"})
    source = """
        import { SQSClient } from "@aws-sdk/client-sqs";
        import words from "greeting";
        import { createRequire } from "node:module";
        const { S3Client } = createRequire(import.meta.url)("@aws-sdk/client-s3");
        export const handler = async () => [typeof SQSClient, typeof S3Client, words.greeting];
    """
    ref = lab.deploy({"index.mjs": source}, **OLD, Layers=[{"Arn": "arn:layer:1"}])
    async with lab.running() as functions:
        for _ in range(2):
            assert said(await functions.invoke(ref, b"{}")) == ["function", "function", "hello"]
