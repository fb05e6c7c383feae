"""What traces cost: two edges, one with traces and one without, loaded in turns; the edge's own CPU is counted too.

    python -m benchmarks.traces [ROUNDS] [SECONDS]

A round loads both, in changing order. The rate of a busy machine varies by more than traces cost: the CPU time that the
edge's process takes for a request does not, so both are printed, as medians over the rounds.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import tempfile
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import boto3

from staticfire.host.processes import ProcessRecord
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings

from .load import Load, measure
from .ours import bench_settings, started

ACCOUNT = "100000000778"
HANDLER = "def handler(event, context):\n    return {'statusCode': 200}\n"
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "16"))


@dataclass(frozen=True)
class Subject:
    url: str
    pid: int

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def subject(settings: Settings, ending: ExitStack) -> Subject:
    running = ending.enter_context(started(settings, Progress()))
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
    process = ProcessRecord.read(Layout.of(settings).process("edge"))
    assert process is not None, "the edge does not run"
    return Subject(f"{running.endpoint}/_aws/execute-api/{api}/$default/silent", process.pid)


def main() -> int:
    rounds, seconds = (int(text) for text in (*sys.argv[1:3], *("6", "4")[len(sys.argv) - 1 :]))
    rates: dict[bool, list[float]] = {True: [], False: []}
    costs: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as directory, ExitStack() as ending:
        subjects = {}
        for on in (True, False):
            settings = replace(bench_settings(Path(directory) / str(on)), traces=on)
            subjects[on] = subject(settings, ending)
            measure(Load(subjects[on].url, CONNECTIONS, seconds))
        for number in range(rounds):
            for on in (True, False) if number % 2 else (False, True):
                before = subjects[on].cpu_seconds()
                result = measure(Load(subjects[on].url, CONNECTIONS, seconds))
                spent = subjects[on].cpu_seconds() - before
                rates[on].append(result.rate)
                costs[on].append(spent / (result.rate * seconds) * 1e6)
    for name, values, unit in (("rate", rates, "requests/s"), ("CPU of the edge", costs, "us a request")):
        with_traces, without = statistics.median(values[True]), statistics.median(values[False])
        change = (with_traces / without - 1) * 100
        print(f"{name}: {with_traces:.1f} with traces, {without:.1f} without ({change:+.1f} %), {unit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
