"""The edge with a real MiniStack behind it."""

from __future__ import annotations

import asyncio
import inspect
import os
from pathlib import Path

import pytest
import uvloop

from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import load
from staticfire.toolchain.runtimes import install_emulator

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
def ministack_python() -> str:
    """A Python with MiniStack: a given one, or the stack's."""
    if given := os.environ.get("STATICFIRE_TEST_MINISTACK"):
        return given
    return str(install_emulator(Layout.of(load(ROOT)), Progress()))
