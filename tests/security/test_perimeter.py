"""Nothing that Staticfire starts listens beyond this machine's loopback."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3

from staticfire.edge.services.lambda_.function_process import descendants
from staticfire.edge_client import EdgeClient
from staticfire.host.ports import free_port, port_is_free
from staticfire.host.processes import ProcessRecord
from staticfire.load.ceiling import trivial_server
from staticfire.load.locust_processes import Plan, locust_run
from staticfire.load.profiles import LoadOptions
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.embedded import Embedded
from tests.integration.edge.conftest import ministack_python
from tests.integration.edge.kit import Edge, eventually

__all__ = ["ministack_python"]

ROOT = Path(__file__).parents[2]
# As /proc/net/tcp and tcp6 print them.
LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
LISTENS = "0A"


def listeners(pid: int) -> Iterator[tuple[int, str]]:
    """The process's and its children's listening sockets: whose, and address and port as the kernel prints them."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    addresses = {f"socket:[{row[9]}]": row[1] for row in rows if row[3] == LISTENS}
    for process in [pid, *descendants(pid)]:
        for descriptor in Path(f"/proc/{process}/fd").glob("*"):
            with contextlib.suppress(OSError):
                if address := addresses.get(os.readlink(descriptor)):
                    yield process, address


def beyond_loopback(pid: int) -> list[tuple[int, str]]:
    return [(process, address) for process, address in listeners(pid) if address.partition(":")[0] not in LOOPBACK]


def test_the_edge_and_its_emulator_listen_on_loopback_alone(ministack_python: str, tmp_path: Path) -> None:
    edge = Edge(ministack_python, tmp_path)
    try:
        assert edge.health()[0] == 200
        assert len(list(listeners(edge.process.pid))) >= 2
        assert beyond_loopback(edge.process.pid) == []
    finally:
        edge.process.terminate()
        edge.process.communicate()


def test_locusts_page_and_its_master_listen_on_loopback_alone() -> None:
    page, master = free_port(), free_port()
    command = [sys.executable, "-m", "locust", "-f", "loadtests/usage.py", "--host", "http://127.0.0.1:9", "--master"]
    command += ["--web-port", str(page), "--master-bind-port", str(master)]
    locust = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: not port_is_free("127.0.0.1", page) and not port_is_free("127.0.0.1", master))
        assert len(list(listeners(locust.pid))) >= 2
        assert beyond_loopback(locust.pid) == []
    finally:
        locust.terminate()
        locust.wait()


def test_every_process_of_a_running_stack_listens_on_loopback_alone(tmp_path: Path) -> None:
    """Edge, emulator, Postgres with its backends, and a function's execution environment."""
    runtime = f"python3.{sys.version_info.minor}"
    target = Embedded(Settings(project=tmp_path, state_dir=tmp_path / "state", port=0, runtimes=(runtime,)))
    try:
        running = target.start(Progress())
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", "def handler(event, context):\n    return 'here'\n")
        client = boto3.client(
            "lambda",
            endpoint_url=running.endpoint,
            region_name=running.region,
            aws_access_key_id="000000000000",
            aws_secret_access_key="x",
        )
        client.create_function(
            FunctionName="here",
            Runtime=runtime,
            Role="arn:aws:iam::000000000000:role/here",
            Handler="app.handler",
            Code={"ZipFile": code.getvalue()},
        )
        client.get_waiter("function_active_v2").wait(FunctionName="here")
        assert client.invoke(FunctionName="here")["Payload"].read() == b'"here"'

        records = [ProcessRecord.read(target.layout.process(name)) for name in ("edge", "postgres")]
        pids = [record.pid for record in records if record is not None]
        assert len(pids) == 2
        every = {process for pid in pids for process in (pid, *descendants(pid))}
        [function] = EdgeClient(running.endpoint).functions()["functions"]
        assert running.health.parts["emulator"]["pid"] in every
        [environment] = function["environments"]
        assert environment["pid"] in every
        assert all(list(listeners(pid)) for pid in pids)
        assert [address for pid in pids for address in beyond_loopback(pid)] == []
    finally:
        target.stop(Progress())


def test_every_process_of_a_load_run_listens_on_loopback_alone(tmp_path: Path) -> None:
    """Locust's master, its workers, and the server against which the generator's ceiling is measured."""
    options = LoadOptions(rate=10, seconds=60, warm_up=0)
    with trivial_server() as url:
        plan = Plan(ROOT / "loadtests/usage.py", url, "steady", options, workers=2)
        with locust_run(plan, tmp_path, ROOT) as run:
            eventually(lambda: run.record.seconds or not run.running)
            assert run.running, run.said
            assert len(list(listeners(os.getpid()))) >= 2
            assert beyond_loopback(os.getpid()) == []
