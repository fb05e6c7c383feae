"""What holds for all tests: a coroutine runs in uvloop, as the edge does, and ends; Docker is asked for by name."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import uvloop

COMPOSE = Path(__file__).parent / "compose"
DEADLINE = 120.0

# How long an example takes is the machine's business.
hypothesis.settings.register_profile("staticfire", deadline=None)
hypothesis.settings.load_profile("staticfire")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "documented(area, aws, page, here): the AWS behaviour that a case shows")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _within_the_deadline(item.obj)


def _within_the_deadline(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(DEADLINE):
            await test(*args, **kwargs)

    return run


def _leaves_compose_out(config: pytest.Config) -> bool:
    paths = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return any(COMPOSE.is_relative_to(path) for path in paths) and not any(
        path.is_relative_to(COMPOSE) for path in paths
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path == COMPOSE and _leaves_compose_out(config) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _leaves_compose_out(config):
        terminalreporter.write_line(
            "tests/compose was left out: it needs Docker. `tox -e compose` runs it.", yellow=True
        )
