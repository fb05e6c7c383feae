"""An edge that is killed: every event that was accepted runs, at least once."""

from __future__ import annotations

import asyncio
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.edge.services.lambda_.conftest import runtime_python, runtime_version
from tests.unit.edge.services.lambda_.kit import Lab

__all__ = ["runtime_python", "runtime_version"]

ROOT = Path(__file__).parents[3]
SOURCE = """
import socket, time

def handler(event, context):
    time.sleep(0.02)
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        connection.sendall(f"{event}\\n".encode())
        connection.recv(1)
"""


async def accept(directory: Path, python: str, version: str, port: str) -> None:
    """Accept events until killed; each is told once its caller would know."""
    lab = Lab(directory, python, version)
    ref = lab.deploy(SOURCE.replace("PORT", port))
    async with lab.running() as functions:

        async def one(number: int) -> None:
            await functions.enqueue(ref, str(number).encode())
            print(number, flush=True)

        for start in range(0, 100_000, 20):
            await asyncio.gather(*(one(number) for number in range(start, start + 20)))


async def finish(directory: Path, python: str, version: str, port: str) -> None:
    """Run what an edge before this one accepted."""
    lab = Lab(directory, python, version)
    lab.deploy(SOURCE.replace("PORT", port))
    async with lab.running() as functions:
        await lab.until(lambda: functions.snapshot()["queued_events"] == 0)


@pytest.fixture
def ran() -> Iterator[tuple[list[str], str]]:
    """What every run of the function told, and the port where it tells it."""
    heard: list[str] = []

    class Told(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            heard.append(self.rfile.readline().decode().strip())
            self.wfile.write(b"\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Told) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield heard, str(server.server_address[1])
        server.shutdown()


def test_what_a_killed_edge_accepted_is_run(
    tmp_path: Path, runtime_python: str, runtime_version: str, ran: tuple[list[str], str]
) -> None:
    heard, port = ran

    def started(what: str) -> subprocess.Popen[str]:
        script = f"import asyncio, pathlib, sys; from {__name__} import {what}\n"
        script += f"asyncio.run({what}(pathlib.Path(sys.argv[1]), *sys.argv[2:]))"
        arguments = (str(tmp_path), runtime_python, runtime_version, port)
        return subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)

    edge = started("accept")
    assert edge.stdout is not None
    accepted = {edge.stdout.readline().strip() for _ in range(150)}
    edge.send_signal(signal.SIGKILL)
    accepted |= {line.strip() for line in edge.stdout if line.endswith("\n")}
    edge.wait()
    assert accepted - set(heard), "the edge had run everything before it was killed"
    assert started("finish").wait(timeout=120) == 0
    assert accepted <= set(heard)
