"""Nothing that Staticfire starts listens beyond this machine's loopback."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from staticfire.edge.services.lambda_.function_process import descendants
from staticfire.host.ports import free_port, port_is_free
from tests.integration.conftest import ministack_python
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
