"""Elsewhere than on Linux everything can be imported, and the parts that start nothing do the same.

What is pretended is in darwin/sitecustomize.py: another name, no /proc, none of what Linux alone has in `os`. It is not
a macOS: whether processes, sockets and Terraform work there is shown by the workflow `platforms`. What tests of
processes (tests/unit/host) look for in /proc is not pretended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PRETENDED = Path(__file__).with_name("darwin")
ELSEWHERE = ("ministack", "uvicorn")  # in the emulator's virtual environment
# Locust comes first, since it changes the whole process. launch.py is a program: it runs when it is read.
IMPORT_ALL = f"""
import locust
import importlib, pkgutil, sys
import staticfire
assert sys.platform == "darwin"
failed = {{}}
for module in pkgutil.walk_packages(staticfire.__path__, "staticfire."):
    if module.name.endswith(("__main__", "lambda_.launch")):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {ELSEWHERE!r}:
            failed[module.name] = error
    except Exception as error:
        failed[module.name] = error
sys.exit("\\n".join(f"{{name}}: {{error!r}}" for name, error in failed.items()) or 0)
"""
# Together: a start of pytest costs as much as most of them.
SUITES = {
    "toolchain": ["toolchain"],
    "the others": [
        *("test_settings.py", "test_roots.py", "cli/test_terminal.py"),
        *("stacks/test_packages.py", "stacks/test_stack.py", "stacks/terraform/test_override.py"),
    ],
}


def pretended(*command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(PRETENDED), *sys.path])
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_module_can_be_imported() -> None:
    imported = pretended("-c", IMPORT_ALL)
    assert imported.returncode == 0, imported.stderr


@pytest.mark.parametrize("suites", SUITES.values(), ids=SUITES)
def test_the_parts_that_start_nothing_do_the_same(suites: list[str]) -> None:
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    done = pretended("-m", "pytest", *(f"tests/unit/{suite}" for suite in suites), *options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
