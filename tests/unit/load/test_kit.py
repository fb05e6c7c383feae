"""Locust files that import the kit, run by plain `locust` against a service of the test's own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from staticfire.host.ports import free_port
from staticfire.load import journal, record
from staticfire.load.journal import Journal
from staticfire.load.record import Record

PATIENCE = 90.0
LOCUST_FILE = """
import uuid
from locust import task
from staticfire.load import kit

class Client(kit.HttpUser):
    api = "shop"

    @task
    def order(self):
        key = uuid.uuid4().hex
        self.write("POST /orders", {}, sent={"key": key}, headers={"idempotency-key": key}, check=kit.status(201))
"""


@dataclass
class Shop:
    """A service that stores orders; as a stack's endpoint it also tells its APIs."""

    url: str = ""
    keys: list[str] = field(default_factory=list)
    status: int = 201
    api: str = "shop"
    seconds: float = 0.0

    def answer(self, method: str, path: str, key: str) -> tuple[int, Any]:
        if path == "/_staticfire/health":
            return 200, {"state": "running"}
        if path == "/v2/apis":
            return 200, {"items": [{"name": self.api, "apiId": "abc"}]}
        if path == "/v2/apis/abc/stages":
            return 200, {"items": [{"stageName": "v1"}]}
        if (method, path) != ("POST", "/_aws/execute-api/abc/v1/orders"):
            return 404, {"message": "Not Found"}
        if self.status == 201:
            self.keys.append(key)
        time.sleep(self.seconds)
        return self.status, {"id": key, "message": "as asked for"}


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            status, content = made.answer(self.command, self.path, self.headers.get("idempotency-key", ""))
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do

        def log_message(self, *_: object) -> None:
            """Tests are silent."""

    with Server(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


class Locust:
    """Starts `locust` as a user would; what it writes is below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "shop.py"
        self.file.write_text(LOCUST_FILE)
        self.journal = directory / "journal"
        self._record = directory / "record.jsonl"
        self._directory = directory
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *options: str) -> subprocess.Popen[str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("STATICFIRE_", "AWS_", "LOCUST_"))
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "locust", "-f", str(self.file), *options],
            env=kept | {journal.VARIABLE: str(self.journal), record.VARIABLE: str(self._record)},
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Each process with all that it forked (`--processes`), even when its test gave up waiting."""
        for process in self._started:
            with process, contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self._started.clear()

    @property
    def alive(self) -> list[int]:
        """Processes that write below the directory."""
        pids = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # ended just now, or somebody else's
                if str(self._directory).encode() in (path / "environ").read_bytes():
                    pids.append(int(path.name))
        return pids

    def run(self, *options: str) -> tuple[int, str]:
        process = self.start("--headless", "--only-summary", *options)
        said, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, said

    @property
    def record(self) -> Record:
        return Record.read(self._record)

    @property
    def recorded(self) -> int:
        """All requests in the record."""
        return self.record.requests

    def acknowledged(self) -> list[str]:
        return [write.sent["key"] for write in Journal(self.journal) if write.status == 201]


@pytest.fixture
def locust(tmp_path: Path) -> Iterator[Locust]:
    locust = Locust(tmp_path)
    yield locust
    locust.end()


def eventually(look: Callable[[], object], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not look():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


# A busy machine stands still for two seconds now and then, and a run of three has two whole ones.
SHORT = ("--profile", "steady", "--rate", "40", "-t", "6", "--warm-up", "1s", "--max-p95", "60s", "--min-rate", "1")


def processes() -> tuple[str, ...]:
    """On a port of their own: Locust's is one for the whole machine."""
    port = str(free_port())
    return "--processes", "2", "--master-bind-port", port, "--master-port", port


def test_a_profile_runs_to_its_end_and_every_write_is_in_the_journal(shop: Shop, locust: Locust) -> None:
    code, said = locust.run("--host", shop.url, *SHORT)
    assert code == 0, said
    assert sorted(locust.acknowledged()) == sorted(shop.keys)
    assert [(phase.name, phase.users, phase.rate) for phase in locust.record.phases] == [
        ("warm-up", 40, 40.0),
        ("steady", 40, 40.0),
    ]
    assert locust.recorded == len(shop.keys)
    assert {name for routes in locust.record.seconds.values() for name in routes} == {"POST /orders"}


def test_no_more_is_sent_than_was_asked_for(shop: Shop, locust: Locust) -> None:
    code, said = locust.run("--host", shop.url, *SHORT)
    assert code == 0, said
    phases = locust.record.phases
    caught_up = 2  # seconds: what was late is sent all the same
    assert 0 < len(shop.keys) <= 40 * (phases[-1].ended - phases[0].begun + caught_up)


def test_a_threshold_that_does_not_hold_is_the_exit_code(shop: Shop, locust: Locust) -> None:
    shop.status = 503
    code, said = locust.run("--host", shop.url, *SHORT)
    assert code == 1
    assert "threshold errors: 1, at most 0.01: FAILS" in said
    assert "503: as asked for" in said
    assert locust.acknowledged() == []
    assert {write.status for write in Journal(locust.journal)} == {503}, said


def test_a_ramp_ends_after_the_step_that_does_not_hold(shop: Shop, locust: Locust) -> None:
    shop.status = 503
    ramp = ("--profile", "ramp", "--rate", "100", "-t", "33", "--warm-up", "0s")
    code, said = locust.run("--host", shop.url, *ramp)
    assert code == 1, said
    assert [phase.name for phase in locust.record.phases] == ["step 1"]


def test_without_a_profile_locusts_own_flags_count(shop: Shop, locust: Locust) -> None:
    code, said = locust.run("--host", shop.url, "-u", "3", "-r", "3", "-t", "2s")
    assert code == 0, said
    assert sorted(locust.acknowledged()) == sorted(shop.keys)
    assert shop.keys


def test_a_profile_that_there_is_not_names_those_that_there_are(shop: Shop, locust: Locust) -> None:
    code, said = locust.run("--host", shop.url, "--profile", "stedy")
    assert code == 1
    assert "There is no profile 'stedy'; there are: steady, ramp, spike, soak, flood." in said


def test_a_host_where_nothing_answers_is_said_with_a_remedy(locust: Locust) -> None:
    code, said = locust.run("--host", f"http://127.0.0.1:{free_port()}", *SHORT)
    assert code == 1
    assert "staticfire up" in said


def test_an_api_that_is_not_there_is_said(shop: Shop, locust: Locust) -> None:
    shop.api = "another"
    code, said = locust.run("--host", shop.url, *SHORT)
    assert code == 1
    assert "There is no HTTP API named 'shop'" in said


def test_the_host_is_the_stack_that_runs_in_the_project(shop: Shop, locust: Locust, tmp_path: Path) -> None:
    (tmp_path / "staticfire.toml").write_text("")
    (tmp_path / ".staticfire").mkdir()
    (tmp_path / ".staticfire" / "edge.json").write_text(json.dumps({"endpoint": shop.url}))
    code, said = locust.run(*SHORT)
    assert code == 0, said
    assert shop.keys


def test_two_workers_by_hand_make_one_record(shop: Shop, locust: Locust) -> None:
    port = str(free_port())
    workers = [locust.start("--worker", "--master-port", port) for _ in range(2)]
    try:
        code, said = locust.run(
            "--master", "--master-bind-port", port, "--expect-workers", "2", "--host", shop.url, *SHORT
        )
        assert code == 0, said
        for worker in workers:
            worker.communicate(timeout=PATIENCE)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert len(list(locust.journal.iterdir())) == 2
    assert sorted(locust.acknowledged()) == sorted(shop.keys)
    assert locust.recorded == len(shop.keys)
    assert locust.record.total(locust.record.measured).requests > 0
    assert locust.record.ended


def test_locusts_own_processes_make_one_record(shop: Shop, locust: Locust) -> None:
    code, said = locust.run(*processes(), "--host", shop.url, *SHORT)
    assert code == 0, said
    assert len(list(locust.journal.iterdir())) == 2
    assert sorted(locust.acknowledged()) == sorted(shop.keys)


@pytest.mark.parametrize("run", ["a profile", "two processes", "Locust's own flags"])
def test_what_is_under_way_at_the_end_is_answered_and_recorded(shop: Shop, locust: Locust, run: str) -> None:
    shop.seconds = 0.7  # longer than a user's pace: each of them waits for an answer when the end comes
    options = {
        "a profile": SHORT,
        "two processes": (*processes(), *SHORT),
        "Locust's own flags": ("-u", "8", "-t", "2"),
    }
    code, said = locust.run("--host", shop.url, *options[run])
    assert code == 0, said
    assert shop.keys
    assert sorted(locust.acknowledged()) == sorted(shop.keys)
    assert locust.recorded == len(shop.keys)


def test_what_is_never_answered_is_a_failure_of_the_run(shop: Shop, locust: Locust) -> None:
    shop.seconds = 60.0
    code, said = locust.run("--host", shop.url, *SHORT, "--stop-timeout", "1")
    assert code == 1, said
    unanswered = locust.record.total(locust.record.measured)
    assert unanswered.requests == unanswered.failures > 0
    assert set(unanswered.kinds) == {"no answer by the end of the run"}


def test_a_test_that_gives_up_leaves_no_worker_behind(shop: Shop, locust: Locust) -> None:
    locust.start("--headless", "--host", shop.url, *SHORT[:4], "-t", "60", *processes())
    eventually(lambda: len(shop.keys) > 5)
    assert len(locust.alive) >= 3
    locust.end()
    eventually(lambda: not locust.alive, patience=20.0)  # workers that miss their master end by themselves after 60 s


def test_a_killed_generator_leaves_every_write_in_the_journal(shop: Shop, locust: Locust) -> None:
    process = locust.start("--headless", "--host", shop.url, *SHORT[:4], "-t", "60")
    eventually(lambda: len(shop.keys) > 50)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    sent = {write.sent["key"] for write in Journal(locust.journal)}
    assert set(locust.acknowledged()) <= set(shop.keys) <= sent
    assert not locust.record.ended


def test_a_profile_that_is_told_to_end_ends_and_is_judged(shop: Shop, locust: Locust) -> None:
    process = locust.start("--headless", "--host", shop.url, *SHORT[:4], "-t", "60", "--warm-up", "0s", *SHORT[-4:])
    eventually(lambda: len(shop.keys) > 50)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert "threshold" in said
    assert locust.record.ended
