"""The services' code against a real Postgres and a real emulator, without Lambda and HTTP around it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import pytest

from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import Settings, load
from staticfire.targets.postgres.server import Postgres
from staticfire.toolchain.runtimes import install_emulator
from tests.integration.service.kit import CREDENTIALS, Api, Context, Stack, poster

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    root = tmp_path_factory.mktemp("postgres")
    server = Postgres(Settings(project=root, state_dir=root / "state", cache_dir=root / "state"))
    server.start(Progress())
    yield server
    server.stop()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of an emulator of this test process's own."""
    python = install_emulator(Layout.of(load(ROOT, {})), Progress())
    home = tmp_path_factory.mktemp("emulator")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environ = {"PATH": os.environ["PATH"], "TMPDIR": str(home), "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    output = home / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [python, "-m", "ministack"], env=environ, cwd=home, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"{url}/_ministack/health"):
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@pytest.fixture
def bare_stack(postgres: Postgres, emulator: str, monkeypatch: pytest.MonkeyPatch) -> Stack:
    server = postgres.start(Progress())
    name = f"usage_{secrets.token_hex(4)}"
    with closing(server.connect()) as admin:
        admin.run(f"create role {name} login password '{name}'")
        admin.run(f"create database {name} owner {name}")
    dynamodb = boto3.client("dynamodb", endpoint_url=emulator, **CREDENTIALS)
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    connection = {"host": server.host, "port": server.port, "dbname": name, "username": name, "password": name}
    secret = boto3.client("secretsmanager", endpoint_url=emulator, **CREDENTIALS).create_secret(
        Name=name, SecretString=json.dumps(connection)
    )
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "test")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator)
    monkeypatch.setenv("DATABASE_SECRET_ARN", secret["ARN"])
    monkeypatch.setenv("DATABASE_TLS", "prefer")
    monkeypatch.setenv("TABLE_NAME", name)
    return Stack(server, emulator, name, secret["ARN"], dynamodb)


@pytest.fixture
def stack(bare_stack: Stack) -> Stack:
    bare_stack.migrate()
    return bare_stack


@pytest.fixture
def new_api(bare_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Imports the API's module anew, as a new execution environment does."""

    def make() -> Any:
        monkeypatch.delitem(sys.modules, "usage.api", raising=False)
        import usage.api

        return usage.api

    return make


@pytest.fixture
def new_recorder(stack: Stack) -> Callable[[], Any]:
    """What an execution environment records with. Powertools keeps one request a process: its app takes no threads."""

    def make() -> Any:
        from servicekit.clients import client
        from servicekit.database import Database
        from servicekit.table import Table
        from usage.ledger import Ledger
        from usage.projection import Projection
        from usage.recording import Recorder

        projection = Projection(Table.from_environment(client("dynamodb")))
        return Recorder(Ledger(Database.from_environment()), projection)

    return make


@pytest.fixture
def post(stack: Stack, new_api: Callable[[], Any]) -> Api:
    """POST /usage in one execution environment; the answer with its body read."""
    return poster(new_api())


@pytest.fixture
def reconcile(bare_stack: Stack) -> Callable[..., dict[str, Any]]:
    def run(*, full: bool = False, context: Context | None = None) -> dict[str, Any]:
        from servicekit.clients import client
        from servicekit.database import Database
        from servicekit.table import Table
        from usage.projection import Projection
        from usage.reconcile import Reconciler

        projection = Projection(Table.from_environment(client("dynamodb")))
        reconciler = Reconciler(Database.from_environment(), projection)
        return asdict(reconciler.run(context or Context(), full=full))

    return run
