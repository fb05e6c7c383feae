"""How many requests a second the load generator itself can do on this machine: its ceiling.

The same Locust file floods a server that answers at once and does nothing. What comes out is the most that this file
and this number of processes can send here, with the server on the same cores; a run that came near it measured Locust.
The figure is kept in the cache directory, for this machine, these versions, this file and this number of workers.

`python -m staticfire.load.ceiling` is that server; it prints its port.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from staticfire.errors import StaticfireError
from staticfire.host.files import read_json, write_json
from staticfire.host.locks import file_lock
from staticfire.host.processes import end_with_parent
from staticfire.layout import Layout

from .locust_processes import Plan, locust_run
from .machine import Machine, versions
from .profiles import CLIENTS, LoadOptions
from .thresholds import rate_of

SECONDS = 4
WARM_UP_SECONDS = 2.0
HIGH_SHARE = 0.7
END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"
ANSWER = b'HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{"id":"one"}'


@dataclass(frozen=True)
class Ceiling:
    """`rps` of `workers` processes. `share_of` tells how much of it a rate is."""

    rps: float
    workers: int

    def share_of(self, rate: float) -> float:
        return rate / self.rps

    def warning(self, rate: float) -> str | None:
        if self.share_of(rate) <= HIGH_SHARE:
            return None
        return (
            f"The load generator did {rate:.0f} of the {self.rps:.0f} requests a second that it can do here: "
            "it may be what was measured. Give it more processes (--workers), or another machine."
        )


def ceiling(file: Path, workers: int, layout: Layout, project: Path) -> Ceiling:
    """As measured before on this machine; measured now if it never was."""
    path = layout.cache / "load" / "ceiling.json"
    identity = json.dumps([asdict(Machine.this()), versions(), hashlib.sha256(file.read_bytes()).hexdigest(), workers])
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    with file_lock(path.with_suffix(".lock")):
        measured = read_json(path) or {}
        if key not in measured:
            measured[key] = _measure(file, workers, project)
            write_json(path, measured)
    return Ceiling(float(measured[key]), workers)


def _measure(file: Path, workers: int, project: Path) -> float:
    options = LoadOptions(users=CLIENTS * workers, seconds=SECONDS, warm_up=WARM_UP_SECONDS)
    with tempfile.TemporaryDirectory(prefix="staticfire-ceiling-") as directory, trivial_server() as url:
        plan = Plan(file, url, "flood", options, workers=workers)
        with locust_run(plan, Path(directory), project) as run:
            while run.running:
                time.sleep(0.1)
        record = run.record
        tally = record.total(record.measured)
        tally.failures = 0  # the answers are not the service's
        rate = rate_of(tally, record.measured)
        if run.problem or not rate:
            problem = run.problem or "no request was answered"
            raise StaticfireError(
                f"The ceiling of the load generator cannot be measured: {problem}.",
                checked=[f"the end of what Locust said:\n{run.said}"],
                remedy=f"Run it by hand: `locust -f {file} --headless -t 5s`.",
            )
        return round(rate, 1)


@contextlib.contextmanager
def trivial_server() -> Iterator[str]:
    """The base URL of a server, in a process of its own, that answers everything at once."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent()
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        yield f"http://127.0.0.1:{port}/execute-api"  # an API of its own, not a stack in which one is looked up
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Answerer(asyncio.Protocol):
    """Answers 201 to a POST and 200 to all else, on a kept connection."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            head, end, rest = self.received.partition(END_OF_HEAD)
            if not end:
                return
            _, _, length = head.lower().partition(LENGTH)
            size = int(length.split(b"\r\n", 1)[0]) if length else 0
            if len(rest) < size:
                return
            self.received = rest[size:]
            status = b"201 Created" if head.startswith(b"POST") else b"200 OK"
            self.transport.write(ANSWER % status)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
