"""The edge's process and its child: start, announcement, end, and what is left when either is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.integration.edge.kit import DEADLINE, Edge, eventually


@pytest.fixture
def edge(ministack_python: str, tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(ministack_python, tmp_path)
    yield edge
    edge.end()


def running(pid: int) -> bool:
    """Alive; a zombie that nobody has reaped is not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def test_it_serves_says_so_and_ends_with_its_child(edge: Edge) -> None:
    status, health = edge.health()
    child = edge.child
    assert (status, health["state"]) == (200, "running")
    assert json.loads(edge.announced.read_text())["pid"] == edge.process.pid
    edge.process.terminate()
    assert edge.process.wait(DEADLINE) == 0
    assert not edge.announced.exists()
    assert not running(child)


def test_a_killed_edge_leaves_no_child(edge: Edge) -> None:
    child = edge.child
    edge.process.kill()
    eventually(lambda: not running(child))


def test_a_killed_emulator_is_noticed_and_named_in_every_answer(edge: Edge) -> None:
    os.kill(edge.child, signal.SIGKILL)
    eventually(lambda: edge.health()[1]["parts"]["emulator"]["state"] == "dead")
    status, health = edge.health()
    assert (status, health["parts"]["emulator"]["why"]) == (503, "was killed by SIGKILL")
    for call in (edge.client("dynamodb").list_tables, edge.client("s3").list_buckets, edge.client("sns").list_topics):
        with pytest.raises(ClientError, match="MiniStack was killed by SIGKILL") as raised:
            call()
        assert "staticfire up" in str(raised.value)


def test_a_port_that_is_taken_is_exit_7_with_the_remedy(edge: Edge) -> None:
    port = int(edge.endpoint.rpartition(":")[2])
    second = edge.start({**edge.config, "port": port})
    _, said = second.communicate(timeout=DEADLINE)
    assert second.returncode == 7
    assert "taken" in said
    assert "STATICFIRE_PORT" in said


def test_an_emulator_that_cannot_start_is_exit_1_with_what_it_said(tmp_path: Path) -> None:
    config = {
        "host": "127.0.0.1",
        "port": 0,
        "state_dir": str(tmp_path),
        "emulator": {"python": sys.executable},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "staticfire.edge", str(tmp_path / "config.json")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert ended.returncode == 1
    assert "MiniStack did not start: ended with exit status 1" in ended.stderr
    assert "ModuleNotFoundError" in ended.stderr


def test_nothing_is_written_outside_the_state_directory(edge: Edge) -> None:
    edge.client("s3").create_bucket(Bucket="b-1", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    edge.client("s3").put_object(Bucket="b-1", Key="k", Body=b"x")
    environment = Path(f"/proc/{edge.child}/environ")
    if not environment.exists():
        pytest.skip("needs /proc")
    variables = dict(line.split("=", 1) for line in environment.read_text().split("\0") if line)
    assert not [name for name in variables if name.startswith(("AWS_", "TF_"))]
    for name in ("TMPDIR", "HOME", "STATE_DIR", "S3_DATA_DIR"):
        assert Path(variables[name]).is_relative_to(edge.state)


def test_urls_that_the_emulator_hands_out_lead_to_the_edge(edge: Edge) -> None:
    queue = edge.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    assert queue.startswith(f"{edge.endpoint}/")
    bucket = edge.client("s3")
    bucket.create_bucket(Bucket="b-2", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    bucket.put_object(Bucket="b-2", Key="a b/ü", Body=b"x" * 3_000_000)
    url = bucket.generate_presigned_url("get_object", Params={"Bucket": "b-2", "Key": "a b/ü"})
    with urllib.request.urlopen(url, timeout=30) as response:
        assert response.read() == b"x" * 3_000_000
