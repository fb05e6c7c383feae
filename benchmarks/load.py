"""A closed-loop load generator: every connection sends its next request once the last one is answered.

It runs as a process of its own, so that what it measures never waits for Python code of the benchmark:

    python -m benchmarks.load '{"url": "http://127.0.0.1:4566/", "connections": 16, "seconds": 3}'

It prints one JSON object. Two requests a connection go first, so that no start of a process is measured. A run is
bounded in time, and in requests too where `count` is given; requests of its first `warm_up` seconds are sent but not
counted. An answer with another status than `expect`, and a connection that breaks, are errors: they are counted, the
first is shown, and whoever asked must not take the run for a measurement. Only 127.0.0.1 is ever loaded.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

from .processes import ROOT, MeasureError

PRIMING = 2
GRACE_SECONDS = 35


@dataclass(frozen=True)
class Load:
    """What to send, from how many connections, for how long. Bodies are sent in turn."""

    url: str
    connections: int = 1
    seconds: float = 3.0
    count: int | None = None
    warm_up: float = 0.0
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    bodies: Sequence[str] = ("",)
    expect: int = 200

    def requests(self) -> list[bytes]:
        parts = urlsplit(self.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"host": parts.netloc, **self.headers}
        return [self._request(target, headers, body.encode()) for body in self.bodies]

    def _request(self, target: str, headers: dict[str, str], body: bytes) -> bytes:
        if body:
            headers = {**headers, "content-length": str(len(body))}
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Result:
    """What was counted after the warm-up."""

    requests: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    errors: int
    first_error: str | None


class Run:
    """One run in progress, shared by its connections."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.requests = load.requests()
        self.latencies = array("d")
        self.errors = 0
        self.first_error: str | None = None
        self.sent = 0
        self.open = 0
        self.done = asyncio.get_running_loop().create_future()
        self.counts_from = time.perf_counter() + load.warm_up
        self.ends = self.counts_from + load.seconds
        self.last = self.counts_from

    def next(self, now: float) -> bytes | None:
        """The next request, or None when the run is over."""
        if now >= self.ends or (self.load.count is not None and self.sent >= self.load.count):
            return None
        self.sent += 1
        return self.requests[self.sent % len(self.requests)]

    def fail(self, what: str) -> None:
        self.errors += 1
        self.first_error = self.first_error or what

    def closed(self) -> None:
        self.open -= 1
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)

    def result(self) -> Result:
        taken = sorted(self.latencies)
        seconds = max(self.last - self.counts_from, 1e-9)
        return Result(
            requests=len(taken),
            seconds=round(seconds, 3),
            rate=round(len(taken) / seconds, 1),
            p50_ms=round(taken[len(taken) // 2] * 1000, 4) if taken else 0.0,
            p99_ms=round(taken[len(taken) * 99 // 100] * 1000, 4) if taken else 0.0,
            errors=self.errors,
            first_error=self.first_error,
        )


class Connection(asyncio.Protocol):
    """One connection: at most one request in flight. It is opened anew when the server announces that it closes."""

    transport: asyncio.Transport

    def __init__(self, run: Run) -> None:
        self.run = run
        self.parser = httptools.HttpResponseParser(self)
        self.body = bytearray()
        self.in_flight = False
        self.reopen = False
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.send()

    def send(self) -> None:
        now = time.perf_counter()
        request = self.run.next(now)
        if request is None:
            self.transport.close()
            return
        self.in_flight = True
        self.sent_at = now
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.run.fail(f"no HTTP response: {error}")
            self.in_flight = False
            self.transport.close()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        run = self.run
        now = time.perf_counter()
        self.in_flight = False
        status = self.parser.get_status_code()
        if status != run.load.expect:
            run.fail(f"status {status}: {self.body[:200].decode(errors='replace')}")
        elif self.sent_at >= run.counts_from:
            run.latencies.append(now - self.sent_at)
            run.last = now
        self.body.clear()
        if self.parser.should_keep_alive():
            self.send()
        else:
            self.reopen = True
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.in_flight:
            self.run.fail(f"the connection broke: {exc or 'closed without an answer'}")
        if self.reopen and time.perf_counter() < self.run.ends:
            asyncio.get_running_loop().create_task(connect(self.run))
        else:
            self.run.closed()


async def connect(run: Run) -> None:
    port = urlsplit(run.load.url).port or 80
    try:
        await asyncio.get_running_loop().create_connection(lambda: Connection(run), "127.0.0.1", port)
    except OSError as error:
        run.fail(f"no connection to port {port}: {error}")
        run.closed()


async def generate(load: Load) -> Result:
    if urlsplit(load.url).hostname != "127.0.0.1":
        raise SystemExit(f"{load.url} is not on 127.0.0.1: only this machine is loaded.")
    primed = await _finished(Run(replace(load, count=load.connections * PRIMING, seconds=60, warm_up=0)))
    return primed.result() if primed.errors else (await _finished(Run(load))).result()


async def _finished(run: Run) -> Run:
    load = run.load
    run.open = load.connections
    await asyncio.gather(*(connect(run) for _ in range(load.connections)))
    try:
        async with asyncio.timeout(load.warm_up + load.seconds + GRACE_SECONDS):
            await run.done
    except TimeoutError:
        run.fail(f"{run.open} connections got no answer within {GRACE_SECONDS} s of the end")
    return run


def measure(load: Load) -> Result:
    """Generate `load` from a process of its own. A run with errors is not a measurement."""
    command = [sys.executable, "-m", "benchmarks.load", json.dumps(asdict(load))]
    limit = load.warm_up + load.seconds + 180
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
    if finished.returncode != 0:
        raise MeasureError(f"the load generator failed: {finished.stderr.strip() or finished.returncode}")
    result = Result(**json.loads(finished.stdout))
    if result.errors:
        raise MeasureError(f"{result.errors} errors in {result.requests} requests to {load.url}: {result.first_error}")
    if not result.requests:
        raise MeasureError(f"no request to {load.url} was answered in {load.seconds} s")
    return result


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(generate(Load(**json.loads(sys.argv[1])))))))
