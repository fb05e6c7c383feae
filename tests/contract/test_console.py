"""Schemathesis against the console's API: it answers what its document promises, whatever is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from staticfire.console.process import ConsoleProcess
from staticfire.settings import load
from tests.integration.conftest import ministack_python
from tests.integration.edge.kit import Edge

__all__ = ["ministack_python"]

EXAMPLES = 5
SEED = 20261121
DEADLINE = 240
# A fault that hangs would befall every later call; tests/integration/console sets faults.
SET_APART = "add_fault"
# Valid input may meet what is not there; 405 comes before what else is wrong; a stream of events does not end.
UNFIT = ["positive_data_acceptance", "unsupported_method"]
UNENDING = "/api/live"


@pytest.fixture
def console(ministack_python: str, tmp_path: Path) -> Iterator[ConsoleProcess]:
    edge = Edge(ministack_python, tmp_path)
    project = tmp_path / "project"
    (project / "infra").mkdir(parents=True)
    (project / "infra" / "main.tf").write_text("")
    (project / "staticfire.toml").write_text('[stacks.app]\nroot = "infra"\n')
    settings = load(project, environ={}, overrides={"target": "external"})
    process = ConsoleProcess(replace(settings, endpoint=edge.endpoint, token=edge.token, port=0))
    process.layout.make_state()
    process.start()
    yield process
    process.stop()
    edge.end()


def test_the_console_keeps_to_its_document(console: ConsoleProcess, tmp_path: Path) -> None:
    address = console.address
    assert address is not None
    document = Path(__file__).parents[2] / "docs" / "console-api.json"
    assert json.loads(document.read_text())["paths"][UNENDING]
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", address.rstrip("/")),
        *("--checks", "all", "--exclude-checks", ",".join(UNFIT), "--exclude-path", UNENDING),
        *("--exclude-operation-id", SET_APART),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-database", "none"),
        *("--mode", "all", "--request-timeout", "60", "--no-color", "--phases", "examples,coverage,fuzzing"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout
    assert "failed" not in console.log.read_text()
