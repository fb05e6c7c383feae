"""Functions run for real here: processes of the official runtime client. Only the emulator is a small one in memory."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import inspect
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.http1.messages import Request
from staticfire.edge.services.lambda_ import FunctionRef, Functions, Outcome
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import load
from staticfire.toolchain.runtimes import install_runtimes

ROOT = Path(__file__).parents[4]
DEADLINE = 30.0
PAUSE = 0.01


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a coroutine runs in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(scope="session")
def runtime_python() -> str:
    """A Python with awslambdaric and boto3: a given one, or the stack's."""
    if given := os.environ.get("STATICFIRE_TEST_RUNTIME"):
        return given
    settings = load(ROOT, overrides={"runtimes": [f"python3.{sys.version_info.minor}"]})
    (python,) = {one.python for one in install_runtimes(settings, Layout.of(settings), Progress()).values()}
    return str(python)


@pytest.fixture(scope="session")
def runtime_version(runtime_python: str) -> str:
    script = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"
    return subprocess.run([runtime_python, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


def packed(files: Mapping[str, str]) -> bytes:
    """The same files, the same bytes: whenever they are packed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class Downloaded:
    def __init__(self, status: int, data: bytes) -> None:
        self.status = status
        self._data = data

    async def read(self) -> bytes:
        return self._data


class MemoryEmulator:
    """The calls that Functions makes, answered from dictionaries; `down` makes it unreachable."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.groups: set[str] = set()
        self.streams: set[str] = set()
        self.lines: dict[str, list[str]] = {}
        self.down = False

    async def rest(self, scope: Scope, service: str, method: str, path: str, body: object = None) -> Any:
        self._reach()
        self.asked.append(path)
        if path not in self.answers:
            raise AwsError(404, "ResourceNotFoundException", f"Function not found: {path}")
        return json.loads(json.dumps(self.answers[path]))

    async def raw(self, scope: Scope, service: str, method: str, target: str, headers: Any, body: bytes) -> Downloaded:
        self._reach()
        self.asked.append(target)
        return Downloaded(200, self.blobs[target]) if target in self.blobs else Downloaded(404, b"")

    async def whole(self, response: Downloaded) -> bytes:
        return await response.read()

    async def json(
        self, scope: Scope, service: str, target: str, body: Mapping[str, Any], version: str = "1.1"
    ) -> dict[str, Any]:
        self._reach()
        operation = target.rpartition(".")[2]
        if service == "logs":
            self._log(operation, body)
        elif operation == "GetQueueUrl":
            return {"QueueUrl": f"http://queue/{body['QueueName']}"}
        else:
            self.sent.append((operation, dict(body)))
        return {}

    async def query(self, scope: Scope, service: str, action: str, params: Mapping[str, str]) -> ElementTree.Element:
        self._reach()
        self.sent.append((action, dict(params)))
        return ElementTree.Element("ok")

    def _reach(self) -> None:
        if self.down:
            raise AwsError(503, "ServiceUnavailable", "The emulator does not answer")

    def _log(self, operation: str, body: Mapping[str, Any]) -> None:
        group, stream = body["logGroupName"], body.get("logStreamName", "")
        if operation == "CreateLogGroup":
            self.groups.add(group)
            return
        if group not in self.groups:
            raise AwsError(400, "ResourceNotFoundException", "The specified log group does not exist.")
        if operation == "CreateLogStream":
            self.streams.add(stream)
            return
        if stream not in self.streams:
            raise AwsError(400, "ResourceNotFoundException", "The specified log stream does not exist.")
        times = [event["timestamp"] for event in body["logEvents"]]
        if times != sorted(times):
            raise AwsError(400, "InvalidParameterException", "Log events must be in chronological order.")
        self.lines.setdefault(group, []).extend(event["message"] for event in body["logEvents"])


class Lab:
    """Deploys functions to the emulator in memory, and runs them."""

    def __init__(self, directory: Path, python: str, version: str) -> None:
        self.directory = directory
        self.python = python
        self.version = version
        self.emulator = MemoryEmulator()
        self.scope = Scope()

    @asynccontextmanager
    async def running(self, **settings: Any) -> AsyncIterator[Functions]:
        runtimes = {f"python{self.version}": {"python": self.python, "version": self.version}}
        given: dict[str, Any] = {"runtimes": runtimes, "retry_seconds": (0.01, 0.02), **settings}
        functions = Functions(
            self.emulator,  # type: ignore[arg-type]
            state_dir=self.directory,
            endpoint="http://127.0.0.1:1",
            **given,
        )
        try:
            async with asyncio.timeout(120):
                yield functions
        finally:
            await functions.close()

    def deploy(
        self,
        source: str | Mapping[str, str],
        *,
        name: str = "f",
        version: str = "$LATEST",
        reserved: int | None = None,
        **config: Any,
    ) -> FunctionRef:
        data = packed({"app.py": source} if isinstance(source, str) else source)
        path = f"/2015-03-31/functions/{name}" + ("" if version == "$LATEST" else f"?Qualifier={version}")
        location = f"/code/{hashlib.sha256(data).hexdigest()}"
        self.emulator.blobs[location] = data
        described: dict[str, Any] = {
            "Configuration": {
                "FunctionName": name,
                "Runtime": f"python{self.version}",
                "Handler": "app.handler",
                "Timeout": 10,
                "MemorySize": 256,
                "CodeSha256": digest(data),
                "Version": version,
                **config,
            },
            "Code": {"Location": f"http://localhost:4566{location}"},
        }
        if reserved is not None:
            described["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
        self.emulator.answers[path] = described
        return FunctionRef(self.scope, name)

    def add_layer(self, arn: str, files: Mapping[str, str]) -> None:
        data = packed(files)
        self.emulator.blobs["/layer/" + digest(data)] = data
        path = "/2018-10-31/layers?find=LayerVersion&Arn=" + arn.replace(":", "%3A")
        self.emulator.answers[path] = {
            "Content": {"CodeSha256": digest(data), "Location": "http://localhost:4566/layer/" + digest(data)}
        }

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for a condition."""
        for _ in range(int(DEADLINE / PAUSE)):
            if found := condition():
                return found
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"The condition did not come true within {DEADLINE:g} s")


@pytest.fixture
def lab(tmp_path: Path, runtime_python: str, runtime_version: str) -> Lab:
    return Lab(tmp_path, runtime_python, runtime_version)


@pytest.fixture
def said() -> Callable[[Outcome], Any]:
    """An outcome's payload, as a document."""
    return lambda outcome: json.loads(outcome.payload)


@pytest.fixture
def run_together() -> Callable[..., Awaitable[list[Any]]]:
    """Coroutines at the same time; exceptions are results."""

    async def together(*coroutines: Awaitable[Any]) -> list[Any]:
        return list(await asyncio.gather(*coroutines, return_exceptions=True))

    return together


@pytest.fixture
def code_digest() -> Callable[[bytes], str]:
    return digest


@pytest.fixture
def change() -> Callable[[Functions, str, str], Awaitable[None]]:
    """A write that the emulator has answered."""

    async def passed(functions: Functions, method: str, path: str) -> None:
        await functions.passed(Call(Request(method, path), "lambda", Scope()), 200)

    return passed
