"""One edge process with its MiniStack, and boto3 clients of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

DEADLINE = 90.0


def eventually(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)
    return result


class Edge:
    """One edge process on a free port."""

    def __init__(self, ministack_python: str, state: Path, **settings: Any) -> None:
        self.state = state
        config = {
            "host": "127.0.0.1",
            "port": 0,
            "state_dir": str(state),
            "emulator": {"python": ministack_python},
            **settings,
        }
        self.process = self.start(config)
        self.config = config
        eventually(lambda: self.announced.exists() or self.process.poll() is not None)
        self.endpoint = json.loads(self.announced.read_text())["endpoint"]

    @property
    def announced(self) -> Path:
        return self.state / "edge.json"

    def start(self, config: dict[str, Any]) -> subprocess.Popen[str]:
        path = self.state / "config.json"
        path.write_text(json.dumps(config))
        return subprocess.Popen([sys.executable, "-m", "staticfire.edge", path], stderr=subprocess.PIPE, text=True)

    def health(self) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_staticfire/health", timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    @property
    def token(self) -> str:
        return (self.state / "control-token").read_text()

    def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """An answer of the edge's own endpoints to somebody who may steer it."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-staticfire-token": self.token}
        request = urllib.request.Request(f"{self.endpoint}/_staticfire/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)

    @property
    def child(self) -> int:
        pid: int = self.health()[1]["parts"]["emulator"]["pid"]
        return pid

    def client(self, service: str, key: str = "100000000001", secret: str = "x", token: str | None = None) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="eu-west-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 0}),
        )

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=DEADLINE)
