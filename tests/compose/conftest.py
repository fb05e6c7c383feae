"""The stack of compose.yaml, which `docker compose up --wait` (or `staticfire up --target compose`) has brought up."""

from __future__ import annotations

from pathlib import Path

import pytest

from staticfire.progress import Progress
from staticfire.settings import Settings, load
from staticfire.stacks.stack import Stack
from staticfire.targets.base import Running, target
from staticfire.testing.kit import StackUnderTest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load(PROJECT, overrides={"target": "compose"})


@pytest.fixture(scope="session")
def running(settings: Settings) -> Running:
    stack = target(settings).describe()
    assert stack is not None, "nothing runs: `docker compose up --wait` comes first"
    return stack


@pytest.fixture
def deployed(settings: Settings, running: Running) -> StackUnderTest:
    """The stack that `deploy` applied, in the default account; what it answered is asked of Terraform here."""
    stack = Stack(settings, "usage", running)
    stack.up(Progress())
    return StackUnderTest(stack, Progress())
