"""Execution environments: what a function sees, how it ends, and that one never touches another."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from staticfire.edge.services.lambda_ import Functions
from tests.unit.edge.services.lambda_.kit import Lab, Said


def environments(functions: Functions) -> list[dict[str, Any]]:
    return [one for function in functions.snapshot()["functions"] for one in function["environments"]]


async def test_a_handler_answers_and_stays_warm(lab: Lab, said: Said) -> None:
    ref = lab.deploy("count = 0\ndef handler(event, context):\n    global count; count += 1; return [event, count]\n")
    async with lab.running() as functions:
        first = await functions.invoke(ref, b'{"a": 1}')
        second = await functions.invoke(ref, b'{"a": 2}')
        (function,) = functions.snapshot()["functions"]
    assert (said(first), said(second)) == ([{"a": 1}, 1], [{"a": 2}, 2])
    assert first.error is None
    assert (function["invocations"], function["cold_starts"]) == (2, 1)
    assert first.request_id != second.request_id


async def test_the_context_is_the_invocations_own(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        "def handler(event, c):\n"
        "    return [c.aws_request_id, c.function_name, c.function_version, c.memory_limit_in_mb,\n"
        "            c.invoked_function_arn, c.log_group_name, 0 < c.get_remaining_time_in_millis() <= 10000,\n"
        "            c.client_context.custom]\n"
    )
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"{}", client_context='{"custom": {"k": "v"}}')
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert said(outcome) == [outcome.request_id, "f", "$LATEST", "256", arn, "/aws/lambda/f", True, {"k": "v"}]


async def test_nothing_of_the_hosts_environment_is_there(lab: Lab, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    monkeypatch.setenv("PYTHONPATH", "/host")
    ref = lab.deploy(
        "import os\ndef handler(e, c): return dict(os.environ)\n",
        Environment={"Variables": {"TABLE": "t", "TZ": "CET"}},
    )
    async with lab.running() as functions:
        seen = said(await functions.invoke(ref, b"{}"))
    assert "SECRET_OF_THE_HOST" not in seen
    assert "/host" not in seen.get("PYTHONPATH", "")
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in seen
    assert seen["TABLE"] == "t"
    assert seen["TZ"] == "CET"
    assert re.fullmatch("ASIA[A-Z2-7]{16}", seen["AWS_ACCESS_KEY_ID"])
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert seen["AWS_EXECUTION_ENV"] == f"AWS_Lambda_python{lab.version}"
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert seen["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/f"
    assert seen["_X_AMZN_TRACE_ID"].startswith("Root=1-")


async def test_the_task_root_comes_before_the_runtimes_packages(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        {
            "app.py": "import sys, os, boto3\ndef handler(e, c): return [sys.path[0] == os.getcwd(), boto3.MINE]\n",
            "boto3.py": "MINE = 1\n",
        }
    )
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}")) == [True, 1]


async def test_a_package_that_is_missing_from_the_zip_fails_as_on_aws(lab: Lab, said: Said) -> None:
    ref = lab.deploy("import pg8000\ndef handler(e, c): return 1\n")
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"{}")
        (function,) = functions.snapshot()["functions"]
    assert outcome.error == "Unhandled"
    assert said(outcome)["errorType"] == "Runtime.ImportModuleError"
    assert said(outcome)["errorMessage"] == "Unable to import module 'app': No module named 'pg8000'"
    assert function["errors"] == 1
    assert function["init_errors"] == 2, "initialised once before and once as part of the invocation"


async def test_layers_are_found_and_later_ones_win(lab: Lab, said: Said) -> None:
    base, over = ("arn:aws:lambda:us-east-1:000000000000:layer:" + name for name in ("base:1", "over:2"))
    lab.add_layer(base, {"python/shared.py": "WHO = 'base'", "python/only.py": "X = 1"})
    lab.add_layer(over, {"python/shared.py": "WHO = 'over'"})
    ref = lab.deploy(
        "import shared, only\ndef handler(e, c): return [shared.WHO, only.X]\n",
        Layers=[{"Arn": base}, {"Arn": over}],
    )
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}")) == ["over", 1]


async def test_an_exception_is_the_handlers_and_the_environment_lives_on(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        "import os\ndef handler(event, c):\n    if event: raise ValueError('no')\n    return os.getpid()\n"
    )
    async with lab.running() as functions:
        pid = said(await functions.invoke(ref, b"0"))
        failed = await functions.invoke(ref, b"1")
        assert said(await functions.invoke(ref, b"0")) == pid
    assert failed.error == "Unhandled"
    error = said(failed)
    assert (error["errorType"], error["errorMessage"], error["requestId"]) == ("ValueError", "no", failed.request_id)
    assert "raise ValueError" in error["stackTrace"][0]


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("ctypes.string_at(0)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
async def test_an_end_of_the_process_costs_its_own_invocation_only(
    lab: Lab, said: Said, ending: str, words: str
) -> None:
    ref = lab.deploy(f"import ctypes, os, sys\ndef handler(event, c):\n    if event: {ending}\n    return 'well'\n")
    async with lab.running() as functions:
        crashed = await functions.invoke(ref, b"1")
        after = await functions.invoke(ref, b"0")
    error = said(crashed)
    assert crashed.error == "Unhandled"
    assert error == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {crashed.request_id} Error: {words}",
    }
    assert said(after) == "well"


async def test_a_crash_leaves_a_neighbour_at_work_alone(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        "import os, time\ndef handler(event, c):\n    if event == 'crash': os._exit(1)\n    time.sleep(1000)\n",
        Timeout=900,
    )
    async with lab.running() as functions:
        working = asyncio.ensure_future(functions.invoke(ref, b'"work"'))
        await lab.until(lambda: any(one["state"] == "busy" for one in environments(functions)))
        crashed = await functions.invoke(ref, b'"crash"')
        (environment,) = environments(functions)
        assert (environment["state"], working.done()) == ("busy", False)
        os.kill(environment["pid"], signal.SIGKILL)
        worked = await working
    assert said(crashed)["errorMessage"].endswith("exit status 1")
    assert said(worked)["errorMessage"].endswith("signal: killed")


async def test_a_time_out_kills_all_that_the_function_started(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        "import subprocess, time\ndef handler(event, c):\n"
        f"    subprocess.Popen(['sleep', '1000.{lab.mark}'], start_new_session=True)\n"
        "    time.sleep(1000)\n",
        Timeout=1,
    )
    async with lab.running() as functions:
        invocation = asyncio.ensure_future(functions.invoke(ref, b"{}", tail=True))
        await lab.until(lambda: processes(f"1000.{lab.mark}"))
        outcome = await invocation
        await lab.until(lambda: not processes(f"1000.{lab.mark}"))
        await lab.until(lambda: not environments(functions))
    message = f"RequestId: {outcome.request_id} Error: Task timed out after 1.00 seconds"
    assert said(outcome) == {"errorType": "Sandbox.Timedout", "errorMessage": message}
    assert "Task timed out after 1.00 seconds" in outcome.log_tail
    assert "Status: timeout" in outcome.log_tail


async def test_each_invocation_has_the_whole_time_for_itself(lab: Lab, said: Said) -> None:
    ref = lab.deploy("import time\ndef handler(event, c): time.sleep(event)\n", Timeout=1)
    async with lab.running() as functions:
        short = await functions.invoke(ref, b"0.7")
        outcome = await functions.invoke(ref, b"60", tail=True)
    assert short.error is None
    assert said(outcome)["errorType"] == "Sandbox.Timedout"
    assert float(outcome.log_tail.partition("\tDuration: ")[2].partition(" ms")[0]) >= 1000


def processes(argument: str) -> list[int]:
    """The machine's processes that were given this argument."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if argument.encode() in path.read_bytes().split(b"\0"):
                pids.append(int(path.parent.name))
    return pids


def running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_more_memory_than_configured_ends_the_environment(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        "import time\ndef handler(event, c):\n"
        "    if not event: return 'well'\n"
        "    held = bytearray(300 * 1024 * 1024); time.sleep(1000)\n",
        MemorySize=128,
        Timeout=60,
    )
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"1", tail=True)
        after = await functions.invoke(ref, b"0")
    message = f"RequestId: {outcome.request_id} Error: Runtime exited with error: signal: killed"
    assert said(outcome) == {"errorType": "Runtime.OutOfMemory", "errorMessage": message}
    assert "Max Memory Used: 128 MB" in outcome.log_tail
    assert said(after) == "well"


async def test_an_init_that_hangs_ends_with_the_functions_time_out(
    lab: Lab, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staticfire.edge.services.lambda_.execution_environment.INIT_SECONDS", 0.5)
    ref = lab.deploy("import time\ntime.sleep(1000)\n", Timeout=1)
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"{}")
        await lab.until(lambda: not environments(functions))
        await functions.reset()
    assert said(outcome)["errorType"] == "Sandbox.Timedout"
    phases = [line for line in lab.emulator.lines["/aws/lambda/f"] if line.startswith("INIT_REPORT")]
    assert ["Phase: init" in phases[0], "Phase: invoke" in phases[1]] == [True, True]


async def test_each_environment_has_its_own_tmp(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        "import os, tempfile, time\nname = os.path.join(tempfile.gettempdir(), 'mark')\n"
        "def handler(event, c):\n"
        "    found = os.path.exists(name); open(name, 'w').close(); time.sleep(3); return found\n"
    )
    async with lab.running() as functions:
        both = await asyncio.gather(functions.invoke(ref, b"{}"), functions.invoke(ref, b"{}"))
        assert len(environments(functions)) == 2
        again = await functions.invoke(ref, b"{}")
    assert [said(one) for one in both] == [False, False]
    assert said(again) is True


async def test_code_cannot_be_changed_for_another_environment(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        "import os\ndef handler(event, c):\n"
        "    try:\n        open(__file__, 'a').write('x')\n    except OSError as error:\n        return error.errno\n"
        "    return 'written'\n"
    )
    async with lab.running() as functions:
        outcome, isolation = await functions.invoke(ref, b"{}"), functions.snapshot()["isolation"]
    trees = list((lab.directory / "functions" / "code").iterdir())
    assert [tree.joinpath("app.py").read_text().endswith("x") for tree in trees] == [False]
    assert isolation in ("namespaces", "none")
    assert said(outcome) == (30 if isolation == "namespaces" else "written")


async def test_a_stranger_cannot_speak_to_the_runtime_api(lab: Lab, said: Said) -> None:
    ref = lab.deploy("import os\ndef handler(e, c): return os.environ['AWS_LAMBDA_RUNTIME_API']\n")
    async with lab.running() as functions:
        address = said(await functions.invoke(ref, b"{}"))

        def intrude() -> int:
            connection = http.client.HTTPConnection(address, timeout=20)
            connection.request("GET", "/2018-06-01/runtime/invocation/next")
            return connection.getresponse().status

        with pytest.raises((ConnectionError, http.client.HTTPException)):
            await asyncio.to_thread(intrude)
        assert said(await functions.invoke(ref, b"{}")) == address


async def test_an_answer_to_another_request_is_refused(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        "import http.client, os\ndef handler(e, c):\n"
        "    api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])\n"
        "    api.request('POST', '/2018-06-01/runtime/invocation/other/response', '\"forged\"')\n"
        "    return api.getresponse().status\n"
    )
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}")) == 400


async def test_threads_stand_still_between_invocations(lab: Lab, said: Said) -> None:
    ref = lab.deploy(
        "import threading, time\ncount = 0\n"
        "def tick():\n    global count\n    while True: count += 1; time.sleep(0.005)\n"
        "threading.Thread(target=tick, daemon=True).start()\n"
        "def handler(e, c): return 1\n"
    )
    async with lab.running() as functions:
        await functions.invoke(ref, b"{}")
        pid = environments(functions)[0]["pid"]
        await lab.until(lambda: process_state(pid) == "T")
        assert said(await functions.invoke(ref, b"{}")) == 1


def process_state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


async def test_a_response_over_six_megabytes_is_an_error(lab: Lab, said: Said) -> None:
    ref = lab.deploy("def handler(size, c): return 'x' * size\n")
    async with lab.running() as functions:
        assert len((await functions.invoke(ref, b"6000000")).payload) == 6000002
        outcome = await functions.invoke(ref, b"7000000")
        assert said(outcome)["errorType"] == "Function.ResponseSizeTooLarge"
        assert len((await functions.invoke(ref, b"5")).payload) == 7


async def test_an_idle_environment_ends(lab: Lab) -> None:
    ref = lab.deploy("def handler(e, c): return 1\n")
    async with lab.running(idle_seconds=0.1) as functions:
        await functions.invoke(ref, b"{}")
        (environment,) = environments(functions)
        await lab.until(lambda: not environments(functions))
        assert not running(environment["pid"])
        await lab.until(lambda: not list(lab.directory.glob("functions/run/*")))


async def test_what_a_killed_edge_left_behind_is_removed(lab: Lab) -> None:
    left = lab.directory / "functions" / "run" / "1-1" / "tmp"
    left.mkdir(parents=True)
    async with lab.running():
        assert not left.exists()


ROOT = Path(__file__).parents[5]
EDGE = """
import asyncio, sys
from pathlib import Path
from tests.unit.edge.services.lambda_.kit import Lab

async def main():
    lab = Lab(Path(sys.argv[1]), *sys.argv[2:])
    ref = lab.deploy("import os, time\\ndef handler(e, c): return os.getpid()")
    async with lab.running() as functions:
        await functions.invoke(ref, b"{}")
        print(functions.snapshot()["functions"][0]["environments"][0]["pid"], flush=True)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_edge_takes_its_environments_along(lab: Lab, tmp_path: Path) -> None:
    command = [sys.executable, "-c", EDGE, str(tmp_path), lab.python, lab.version]
    edge = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert edge.stdout is not None
        pid = int(edge.stdout.readline())
        assert running(pid)
    finally:
        edge.kill()
        edge.communicate()
    asyncio.run(lab.until(lambda: not running(pid)))
