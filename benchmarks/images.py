"""A push of 300 MB in twelve layers, two functions of it and their first invocations: `python -m benchmarks.images`.

The layers are random bytes, which nothing makes smaller. What the edge's process held of memory at the most is told by
the kernel, before the push and after each step.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from staticfire import boto
from staticfire.host.processes import ProcessRecord
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT
from tests.images import RegistryClient, bash_image, file, repository_path

from .ours import bench_settings, started
from .runtimes import ROLE

LAYERS, SIZE = 10, 30 * 1000 * 1000  # beside those of bash and of the function


def most_memory(pid: int) -> float:
    """MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def deployment(client: Any, uri: str, name: str) -> float:
    """Until the function is `Active`: its image is unpacked then."""
    begin = time.perf_counter()
    client.create_function(FunctionName=name, PackageType="Image", Code={"ImageUri": uri}, Role=ROLE, Timeout=60)
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000})
    return time.perf_counter() - begin


def first_invocation(client: Any, name: str) -> float:
    begin = time.perf_counter()
    answer = client.invoke(FunctionName=name, Payload=b"{}")
    assert answer["Payload"].read() == b"1"
    return time.perf_counter() - begin


def main() -> int:
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as ending:
        settings = bench_settings(Path(directory))
        running = ending.enter_context(started(settings, Progress()))
        image = bash_image("echo 1", *[[file(f"data/{number}", os.urandom(SIZE))] for number in range(LAYERS)])
        ecr = boto.client(running.endpoint, running.region, DEFAULT_ACCOUNT, "ecr")
        functions = boto.client(running.endpoint, running.region, DEFAULT_ACCOUNT, "lambda")
        uri = ecr.create_repository(repositoryName="bench")["repository"]["repositoryUri"]
        process = ProcessRecord.read(Layout.of(settings).process("edge"))
        assert process is not None
        pid = process.pid
        before = most_memory(pid)
        begin = time.perf_counter()
        RegistryClient.of(ecr).push(repository_path(uri), "1", image)
        pushed = time.perf_counter() - begin
        after_push = most_memory(pid)
        steps = []
        for which in ("first", "second"):
            seconds = deployment(functions, f"{uri}:1", which)
            steps.append((f"the {which} function of it, until it is `Active`", seconds, most_memory(pid)))
            seconds = first_invocation(functions, which)
            steps.append(("its first invocation", seconds, most_memory(pid)))
        size = sum(map(len, image.blobs)) / 1e6
        print("| what | seconds | the edge's memory at the most |\n| --- | --- | --- |")
        print(f"| before | | {before:.0f} MB |")
        print(f"| push of {size:.0f} MB in {len(image.layers)} layers | {pushed:.2f} | {after_push:.0f} MB |")
        for what, seconds, memory in steps:
            print(f"| {what} | {seconds:.2f} | {memory:.0f} MB |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
