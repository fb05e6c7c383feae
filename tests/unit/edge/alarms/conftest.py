"""Alarms. A test that is a coroutine runs in a uvloop of its own, as the edge does."""

from __future__ import annotations

import asyncio
import inspect

import pytest
import uvloop

DEADLINE = 30.0


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    uvloop.run(asyncio.wait_for(pyfuncitem.obj(**arguments), DEADLINE))
    return True
