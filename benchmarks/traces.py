"""What traces cost: one edge under load, that notes traces and does not, in turns; its own CPU is counted.

    python -m benchmarks.traces [ROUNDS] [SECONDS]

Two edges that do the same differ by a tenth, by where their memory lies: so one is switched. A round loads it both
ways, in changing order. The rate of a busy machine varies by more than traces cost; the CPU time of a request varies
less, and most of what it varies by is in both halves of a round: the ratio of the rounds is what counts.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import tempfile
import zipfile
from pathlib import Path

import boto3

from staticfire.host.processes import ProcessRecord
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings
from staticfire.targets.base import Running

from .load import Load, measure
from .ours import bench_settings, started

ACCOUNT = "100000000778"
HANDLER = "def handler(event, context):\n    return {'statusCode': 200}\n"
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "16"))
WARM_UP = 10.0  # until as many traces are kept as ever are


def deployed(running: Running) -> str:
    """The address of a silent function."""
    options = {"endpoint_url": running.endpoint, "region_name": "us-east-1", "aws_access_key_id": ACCOUNT}
    client = boto3.client("lambda", aws_secret_access_key="x", **options)
    gateway = boto3.client("apigatewayv2", aws_secret_access_key="x", **options)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", HANDLER)
    made = client.create_function(
        FunctionName="silent",
        Runtime=f"python3.{sys.version_info.minor}",
        Role=f"arn:aws:iam::{ACCOUNT}:role/r",
        Handler="app.handler",
        Code={"ZipFile": buffer.getvalue()},
    )
    client.get_waiter("function_active_v2").wait(FunctionName="silent")
    client.add_permission(
        FunctionName="silent", StatementId="a", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    api = gateway.create_api(Name="a", ProtocolType="HTTP", Target=made["FunctionArn"])["ApiId"]
    return f"{running.endpoint}/_aws/execute-api/{api}/$default/silent"


def cpu_seconds(settings: Settings) -> float:
    """What the edge has used so far, by the scheduler's clock."""
    process = ProcessRecord.read(Layout.of(settings).process("edge"))
    assert process is not None, "the edge does not run"
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def main() -> int:
    rounds, seconds = int((sys.argv[1:2] or ["30"])[0]), float((sys.argv[2:3] or ["1.5"])[0])
    rates: dict[bool, list[float]] = {True: [], False: []}
    costs: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as directory:
        settings = bench_settings(Path(directory))
        with started(settings, Progress()) as running:
            url, edge = deployed(running), running.edge()
            measure(Load(url, CONNECTIONS, WARM_UP))
            for number in range(rounds):
                for on in (True, False) if number % 2 else (False, True):
                    assert edge.note_traces(on) is on
                    before = cpu_seconds(settings)
                    result = measure(Load(url, CONNECTIONS, seconds))
                    rates[on].append(result.rate)
                    costs[on].append((cpu_seconds(settings) - before) / result.requests * 1e6)
    for name, values, unit in (("rate", rates, "requests/s"), ("CPU of the edge", costs, "us a request")):
        ratio = statistics.median(
            noted / not_noted for noted, not_noted in zip(values[True], values[False], strict=True)
        )
        with_traces, without = statistics.median(values[True]), statistics.median(values[False])
        print(f"{name}: {with_traces:.1f} with traces, {without:.1f} without, {unit}; of the rounds {ratio:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
