"""Cold start and warm rate of each runtime, beside the bare program: `python -m benchmarks.runtimes`.

Cold: from an Invoke that needs a new execution environment to its answer, against the bare program's start and end
(Node: `node -e` with the client's imports; the bootstrap: itself, which ends at once without a Runtime API). Warm: one
connection, one Invoke after the other.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from staticfire import boto
from staticfire.progress import Progress
from staticfire.stacks.terraform.variables import DEFAULT_ACCOUNT

from .ours import bench_settings, started

COLD, WARM = 9, 1000

# What the client loads: its own file is read by both.
IMPORTS = "require('http'); require('util'); require('fs'); require('path'); require('module'); require('assert')"

BOOTSTRAP = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char answer[65536];

static char *call(int api, const char *request) {
  write(api, request, strlen(request));
  for (size_t size = 0;;) {
    size += read(api, answer + size, sizeof answer - 1 - size);
    answer[size] = 0;
    char *length = strstr(answer, "content-length: "), *end = strstr(answer, "\r\n\r\n");
    if (length && end && size >= (size_t)(end + 4 - answer) + atoi(length + 16)) return answer;
  }
}

int main(void) {
  char *address = getenv("AWS_LAMBDA_RUNTIME_API"), request[512];
  if (!address) return 0;
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(strchr(address, ':') + 1))};
  inet_aton("127.0.0.1", &place.sin_addr);
  int api = socket(AF_INET, SOCK_STREAM, 0);
  connect(api, (struct sockaddr *)&place, sizeof place);
  for (;;) {
    char *event = call(api, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: a\r\n\r\n");
    char *id = strstr(event, "request-id: ") + 12;
    snprintf(request, sizeof request, "POST /2018-06-01/runtime/invocation/%.36s/response HTTP/1.1\r\nhost: a\r\n"
      "content-length: 2\r\n\r\n{}", id);
    call(api, request);
  }
}
"""

ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT}:role/none"


def packed(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def compiled(directory: Path) -> bytes:
    (directory / "bootstrap.c").write_text(BOOTSTRAP)
    subprocess.run(["cc", "-O2", "-w", "-o", "bootstrap", "bootstrap.c"], cwd=directory, check=True)
    return (directory / "bootstrap").read_bytes()


def median_of(command: Sequence[str]) -> float:
    """Milliseconds that it takes to start and end."""
    taken = []
    for _ in range(COLD):
        begin = time.perf_counter()
        subprocess.run(command, check=True, env={"PATH": os.defpath})
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken) * 1000


def measure(client: Any, runtime: str, files: Mapping[str, bytes]) -> tuple[float, float, float]:
    """Milliseconds of a cold Invoke, those of its initialisation, and warm Invokes a second."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    client.create_function(
        FunctionName=name, Runtime=runtime, Role=ROLE, Handler="app.handler", Code={"ZipFile": packed(files)}
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    client.invoke(FunctionName=name)  # unpacked, and where it is Node's, made
    cold, initialised = [], []
    for number in range(COLD):
        variables = {"Variables": {"NUMBER": str(number)}}
        client.update_function_configuration(FunctionName=name, Environment=variables)
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
        begin = time.perf_counter()
        answer = client.invoke(FunctionName=name, LogType="Tail")
        cold.append(time.perf_counter() - begin)
        log = base64.b64decode(answer["LogResult"]).decode()
        initialised.append(float(log.partition("Init Duration: ")[2].partition(" ")[0]))
    begin = time.perf_counter()
    for _ in range(WARM):
        client.invoke(FunctionName=name)
    warm = WARM / (time.perf_counter() - begin)
    return statistics.median(cold) * 1000, statistics.median(initialised), warm


def main() -> int:
    node = shutil.which("node")
    with tempfile.TemporaryDirectory() as directory, started(bench_settings(Path(directory)), Progress()) as running:
        client = boto.client(running.endpoint, running.region, DEFAULT_ACCOUNT, "lambda")
        rows = {f"python3.{sys.version_info.minor}": {"app.py": b"def handler(event, context):\n    return {}\n"}}
        floors = {}
        if node:
            runtime = f"nodejs{subprocess.check_output([node, '-p', 'process.versions.node'], text=True)[:2]}.x"
            rows[runtime] = {"app.js": b"exports.handler = async () => ({});\n"}
            floors[runtime] = median_of([node, "-e", IMPORTS])
        if shutil.which("cc"):
            program = compiled(Path(directory))
            rows["provided.al2023"] = {"bootstrap": program}
            floors["provided.al2023"] = median_of([str(Path(directory) / "bootstrap")])
        print("| runtime | cold Invoke | of it initialisation | bare program | warm, 1 connection |\n|" + " --- |" * 5)
        for runtime, files in rows.items():
            cold, initialised, warm = measure(client, runtime, files)
            bare = f"{floors[runtime]:.0f} ms" if runtime in floors else "see the table above"
            print(f"| {runtime} | {cold:.0f} ms | {initialised:.0f} ms | {bare} | {warm:.0f} requests/s |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
