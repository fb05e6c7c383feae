"""Functions run for real here: processes of the official runtime client."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from staticfire.edge.aws.calls import Scope
from staticfire.edge.services.lambda_ import FunctionRef, Functions
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import load
from staticfire.toolchain.runtimes import install_runtimes
from tests.unit.edge.services.lambda_.kit import Change, Lab, Said, Together, digest

ROOT = Path(__file__).parents[5]
SAID_ONCE = """
said="$0/$3"
test -s "$said" || { "$1" -m staticfire.toolchain.node "$2" "$3" > "$said.$$" && mv "$said.$$" "$said"; } || exit
cat "$said"
"""


@pytest.fixture(scope="session")
def runtime_python() -> str:
    """A Python with awslambdaric and boto3: a given one, or the stack's."""
    if named := os.environ.get("STATICFIRE_TEST_RUNTIME"):
        return named
    settings = load(ROOT, overrides={"runtimes": [f"python3.{sys.version_info.minor}"]})
    (python,) = {one.python for one in install_runtimes(settings, Layout.of(settings), Progress()).values()}
    return str(python)


@pytest.fixture(scope="session")
def runtime_version(runtime_python: str) -> str:
    script = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"
    return subprocess.run([runtime_python, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def making_node(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The edge's command that makes a Node runtime. What it said is said again: it starts Python and each Node."""
    said = str(tmp_path_factory.mktemp("node"))
    return ["sh", "-c", SAID_ONCE, said, sys.executable, str(Layout.of(load(ROOT)).cache)]


@pytest.fixture
def lab(tmp_path: Path, runtime_python: str, runtime_version: str, making_node: list[str]) -> Lab:
    return Lab(tmp_path, runtime_python, runtime_version, making_node)


@pytest.fixture
def said() -> Said:
    """An outcome's payload, as a document."""
    return lambda outcome: json.loads(outcome.payload)


@pytest.fixture
def run_together() -> Together:
    """Coroutines at the same time; exceptions are results."""

    async def together(*coroutines: Awaitable[Any]) -> list[Any]:
        return list(await asyncio.gather(*coroutines, return_exceptions=True))

    return together


@pytest.fixture
def code_digest() -> Callable[[bytes], str]:
    return digest


@pytest.fixture
def change() -> Change:
    """What the control plane tells once a write is done."""

    async def changed(functions: Functions, method: str, path: str) -> None:
        ref = FunctionRef(Scope(), path.split("/")[3])
        gone = method == "DELETE" and path.endswith(f"/functions/{ref.name}")
        await (functions.deleted if gone else functions.changed)(ref)

    return changed
