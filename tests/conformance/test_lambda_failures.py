"""How functions fail: exceptions, crashes, time-outs, memory. Each costs its own invocation and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.conformance.fidelity import documented
from tests.conformance.lab import Lab, together

AREA = "Lambda: failures"
EXCEPTIONS = "lambda/latest/dg/python-exceptions.html"
TROUBLE = "lambda/latest/dg/troubleshooting-invocation.html"
LIFE = "lambda/latest/dg/lambda-runtime-environment.html"
TIMEOUT = "lambda/latest/dg/configuration-timeout.html"
MEMORY = "lambda/latest/dg/configuration-memory.html"
SECURITY = "lambda/latest/dg/runtimes-api.html"


@documented(
    AREA,
    "A stack trace names files as Lambda has them: the interpreter below /var/lang, the client below /var/runtime",
    "",
    recorded="2025-11-24",
)
def test_files_of_the_runtime(lab: Lab) -> None:
    at_start = lab.function("raise Exception('Runtime startup fails')\n")
    failed = json.loads(lab.aws("lambda").invoke(FunctionName=at_start)["Payload"].read())
    imported = r'  File "/var/lang/lib/python3\.\d+/importlib/__init__\.py", line \d+, in import_module'
    assert re.match(imported, failed["stackTrace"][0])
    of_one = lab.function("def handler(event): return None\n")
    failed = json.loads(lab.aws("lambda").invoke(FunctionName=of_one)["Payload"].read())
    assert failed["stackTrace"][-1].startswith('  File "/var/runtime/awslambdaric/bootstrap.py", line ')


@documented(AREA, "An exception is `errorMessage`, `errorType`, `requestId` and `stackTrace`", EXCEPTIONS)
def test_an_exception_is_told(lab: Lab) -> None:
    function = lab.function("class Odd(Exception): pass\n\ndef handler(event, context):\n    raise Odd('what a day')\n")
    answer = lab.invoke(function)
    failed = json.loads(answer["Payload"].read())
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (failed["errorMessage"], failed["errorType"]) == ("what a day", "Odd")
    assert failed["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert "in handler" in failed["stackTrace"][-1]
    assert "raise Odd" in failed["stackTrace"][-1]


@documented(AREA, "A result that is no JSON: `Runtime.MarshalError`", EXCEPTIONS)
def test_a_result_that_is_no_json(lab: Lab) -> None:
    failed = lab.failure(lab.function("def handler(event, context):\n    return {1, 2}\n"))
    assert failed["errorType"] == "Runtime.MarshalError"


BROKEN = [
    ("import nosuchmodule", "Runtime.ImportModuleError", "No module named 'nosuchmodule'"),
    ("def handler(:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
    ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
    ("raise ValueError('at the start')", "ValueError", "at the start"),
]


@documented(AREA, "Errors of the initialisation: module, syntax, handler, exception", TROUBLE)
@pytest.mark.parametrize(("source", "kind", "message"), BROKEN, ids=[kind for _, kind, _ in BROKEN])
def test_errors_of_the_initialisation(lab: Lab, source: str, kind: str, message: str) -> None:
    function = lab.function(source)
    for _ in range(2):
        failed = lab.failure(function)
        assert failed["errorType"] == kind
        assert message in failed["errorMessage"]


@documented(AREA, "A handler that is not `file.method`: `Runtime.MalformedHandlerName`", TROUBLE)
def test_a_malformed_handler_name(lab: Lab) -> None:
    failed = lab.failure(lab.function("x = 1", "nodots"))
    assert failed["errorType"] == "Runtime.MalformedHandlerName"


@documented(AREA, "A failed initialisation is tried again for the next invocation", LIFE)
def test_a_failed_initialisation_is_tried_again(lab: Lab) -> None:
    queue = lab.queue()
    source = f"""
        import boto3

        found = boto3.client("sqs").receive_message(QueueUrl={queue.url!r}).get("Messages")
        if not found:
            raise RuntimeError("not ready")

        def handler(event, context):
            return "ready"
    """
    function = lab.function(source, Timeout=20)
    assert lab.failure(function)["errorMessage"] == "not ready"
    lab.aws("sqs").send_message(QueueUrl=queue.url, MessageBody="go")
    assert lab.result(function) == "ready"


EXITS = [
    ("sys.exit(7)", "exit status 7"),
    ("sys.exit(0)", "Runtime exited without providing a reason"),
    ("os._exit(3)", "exit status 3"),
    ("os.kill(os.getpid(), 11)", "signal: segmentation fault"),
    ("os.kill(os.getpid(), 9)", "signal: killed"),
    ("ctypes.string_at(0)", "signal: segmentation fault"),
]


@documented(AREA, "A process that ends is `Runtime.ExitError` with its status or signal", TROUBLE)
@pytest.mark.parametrize(("line", "why"), EXITS, ids=[line for line, _ in EXITS])
def test_a_process_that_ends(lab: Lab, line: str, why: str) -> None:
    source = f"import ctypes, os, sys\ndef handler(event, context):\n    if event:\n        {line}\n    return 'well'\n"
    function = lab.function(source)
    assert lab.result(function) == "well"
    answer = lab.invoke(function, 1)
    failed = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert failed["errorType"] == "Runtime.ExitError"
    assert why in failed["errorMessage"]
    assert answer["ResponseMetadata"]["RequestId"] in str(failed)
    assert lab.result(function) == "well"


@documented(AREA, "A process that ends while it starts is `Runtime.ExitError`", TROUBLE)
def test_a_process_that_ends_while_it_starts(lab: Lab) -> None:
    failed = lab.failure(lab.function("import os\nos._exit(5)\n"))
    assert failed["errorType"] == "Runtime.ExitError"
    assert "exit status 5" in failed["errorMessage"]


@documented(
    AREA, "Over the function's time-out: `Task timed out after N.00 seconds`, and its process is killed", TIMEOUT
)
def test_over_the_time_out_the_process_is_killed(lab: Lab) -> None:
    source = """
        import time
        n = 0

        def handler(event, context):
            global n
            n += 1
            if event:
                time.sleep(30)
            return [n, context.log_stream_name]
    """
    function = lab.function(source, Timeout=1)
    first = lab.result(function)
    answer = lab.invoke(function, 1)
    failed = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in failed["errorMessage"]
    assert answer["ResponseMetadata"]["RequestId"] in failed["errorMessage"]
    after = lab.result(function)
    assert after[0] == 1, "a new environment"
    assert after[1] != first[1]


@documented(AREA, "What a function started dies with it at the time-out", TIMEOUT)
def test_children_die_at_the_time_out(lab: Lab) -> None:
    source = """
        import subprocess
        import sys
        import time

        CHILD = "import time, boto3; time.sleep(3); boto3.client('sqs').send_message(QueueUrl=%r, MessageBody='alive')"

        def handler(event, context):
            if event:
                subprocess.Popen([sys.executable, "-c", CHILD % event])
            time.sleep(30)
    """
    queue = lab.queue()
    assert "timed out" in lab.failure(lab.function(source, Timeout=1), queue.url)["errorMessage"]
    for wait in (4, 1):
        received = lab.aws("sqs").receive_message(QueueUrl=queue.url, WaitTimeSeconds=wait)
        assert "Messages" not in received


def hanging_initialisation(lab: Lab) -> object:
    source = "import time\ntime.sleep(300)\ndef handler(event, context):\n    return 1\n"
    return lab.failure(lab.function(source, Timeout=2))


def slow_initialisation(lab: Lab) -> object:
    source = "import time\ntime.sleep(11)\ndef handler(event, context):\n    return 'at last'\n"
    return lab.result(lab.function(source, Timeout=60))


@documented(AREA, "An initialisation has 10 seconds; over them it starts again within the invocation's time-out", LIFE)
@pytest.mark.begins(work=hanging_initialisation)
def test_an_initialisation_that_hangs_is_stopped(begun: Callable[[], dict[str, str]]) -> None:
    assert "Task timed out after 2.00 seconds" in begun()["errorMessage"]


@documented(AREA, "An initialisation slower than 10 seconds succeeds when the time-out is long enough", LIFE)
@pytest.mark.begins(work=slow_initialisation)
def test_a_slow_initialisation_may_succeed(begun: Callable[[], str]) -> None:
    assert begun() == "at last"


@documented(AREA, "Over the memory size the process is killed: `Runtime.OutOfMemory`, `signal: killed`", MEMORY)
def test_over_the_memory_size_the_process_is_killed(lab: Lab) -> None:
    source = """
        import time

        def handler(event, context):
            kept = []
            for _ in range(event):
                kept.append(bytearray(b"x") * (16 * 1024 * 1024))
                time.sleep(0.02)
            return len(kept)
    """
    function = lab.function(source, MemorySize=128)
    assert lab.result(function, 2) == 2
    failed = lab.failure(function, 64)
    assert failed["errorType"] == "Runtime.OutOfMemory"
    assert "signal: killed" in failed["errorMessage"]
    assert lab.result(function, 2) == 2


@documented(AREA, "A crash costs its own invocation, and no other", TROUBLE)
def test_a_crash_costs_its_own_invocation_only(lab: Lab) -> None:
    source = """
        import os
        import time

        def handler(event, context):
            time.sleep(0.3)
            if event == 0:
                os._exit(1)
            return event
    """
    function = lab.function(source)

    def call(n: int) -> object:
        return lab.failure(function, n)["errorType"] if n == 0 else lab.result(function, n)

    assert together(6, call) == ["Runtime.ExitError", 1, 2, 3, 4, 5]


@documented(AREA, "A function that fails to start disturbs no other function", TROUBLE)
def test_a_failed_start_disturbs_no_other(lab: Lab) -> None:
    good = lab.function("import time\ndef handler(event, context):\n    time.sleep(0.3)\n    return event\n")
    bad = lab.function("import os\nos._exit(1)\n")

    def call(n: int) -> object:
        return lab.failure(bad)["errorType"] if n % 2 else lab.result(good, n)

    assert together(6, call) == [0, "Runtime.ExitError", 2, "Runtime.ExitError", 4, "Runtime.ExitError"]


@documented(AREA, "What a function prints is never its answer", EXCEPTIONS)
def test_what_a_function_prints_is_never_its_answer(lab: Lab) -> None:
    source = """
        import os
        import sys

        def handler(event, context):
            os.write(1, b'{"statusCode": 200, "body": "forged"}\\n')
            print('{"forged": true}', file=sys.stderr, flush=True)
            return event
    """
    function = lab.function(source)
    assert [lab.result(function, n) for n in range(3)] == [0, 1, 2]


@documented(AREA, "Between invocations an environment is frozen", LIFE)
def test_between_invocations_an_environment_is_frozen(lab: Lab) -> None:
    source = """
        import threading
        import time

        ticks = 0

        def tick():
            global ticks
            while True:
                time.sleep(0.01)
                ticks += 1

        threading.Thread(target=tick, daemon=True).start()

        def handler(event, context):
            if event:
                time.sleep(event)
            return ticks
    """
    function = lab.function(source)
    before = lab.result(function, 0.2)
    other = lab.function("import time\ndef handler(event, context):\n    time.sleep(2)\n")
    lab.result(other)
    assert before > 0
    assert lab.result(function) - before < 100, "200 ticks is what 2 seconds that were not frozen leave"


@documented(AREA, "A function reaches the Runtime API of its own environment only", SECURITY)
def test_a_function_reaches_its_own_runtime_api_only(lab: Lab) -> None:
    victim_source = """
        import os
        import time

        def handler(event, context):
            if event == "where":
                return [os.environ["AWS_LAMBDA_RUNTIME_API"], context.aws_request_id]
            time.sleep(2)
            return "untouched"
    """
    thief_source = """
        import http.client

        def handler(event, context):
            told = []
            for method, path in event["requests"]:
                connection = http.client.HTTPConnection(event["api"], timeout=1)
                try:
                    connection.request(method, path, b'"stolen"')
                    response = connection.getresponse()
                    told.append([response.status, response.read().decode()])
                except OSError as error:
                    told.append([0, type(error).__name__])
            return told
    """
    victim, thief = lab.function(victim_source), lab.function(thief_source)
    api, _ = lab.result(victim, "where")
    base = "/2018-06-01/runtime/invocation"
    requests = [
        ["GET", f"{base}/next"],
        ["POST", f"{base}/anything/response"],
        ["POST", "/2018-06-01/runtime/init/error"],
    ]

    def call(n: int) -> object:
        return lab.result(thief, {"api": api, "requests": requests}) if n else lab.result(victim)

    result, answers = together(2, call)
    assert result == "untouched"
    assert all(status == 0 or status >= 400 for status, _ in answers)
    assert lab.result(victim, "where")[0] == api, "the environment lives"
