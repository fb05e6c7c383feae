"""What a hostile function reaches: docs/isolation.md, as an attacker reads it. The kernel must grant namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from staticfire.edge.services.lambda_ import Functions, isolation
from staticfire.edge.services.lambda_.function_process import descendants
from staticfire.edge.services.lambda_.isolation import interpreter_paths
from tests.unit.edge.services.lambda_.kit import Lab, Said

ROOT = Path(__file__).parents[2]


def state_of(argument: str) -> list[str]:
    """The states of the machine's processes that were given this argument: S sleeps, T stands still."""
    states = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if argument.encode() in (path / "cmdline").read_bytes().split(b"\0"):
                states.append((path / "stat").read_text().rpartition(")")[2].split()[0])
    return states


def execution_environments(functions: Functions) -> list[Any]:
    return [running for function in functions.snapshot()["functions"] for running in function["environments"]]


async def run(lab: Lab, said: Said, expression: str, **config: Any) -> Any:
    """What a function that evaluates this expression answers."""
    ref = lab.deploy(f"import glob, os, subprocess, sys\ndef handler(event, context): return {expression}\n", **config)
    async with lab.running() as functions:
        answer = said(await functions.invoke(ref, b"{}"))
        assert functions.snapshot()["isolation"] == "namespaces", "this machine refuses namespaces"
    return answer


async def test_rm_rf_deletes_nothing_but_the_functions_own_tmp(lab: Lab, said: Said) -> None:
    """Project, cache and virtual environment may lie below /tmp: the lab does."""
    attack = lab.deploy(
        "import os, subprocess\n"
        "def handler(event, context):\n"
        "    open('/tmp/mine', 'w').close()\n"
        "    paths = '/tmp/* /tmp/.[!.]* /var/task/* /var/runtime/* /opt/* /var/lang/* ' + event['runtime']\n"
        "    subprocess.run(f'rm -rf {paths}', shell=True, stderr=subprocess.DEVNULL)\n"
        "    return os.path.exists('/tmp/mine')\n",
        Timeout=120,
    )
    assert str(lab.directory).startswith("/tmp/")
    before = sorted(lab.directory.rglob("*"))
    client = Path(lab.python).parents[1]
    count = sum(1 for _ in client.rglob("*"))
    async with lab.running() as functions:
        outcome = await functions.invoke(attack, json.dumps({"runtime": str(client)}).encode())
        assert said(outcome) is False
        assert said(await functions.invoke(lab.deploy("def handler(e, c): return 'well'", name="g"), b"{}")) == "well"
    assert set(before) <= set(lab.directory.rglob("*"))
    assert sum(1 for _ in client.rglob("*")) == count
    assert (ROOT / "staticfire" / "__init__.py").exists()


@pytest.mark.parametrize(
    "path",
    ["/var/task/x", "/var/runtime/x", "/opt/x", "/usr/x", "/etc/x", "/x", "/proc/sys/kernel/core_pattern", "/dev/x"],
)
async def test_nothing_but_tmp_can_be_written_to(lab: Lab, said: Said, path: str) -> None:
    command = f"subprocess.run('echo x > {path}', shell=True, stderr=subprocess.DEVNULL).returncode"
    assert await run(lab, said, command) != 0


@pytest.mark.parametrize(
    "path",
    [
        str(Path.home()),
        str(ROOT),
        "/proc/1/root/etc/shadow",
        "/etc/shadow",
        "/var/lib",
        "/run",
        "/home",
        "/mnt",
        "/srv",
    ],
)
async def test_the_machines_files_are_not_there(lab: Lab, said: Said, path: str) -> None:
    """A parent of the interpreter's own directory may be there, with nothing else in it."""
    there = await run(lab, said, f"glob.glob({path!r} + '/*') or os.path.isfile({path!r})")
    interpreter = {str(Path(lab.python).parents[1]), os.path.realpath(lab.python)}
    assert there is False or all(any(path_of_it.startswith(entry) for path_of_it in interpreter) for entry in there), (
        there
    )


async def test_other_processes_cannot_be_seen(lab: Lab, said: Said) -> None:
    numbers = await run(lab, said, "[name for name in os.listdir('/proc') if name.isdigit()]")
    assert 1 <= len(numbers) <= 4


async def test_variables_of_the_edge_and_of_other_functions_are_not_readable(
    lab: Lab, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_EDGE", "s3cr3t")
    other = lab.deploy("def handler(e, c): return 1\n", name="other", Environment={"Variables": {"OTHERS": "s3cr3t"}})
    spy = lab.deploy(
        "import glob\n"
        "def handler(event, context):\n"
        "    return b''.join(open(path, 'rb').read() for path in glob.glob('/proc/[0-9]*/environ')).decode()\n"
    )
    async with lab.running() as functions:
        await functions.invoke(other, b"{}")
        assert "s3cr3t" not in said(await functions.invoke(spy, b"{}"))


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONPATH": "{code}"},  # its sitecustomize
        {"LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": "{code}/came"},  # what the dynamic linker reads of any process
        {"PYTHONPYCACHEPREFIX": "{code}/came", "PYTHONHOME": ""},
    ],
)
async def test_no_variable_has_the_process_run_or_write_what_lies_outside(
    lab: Lab, said: Said, tmp_path: Path, variables: dict[str, str]
) -> None:
    """A process starts as a program of the machine: where code is unpacked there can be known."""
    (tmp_path / "sitecustomize.py").write_text(f"open({str(tmp_path / 'came')!r}, 'w').close()\n")
    own = {name: value.format(code=tmp_path) for name, value in variables.items()}
    assert await run(lab, said, "os.environ['TOLD']", Environment={"Variables": {**own, "TOLD": "yes"}}) == "yes"
    assert list(tmp_path.glob("came*")) == []


async def test_variables_of_the_start_have_their_effect_inside(lab: Lab, said: Said) -> None:
    own = {"PYTHONPATH": "/var/task/more", "LD_LIBRARY_PATH": "/var/task/libraries", "PYTHONUNBUFFERED": "1"}
    ref = lab.deploy(
        {
            "app.py": "import os, more, sys\n"
            "def handler(event, context):\n"
            "    started = open('/proc/self/environ').read()\n"
            "    return [more.here, os.environ['LD_LIBRARY_PATH'], 'LD_LIBRARY_PATH=/var/task/libraries' in started]\n",
            "more/more.py": "here = True\n",
        },
        Environment={"Variables": own},
    )
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}")) == [True, "/var/task/libraries", True]


async def test_no_capability_is_left_or_can_be_had_again(lab: Lab, said: Said) -> None:
    status = await run(lab, said, "open('/proc/self/status').read()")
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {int(lines[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert lines["NoNewPrivs"] == "1"
    assert lines["Uid"].split()[0] == "993"


async def test_no_namespace_below_gives_capabilities(lab: Lab, said: Said) -> None:
    refused = await run(lab, said, "subprocess.run(['unshare', '-Ur', 'true'], capture_output=True, text=True).stderr")
    assert "No space left on device" in refused  # what the kernel says of a limit of none


async def test_a_nested_namespace_cannot_make_a_mount_writable(lab: Lab, said: Said) -> None:
    attack = "unshare -Urm sh -c 'mount -o remount,rw,bind /usr; umount /proc/sys; touch /usr/x'"
    assert await run(lab, said, f"subprocess.run({attack!r}, shell=True, capture_output=True).returncode") != 0
    assert not Path("/usr/x").exists()


async def test_tmp_has_the_size_that_the_function_has(lab: Lab, said: Said) -> None:
    size = "os.statvfs('/tmp').f_blocks * os.statvfs('/tmp').f_frsize // 2**20"
    assert await run(lab, said, size) == 512
    assert await run(lab, said, size, EphemeralStorage={"Size": 1024}) == 1024
    fill = "subprocess.run('head -c 600M /dev/zero > /tmp/x', shell=True, capture_output=True).stderr.decode()"
    assert "No space left on device" in await run(lab, said, fill, MemorySize=1024, Timeout=30)


DAEMON = (
    "import subprocess\n"
    "def handler(event, context):\n"
    "    subprocess.Popen(['setsid', '-f', 'setsid', '-f', 'sleep', event])\n"
    "    return 1\n"
)


async def test_a_daemon_stands_still_between_invocations_and_ends_with_its_execution_environment(lab: Lab) -> None:
    ref = lab.deploy(DAEMON)
    name = f"1000.{lab.mark}"
    async with lab.running() as functions:
        await functions.invoke(ref, json.dumps(name).encode())
        await lab.until(lambda: state_of(name) == ["T"])
        await functions.deleted(ref)
        await lab.until(lambda: not state_of(name))


async def test_a_daemon_ends_with_the_edges_functions(lab: Lab) -> None:
    ref = lab.deploy(DAEMON)
    name = f"1000.{lab.mark}"
    async with lab.running() as functions:
        await functions.invoke(ref, json.dumps(name).encode())
        await lab.until(lambda: state_of(name))
    await asyncio.sleep(0)
    assert state_of(name) == []


async def test_a_function_cannot_end_or_stop_the_edge(lab: Lab, said: Said) -> None:
    attack = "[os.kill(pid, 9) for pid in range(3, 400) if pid != os.getpid() and os.path.exists(f'/proc/{pid}')]"
    assert await run(lab, said, attack) == []
    assert await run(lab, said, "os.getppid()") == 1


async def test_a_child_that_kills_init_ends_nothing_but_the_function(lab: Lab, said: Said) -> None:
    """A signal from inside does not reach the first process of a namespace."""
    ref = lab.deploy("import os\ndef handler(event, context):\n    os.kill(1, 9)\n    return 'still here'\n")
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}")) == "still here"
        assert len(execution_environments(functions)) == 1


CHAIN = """
import os, sys, time
for _ in range(int(sys.argv[1])):
    if os.fork():
        time.sleep(100)
        os._exit(0)
print("deep", flush=True)
time.sleep(100)
"""


def test_a_deep_chain_of_processes_is_seen_like_a_wide_one() -> None:
    """What looks after a function walks down all that it started: further than Python calls itself."""
    depth, limit = 100, sys.getrecursionlimit()
    command = [sys.executable, "-S", "-c", CHAIN, str(depth)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "deep\n"
        sys.setrecursionlimit(len(inspect.stack(0)) + depth // 2)
        assert len(list(descendants(first.pid))) == depth
    finally:
        sys.setrecursionlimit(limit)
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()


def test_memory_that_is_shared_is_not_a_file_of_the_root_directory() -> None:
    """Its name in a process's maps looks like one: taken for it, all of the machine's files would be shown."""
    with os.fdopen(os.memfd_create("shared"), "w+b") as file:
        file.truncate(mmap.PAGESIZE)
        with mmap.mmap(file.fileno(), mmap.PAGESIZE):
            assert "/memfd:shared" in Path("/proc/self/maps").read_text()
            assert "/" not in interpreter_paths()


def test_a_python_below_opt_stays_there_beside_a_layer(tmp_path: Path) -> None:
    """GitHub's runners have theirs in /opt/hostedtoolcache."""
    layer = tmp_path / "layer" / "python"
    layer.mkdir(parents=True)
    (layer / "inside.py").write_text("HERE = 'the layer'\n")
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import isolation\n"
        "own = isolation.interpreter_paths\n"
        "isolation.interpreter_paths = lambda: {**own(), '/opt/toolcache': '/usr/share'}\n"
        "isolation.enter_namespaces()\n"
        "if os.fork(): sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
        "isolation.make_root({'code': '/usr', 'layers': sys.argv[2], 'runtime': '/usr', 'tmp_mb': 1})\n"
        "print(sorted(os.listdir('/opt')), os.listdir('/opt/python'), bool(os.listdir('/opt/toolcache')), flush=True)\n"
        "os._exit(0)\n"
    )
    here = str(Path(isolation.__file__).parent)
    command = [sys.executable, "-c", script, here, str(layer.parent)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown == "['python', 'toolcache'] ['inside.py'] True\n"


async def test_where_the_kernel_refuses_the_edge_says_so_and_functions_run_all_the_same(
    lab: Lab, said: Said, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = lab.directory / "launch.py"
    refusing.write_text("import sys; print('unshare: Operation not permitted', file=sys.stderr); sys.exit(1)\n")
    monkeypatch.setattr("staticfire.edge.services.lambda_.runtimes.LAUNCH", refusing)
    ref = lab.deploy(DAEMON)
    name = f"1000.{lab.mark}"
    async with lab.running() as functions:
        assert functions.isolation == "unknown"
        assert said(await functions.invoke(ref, json.dumps(name).encode())) == 1
        assert functions.isolation == "none"
        await lab.until(lambda: state_of(name) == ["T"])
        await functions.deleted(ref)
        await lab.until(lambda: not state_of(name))
    assert "Operation not permitted" in caplog.text
