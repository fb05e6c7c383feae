"""The edge with a real MiniStack behind it."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import venv
from pathlib import Path

import pytest
import uvloop

ROOT = Path(__file__).parents[3]
DEADLINE = 120.0


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a coroutine runs in a uvloop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    uvloop.run(asyncio.wait_for(pyfuncitem.obj(**arguments), DEADLINE))
    return True


@pytest.fixture(scope="session")
def ministack_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with MiniStack: a given one, the stack's, or one made now."""
    if given := os.environ.get("STATICFIRE_TEST_MINISTACK"):
        return given
    for python in sorted(ROOT.glob(".staticfire/envs/ministack-*/bin/python")):
        return str(python)
    made = tmp_path_factory.mktemp("ministack")
    venv.create(made, with_pip=True)
    python = made / "bin" / "python"
    requirements = ROOT / "staticfire" / "requirements" / "ministack.txt"
    command = [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", requirements]
    subprocess.run(command, check=True, timeout=600)
    return str(python)
