"""What functions cost that are only described: `python -m benchmarks.functions_described [--calls N] [--functions N]`.

CreateFunction and GetFunction on Staticfire and on MiniStack as it is published, in turns, over one connection each;
then an Invoke, the edge's memory and a second `up` with ten functions in the account and with N. Times are medians:
of a busy machine only their ratio says something.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from statistics import median
from typing import Any

from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.base import target
from staticfire.toolchain.runtimes import install_emulator

from .dynamodb import as_published
from .ours import bench_settings, resident_kilobytes, started
from .processes import MeasureError

FEW = 10
FUNCTIONS = "/2015-03-31/functions"
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=000000000000/20260101/eu-west-1/lambda/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
)


class Account:
    """One connection to what answers Lambda's calls, and the functions that were made over it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.functions = 0
        self.seconds: dict[str, list[float]] = {"CreateFunction": [], "GetFunction": [], "Invoke": []}

    def create(self) -> None:
        request = {
            "FunctionName": f"bench-{self.functions}",
            "Runtime": f"python3.{sys.version_info.minor}",
            "Role": "arn:aws:iam::000000000000:role/bench",
            "Handler": "app.handler",
            # Each has code of its own, as functions do.
            "Code": {"ZipFile": _zipped(f"N = {self.functions}\ndef handler(event, context):\n    return event\n")},
        }
        self._call("CreateFunction", "POST", FUNCTIONS, request, 201)
        self.functions += 1

    def get(self) -> None:
        self._call("GetFunction", "GET", f"{FUNCTIONS}/bench-{self.functions - 1}", None, 200)

    def invoke(self) -> None:
        self._call("Invoke", "POST", f"{FUNCTIONS}/bench-0/invocations", {}, 200)

    def close(self) -> None:
        self._connection.close()

    def p50(self, operation: str) -> float:
        """Milliseconds."""
        return 1000 * median(self.seconds[operation])

    def _call(self, operation: str, method: str, path: str, request: Any, expected: int) -> None:
        body = None if request is None else json.dumps(request).encode()
        headers = {"authorization": AUTHORIZATION, "x-amz-date": "20260101T000000Z", "content-type": "application/json"}
        begun = time.perf_counter()
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        self.seconds[operation].append(time.perf_counter() - begun)
        if response.status != expected:
            raise MeasureError(f"{operation} answered {response.status}, not {expected}: {content[:500]!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--functions", type=int, default=1000)
    options = parser.parse_args()
    progress = Progress()
    with tempfile.TemporaryDirectory() as directory:
        settings = bench_settings(Path(directory) / "state")
        python = install_emulator(Layout.of(settings), progress)
        with started(settings, progress), as_published(python, Path(directory) / "ministack") as ministack:
            ours, theirs = Account(settings.port), Account(ministack.port)
            for _ in range(options.calls):
                for account in (ours, theirs):
                    account.create()
                    account.get()
            for operation in ("CreateFunction", "GetFunction"):
                here, there = ours.p50(operation), theirs.p50(operation)
                print(f"{operation:15} {here:7.2f} ms  MiniStack {there:7.2f} ms  ratio {here / there:.2f}", flush=True)
        with started(settings, progress):
            account = Account(settings.port)
            for count in (FEW, options.functions):
                while account.functions < count:
                    account.create()
                account.close()
                _many(settings, count, progress)
    return 0


def _many(settings: Settings, count: int, progress: Progress) -> None:
    embedded = target(settings)
    embedded.stop(progress)
    begun = time.perf_counter()
    embedded.start(progress)
    up = time.perf_counter() - begun
    again = Account(settings.port)
    again.invoke()  # the cold start
    again.seconds["Invoke"].clear()
    for _ in range(200):
        again.invoke()
    memory = resident_kilobytes(settings) / 1024
    print(f"{count:5} functions: up {up:.1f} s, Invoke {again.p50('Invoke'):.2f} ms, edge {memory:.0f} MB")


def _zipped(source: str) -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", source)
    return base64.b64encode(content.getvalue()).decode()


if __name__ == "__main__":
    sys.exit(main())
