"""Functions run for real here: processes of the official runtime client. Only the emulator is a small one in memory."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import secrets
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

from staticfire.edge.aws.access_keys import AccessKeys
from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.aws.emulator import Emulator
from staticfire.edge.http1.client import Client
from staticfire.edge.services.lambda_ import FunctionRef, Functions, LambdaSettings, Outcome
from staticfire.edge.services.lambda_.api import LambdaApi
from staticfire.edge.services.lambda_.code_locations import CodeLocations
from staticfire.edge.services.lambda_.control_plane import LambdaControlPlane
from staticfire.edge.store import Store, schema

Said = Callable[[Outcome], Any]
Together = Callable[..., Awaitable[list[Any]]]
Change = Callable[[Functions, str, str], Awaitable[None]]

DEADLINE = 30.0
PAUSE = 0.01


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """The same files, the same bytes: whenever they are packed. A script or a bootstrap can be executed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            is_program = name == "bootstrap" or text[:2] in ("#!", b"#!")
            entry.external_attr = (0o755 if is_program else 0o644) << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class Described(dict[str, Any]):
    """What is described of functions, under the API's paths: it is put into the store at once."""

    def __init__(self, path: Path, scope: Scope) -> None:
        super().__init__()
        schema.prepare(path)
        self._connection = schema.connect(path)
        self._scope = scope

    def __setitem__(self, path: str, value: Any) -> None:
        super().__setitem__(path, value)
        function, _, rest = path.partition("/functions/")[2].partition("/")
        name, _, qualifier = function.partition("?Qualifier=")
        operation, _, of_version = rest.partition("?Qualifier=")
        if operation.startswith("aliases/"):
            self._put("alias", f"{name}:{operation.removeprefix('aliases/')}", value)
        elif operation == "event-invoke-config":
            self._put("event-invoke-config", f"{name}:{of_version or '$LATEST'}", value)
        elif operation == "policy":
            statements = json.loads(value["Policy"])["Statement"]
            self._put("policy", f"{name}:{of_version}", {"statements": statements, "revision": "r"})
        elif qualifier:
            self._put("version", f"{name}:{int(qualifier):010d}", value["Configuration"])
        else:
            self._put("function", name, {"latest": value["Configuration"], "next": 1, "tags": {}})
        if "Concurrency" in value:
            self._put("reserved-concurrency", name, {"reserved": value["Concurrency"]["ReservedConcurrentExecutions"]})

    def layer(self, arn: str, sha256: str) -> None:
        *_, name, version = arn.split(":")
        self._put("layer-version", f"{name}:{int(version):010d}", {"Content": {"CodeSha256": sha256}}, arn.split(":"))

    def clear(self) -> None:
        super().clear()
        self._connection.execute("DELETE FROM documents")

    def _put(self, kind: str, identity: str, record: Any, arn: list[str] | None = None) -> None:
        account, region = (arn[4], arn[3]) if arn else (self._scope.account, self._scope.region)
        values = (account, region, "lambda", kind, identity, json.dumps(record))
        columns = "account, region, service, kind, id, document"
        self._connection.execute(f"INSERT OR REPLACE INTO documents ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)


class MemoryEmulator(Emulator):
    """The calls that Functions makes, kept in lists; `down` makes it unreachable."""

    def __init__(self, answers: Described) -> None:
        self.answers = answers
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.groups: set[str] = set()
        self.streams: set[str] = set()
        self.lines: dict[str, list[str]] = {}
        self.down = False

    async def raw(
        self, scope: Scope, service: str, method: str, target: str, headers: Any = (), body: Any = b"", **_: Any
    ) -> Any:
        self._reach()
        self.sent.append((f"{method} {target}", {"body": body}))
        return SimpleNamespace(status=200)

    async def whole(self, response: Any) -> bytes:
        return b""

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

    async def query(
        self, scope: Scope, service: str, action: str, params: Mapping[str, str], *, token: str = ""
    ) -> ElementTree.Element:
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


async def no_image(scope: Scope, uri: str) -> str:
    raise AwsError(400, "InvalidParameterValueException", f"Source image {uri} does not exist.")


def api_of(functions: Functions) -> LambdaApi:
    """The Lambda API in front of functions."""
    locations = CodeLocations(functions.code, "secret", "http://localhost:4566")
    emulator = Emulator("http://127.0.0.1:1", Client())
    parts = (emulator, functions.records, functions.code, locations, functions)
    return LambdaApi(functions, LambdaControlPlane(*parts, port=4566, account_concurrency=1000, resolve_image=no_image))


class Lab:
    """Deploys functions to the emulator in memory, and runs them."""

    def __init__(self, directory: Path, python: str, version: str, node: Sequence[str] = ()) -> None:
        self.directory = directory
        self.node = node
        self.python = python
        self.version = version
        self.scope = Scope()
        self.access_keys = AccessKeys("s")
        self.emulator = MemoryEmulator(Described(directory / "edge.sqlite", self.scope))
        self.mark = secrets.randbelow(10**9)  # tells this lab's processes from others'

    @asynccontextmanager
    async def running(self, **settings: Any) -> AsyncIterator[Functions]:
        runtimes = {f"python{self.version}": {"python": self.python, "version": self.version}}
        changed: dict[str, Any] = {"runtimes": runtimes, "node": self.node, "retry_seconds": (0.01, 0.02), **settings}
        lambda_settings = LambdaSettings(state_dir=self.directory, endpoint="http://127.0.0.1:1", **changed)
        store = Store(self.directory / "edge.sqlite")
        self.store = store
        functions = Functions(self.emulator, lambda_settings, self.access_keys, store)
        functions.resume()
        try:
            async with asyncio.timeout(120):
                yield functions
        finally:
            await functions.close()
            await store.close()

    def deploy(
        self,
        source: str | Mapping[str, str | bytes],
        *,
        name: str = "f",
        version: str = "$LATEST",
        reserved: int | None = None,
        **config: Any,
    ) -> FunctionRef:
        data = packed({"app.py": source} if isinstance(source, str) else source)
        path = f"/2015-03-31/functions/{name}" + ("" if version == "$LATEST" else f"?Qualifier={version}")
        self._keep(data)
        described: dict[str, Any] = {
            "Configuration": {
                "FunctionName": name,
                "Runtime": f"python{self.version}",
                "Handler": "app.handler",
                "Timeout": 10,
                "MemorySize": 256,
                "CodeSha256": digest(data),
                "Version": version,
                "PackageType": "Zip",
                **config,
            },
        }
        if reserved is not None:
            described["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
        self.emulator.answers[path] = described
        return FunctionRef(self.scope, name)

    def add_layer(self, arn: str, files: Mapping[str, str | bytes]) -> None:
        data = packed(files)
        self._keep(data)
        self.emulator.answers.layer(arn, digest(data))

    def _keep(self, data: bytes) -> None:
        path = self.directory / "functions" / "zips" / f"{hashlib.sha256(data).hexdigest()}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for a condition."""
        for _ in range(int(DEADLINE / PAUSE)):
            if outcome := condition():
                return outcome
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"The condition did not come true within {DEADLINE:g} s")
