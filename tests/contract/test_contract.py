"""Schemathesis against the running API of every stack: the answers are those that its OpenAPI document promises.

It sends what the document allows and what it does not, from a fixed seed, and follows the document's links.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from staticfire.settings import load
from staticfire.testing.kit import StackUnderTest

ROOT = Path(__file__).parents[2]
# The APIs of gateway, tasks and todos once more: their scenarios show it.
STACKS = sorted(set(load(ROOT).stacks) - {"gateway-image", "tasks-rest", "todos-node"})
EXAMPLES = 25
SEED = 20261121
DEADLINE = 240
# An HTTP API answers 404, not 405, to a method that a path has no route for.
UNFIT = ["unsupported_method"]
# What a document cannot say: that a number has at most six decimals; that a valid request may meet what is there.
UNFIT_FOR = {"usage": ["positive_data_acceptance"], "tasks": ["positive_data_acceptance"]}


@pytest.mark.parametrize("name", STACKS)
def test_the_running_api_keeps_to_its_document(
    name: str, staticfire_stacks: Callable[[str], StackUnderTest], tmp_path: Path
) -> None:
    stack = staticfire_stacks(name)
    unfit = [*UNFIT, *UNFIT_FOR.get(name, [])]
    command = [
        *(
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            str(ROOT / "service" / name / "openapi.yaml"),
        ),
        *("--url", stack.url, "--checks", "all", "--exclude-checks", ",".join(unfit)),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-database", "none"),
        *("--mode", "all", "--request-timeout", "30", "--no-color"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout
