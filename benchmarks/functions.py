"""Whether an account with 1,000 functions is as quick as one with ten: create, describe, invoke.

STATICFIRE_PORT=4599 staticfire up ...; python -m benchmarks.functions http://127.0.0.1:4599 [COUNT]
"""

from __future__ import annotations

import io
import statistics
import sys
import time
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

ACCOUNT = "100000000777"
FEW = 10
SAMPLES = 100
HANDLER = "def handler(event, context): return event\n"


def packed(number: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", f"{HANDLER}# {number}\n")
    return buffer.getvalue()


def timed(call: Callable[[int], Any], numbers: range) -> float:
    """The median of as many calls, in milliseconds."""
    spent = []
    for number in numbers:
        begun = time.perf_counter()
        call(number)
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def main() -> int:
    endpoint, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    client = boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )
    version = f"python3.{sys.version_info.minor}"

    def create(number: int) -> None:
        client.create_function(
            FunctionName=f"f-{number:04d}",
            Runtime=version,
            Role=f"arn:aws:iam::{ACCOUNT}:role/r",
            Handler="app.handler",
            Code={"ZipFile": packed(number)},
        )

    def figures() -> tuple[float, float]:
        get = timed(lambda _: client.get_function(FunctionName="f-0003"), range(SAMPLES))
        client.invoke(FunctionName="f-0003", Payload=b"{}")
        invoke = timed(lambda _: client.invoke(FunctionName="f-0003", Payload=b"{}"), range(SAMPLES))
        return get, invoke

    print("| functions | CreateFunction p50 | GetFunction p50 | Invoke p50 |\n| --: | --: | --: | --: |")
    for begin, end in ((0, FEW), (FEW, count)):
        created = timed(create, range(begin, end))
        get, invoke = figures()
        print(f"| {end} | {created:.1f} ms | {get:.1f} ms | {invoke:.1f} ms |")
    for number in range(count):
        client.delete_function(FunctionName=f"f-{number:04d}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
