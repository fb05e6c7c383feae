"""How the edge grows with functions and routes: `python -m benchmarks.growth_functions [--counts N ...] [--plot FILE]`.

An account gets functions, one route each of one HTTP API; after each step, medians: an Invoke of the function that was
made last and a request to its route, beside the first of both in turns; the edge's memory; and how long the whole stack
takes to start with what is kept. Trace look-up by id is measured in the full ring of traces.
"""

from __future__ import annotations

import argparse
import http.client
import io
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.base import Running, target

from .growth import plotted
from .ours import bench_settings, resident_kilobytes
from .processes import MeasureError

ACCOUNT, REGION = "100000000778", "eu-west-1"
COUNTS = (10, 100, 1000)
SAMPLES = 60
HANDLER = "def handler(event, context): return {'statusCode': 200, 'body': 'x'}\n"


class Growing:
    """An account whose functions and routes become more."""

    def __init__(self, settings: Settings, running: Running) -> None:
        self._settings = settings
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", HANDLER)
        self._code = buffer.getvalue()
        self.count = 0
        self._connect(running)
        self._api = self._gateway.create_api(Name="grown", ProtocolType="HTTP")["ApiId"]
        self._gateway.create_stage(ApiId=self._api, StageName="$default", AutoDeploy=True)

    def _connect(self, running: Running) -> None:
        self._running = running
        options: dict[str, Any] = {
            "endpoint_url": running.endpoint,
            "region_name": REGION,
            "aws_access_key_id": ACCOUNT,
            "aws_secret_access_key": "x",
            "config": Config(retries={"max_attempts": 0}, read_timeout=300),
        }
        self._lambda, self._gateway = boto3.client("lambda", **options), boto3.client("apigatewayv2", **options)
        host, _, port = running.endpoint.removeprefix("http://").partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=60)

    def grow(self, count: int) -> None:
        for number in range(self.count, count):
            name = f"f-{number:04d}"
            arn = self._lambda.create_function(
                FunctionName=name,
                Runtime=f"python3.{sys.version_info.minor}",
                Role=f"arn:aws:iam::{ACCOUNT}:role/r",
                Handler="app.handler",
                Code={"ZipFile": self._code},
            )["FunctionArn"]
            self._lambda.add_permission(
                FunctionName=name,
                StatementId="a",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
            )
            integration = self._gateway.create_integration(
                ApiId=self._api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
            )["IntegrationId"]
            self._gateway.create_route(
                ApiId=self._api, RouteKey=f"GET /r{number}/{{id}}", Target=f"integrations/{integration}"
            )
        self._lambda.get_waiter("function_active_v2").wait(FunctionName=f"f-{count - 1:04d}")
        self.count = count

    def invoke(self, number: int) -> None:
        answer = self._lambda.invoke(FunctionName=f"f-{number:04d}", Payload=b"{}")
        if "FunctionError" in answer:
            raise MeasureError(f"f-{number:04d} failed: {answer['Payload'].read()!r}")

    def request(self, number: int) -> None:
        self._connection.request("GET", f"/_aws/execute-api/{self._api}/$default/r{number}/1")
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise MeasureError(f"the route of f-{number:04d} answered {response.status}: {content[:300]!r}")

    def look_up(self) -> float:
        """Milliseconds to get a trace by its id."""
        edge = self._running.edge()
        newest = edge.traces(limit=50)
        if not newest:
            raise MeasureError("the edge keeps no trace of the requests")
        return timed(lambda number: edge.trace(newest[number % len(newest)]["id"]))

    def memory(self) -> float:
        return resident_kilobytes(self._settings) / 1024

    def restart(self) -> float:
        stack, progress = target(self._settings), Progress()
        stack.stop(progress)
        begun = time.monotonic()
        self._connect(stack.start(progress))
        return time.monotonic() - begun


class Pair(NamedTuple):
    """Milliseconds with what was made last, and its ratio to what was made first."""

    last: float
    ratio: float

    def __str__(self) -> str:
        return f"{self.last:.1f} ms ({self.ratio:.2f})"


def timed(call: Callable[[int], Any]) -> float:
    spent = []
    for number in range(SAMPLES):
        begun = time.perf_counter()
        call(number)
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def beside(call: Callable[[int], None], last: int) -> Pair:
    """In turns, so that a busy machine is as busy for both."""
    call(0)
    call(last)
    first: list[float] = []
    newest: list[float] = []
    for _ in range(SAMPLES):
        for number, spent in ((0, first), (last, newest)):
            begun = time.perf_counter()
            call(number)
            spent.append((time.perf_counter() - begun) * 1000)
    return Pair(statistics.median(newest), statistics.median(newest) / statistics.median(first))


def drawn(counts: list[int], flat: dict[str, list[float]]) -> str:
    return plotted("What an account's functions cost", "medians", counts, flat, axis="functions and routes")


def main() -> None:
    parser = argparse.ArgumentParser(description="How the edge grows with functions and routes")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--plot", type=Path, help="where the SVG goes")
    options = parser.parse_args()
    flat: dict[str, list[float]] = {"memory of the edge, MiB": [], "start, tenths of a second": []}
    with tempfile.TemporaryDirectory() as scratch:
        settings, progress = bench_settings(Path(scratch)), Progress()
        stack = target(settings)
        try:
            growing = Growing(settings, stack.start(progress))
            print("| functions and routes | Invoke | request | trace by its id | memory of the edge | start |")
            print("| --: | --- | --- | --- | --- | --- |")
            for count in options.counts:
                growing.grow(count)
                invoke, request = beside(growing.invoke, count - 1), beside(growing.request, count - 1)
                traced, memory = growing.look_up(), growing.memory()
                started = growing.restart()
                for values, value in zip(flat.values(), (memory, started * 10), strict=True):
                    values.append(value)
                row = f"{invoke} | {request} | {traced:.1f} ms | {memory:.0f} MiB"
                print(f"| {count:,} | {row} | {started:.1f} s |", flush=True)
        finally:
            stack.stop(progress)
    if options.plot:
        options.plot.write_text(drawn(options.counts, flat), encoding="utf-8")


if __name__ == "__main__":
    main()
