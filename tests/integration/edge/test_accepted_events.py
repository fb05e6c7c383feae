"""An edge that is killed: every event that was accepted runs, at least once."""

from __future__ import annotations

import asyncio
import os
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.lab import zipped
from tests.integration.edge.kit import Edge, eventually
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


@pytest.fixture
def runtimes(runtime_python: str, runtime_version: str) -> dict[str, dict[str, str]]:
    return {f"python{runtime_version}": {"python": runtime_python, "version": runtime_version}}


def test_events_outlive_the_edge_and_the_emulator(
    ministack_python: str, tmp_path: Path, runtimes: dict[str, dict[str, str]], ran: tuple[list[str], str]
) -> None:
    heard, port = ran
    edge = Edge(ministack_python, tmp_path, runtimes=runtimes)
    (runtime,) = runtimes
    code = {"ZipFile": zipped({"app.py": SOURCE.replace("PORT", port).replace("0.02", "0.5")})}
    role = "arn:aws:iam::100000000001:role/r"
    client = edge.client("lambda")
    client.create_function(FunctionName="f", Runtime=runtime, Role=role, Handler="app.handler", Code=code, Timeout=20)
    client.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    edge.control("POST", "save", {})
    accepted = {str(number) for number in range(60)}
    for number in accepted:
        client.invoke(FunctionName="f", InvocationType="Event", Payload=number)
    os.kill(edge.child, signal.SIGKILL)
    edge.process.kill()
    edge.process.communicate()
    edge.announced.unlink()
    assert accepted - set(heard), "everything had run before the kill"
    again = Edge(ministack_python, tmp_path, runtimes=runtimes)
    try:
        eventually(lambda: accepted <= set(heard))
    finally:
        again.end()
