"""What a DynamoDB call costs the emulator: `python -m benchmarks.dynamodb [--rounds N] [--calls N] [--against MAIN]`.

The emulator as the edge runs it beside MiniStack as it is published, both served by uvicorn, in turns, over one
connection each. CPU of the process is counted, not time: that can be compared on a busy machine too. `--against` takes
the ministack_main.py of another checkout in the place of the published MiniStack.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from staticfire.host.ports import free_port
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import load
from staticfire.toolchain.runtimes import install_emulator

from .processes import ROOT, MeasureError, child, listens, wait_for

ITEMS = 1000
HASH, WITH_RANGE = "bench-hash", "bench-range"
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=000000000000/20260101/eu-west-1/dynamodb/aws4_request, "
    f"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}"
)
Document = dict[str, Any]


class Emulator:
    """A process that answers DynamoDB's calls on a port, and the CPU that it took."""

    def __init__(self, name: str, port: int, pid: Callable[[], int]) -> None:
        self.name = name
        self.port = port
        self._pid = pid
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def call(self, operation: str, request: Document) -> Document:
        body = json.dumps(request).encode()
        headers = {
            "x-amz-target": f"DynamoDB_20120810.{operation}",
            "content-type": "application/x-amz-json-1.0",
            "user-agent": "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.13.1",
            "x-amz-date": "20260101T000000Z",
            "authorization": AUTHORIZATION,
            "amz-sdk-invocation-id": "0f6b3b3e-1111-2222-3333-444455556666",
            "amz-sdk-request": "attempt=1",
        }
        self._connection.request("POST", "/", body, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise MeasureError(f"{operation} on {self.name} answered {response.status}: {content[:500]!r}")
        answer: Document = json.loads(content)
        return answer

    def forget_connection(self) -> None:
        """The next call makes another: one that was idle for long may have been closed."""
        self._connection.close()

    def cpu(self) -> float:
        """Seconds of the CPU that its threads took, by the scheduler's own clock."""
        spent = [(task / "schedstat").read_text() for task in Path(f"/proc/{self._pid()}/task").iterdir()]
        return sum(int(line.split()[0]) for line in spent) / 1e9

    def memory(self) -> int:
        """Bytes in use."""
        return int(Path(f"/proc/{self._pid()}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def make_tables(self) -> None:
        self.call("CreateTable", table(HASH))
        self.call("CreateTable", table(WITH_RANGE, ranged=True))


@contextlib.contextmanager
def as_the_edge_runs_it(name: str, python: Path, directory: Path, main: Path | None = None) -> Iterator[Emulator]:
    port, log = free_port(), directory / "log"
    command = [sys.executable, "-m", "benchmarks.behind", str(port), str(python), str(directory)]
    with child([*command, *([str(main)] if main else [])], log=log) as process:
        wait_for(name, lambda: listens(port), process, log)
        # It is the only child: behind.py hands connections on and does nothing else.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        yield Emulator(name, port, lambda: int(children.read_text().split()[0]))


@contextlib.contextmanager
def as_published(python: Path, directory: Path) -> Iterator[Emulator]:
    port, log = free_port(), directory / "log"
    variables = {"PATH": os.defpath, "HOME": str(directory), "IOT_MTLS_ENABLED": "0", "LOG_LEVEL": "WARNING"}
    options = ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
    command: list[str | Path] = [python, "-m", "uvicorn", "ministack.app:app", "--port", str(port), *options]
    with child(command, log=log, env=variables, cwd=directory) as process:
        wait_for("MiniStack", lambda: listens(port), process, log)
        yield Emulator("MiniStack", port, lambda: process.pid)


def table(name: str, *, ranged: bool = False) -> Document:
    """A table; with a range key it also has an index by `group`."""
    hashed = {"AttributeName": "pk", "KeyType": "HASH"}
    range_ = {"AttributeName": "sk", "KeyType": "RANGE"}
    by_group = {
        "IndexName": "by-group",
        "KeySchema": [{"AttributeName": "group", "KeyType": "HASH"}, range_],
        "Projection": {"ProjectionType": "ALL"},
    }
    kinds = {"pk": "S", "sk": "N", "group": "S"} if ranged else {"pk": "S"}
    return {
        "TableName": name,
        "KeySchema": [hashed, range_] if ranged else [hashed],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()],
        "BillingMode": "PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": [by_group]} if ranged else {}),
    }


def user(number: int) -> Document:
    return {
        "pk": {"S": f"user{number}"},
        "number": {"N": str(number)},
        "sum": {"N": "150.25"},
        "label": {"S": "x" * 20},
        "tags": {"SS": ["a", "b"]},
        "at": {"S": "2026-01-01T00:00:00Z"},
        "nested": {"M": {"a": {"L": [{"N": "1"}, {"BOOL": True}]}}},
    }


def reading(number: int) -> Document:
    return {
        "pk": {"S": "all"},
        "sk": {"N": str(number)},
        "group": {"S": f"group{number % 100}"},
        "label": {"S": "y" * 30},
    }


UPDATE: Document = {
    "TableName": HASH,
    "Key": {"pk": {"S": "user1"}},
    "UpdateExpression": "SET #s = if_not_exists(#s, :zero) + :usage, seen = :now, version = :v ADD events :one",
    "ConditionExpression": "attribute_not_exists(version) OR version <= :v",
    "ExpressionAttributeNames": {"#s": "sum"},
    "ExpressionAttributeValues": {
        ":zero": {"N": "0"},
        ":usage": {"N": "150"},
        ":now": {"S": "2026-01-01"},
        ":v": {"N": "7"},
        ":one": {"N": "1"},
    },
}

BETWEEN: Document = {
    "TableName": WITH_RANGE,
    "KeyConditionExpression": "pk = :p AND sk BETWEEN :a AND :b",
    "ExpressionAttributeValues": {":p": {"S": "all"}, ":a": {"N": "500"}, ":b": {"N": "509"}},
}


def _get(number: int) -> Document:
    return {"TableName": HASH, "Key": {"pk": {"S": f"user{number % ITEMS}"}}, "ConsistentRead": True}


def _put(number: int) -> Document:
    return {"TableName": HASH, "Item": user(number % ITEMS)}


def _put_if(number: int) -> Document:
    condition = {
        "ConditionExpression": "attribute_not_exists(pk) OR #n <= :n",
        "ExpressionAttributeNames": {"#n": "number"},
        "ExpressionAttributeValues": {":n": {"N": "100000"}},
    }
    return {**_put(number), **condition}


def _write_in_transaction(number: int) -> Document:
    exists = {"TableName": HASH, "Key": {"pk": {"S": "user2"}}, "ConditionExpression": "attribute_exists(pk)"}
    put = {
        "TableName": HASH,
        "Item": user(3 + number % (ITEMS - 3)),
        "ConditionExpression": "attribute_not_exists(gone)",
    }
    return {"TransactItems": [{"Put": put}, {"Update": UPDATE}, {"ConditionCheck": exists}]}


def _get_in_transaction(number: int) -> Document:
    keys = ({"pk": {"S": f"user{(number + more) % ITEMS}"}} for more in range(4))
    return {"TransactItems": [{"Get": {"TableName": HASH, "Key": key}} for key in keys]}


def _newest(_: int) -> Document:
    values = {":p": {"S": "all"}}
    return {
        "TableName": WITH_RANGE,
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": values,
        "Limit": 10,
        "ScanIndexForward": False,
    }


def by_index(number: int) -> Document:
    return {
        "TableName": WITH_RANGE,
        "IndexName": "by-group",
        "KeyConditionExpression": "#g = :g",
        "ExpressionAttributeNames": {"#g": "group"},
        "ExpressionAttributeValues": {":g": {"S": f"group{number % 100}"}},
    }


CALLS: dict[str, tuple[str, Callable[[int], Document]]] = {
    "GetItem": ("GetItem", _get),
    "PutItem": ("PutItem", _put),
    "PutItem with a condition": ("PutItem", _put_if),
    "UpdateItem": ("UpdateItem", lambda _: {**UPDATE, "ReturnValues": "UPDATED_NEW"}),
    f"Query, 10 of {ITEMS} by range": ("Query", lambda _: BETWEEN),
    f"Query, newest 10 of {ITEMS}": ("Query", _newest),
    "Query of an index, 10 items": ("Query", by_index),
    "TransactWriteItems of 3": ("TransactWriteItems", _write_in_transaction),
    "TransactGetItems of 4": ("TransactGetItems", _get_in_transaction),
}


def measured(emulator: Emulator, operation: str, request: Callable[[int], Document], calls: int) -> float:
    """Microseconds of the emulator's CPU a call."""
    for number in range(max(calls // 10, 3)):
        emulator.call(operation, request(number))
    before = emulator.cpu()
    for number in range(calls):
        emulator.call(operation, request(number))
    return (emulator.cpu() - before) / calls * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="What a DynamoDB call costs the emulator")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--against", type=Path, help="ministack_main.py of another checkout")
    options = parser.parse_args()
    python = install_emulator(Layout.of(load(ROOT, environ={})), Progress())
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as ends:
        for name in ("ours", "other"):
            Path(scratch, name).mkdir()
        ours = ends.enter_context(as_the_edge_runs_it("ours", python, Path(scratch, "ours")))
        directory = Path(scratch, "other")
        other = ends.enter_context(
            as_the_edge_runs_it("the other checkout", python, directory, options.against)
            if options.against
            else as_published(python, directory)
        )
        for emulator in (ours, other):
            emulator.make_tables()
            for number in range(ITEMS):
                emulator.call("PutItem", {"TableName": HASH, "Item": user(number)})
                emulator.call("PutItem", {"TableName": WITH_RANGE, "Item": reading(number)})
        print(f"| CPU of a call | ours | {other.name} | ratio |\n| --- | --- | --- | --- |")
        for label, (operation, request) in CALLS.items():
            pairs = [
                (measured(ours, operation, request, options.calls), measured(other, operation, request, options.calls))
                for _ in range(options.rounds)
            ]
            first, second = (median(side) for side in zip(*pairs, strict=True))
            ratio = median(there / here for here, there in pairs)
            print(f"| {label} | {first:.0f} us | {second:.0f} us | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
