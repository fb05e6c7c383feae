"""What a hostile function reaches in the edge's container: docs/isolation.md, "In containers"."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from staticfire.edge_client import EdgeClient
from staticfire.targets.base import Running

ACCOUNT = "300000000002"

ATTACKS = """
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
NEWUSER, NEWNS = 0x10000000, 0x20000
CALLS = {
    "unshare a user namespace": lambda: libc.unshare(NEWUSER),
    "unshare a mount namespace": lambda: libc.unshare(NEWNS),
    "mount": lambda: libc.mount(b"x", b"/tmp", b"tmpfs", 0, None),
    "bind the root": lambda: libc.mount(b"/", b"/tmp", None, 4096, None),
    "make /usr writable": lambda: libc.mount(None, b"/usr", None, 32 | 4096, None),
    "umount": lambda: libc.umount2(b"/proc/sys", 2),
    "pivot_root": lambda: libc.syscall({"x86_64": 155, "aarch64": 41}[os.uname().machine], b"/tmp", b"/tmp"),
}


def handler(event, context):
    said = {}
    for name, call in CALLS.items():
        said[name] = "done" if call() >= 0 else errno.errorcode[ctypes.get_errno()]
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    return {
        "calls": said,
        "capabilities": [int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "processes": [pid for pid in os.listdir("/proc") if pid.isdigit()],
        "seen": [path for path in event if os.path.exists(path)],
        "writable": [path for path in event if os.access(path, os.W_OK)],
        "layers": os.listdir("/opt"),
    }
"""


@pytest.fixture(scope="module")
def aws(running: Running) -> Any:
    keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test"}
    return boto3.client("lambda", endpoint_url=running.endpoint, region_name="us-east-1", **keys)


@pytest.fixture(scope="module")
def hostile(aws: Any) -> Iterator[str]:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("code.py", ATTACKS)
    name = f"hostile-{uuid.uuid4().hex[:8]}"
    aws.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="code.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/any",
        Timeout=30,
        Code={"ZipFile": data.getvalue()},
    )
    aws.get_waiter("function_active_v2").wait(FunctionName=name)
    yield name
    aws.delete_function(FunctionName=name)


def test_a_function_sees_nothing_of_the_container_and_can_undo_nothing(
    aws: Any, hostile: str, running: Running
) -> None:
    of_the_edge = ["/state", "/state/control-token", "/tmp/edge.json", "/project", "/venvs/cli", "/opt/staticfire"]
    of_the_kernel = ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/user/max_user_namespaces"]
    answer = aws.invoke(FunctionName=hostile, Payload=json.dumps([*of_the_edge, *of_the_kernel]).encode())
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    assert set(said["calls"].values()) <= {"EPERM", "ENOSPC"}, said["calls"]
    assert said["calls"]["unshare a user namespace"] == "ENOSPC"  # the filter lets it through, the limit does not
    assert said["capabilities"] == [0, 0, 0, 0]
    assert len(said["processes"]) <= 3, said["processes"]
    assert not set(said["seen"]) & set(of_the_edge), said["seen"]
    assert said["writable"] == []
    assert said["layers"] == []
    health = EdgeClient(running.endpoint).health()
    assert health is not None
    assert health.parts["functions"]["isolation"] == "namespaces"
