"""Pre-warmed starts: an environment forked from a zygote is told from one that started cold by its time only."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forking for another parent needs Linux")

SLEEP = "import os, time\ndef handler(seconds, c):\n    time.sleep(seconds); return os.getpid()\n"


@asynccontextmanager
async def prewarmed(lab, ref, event=b"0", **settings):
    """After a first, cold environment."""
    async with lab.running(prewarm=True, **settings) as functions:
        await functions.invoke(ref, event)
        if functions.snapshot()["tmp"] != "private":
            pytest.skip("private mounts are not possible here")
        await lab.until(lambda: prewarming(functions)["state"] in ("ready", "unfit"))
        yield functions


def prewarming(functions):
    (function,) = functions.snapshot()["functions"]
    (found,) = function["prewarming"]
    return found


def environments(functions):
    return [one for function in functions.snapshot()["functions"] for one in function["environments"]]


async def forked(lab, functions, ref, event=b"0", **given):
    """The outcome of an invocation that only a new environment can take, which must be a fork."""
    await end_environments(lab, functions)
    forks = prewarming(functions)["forks"]
    outcome = await functions.invoke(ref, event, **given)
    assert prewarming(functions)["forks"] == forks + 1
    return outcome


async def end_environments(lab, functions):
    for one in environments(functions):
        os.kill(one["pid"], signal.SIGKILL)
    await lab.until(lambda: not environments(functions))


def running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


PLACE = """
import os, resource, sys
import boto3
def handler(event, context):
    pid = os.getpid()
    return {
        "variables": dict(os.environ),
        "stream": context.log_stream_name,
        "process": [os.getppid(), os.getsid(0) == pid, os.getpgid(0) == pid, os.getuid(), os.umask(0o22)],
        "limits": [resource.getrlimit(one) for one in range(16)],
        "oom": open("/proc/self/oom_score_adj").read(),
        "yields": os.sched_getscheduler(0) == os.SCHED_BATCH,
        "cwd": os.getcwd(),
        "search": [sys.path, sys.argv],
        "files": sorted(os.readlink(f"/proc/self/fd/{one}").split(":")[0] for one in os.listdir("/proc/self/fd")
                        if os.path.exists(f"/proc/self/fd/{one}")),
        "tmp": os.listdir("/tmp"),
    }
"""


async def test_a_forked_environment_is_the_same_place_as_a_cold_one(lab, said):
    ref = lab.deploy(PLACE, Environment={"Variables": {"TABLE": "t", "PYTHONPATH": "/var/mine"}})
    async with lab.running() as functions:
        cold = said(await functions.invoke(ref, b"0"))
    async with prewarmed(lab, ref) as functions:
        warm = said(await forked(lab, functions, ref))
    own = ("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "_X_AMZN_TRACE_ID")
    for name in own:
        assert warm["variables"].pop(name) != cold["variables"].pop(name)
    assert warm.pop("stream") != cold.pop("stream")
    assert warm == cold
    assert cold["yields"] == may_yield()


def may_yield():
    """A sandbox may refuse it."""
    attempt = "import os; os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))"
    return subprocess.run([sys.executable, "-c", attempt], stderr=subprocess.DEVNULL, check=False).returncode == 0


async def test_each_fork_has_a_stream_a_tmp_and_random_numbers_of_its_own(lab, said):
    ref = lab.deploy(
        "import os, random, tempfile, time, uuid\n"
        "def handler(seconds, c):\n"
        "    found = os.listdir('/tmp'); open('/tmp/mark', 'w').close(); time.sleep(seconds)\n"
        "    return [found.count('mark'), c.log_stream_name, random.random(), str(uuid.uuid4()), tempfile.mktemp()]\n"
    )
    async with prewarmed(lab, ref) as functions:
        await end_environments(lab, functions)
        both = await asyncio.gather(functions.invoke(ref, b"0.5"), functions.invoke(ref, b"0.5"))
        assert prewarming(functions)["forks"] == 2
    first, second = (said(one) for one in both)
    assert (first[0], second[0]) == (0, 0)
    assert all(one != another for one, another in zip(first[1:], second[1:], strict=True))


async def test_code_is_read_only_in_a_fork(lab, said):
    ref = lab.deploy(
        "def handler(event, c):\n"
        "    try:\n        open(__file__, 'a').write('x')\n    except OSError as error:\n        return error.errno\n"
    )
    async with prewarmed(lab, ref) as functions:
        assert said(await forked(lab, functions, ref)) == 30


async def test_dependencies_are_imported_once_and_the_functions_own_modules_in_each_environment(lab, said):
    layer = "arn:aws:lambda:us-east-1:000000000000:layer:shared:1"
    who = "import os\nWHO = os.getpid()\n"
    lab.add_layer(
        layer,
        {"python/shared.py": who, "python/packed.py": who, "python/packed-1.dist-info/top_level.txt": "packed\n"},
    )
    ref = lab.deploy(
        {
            "app.py": "import os, dep, own, packed, shared\nWHO = os.getpid()\n"
            "def handler(e, c): return [os.getpid(), WHO, own.WHO, shared.WHO, dep.WHO, packed.WHO]\n",
            "own.py": who,
            "dep.py": who,
            "dep-1.0.dist-info/METADATA": "",
        },
        Layers=[{"Arn": layer}],
    )
    async with prewarmed(lab, ref) as functions:
        pid, *mine, dependency, packed = said(await forked(lab, functions, ref))
        assert mine == [pid, pid, pid]
        assert [dependency, packed] == [prewarming(functions)["pid"]] * 2


async def test_an_initialisation_is_counted_and_reported_for_each_fork(lab):
    ref = lab.deploy("print('initialising')\ndef handler(e, c): return 1\n")
    async with prewarmed(lab, ref) as functions:
        outcome = await forked(lab, functions, ref, tail=True)
        (function,) = functions.snapshot()["functions"]
        await functions.reset()
    assert function["cold_starts"] == 2
    assert "Init Duration: " in outcome.log_tail
    assert lab.emulator.lines["/aws/lambda/f"].count("initialising") == 2


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
        ("ctypes.string_at(0)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
async def test_how_a_fork_ends_is_known_and_costs_its_own_invocation_only(lab, said, ending, words):
    ref = lab.deploy(
        f"import ctypes, os, sys, time\ndef handler(event, c):\n    if event == 1: {ending}\n    time.sleep(event)\n"
    )
    async with prewarmed(lab, ref) as functions:
        await end_environments(lab, functions)
        neighbour = asyncio.ensure_future(functions.invoke(ref, b"1.5"))
        await lab.until(lambda: any(one["state"] == "busy" for one in environments(functions)))
        crashed = await functions.invoke(ref, b"1")
        assert (await neighbour).error is None
        assert prewarming(functions)["forks"] == 2
    assert said(crashed)["errorMessage"] == f"RequestId: {crashed.request_id} Error: {words}"


async def test_exit_handlers_and_signals_work_in_a_fork(lab, said):
    ref = lab.deploy(
        "import atexit, os, signal, subprocess, sys, threading\n"
        "atexit.register(print, 'at the end')\n"
        "caught = []\nsignal.signal(signal.SIGUSR1, lambda *_: caught.append(1))\n"
        "def handler(event, c):\n"
        "    if event: sys.exit(1)\n"
        "    thread = threading.Thread(target=lambda: signal.pthread_kill(threading.main_thread().ident, 10))\n"
        "    thread.start(); thread.join()\n"
        "    child = os.fork()\n"
        "    if not child: os._exit(5)\n"
        "    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "    return [caught, status, subprocess.run(['true']).returncode]\n"
    )
    async with prewarmed(lab, ref) as functions:
        assert said(await forked(lab, functions, ref)) == [[1], 5, 0]
        await functions.invoke(ref, b"1")
        await functions.reset()
    assert "at the end" in lab.emulator.lines["/aws/lambda/f"]


async def test_a_time_out_kills_a_fork_and_all_that_it_started(lab, said):
    ref = lab.deploy(
        "import subprocess, time\ndef handler(event, c):\n"
        "    if not event: return\n"
        "    child = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "    print('child', child.pid); time.sleep(1000)\n",
        Timeout=1,
    )
    async with prewarmed(lab, ref) as functions:
        outcome = await forked(lab, functions, ref, b"1", tail=True)
        child = int(outcome.log_tail.split("child ")[1].split()[0])
        await lab.until(lambda: not running(child))
        assert prewarming(functions)["state"] == "ready"
    assert said(outcome)["errorType"] == "Sandbox.Timedout"


async def test_a_killed_zygote_costs_no_invocation_and_the_next_start_is_cold(lab, said, caplog):
    ref = lab.deploy(SLEEP)
    async with prewarmed(lab, ref) as functions:
        await end_environments(lab, functions)
        working = asyncio.ensure_future(functions.invoke(ref, b"1"))
        await lab.until(lambda: any(one["state"] == "busy" for one in environments(functions)))
        os.kill(killed := prewarming(functions)["pid"], signal.SIGKILL)
        await lab.until(lambda: prewarming(functions)["state"] == "learning")
        cold = await functions.invoke(ref, b"0")
        assert prewarming(functions)["forks"] == 1
        assert (await working).error is None
        assert said(cold) != said(await working)
        await lab.until(lambda: prewarming(functions)["state"] == "ready")
        assert prewarming(functions)["pid"] != killed
    assert "ended (status -9): its next start is cold" in caplog.text


async def test_a_zygote_that_cannot_fork_is_not_tried_again(lab, said, caplog):
    ref = lab.deploy(
        {
            "app.py": "import dep\ndef handler(e, c): return 'well'\n",
            "dep.py": "import os\nos.register_at_fork(after_in_parent=lambda: os._exit(4))\n",
            "dep-1.0.dist-info/METADATA": "",
        }
    )
    async with prewarmed(lab, ref) as functions:
        for _ in range(2):
            await end_environments(lab, functions)
            assert said(await functions.invoke(ref, b"0")) == "well"
            await lab.until(lambda: prewarming(functions)["state"] == "unfit")
    assert caplog.text.count("its zygote cannot fork (status 4)") == 1


async def test_a_zygote_that_does_not_answer_is_given_up(lab, said, caplog, monkeypatch):
    monkeypatch.setattr("staticfire.edge.functions.zygote.FORK_SECONDS", 0.2)
    ref = lab.deploy(SLEEP)
    async with prewarmed(lab, ref) as functions:
        os.kill(stopped := prewarming(functions)["pid"], signal.SIGSTOP)
        await end_environments(lab, functions)
        assert said(await functions.invoke(ref, b"0")) in [one["pid"] for one in environments(functions)]
        await lab.until(lambda: not running(stopped))
        assert prewarming(functions)["forks"] == 0
    assert "starts cold: no answer within 0.2 s" in caplog.text


async def test_a_change_ends_the_zygote_and_its_successor_has_the_new_code(lab, said, change):
    ref = lab.deploy(
        {"app.py": "import dep\ndef handler(e, c): return dep.N\n", "dep.py": "N = 1\n", "dep-1.dist-info/x": ""}
    )
    async with prewarmed(lab, ref) as functions:
        old = prewarming(functions)["pid"]
        lab.deploy(
            {"app.py": "import dep\ndef handler(e, c): return dep.N\n", "dep.py": "N = 2\n", "dep-1.dist-info/x": ""}
        )
        await change(functions, "PUT", "/2015-03-31/functions/f/code")
        assert said(await functions.invoke(ref, b"0")) == 2
        await lab.until(lambda: not running(old))
        await lab.until(lambda: prewarming(functions)["state"] == "ready")
        assert said(await forked(lab, functions, ref)) == 2


async def test_sixteen_environments_at_once(lab, said):
    ref = lab.deploy(SLEEP)
    async with prewarmed(lab, ref) as functions:
        await end_environments(lab, functions)
        outcomes = await asyncio.gather(*(functions.invoke(ref, b"3") for _ in range(16)))
        forks = prewarming(functions)["forks"]
        used = {said(one) for one in outcomes}
        assert len(used) == 16
        # On a busy machine one more may have been started for an invocation that another environment took first.
        assert used <= {one["pid"] for one in environments(functions)}
        assert forks == len(environments(functions))


@pytest.mark.parametrize(
    ("dependency", "reason"),
    [
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()", "threads"),
        ("import socket\nkept = socket.socket()", "leave open: socket:"),
        ("open('/tmp/cache', 'w').close()", "write to /tmp: cache"),
        ("print('Hello')", "write while they are imported"),
        ("import own", "the function's own modules: own"),
        (
            "import sys\nif 'app' not in sys.modules: 1 / 0",
            "ZeroDivisionError",
        ),
        ("import os\nos.environ['MINE'] = '1'", "environment variables"),
    ],
)
async def test_dependencies_that_cannot_be_shared_leave_every_start_cold(lab, said, caplog, dependency, reason):
    ref = lab.deploy(
        {
            "app.py": "import dep\ndef handler(e, c): return 'well'\n",
            "own.py": "",
            "dep.py": dependency,
            "dep-1.0.dist-info/METADATA": "",
        }
    )
    async with prewarmed(lab, ref) as functions:
        await end_environments(lab, functions)
        assert said(await functions.invoke(ref, b"0")) == "well"
        found = prewarming(functions)
        assert (found["state"], found["forks"]) == ("unfit", 0)
        await lab.until(lambda: prewarming(functions)["pid"] is None)
    assert reason in caplog.text
    assert "all its starts are cold" in caplog.text


async def test_the_zygote_ends_with_the_last_idle_environment_and_comes_again(lab):
    ref = lab.deploy(SLEEP)
    async with prewarmed(lab, ref, idle_seconds=0.3) as functions:
        await lab.until(lambda: not environments(functions) and prewarming(functions)["pid"] is None)
        await lab.until(lambda: not list((lab.directory / "functions" / "run").iterdir()))
        await functions.invoke(ref, b"0")
        await lab.until(lambda: prewarming(functions)["state"] == "ready")


async def test_closing_leaves_no_process(lab):
    ref = lab.deploy(SLEEP)
    async with prewarmed(lab, ref) as functions:
        await forked(lab, functions, ref)
        pids = [prewarming(functions)["pid"], *(one["pid"] for one in environments(functions))]
    assert [pid for pid in pids if running(pid)] == []


async def test_a_close_during_a_fork_leaves_no_process(lab):
    before = children()
    ref = lab.deploy(SLEEP)
    async with prewarmed(lab, ref) as functions:
        zygote = prewarming(functions)["pid"]
        os.kill(zygote, signal.SIGSTOP)
        await end_environments(lab, functions)
        starting = asyncio.ensure_future(functions.invoke(ref, b"0"))
        await lab.until(lambda: environments(functions))
        closing = asyncio.ensure_future(functions.close())
        await lab.until(starting.done)
        os.kill(zygote, signal.SIGCONT)
        await closing
    assert starting.exception() is not None
    assert children() <= before


def children() -> set[str]:
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


async def test_without_private_mounts_all_starts_are_cold(lab, said, caplog, monkeypatch):
    async def impossible(self, runtime):
        return False

    monkeypatch.setattr("staticfire.edge.functions.runtimes.Runtimes.private_mounts", impossible)
    ref = lab.deploy(SLEEP)
    async with lab.running(prewarm=True) as functions:
        await functions.invoke(ref, b"0")
        await end_environments(lab, functions)
        await functions.invoke(ref, b"0")
        found = prewarming(functions)
    assert (found["state"], found["forks"]) == ("unfit", 0)
    assert "no /tmp of its own on this machine" in caplog.text


async def test_without_the_setting_there_is_no_zygote(lab):
    ref = lab.deploy(SLEEP)
    async with lab.running() as functions:
        await functions.invoke(ref, b"0")
        (function,) = functions.snapshot()["functions"]
    assert function["prewarming"] == []


EDGE = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import Lab
from test_function_prewarming import SLEEP, forked, prewarmed, prewarming

async def main():
    lab = Lab(Path(sys.argv[2]), sys.argv[3], sys.argv[4])
    ref = lab.deploy(SLEEP)
    async with prewarmed(lab, ref) as functions:
        print((await forked(lab, functions, ref)).payload.decode(), prewarming(functions)["pid"], flush=True)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


def test_a_killed_edge_takes_the_zygote_and_its_forks_along(lab, tmp_path):
    here = Path(__file__).parent
    command = [sys.executable, "-c", EDGE, str(here), str(tmp_path), lab.python, lab.version]
    edge = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        pids = [int(pid) for pid in edge.stdout.readline().split()]
        assert [running(pid) for pid in pids] == [True, True]
    finally:
        edge.kill()
        edge.communicate()
    asyncio.run(lab.until(lambda: not any(running(pid) for pid in pids)))
