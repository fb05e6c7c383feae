"""A run whose workers are elsewhere: in a network namespace of their own, as another machine has it, and one record."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staticfire.load import journal, record
from staticfire.load.journal import Journal, Reported, write_reported
from staticfire.load.leader import Leader, RequestTallies
from staticfire.load.record import Record

HERE, THERE = "10.211.55.1", "10.211.55.2"
PORT = "15557"
SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("%s", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
LOCUST_FILE = """
import uuid
from locust import task
from staticfire.load import kit

class Client(kit.HttpUser):
    @task
    def order(self):
        self.write("POST /orders", {}, sent={"key": uuid.uuid4().hex}, check=kit.status(201))
"""


def ip(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A network namespace that a cable leads to; skipped where the kernel grants none, as on macOS."""
    name = f"load-{os.getpid()}"
    cable = f"sf{os.getpid() % 10_000_000}"
    try:
        made = ip("netns", "add", name) and ip("link", "add", cable, "type", "veth", "peer", "eth0", "netns", name)
    except FileNotFoundError:
        made = False
    if not made:
        pytest.skip("network namespaces cannot be made here")
    try:
        assert ip("address", "add", f"{HERE}/30", "dev", cable)
        assert ip("link", "set", cable, "up")
        assert ip("-n", name, "address", "add", f"{THERE}/30", "dev", "eth0")
        assert ip("-n", name, "link", "set", "eth0", "up")
        yield name
    finally:
        ip("netns", "delete", name)


def test_workers_elsewhere_make_one_record_and_one_journal(elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(LOCUST_FILE)
    locust = [sys.executable, "-m", "locust", "-f", str(file)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("STATICFIRE_", "AWS_", "LOCUST_"))}
    run = {journal.VARIABLE: str(tmp_path / "journal"), record.VARIABLE: str(tmp_path / "record.jsonl")}
    profile = (
        "--profile",
        "steady",
        "--rate",
        "40",
        "-t",
        "5",
        "--warm-up",
        "1s",
        "--max-p95",
        "60s",
        "--min-rate",
        "1",
    )
    with subprocess.Popen([sys.executable, "-c", SERVER % HERE], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://{HERE}:{server.stdout.readline().strip()}"
        lead = ["--master", "--master-bind-host", HERE, "--master-bind-port", PORT, "--expect-workers", "2"]
        master = subprocess.Popen(
            [*locust, "--headless", "--only-summary", "--host", url, *profile, *lead],
            env=kept | run,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        join = ["ip", "netns", "exec", elsewhere, *locust, "--worker", "--master-host", HERE, "--master-port", PORT]
        workers: list[subprocess.Popen[Any]] = [
            subprocess.Popen(join, env=kept, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) for _ in "12"
        ]
        try:
            said, _ = master.communicate(timeout=120)
        finally:
            server.kill()
            for process in [*workers, master]:
                process.kill()
                process.wait()
    assert master.returncode == 0, said

    measured = Record.read(tmp_path / "record.jsonl")
    writes = list(Journal(tmp_path / "journal"))
    assert len(writes) == measured.requests > 0
    assert {write.status for write in writes} == {201}
    assert len(list((tmp_path / "journal").iterdir())) == 2
    assert measured.warnings == []


def test_a_worker_whose_clock_is_wrong_is_named_once() -> None:
    leader = Leader(None, RequestTallies())
    for _ in range(2):
        leader.report("there_1", {"user_count": 1, "clock": time.time() + 7})
        leader.report("here_1", {"user_count": 1, "clock": time.time()})
    [warning] = leader.record.warnings
    assert "worker there_1 is 7.0 s ahead" in warning


def test_what_a_worker_reports_is_in_the_journal(tmp_path: Path) -> None:
    lines = Reported()
    first, second = lines.sending({"key": "a"}, 1.0), lines.sending({"key": "b"}, 2.0)
    lines.answered(first, 3.0, 201, {"id": "x"})
    write_reported(tmp_path / "journal", "there/../_1", lines.take())
    lines.answered(second, 4.0, 503, None)
    write_reported(tmp_path / "journal", "there/../_1", lines.take())
    assert [(write.sent["key"], write.status) for write in Journal(tmp_path / "journal")] == [("a", 201), ("b", 503)]
    assert lines.take() == []
